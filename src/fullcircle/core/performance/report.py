"""All windows of all sources together: how each did, for whom, and how well it was foreseen."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any

import numpy as np
import pandas as pd

from fullcircle.core.contract import ProblemSpec
from fullcircle.core.drift.violations import DataViolation
from fullcircle.core.evaluation.slices import SliceSettings, score_slices
from fullcircle.core.performance.estimation import BLIND_SPOT
from fullcircle.core.performance.labelled import CLOCK, ROLE, VERSION, Labelled, LabelledWindow
from fullcircle.core.performance.settings import PerformanceSettings
from fullcircle.core.performance.windows import evaluate_window
from fullcircle.core.predictions.sources import BATCH, CHAMPION, mark_canaries
from fullcircle.core.profile import PREDICTION

# What is kept of windows that have not changed is of no use once this code judges otherwise.
_LAYOUT = 2


def measure_performance(
    scored: pd.DataFrame,
    problem: ProblemSpec,
    settings: PerformanceSettings,
    reference: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Score each window and model version of a frame on the rows whose label has arrived.

    Args:
        scored: One row per prediction: ``as_of``, ``model_version``, ``predicted`` and the label
            (null where it is not known yet); for more, ``decision``, the contract's slices, and
            ``<role>_predicted``, ``<role>_decision`` and ``<role>_model_version`` of others.
        problem: The contract.
        settings: How performance is judged.
        reference: The champion's ``version`` and ``calibration``, for estimates without labels.

    Returns:
        As measure_sources gives it.

    Raises:
        ConfigurationError: The table of values does not fit the task.
    """
    parts = [
        LabelledWindow(
            {"source": BATCH, ROLE: CHAMPION, CLOCK: clock, VERSION: str(version)},
            partial(pd.DataFrame.copy, rows),
        )
        for (clock, version), rows in scored.groupby([CLOCK, VERSION], sort=True)
    ]
    judge = _Judge(problem, settings, reference, 1, {})
    return _sum_up(problem, [_evaluate_source(BATCH, parts, judge)], [])


