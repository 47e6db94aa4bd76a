"""All windows together: how each did, for whom, and how well it was foreseen."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from fullcircle.core.contract import ProblemSpec
from fullcircle.core.drift.problems import Problem
from fullcircle.core.evaluation.slices import SliceSettings, score_slices
from fullcircle.core.performance.estimation import BLIND_SPOT
from fullcircle.core.performance.joining import CLOCK, VERSION, Labelled
from fullcircle.core.performance.settings import PerformanceSettings
from fullcircle.core.performance.windows import judge_window
from fullcircle.core.profile import PREDICTION


def measure_performance(
    scored: pd.DataFrame,
    problem: ProblemSpec,
    settings: PerformanceSettings,
    reference: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Score each window and model version on the rows whose label has arrived.

    Args:
        scored: One row per prediction: ``as_of``, ``model_version``, ``predicted`` and the label
            (null where it is not known yet); for more, ``decision``, the contract's slices, and
            ``<role>_predicted``, ``<role>_decision`` and ``<role>_model_version`` of others.
        problem: The contract.
        settings: How performance is judged.
        reference: The champion's ``version`` and ``calibration``, for estimates without labels.

    Returns:
        As measure_windows gives it.

    Raises:
        ConfigurationError: The table of values does not fit the task.
    """
    parts = (rows for _, rows in scored.groupby([CLOCK, VERSION], sort=True))
    return measure_windows(parts, problem, settings, reference)


def measure_windows(
    parts: Iterable[pd.DataFrame],
    problem: ProblemSpec,
    settings: PerformanceSettings,
    reference: dict[str, Any] | None = None,
    labelled: Labelled | None = None,
) -> dict[str, Any]:
    """Score windows as they are read, so that one lies in memory at a time.

    Args:
        parts: Rows of one clock and version each, oldest first, as measure_performance takes them.
        problem: The contract.
        settings: How performance is judged.
        reference: The champion's ``version`` and ``calibration``, for estimates without labels.
        labelled: Where the labels come from, with their counts and problems.

    Returns:
        ``metric``; ``windows``, oldest first: clock, version, rows, labelled rows, share still
        unlabelled, the primary metric with its interval or the reason for none, the estimate
        without labels, the worth, and other models beside; ``slices`` of the newest judged window;
        ``estimates``: how many were checked, how many held, what they cannot see; ``labels``:
        counts; ``problems``.
    """
    if settings.value is not None:
        settings.value.fit(problem.task)
    windows: list[dict[str, Any]] = []
    slices: dict[str, Any] | None = None
    for rows in parts:
        facts = {CLOCK: rows[CLOCK].iloc[0], VERSION: str(rows[VERSION].iloc[0])}
        windows.append({**facts, **judge_window(rows, problem, settings, reference)})
        if windows[-1]["score"] is not None:
            slices = {**facts, "rows": _slice(rows, problem, settings)}
    checked = [w["estimate"]["holds"] for w in windows if w["estimate"]]
    known = [each for each in checked if each is not None]
    problems = [*(labelled.problems if labelled else []), *_find_problems(windows)]
    return {
        "metric": problem.primary_metric,
        "windows": windows,
        "slices": slices,
        "estimates": {"checked": len(known), "held": sum(known), "told": BLIND_SPOT},
        "labels": labelled.counts if labelled else {},
        "problems": [each.as_dict() for each in problems],
    }


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


def _find_problems(windows: list[dict[str, Any]]) -> list[Problem]:
    count = sum(window["without_prediction"] for window in windows)
    if not count:
        return []
    return [
        Problem("no_prediction", f"{count:,} scored rows hold no finite prediction", PREDICTION)
    ]
