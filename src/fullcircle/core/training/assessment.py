"""How good the chosen model is, for whom, and what it leans on: its report and its figures."""

from typing import Any

import numpy as np
import pandas as pd

from fullcircle.core.errors import DataError
from fullcircle.core.evaluation.importance import learning_curve, permutation_importance
from fullcircle.core.evaluation.intervals import Estimate, bootstrap_metric
from fullcircle.core.evaluation.reliability import check_calibration
from fullcircle.core.evaluation.slices import SliceSettings, measure_gaps, score_slices
from fullcircle.core.evaluation.thresholds import find_threshold
from fullcircle.core.metrics import Vector, count_decisions
from fullcircle.core.models.prediction import as_inputs, predict
from fullcircle.core.profile.table_statistics import describe_head
from fullcircle.core.training.challenger import SelectedModel
from fullcircle.core.training.context import TrainingContext
from fullcircle.core.training.estimators import fit
from fullcircle.core.training.model_config import ModelConfig

_SHARES = (0.125, 0.25, 0.5, 1.0)
_REPEATS = 5
_EXPLAINED_ROWS = 2_000
_MOST_COLUMNS = 200
_MIN_SLICE_ROWS = 50


def assess(
    training_context: TrainingContext, winner: SelectedModel, selection_set: pd.DataFrame
) -> dict[str, Any]:
    """Report on the winner, by the selection rows.

    Returns:
        Plain values: ``scores``, and ``train_scores`` of the ``train_rows`` that it learnt from;
        for classes ``confusion``, the matrix at the threshold (rows of the truth, columns of the
        decisions), and ``calibration`` and how its method was chosen;
        ``slices`` and, of two classes, their ``gaps``; ``importance`` by column;
        ``learning_curve``; ``shap`` where asked for; and ``sample``, a few rows with prediction
        and label.
    """
    problem, training = training_context.problem, training_context.training
    inputs = as_inputs(selection_set, problem.features)
    truth = selection_set[problem.label].to_numpy()
    estimator = winner.estimator
    predicted = predict(estimator, problem.task, inputs)
    decided = decide(problem.task, predicted, winner.threshold)
    report: dict[str, Any] = {
        "metric": problem.primary_metric,
        "rows": len(truth),
        "scores": winner.scores,
        "train_rows": len(training_context.rows),
        "train_scores": winner.train_scores,
        "threshold": winner.threshold,
        "importance": _rank_columns(training_context, winner, inputs, truth),
        "learning_curve": _trace_learning(training_context, winner.model_config, inputs, truth),
        "sample": describe_head(selection_set.assign(predicted=list(predicted)), 10),
    }
    if problem.task != "regression":
        check = check_calibration(truth, predicted, confidence=training.confidence)
        report["calibration"] = {**check, "method": winner.calibration}
        report["confusion"] = count_decisions(truth, predicted, winner.threshold).tolist()
    if problem.slices:
        settings = SliceSettings(
            min_rows=_MIN_SLICE_ROWS,
            bootstrap_resamples=training.bootstrap_resamples,
            confidence=training.confidence,
            seed=training.seed,
        )
        report["slices"] = score_slices(
            selection_set,
            problem.slices,
            problem.primary_metric,
            problem.task,
            truth,
            predicted,
            decided if problem.task == "binary" else None,
            settings,
        )
        if problem.task == "binary":
            report["gaps"] = measure_gaps(report["slices"], _MIN_SLICE_ROWS)
    if training.explain:
        from fullcircle.core.evaluation.attributions import shap_values

        report["shap"] = shap_values(estimator, inputs, seed=training.seed)
    return report


def decide(task: str, predicted: Vector, threshold: float | None) -> Vector | None:
    """Turn probabilities into classes; None for a regression."""
    if task == "regression":
        return None
    if task == "multiclass":
        return np.asarray(predicted.argmax(axis=1))
    return (predicted >= (0.5 if threshold is None else threshold)).astype("int64")


def _rank_columns(
    training_context: TrainingContext, winner: SelectedModel, inputs: pd.DataFrame, truth: Vector
) -> list[dict[str, Any]]:
    """Rank columns by permutation importance; of a very wide table none."""
    if inputs.shape[1] > _MOST_COLUMNS:
        return []
    return permutation_importance(
        lambda rows: predict(winner.estimator, training_context.problem.task, rows),
        inputs,
        truth,
        training_context.problem.primary_metric,
        threshold=winner.threshold,
        repeats=_REPEATS,
        seed=training_context.training.seed,
        max_rows=_EXPLAINED_ROWS,
        confidence=training_context.training.confidence,
    )


def _trace_learning(
    training_context: TrainingContext,
    model_config: ModelConfig,
    inputs: pd.DataFrame,
    truth: Vector,
) -> list[dict[str, Any]]:
    """Fit the recipe on ever more of the newest rows, or of a snapshot's in random order."""
    problem, training = training_context.problem, training_context.training
    places = np.arange(len(training_context.rows))[::-1]
    if problem.split.by == "key":
        places = np.random.default_rng(training.seed).permutation(places)

    def fit_and_score(size: int) -> Estimate:
        rows = np.sort(places[:size])
        label = training_context.label.iloc[rows]
        _refuse_missing_class(problem.task, label, training_context.label)
        model = fit(training_context.build(model_config), training_context.inputs.iloc[rows], label)
        predicted = predict(model, problem.task, inputs)
        return bootstrap_metric(
            problem.primary_metric,
            truth,
            predicted,
            threshold=find_threshold(problem.threshold, truth, predicted),
            resamples=training.bootstrap_resamples,
            confidence=training.confidence,
            seed=training.seed,
        )

    return learning_curve(fit_and_score, len(places), _SHARES)


def _refuse_missing_class(task: str, label: pd.Series, whole: pd.Series) -> None:
    """Refuse rows without a class: a model of them has a column less, and others move up."""
    found, wanted = label.nunique(), whole.nunique()
    if task != "regression" and found < wanted:
        raise DataError(f"{len(label)} rows hold {found} of {wanted} classes.")
