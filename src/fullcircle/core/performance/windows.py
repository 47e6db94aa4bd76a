"""One window of scored rows: its score, its worth, and how others would have done on it."""

from typing import Any

import numpy as np
import pandas as pd

from fullcircle.core.contract import ProblemSpec
from fullcircle.core.evaluation.intervals import Estimate, Resampled
from fullcircle.core.metrics import METRICS
from fullcircle.core.performance.answers import Answers, estimate_all, stack
from fullcircle.core.performance.estimation import check_estimate, estimate_metric
from fullcircle.core.performance.labelled import VERSION
from fullcircle.core.performance.settings import PerformanceSettings
from fullcircle.core.performance.value import sum_value, value_rows
from fullcircle.core.profile import PREDICTION

DECISION = "decision"


def evaluate_window(
    rows: pd.DataFrame,
    problem: ProblemSpec,
    settings: PerformanceSettings,
    reference: dict[str, Any] | None,
    sources: int = 1,
) -> dict[str, Any]:
    """Judge the rows of one clock and version.

    Decisions are scored as they were made, by the threshold of the model that made them.

    Args:
        rows: As measure_performance takes them.
        problem: The contract.
        settings: How performance is judged.
        reference: The champion's ``version`` and ``calibration``; None makes no estimate.
        sources: Number of sources that share the chance of a false verdict (Bonferroni).

    Returns:
        ``rows``, ``labelled``, ``unlabelled_share``, ``predicted_mean`` and, of two classes,
        ``positive_share``; ``score`` (the primary metric) with its interval or None with the
        ``reason``; ``scores`` of every metric of the task with their intervals, by name, empty
        where there is a reason; of several sources, ``bound`` and ``bounds``: the wider intervals
        of the same scores, to judge by; ``confusion``, the matrix
        of truth (rows) and decisions (columns), None of a regression or with a reason; ``estimate``
        without labels with whether it ``holds``, ``value``, and ``beside``: each other model that
        predicted the same rows.
    """
    usable = _has_prediction(rows[PREDICTION])
    labelled = rows[rows[problem.label].notna() & usable]
    reason = _reason_against(labelled, problem, settings)
    answers = Answers.read(labelled, PREDICTION, DECISION, problem)
    scored = None if reason else answers.resample(problem.primary_metric, settings)
    score = None if scored is None else scored.estimate(settings.confidence).as_dict()
    every = {} if reason else answers.resample_all(problem, settings)
    share = len(labelled) / max(len(rows), 1)
    bounds: dict[str, Any] = {}
    if scored is not None and sources > 1:
        shared = 1 - (1 - settings.confidence) / sources
        bounds = {
            "bound": scored.estimate(shared).as_dict(),
            "bounds": estimate_all(every, shared),
        }
    estimate = _estimate(rows[usable], problem, settings, reference)
    holds = check_estimate(estimate, score, share, settings.min_checked_share)
    return {
        "rows": len(rows),
        "labelled": len(labelled),
        "unlabelled_share": 1 - share,
        "without_prediction": int((~usable).sum()),
        **_describe_predictions(rows[usable], problem),
        "score": score,
        "reason": reason,
        **bounds,
        "scores": estimate_all(every, settings.confidence),
        "confusion": None if reason else answers.count(),
        "estimate": None if estimate is None else {**estimate, "holds": holds},
        "value": _value(labelled, DECISION, PREDICTION, problem, settings),
        "beside": [
            _compare_role(role, labelled, scored, problem, settings)
            for role in _find_roles(list(rows.columns))
        ],
    }


def _describe_predictions(rows: pd.DataFrame, problem: ProblemSpec) -> dict[str, float | None]:
    """Return what was predicted on average, so that it can be followed before labels come."""
    if rows.empty or problem.task == "multiclass":
        return {"predicted_mean": None}
    found: dict[str, float | None] = {"predicted_mean": float(rows[PREDICTION].mean())}
    if problem.task == "binary" and "decision" in rows:
        found["positive_share"] = float(rows["decision"].mean())
    return found


def _has_prediction(column: "pd.Series[Any]") -> "pd.Series[bool]":
    """Tell which rows hold finite predictions."""
    if column.dtype == object:
        return column.map(lambda each: each is not None and bool(np.isfinite(each).all()))
    return column.astype("float64").map(np.isfinite)


