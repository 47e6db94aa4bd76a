"""From a training set to a challenger, chosen on rows that did not train it."""

from typing import Any

import pandas as pd

from fullcircle.core.candidates import TrainingSettings, as_inputs, fit, predict
from fullcircle.core.contract import Clock, ProblemSpec
from fullcircle.core.evaluation import bootstrap_metric, choose_threshold
from fullcircle.core.metrics import METRICS, score_all
from fullcircle.core.model import Model
from fullcircle.core.profile import take_profile
from fullcircle.core.splits import split_rows


def split_training_set(
    training_set: pd.DataFrame, problem: ProblemSpec
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Divide the training set into train, selection and gate rows, each row in one of them."""
    ordered = training_set.sort_values(problem.row_id, ignore_index=True)
    sets = split_rows(ordered, problem)
    return sets["train"], sets["selection"], sets["gate"]


def fit_candidates(
    train_set: pd.DataFrame, problem: ProblemSpec, training: TrainingSettings
) -> dict[str, Any]:
    """Fit every candidate on the train set."""
    inputs = as_inputs(train_set, problem.features)
    label = train_set[problem.label]
    return {
        name: fit(name, problem.task, training.seed, inputs, label) for name in training.candidates
    }


def compare_candidates(
    candidates: dict[str, Any],
    selection_set: pd.DataFrame,
    problem: ProblemSpec,
    training: TrainingSettings,
) -> list[dict[str, Any]]:
    """Score every candidate on the selection set, best first; of equals the simpler leads.

    Returns:
        One row per candidate: its name, the primary metric with its interval, all metrics.
    """
    inputs = as_inputs(selection_set, problem.features)
    truth = selection_set[problem.label].to_numpy()
    rows = []
    for name, estimator in candidates.items():
        predicted = predict(estimator, problem.task, inputs)
        estimate = bootstrap_metric(
            problem.primary_metric,
            truth,
            predicted,
            resamples=training.bootstrap_resamples,
            confidence=training.confidence,
            seed=training.seed,
        )
        rows.append(
            {
                "candidate": name,
                "metric": problem.primary_metric,
                **estimate.as_dict(),
                "scores": score_all(problem.task, truth, predicted),
            }
        )
    sign = -1 if METRICS[problem.primary_metric].greater_is_better else 1
    return sorted(rows, key=lambda row: sign * row["value"])


def record_candidates(
    candidates: dict[str, Any], leaderboard: list[dict[str, Any]], training: TrainingSettings
) -> dict[str, dict[str, Any]]:
    """Give each candidate's parameters and scores, for one nested run each."""
    return {
        row["candidate"]: {
            "parameters": _settings(candidates[row["candidate"]], training.seed),
            "metrics": row["scores"],
        }
        for row in leaderboard
    }


def choose_challenger(
    candidates: dict[str, Any],
    leaderboard: list[dict[str, Any]],
    train_set: pd.DataFrame,
    selection_set: pd.DataFrame,
    problem: ProblemSpec,
    training: TrainingSettings,
    as_of: Clock,
) -> Model:
    """Make the leader a model: with its threshold, its profile and where its features come from."""
    leader = leaderboard[0]
    estimator = candidates[leader["candidate"]]
    inputs = as_inputs(train_set, problem.features)
    selected = predict(estimator, problem.task, as_inputs(selection_set, problem.features))
    threshold = None
    if problem.threshold is not None:
        truth = selection_set[problem.label].to_numpy()
        threshold = choose_threshold(problem.threshold, truth, selected)
    interval = {key: leader[key] for key in ("value", "low", "high", "confidence")}
    return Model(
        estimator=estimator,
        candidate=leader["candidate"],
        task=problem.task,
        features=problem.features,
        lookups=problem.feature_lookups,
        event_time=problem.event_time,
        threshold=threshold,
        settings=_settings(estimator, training.seed),
        scores={**leader["scores"], problem.primary_metric: interval},
        trained_on=_describe_rows(train_set, problem, as_of),
        profile=take_profile(inputs, predict(estimator, problem.task, inputs)),
        example=inputs.head(5),
    )


def _settings(estimator: Any, seed: int) -> dict[str, Any]:
    """Parameters of the estimator's last step that say something, as plain values."""
    parameters = estimator[-1].get_params(deep=False)
    plain = {n: v for n, v in parameters.items() if isinstance(v, bool | int | float | str)}
    return {"seed": seed, **plain}


def _describe_rows(rows: pd.DataFrame, problem: ProblemSpec, as_of: Clock) -> dict[str, Any]:
    facts: dict[str, Any] = {"rows": len(rows), "as_of": str(as_of)}
    if problem.task == "multiclass":
        facts["baseline"] = rows[problem.label].value_counts(normalize=True).sort_index().tolist()
    else:
        facts["baseline"] = float(rows[problem.label].mean())
    if problem.event_time is not None:
        facts["first"] = rows[problem.event_time].min().isoformat()
        facts["last"] = rows[problem.event_time].max().isoformat()
    return facts
