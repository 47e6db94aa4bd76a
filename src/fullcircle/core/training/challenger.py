"""From the chosen finalist to a model: calibrated, with a threshold, fitted on what may teach."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from fullcircle.core.contract import ProblemSpec
from fullcircle.core.evaluation.calibration import calibrate, choose_calibration
from fullcircle.core.models.model import Model
from fullcircle.core.models.prediction import as_inputs, predict
from fullcircle.core.parsing.column_parser import ColumnParser
from fullcircle.core.parsing.raw_schema import RawSchema, find_booleans
from fullcircle.core.training.context import TrainingContext
from fullcircle.core.training.distributed import FullFit
from fullcircle.core.training.model_config import ModelConfig
from fullcircle.core.training.model_facts import (
    compute_baseline,
    decide_and_score,
    profile_model,
    select_example,
)
from fullcircle.core.training.settings import TrainingSettings
from fullcircle.core.training_data.splits import describe_split

_REPORTED = (
    "metric",
    "rows",
    "train_rows",
    "train_scores",
    "confusion",
    "slices",
    "gaps",
    "calibration",
    "importance",
    "learning_curve",
    "failures",
)
_FULL_FACTS = ("rows", "first", "last")
_PLAN_FACTS = ("column", "kind", "action", "why", "missing")


@dataclass(frozen=True)
class SelectedModel:
    """The chosen finalist.

    Attributes:
        model_config: What rebuilds it.
        estimator: Fitted on the train set and calibrated.
        calibration: The ``method``, and why it was chosen.
        out_of_fold: Labels and predictions that calibrate it; None for a regression.
        threshold: Probability from which a row counts as class 1 (binary only).
        scores: Every metric on the selection rows, with its interval.
        train_scores: Every metric on the rows that it was fitted on, which flatters it: by how
            much is how far it learnt them by heart.
        interval: How far off its values are on the selection rows (regression only).
    """

    model_config: ModelConfig
    estimator: Any
    calibration: dict[str, Any]
    out_of_fold: tuple[np.ndarray, np.ndarray] | None
    threshold: float | None
    scores: dict[str, Any]
    train_scores: dict[str, float]
    interval: dict[str, Any] | None = None

    def calibrate(self, estimator: Any) -> Any:
        """Give another fit of the recipe the winner's own calibration."""
        if self.out_of_fold is None:
            return estimator
        known, predicted = self.out_of_fold
        return calibrate(estimator, self.calibration["method"], predicted, known)


def complete_challenger(
    training_context: TrainingContext,
    model_config: ModelConfig,
    estimator: Any,
    selection_set: pd.DataFrame,
) -> SelectedModel:
    """Calibrate a fitted finalist, choose its threshold, and score it on the selection rows."""
    problem, training = training_context.problem, training_context.training
    inputs = as_inputs(selection_set, problem.features)
    truth = selection_set[problem.label].to_numpy()
    calibration, out_of_fold = {"method": "none"}, None
    if problem.task != "regression":
        out_of_fold = training_context.bounded().predict_out_of_fold(model_config)
        raw = predict(estimator, problem.task, inputs)
        calibration = _choose_method(training, *out_of_fold, truth, raw)
        known, held_out = out_of_fold
        estimator = calibrate(estimator, calibration["method"], held_out, known)
    predicted = predict(estimator, problem.task, inputs)
    found = decide_and_score(problem, training, truth, predicted)
    return SelectedModel(
        model_config=model_config,
        estimator=estimator,
        calibration=calibration,
        out_of_fold=out_of_fold,
        train_scores=training_context.bounded().score(estimator, found["threshold"]),
        **found,
    )


def _choose_method(
    training: TrainingSettings,
    known: np.ndarray,
    held_out: np.ndarray,
    truth: np.ndarray,
    predicted: np.ndarray,
) -> dict[str, Any]:
    if training.calibration != "auto":
        return {"method": training.calibration, "evidence": "declared"}
    return choose_calibration(
        known,
        held_out,
        truth,
        predicted,
        resamples=training.bootstrap_resamples,
        confidence=training.confidence,
        seed=training.seed,
    )


