"""What a model knows of itself: its scores, its profile, its baseline and an example of its rows.

A model that was trained here and one that was adopted say the same things, computed alike.
"""

from typing import Any

import numpy as np
import pandas as pd

from fullcircle.core.contract import ProblemSpec
from fullcircle.core.evaluation import estimate_scores, find_threshold
from fullcircle.core.evaluation.conformal import fit_interval
from fullcircle.core.evaluation.recalibration import fit_recalibration
from fullcircle.core.profile import build_profile
from fullcircle.core.training.settings import TrainingSettings


def decide_and_score(
    problem: ProblemSpec, training: TrainingSettings, truth: np.ndarray, predicted: np.ndarray
) -> dict[str, Any]:
    """Return threshold, scores and interval from predictions of the selection rows.

    Args:
        problem: The contract.
        training: How the uncertainty of scores is estimated.
        truth: Labels of the rows.
        predicted: Predictions of the same rows.

    Returns:
        ``threshold`` (binary only, else None), ``scores`` by metric, and ``interval`` (regression
        only, else None): the fields of a ``Model`` that bear these names.
    """
    threshold = find_threshold(problem.threshold, truth, predicted)
    scores = estimate_scores(
        problem.task,
        truth,
        predicted,
        threshold=threshold,
        also=[problem.primary_metric],
        resamples=training.bootstrap_resamples,
        confidence=training.confidence,
        seed=training.seed,
    )
    regression = problem.task == "regression"
    interval = fit_interval(truth, predicted, training.interval_coverage) if regression else None
    return {"threshold": threshold, "scores": scores, "interval": interval}


def profile_model(
    problem: ProblemSpec,
    inputs: pd.DataFrame,
    rows: pd.DataFrame,
    unseen: pd.DataFrame,
    predicted: np.ndarray,
) -> dict[str, Any]:
    """Profile the rows that teach, and predictions of rows that did not teach.

    Of its own rows many a model predicts more boldly than it ever will again, and that would look
    like drift.

    Args:
        problem: The contract.
        inputs: Inputs of the model, of the rows that teach.
        rows: The same rows with the contract's other columns.
        unseen: Rows that did not teach.
        predicted: Predictions of the unseen rows.
    """
    when = problem.event_time
    profile = build_profile(
        inputs,
        predicted,
        None if when is None else rows[when],
        predicted_at=None if when is None else unseen[when],
        period_days=problem.period_days,
    )
    if problem.task == "regression":
        return profile
    truth = unseen[problem.label].to_numpy()
    return {**profile, "calibration": fit_recalibration(truth, predicted)}


def compute_baseline(problem: ProblemSpec, label: pd.Series) -> float | list[float]:
    """Return the label's mean, or the share of each class where there are several."""
    if problem.task != "multiclass":
        return float(label.mean())
    shares: list[float] = label.value_counts(normalize=True).sort_index().tolist()
    return shares


def select_example(inputs: pd.DataFrame) -> pd.DataFrame:
    """Return the first five rows, or four and the one with the fewest gaps.

    A signature needs to see values: of a column of text that is empty in all rows of the example,
    MLflow would say it holds numbers.
    """
    fullest = int(np.argmin(inputs.isna().sum(axis=1).to_numpy()))
    return inputs.iloc[sorted({0, 1, 2, 3, max(fullest, 4)} & set(range(len(inputs))))]