def _reason_against(
    labelled: pd.DataFrame,
    problem: ProblemSpec,
    settings: PerformanceSettings,
    decision: str = DECISION,
) -> str | None:
    if len(labelled) < settings.min_labels:
        return f"{len(labelled):,} labels are fewer than {settings.min_labels:,}"
    if labelled[problem.label].nunique() < 2:
        return "all labels are the same"
    if needs_decisions(problem) and (decision not in labelled or labelled[decision].isna().any()):
        return f"no decisions were kept, which {problem.primary_metric} scores"
    return None


def needs_decisions(problem: ProblemSpec) -> bool:
    """Tell whether the primary metric scores decisions between two classes."""
    return problem.task == "binary" and METRICS[problem.primary_metric].decides


def _estimate(
    rows: pd.DataFrame,
    problem: ProblemSpec,
    settings: PerformanceSettings,
    reference: dict[str, Any] | None,
) -> dict[str, float] | None:
    """Estimate without labels, of classes that the profiled version predicted."""
    calibration = (reference or {}).get("calibration")
    if problem.task == "regression" or not calibration or not settings.estimate_draws:
        return None
    if rows.empty or str(rows[VERSION].iloc[0]) != str((reference or {}).get("version")):
        return None
    decided = None
    if needs_decisions(problem):
        if DECISION not in rows or rows[DECISION].isna().any():
            return None
        decided = rows[DECISION].to_numpy(dtype=float)
    found: Estimate | None = estimate_metric(
        problem.primary_metric,
        stack(rows[PREDICTION]),
        calibration,
        decided=decided,
        draws=settings.estimate_draws,
        confidence=settings.confidence,
        seed=settings.seed,
    )
    return None if found is None else found.as_dict()


def _find_roles(columns: list[str]) -> list[str]:
    """Name the roles that predicted beside the champion."""
    ending = f"_{PREDICTION}"
    return sorted(name.removesuffix(ending) for name in columns if name.endswith(ending))


def _compare_role(
    role: str,
    labelled: pd.DataFrame,
    champion: Resampled | None,
    problem: ProblemSpec,
    settings: PerformanceSettings,
) -> dict[str, Any]:
    """Score another model on the same rows, and what it would have gained (positive is better).

    Rows that it did not predict count for neither.
    """
    column, decision = f"{role}_{PREDICTION}", f"{role}_{DECISION}"
    both = labelled[_has_prediction(labelled[column])]
    version = f"{role}_{VERSION}"
    versions = sorted(both[version].dropna().astype(str).unique()) if version in both else []
    facts = {"role": role, "model_version": ", ".join(versions), "rows": len(both)}
    reason = _reason_against(both, problem, settings, decision)
    if reason or champion is None:
        nothing: dict[str, Any] = {"score": None, "scores": {}, "gain": None, "value": None}
        return {**facts, "reason": reason, **nothing}
    if len(both) < len(labelled):
        own = Answers.read(both, PREDICTION, DECISION, problem)
        champion = own.resample(problem.primary_metric, settings)
    answers = Answers.read(both, column, decision, problem)
    other = answers.resample(problem.primary_metric, settings)
    return {
        **facts,
        "reason": None,
        "score": other.estimate(settings.confidence).as_dict(),
        "scores": estimate_all(answers.resample_all(problem, settings), settings.confidence),
        "gain": other.gain(champion).estimate(settings.confidence).as_dict(),
        "value": _value(both, decision, column, problem, settings),
    }


def _value(
    labelled: pd.DataFrame,
    decision: str,
    prediction: str,
    problem: ProblemSpec,
    settings: PerformanceSettings,
) -> dict[str, Any] | None:
    """Sum what the labelled rows were worth; None without a table, labels or decisions."""
    column = prediction if problem.task == "regression" else decision
    if settings.value is None or labelled.empty or column not in labelled:
        return None
    known = labelled[labelled[column].notna()]
    truth, answer = (known[name].to_numpy(dtype=float) for name in (problem.label, column))
    return sum_value(settings.value, value_rows(settings.value, truth, answer), settings.confidence)