def make_model(
    training_context: TrainingContext,
    winner: SelectedModel,
    more: pd.DataFrame,
    as_of: str,
    report: dict[str, Any] | None,
    *,
    profiled: bool,
    full_fit: FullFit | None = None,
    reading: ColumnParser | None = None,
) -> Model:
    """Make the winner a model, fitted on the context's rows and, where declared, on more rows.

    It carries the schema of its inputs where the problem declares how they are read.
    """
    problem, training, estimator = (
        training_context.problem,
        training_context.training,
        winner.estimator,
    )
    refit = training.refit and full_fit is None
    if full_fit is not None:
        estimator = winner.calibrate(full_fit.estimator)
    elif refit:
        rows = pd.concat([training_context.rows, more], ignore_index=True)
        training_context = TrainingContext(rows, problem, training, training_context.plan)
        estimator = winner.calibrate(training_context.fit(winner.model_config))
    inputs = training_context.inputs
    example = select_example(inputs)
    return Model(
        estimator=estimator,
        candidate=winner.model_config.name,
        task=problem.task,
        features=problem.features,
        lookups=problem.feature_lookups,
        event_time=problem.event_time,
        threshold=winner.threshold,
        settings={
            "seed": training.seed,
            "recipe": winner.model_config.as_dict(),
            "calibration": winner.calibration["method"],
            "refit": refit,
            **({} if full_fit is None else {"distributed": full_fit.facts}),
            "rows_sha256": training_context.digest_rows(),
            "problem": problem.model_dump(mode="json"),
            "training": training.model_dump(mode="json"),
        },
        scores=winner.scores,
        trained_on={
            **_describe_rows(training_context.rows, problem, as_of),
            **({} if full_fit is None else _describe_full(full_fit)),
        },
        profile=_profile(training_context, winner, more) if profiled else {},
        example=example,
        expected=predict(estimator, problem.task, example).tolist(),
        report=None if report is None else _keep_report(report, training_context.plan),
        interval=winner.interval,
        raw_schema=None if reading is None else describe_inputs(reading, inputs, problem),
    )


def describe_inputs(
    reading: ColumnParser, inputs: pd.DataFrame, problem: ProblemSpec
) -> dict[str, Any]:
    """Return the schema of a model's inputs, as plain values that JSON can hold.

    Args:
        reading: How the problem reads the source.
        inputs: The rows that teach, which tell how true and false are written.
        problem: The contract; what it does not name is left out.
    """
    texts = [name for name in reading.texts if name in inputs.columns]
    booleans = {name: find_booleans(inputs[name].unique()) for name in texts}
    whole = reading.schema(booleans)
    wanted = {*problem.features, *problem.identity}
    return RawSchema({n: each for n, each in whole.columns.items() if n in wanted}).as_dict()


def _profile(
    training_context: TrainingContext, winner: SelectedModel, more: pd.DataFrame
) -> dict[str, Any]:
    problem = training_context.problem
    unseen = as_inputs(more, problem.features)
    predicted = predict(winner.estimator, problem.task, unseen)
    return profile_model(problem, training_context.inputs, training_context.rows, more, predicted)


def _keep_report(report: dict[str, Any], plan: list[dict[str, Any]]) -> dict[str, Any]:
    """Of the assessment, what the model must be able to tell without its files; no rows."""
    kept = {name: report[name] for name in _REPORTED if name in report}
    columns = [{name: entry.get(name) for name in _PLAN_FACTS} for entry in plan]
    return {**kept, "columns": columns}


def _describe_full(full_fit: FullFit) -> dict[str, Any]:
    return {name: full_fit.facts[name] for name in _FULL_FACTS if name in full_fit.facts}


def _describe_rows(rows: pd.DataFrame, problem: ProblemSpec, as_of: str) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "rows": len(rows),
        "as_of": as_of,
        "split": describe_split(problem),
        "baseline": compute_baseline(problem, rows[problem.label]),
    }
    if problem.event_time is not None:
        facts["first"] = rows[problem.event_time].min().isoformat()
        facts["last"] = rows[problem.event_time].max().isoformat()
    return facts