def measure_sources(
    sources: Sequence[Labelled],
    problem: ProblemSpec,
    settings: PerformanceSettings,
    reference: dict[str, Any] | None = None,
    previous: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Score each source's windows on the labels that have come, one window in memory at a time.

    A window whose rows, labels and settings are those of the report before keeps what was found.

    Args:
        sources: Scored rows with their labels.
        problem: The contract.
        settings: How performance is judged.
        reference: The champion's ``version`` and ``calibration``, for estimates without labels.
        previous: The report before; None without one.

    Returns:
        ``metric``; ``windows`` by source, oldest first: source, role, clock, version, rows,
        labelled rows, share still unlabelled, the primary metric with its interval or the reason
        for none, the estimate without labels, the worth, and other models beside; where there are
        several sources, ``bound``: the interval that they share the confidence of; ``slices`` of
        the newest judged window of each source; ``newest``: by source its score and numbers of
        rows; ``kept``: how many windows had not changed; ``estimates``: how many were checked, how
        many held, what they cannot see; ``labels``: counts by source; ``problems``.

    Raises:
        ConfigurationError: The table of values does not fit the task.
    """
    judge = _Judge(problem, settings, reference, len(sources), dict(previous or {}))
    found = [_evaluate_source(s.source, s.windows(settings.max_windows), judge) for s in sources]
    return _sum_up(problem, found, sources)


@dataclass(frozen=True)
class _Judge:
    """What windows are judged by, and what was found before."""

    problem: ProblemSpec
    settings: PerformanceSettings
    reference: dict[str, Any] | None
    sources: int
    previous: dict[str, Any]

    def __post_init__(self) -> None:
        if self.settings.value is not None:
            self.settings.value.fit(self.problem.task)

    def digest(self, window: LabelledWindow) -> str | None:
        """Return the digest of all that the judgement of a window rests on."""
        if window.digest is None:
            return None
        reference = self.reference or {}
        own = window.facts[VERSION] == str(reference.get("version"))
        given = [
            _LAYOUT,
            window.facts,
            window.digest,
            self.problem.model_dump(mode="json"),
            self.settings.model_dump(mode="json", exclude={"max_windows"}),
            reference.get("calibration") if own else None,
            self.sources,
        ]
        return sha256(json.dumps(given, default=str).encode()).hexdigest()[:24]

    def recall(self, kind: str, digest: str | None) -> dict[str, Any] | None:
        """Return what was found before of the same; None where it was not."""
        if digest is None:
            return None
        known = (each for each in self.previous.get(kind) or [] if isinstance(each, dict))
        return next((each for each in known if each.get("digest") == digest), None)


@dataclass(frozen=True)
class _SourceReport:
    """The windows of one source, the slices of the newest judged one, and how many were kept."""

    source: str
    windows: list[dict[str, Any]]
    slices: dict[str, Any] | None
    kept: int


def _evaluate_source(source: str, parts: Iterable[LabelledWindow], judge: _Judge) -> _SourceReport:
    windows: list[dict[str, Any]] = []
    newest: LabelledWindow | None = None
    kept = 0
    for part in parts:
        digest = judge.digest(part)
        found = judge.recall("windows", digest)
        kept += found is not None
        if found is None:
            rows = part.read()
            told = evaluate_window(
                rows, judge.problem, judge.settings, judge.reference, judge.sources
            )
            found = {**part.facts, **told, "digest": digest}
        windows.append(found)
        if found["score"] is not None and part.facts[ROLE] == CHAMPION:
            newest = part
    return _SourceReport(source, windows, _evaluate_slices(newest, judge), kept)


def _evaluate_slices(window: LabelledWindow | None, judge: _Judge) -> dict[str, Any] | None:
    if window is None:
        return None
    digest = judge.digest(window)
    known = judge.recall("slices", digest)
    if known is not None:
        return known
    rows = _slice(window.read(), judge.problem, judge.settings)
    return {**window.facts, "rows": rows, "digest": digest}


def _sum_up(
    problem: ProblemSpec, found: list[_SourceReport], sources: Sequence[Labelled]
) -> dict[str, Any]:
    windows = mark_canaries(window for each in found for window in each.windows)
    checked = [w["estimate"]["holds"] for w in windows if w["estimate"]]
    known = [each for each in checked if each is not None]
    told = [
        {**problem_.as_dict(), "source": each.source}
        for each in sources
        for problem_ in each.problems
    ]
    told += [
        {**problem_.as_dict(), "source": each.source}
        for each in found
        for problem_ in _find_problems(each.windows)
    ]
    return {
        "metric": problem.primary_metric,
        "windows": windows,
        "slices": [each.slices for each in found if each.slices is not None],
        "newest": {each.source: _describe_newest(each, problem) for each in found if each.windows},
        "kept": sum(each.kept for each in found),
        "estimates": {"checked": len(known), "held": sum(known), "told": BLIND_SPOT},
        "labels": {each.source: each.counts for each in sources},
        "problems": told,
    }


def _describe_newest(found: _SourceReport, problem: ProblemSpec) -> dict[str, Any]:
    """Return numbers of a source for MLflow: all its rows, and the newest judged window's score."""
    numbers: dict[str, Any] = {
        "rows": sum(window["rows"] for window in found.windows),
        "labelled": sum(window["labelled"] for window in found.windows),
    }
    judged = [w for w in found.windows if w["score"] and w[ROLE] == CHAMPION]
    if judged:
        score = judged[-1]["score"]
        numbers |= {name: each["value"] for name, each in judged[-1]["scores"].items()}
        numbers |= {
            problem.primary_metric: score["value"],
            f"{problem.primary_metric}_low": score["low"],
            f"{problem.primary_metric}_high": score["high"],
            "unlabelled_share": judged[-1]["unlabelled_share"],
        }
    return numbers


def _slice(
    rows: pd.DataFrame, problem: ProblemSpec, settings: PerformanceSettings
) -> list[dict[str, Any]]:
    """Score the labelled rows by the contract's slices, as far as the rows hold them."""
    labelled = rows[rows[problem.label].notna() & rows[PREDICTION].notna()].reset_index(drop=True)
    decided = None
    if problem.task == "binary" and "decision" in labelled:
        decided = labelled["decision"].to_numpy(dtype=float)
    return score_slices(
        labelled,
        [name for name in problem.slices if name in labelled],
        problem.primary_metric,
        problem.task,
        labelled[problem.label].to_numpy(dtype=float),
        np.stack(labelled[PREDICTION].to_list()),
        decided,
        SliceSettings(
            min_rows=settings.min_labels,
            bootstrap_resamples=settings.bootstrap_resamples,
            confidence=settings.confidence,
            seed=settings.seed,
        ),
    )


def _find_problems(windows: list[dict[str, Any]]) -> list[DataViolation]:
    count = sum(window["without_prediction"] for window in windows)
    if not count:
        return []
    return [
        DataViolation(
            "no_prediction", f"{count:,} scored rows hold no finite prediction", PREDICTION
        )
    ]
