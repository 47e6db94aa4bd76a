"""Families that could not be fitted: which, in how many trials, and why."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, TypedDict

_MOST_REASONS = 3


class Failure(TypedDict):
    """A family of which a trial failed.

    Attributes:
        family: Its name.
        failed: How many of its trials failed.
        trials: How many it had.
        reasons: What was said, each once, the commonest first.
    """

    family: str
    failed: int
    trials: int
    reasons: list[str]


def find_failures(trials: Iterable[Mapping[str, Any]]) -> list[Failure]:
    """Return the families of which a trial failed, in the order of the trials.

    Args:
        trials: Each with ``candidate``, ``state`` and ``reason``.
    """
    counted = Counter[str]()
    reasons: dict[str, Counter[str]] = {}
    for trial in trials:
        family = trial["candidate"]
        counted[family] += 1
        if trial["state"] == "failed":
            reason = str(trial.get("reason") or "no reason given").removeprefix(f"{family}: ")
            reasons.setdefault(family, Counter())[reason] += 1
    return [
        Failure(
            family=family,
            failed=found.total(),
            trials=counted[family],
            reasons=[reason for reason, _ in found.most_common(_MOST_REASONS)],
        )
        for family, found in reasons.items()
    ]


def list_excluded(failures: Iterable[Failure]) -> list[Failure]:
    """Return the families that failed in all their trials, so that they never competed."""
    return [failure for failure in failures if failure["failed"] == failure["trials"]]


def describe_failure(failure: Failure) -> str:
    """Return one line: the family, in how many trials it failed, and why."""
    failed, trials = failure["failed"], failure["trials"]
    if failed < trials:
        share = f"{failed} of {trials} trials"
    else:
        share = "its only trial" if trials == 1 else f"all {trials} trials"
    return f"{failure['family']} failed in {share}: {'; '.join(failure['reasons'])}"
