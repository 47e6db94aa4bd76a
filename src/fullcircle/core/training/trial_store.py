"""Trials of a search, and where they are remembered."""

from dataclasses import dataclass, field
from typing import Any, Protocol

from fullcircle.core.training.candidates import Parameters


@dataclass(frozen=True)
class Trial:
    """One set of parameters of one family under cross-validation.

    Attributes:
        candidate: Family.
        number: Position among the family's trials; 0 is its untuned self.
        parameters: What differs from the family's defaults.
        score: Mean of the primary metric over the folds; None for a trial without one.
        fold_scores: The metric per fold, as far as the trial came.
        seconds: Seconds that it took.
        state: ``complete``, ``pruned`` or ``failed``.
        clock: Seconds of search that had passed when it ended.
        reason: Why it failed.
        scores: Mean over the folds of every metric that is defined on each; empty of a trial that
            did not come to its end.
    """

    candidate: str
    number: int
    parameters: Parameters
    score: float | None
    fold_scores: list[float]
    seconds: float
    state: str
    clock: float = 0.0
    reason: str = ""
    scores: dict[str, float] = field(default_factory=dict)


class TrialStore(Protocol):
    """Where finished trials are remembered, so that a killed search goes on where it stopped."""

    def get(self, key: str) -> dict[str, Any] | None:
        """Give what was kept under a key."""

    def put(self, key: str, record: dict[str, Any]) -> None:
        """Keep a record, durable once this returns."""


class NoTrialStore:
    """Remembers nothing: a search that is killed begins anew."""

    def open(self, fingerprint: str) -> "NoTrialStore":  # noqa: ARG002 - as a journal that remembers
        """Give itself for any search."""
        return self

    def get(self, key: str) -> dict[str, Any] | None:
        """Give nothing."""

    def put(self, key: str, record: dict[str, Any]) -> None:
        """Keep nothing."""


def best_trial(trials: list[Trial], *, greater: bool) -> Trial | None:
    """Give the complete trial with the best score, the earliest of equal ones."""
    complete = [trial for trial in trials if trial.state == "complete" and trial.score is not None]
    sign = 1.0 if greater else -1.0
    return max(complete, key=lambda trial: sign * (trial.score or 0.0), default=None)
