"""Who stands on the leaderboard, and who of them wins."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from fullcircle.core.evaluation import resample_metric
from fullcircle.core.metrics import METRICS, Vector
from fullcircle.core.training.candidates import CANDIDATES
from fullcircle.core.training.crossvalidation import CrossValidation
from fullcircle.core.training.model_config import ModelConfig
from fullcircle.core.training.trial_store import Trial, best_trial

_MOST_COLUMNS = 100
_ONE_STANDARD_ERROR = 0.6827  # coverage of an interval that reaches one to either side


def choose_finalists(
    trials: list[Trial], validation: CrossValidation, blend: int
) -> list[ModelConfig]:
    """Let every family compete as it comes and at its best, and on request a blend of the best.

    Returns:
        Recipes, the simplest first: families in the order of CANDIDATES, each untuned before
        tuned, then the blend.
    """
    greater = METRICS[validation.metric].greater_is_better
    model_configs: list[ModelConfig] = []
    best: list[ModelConfig] = []
    for name in CANDIDATES:
        own = [trial for trial in trials if trial.candidate == name]
        leader = best_trial(own, greater=greater)
        if leader is None:
            continue
        untuned = next(trial for trial in own if trial.number == 0)
        model_configs += [_as_recipe(name, untuned)] if untuned.state == "complete" else []
        if leader.number:
            model_configs.append(_as_recipe(f"{name}_tuned", leader))
        best.append(model_configs[-1])
    sign = -1.0 if greater else 1.0
    members = sorted(best, key=lambda model_config: sign * model_config.cv_score)[:blend]
    if len(members) > 1:
        scores = validation.score_average([(each.candidate, each.parameters) for each in members])
        model_configs.append(ModelConfig("blend", "blend", members=members, fold_scores=scores))
    return model_configs


def _as_recipe(name: str, trial: Trial) -> ModelConfig:
    return ModelConfig(name, trial.candidate, trial.parameters, fold_scores=trial.fold_scores)


def drop_needless_columns(validation: CrossValidation, leader: ModelConfig) -> ModelConfig | None:
    """Give the leader without the columns whose values could be any others.

    A column is needless if shuffling it among the validation rows costs nothing on average over
    the folds (permutation importance: Breiman 2001). The smaller model must score no worse under
    cross-validation.

    Returns:
        The smaller recipe; None where every column is needed, there are too many to try, or the
        smaller model scores worse.
    """
    if leader.members or len(validation.columns) > _MOST_COLUMNS:
        return None
    costs = validation.permutation_costs(leader.candidate, leader.parameters)
    needless = [column for column, cost in costs.items() if np.mean(cost) <= 0]
    if not needless or len(needless) == len(costs):
        return None
    smaller = validation.without(needless)
    scores = [
        smaller.score_fold(leader.candidate, leader.parameters, number)[validation.metric]
        for number in range(smaller.count)
    ]
    if not METRICS[validation.metric].gain(float(np.mean(scores)), leader.cv_score) >= 0:
        return None
    name = f"{leader.name}_reduced"
    return replace(leader, name=name, dropped=needless, fold_scores=scores)


def find_winner(  # noqa: PLR0913 - who competes, by what, and how sure one wants to be
    model_configs: list[ModelConfig],
    predicted: dict[str, Vector],
    truth: Vector,
    metric: str,
    *,
    thresholds: Mapping[str, float | None] | None = None,
    standard_errors: float,
    resamples: int,
    confidence: float,
    seed: int,
) -> tuple[str, dict[str, dict[str, Any]]]:
    """Choose among finalists on rows that trained none of them; of those that tie, the simplest.

    Those that the search saw one standard error behind its leader are out, however well they do
    on the few selection rows. The best of the others is best on the selection rows. A simpler one
    ties with it if neither the selection rows nor the folds of the search tell them apart.

    Args:
        model_configs: The finalists, the simplest first.
        predicted: Predictions for the selection rows by finalist, each of shape (rows,) or
            (rows, classes).
        truth: Shape (rows,).
        metric: Name in METRICS.
        thresholds: By finalist the probability from which a row counts as class 1, for a metric of
            decisions between two classes.
        standard_errors: How far behind the best a simpler one may be, in standard errors of the
            paired difference: by the bootstrap over selection rows, and over folds corrected for
            their common rows.
        resamples: Resamples behind each interval and standard error.
        confidence: Coverage of the intervals, 0 to 1.
        seed: Seed of the resamples.

    Returns:
        The winner's name and, by finalist, the metric on the selection rows with its interval
        (``value``, ``low``, ``high``, ``confidence``), whether the search had it ``shortlisted``,
        how far ``behind`` the best it is, the ``standard_error`` of that and whether it ``ties``.
    """
    scored = {
        name: resample_metric(
            metric,
            truth,
            vector,
            threshold=(thresholds or {}).get(name),
            resamples=resamples,
            seed=seed,
        )
        for name, vector in predicted.items()
    }
    listed = _shortlist(metric, model_configs)
    best = max(
        listed, key=lambda model_config: METRICS[metric].gain(scored[model_config.name].value, 0.0)
    )
    standing: dict[str, dict[str, Any]] = {}
    for model_config in model_configs:
        gain = scored[best.name].gain(scored[model_config.name]).estimate(_ONE_STANDARD_ERROR)
        error = (gain.high - gain.low) / 2
        behind, fold_error = compare_folds(metric, best.fold_scores, model_config.fold_scores)
        close = gain.value <= standard_errors * error and behind <= standard_errors * fold_error
        standing[model_config.name] = {
            **scored[model_config.name].estimate(confidence).as_dict(),
            "shortlisted": model_config in listed,
            "behind": gain.value,
            "standard_error": error,
            "ties": (bool(close) and model_config in listed) or model_config is best,
        }
    return next(name for name, facts in standing.items() if facts["ties"]), standing


def _shortlist(metric: str, model_configs: list[ModelConfig]) -> list[ModelConfig]:
    """Give the recipes that the folds do not put a standard error behind the one that leads them.

    Without folds to compare, all are on the list.
    """
    if any(not model_config.fold_scores for model_config in model_configs):
        return model_configs
    leader = max(
        model_configs, key=lambda model_config: METRICS[metric].gain(model_config.cv_score, 0.0)
    )
    compared = [
        compare_folds(metric, leader.fold_scores, each.fold_scores) for each in model_configs
    ]
    return [
        model_config
        for model_config, (behind, error) in zip(model_configs, compared, strict=True)
        if behind <= error
    ]


def compare_folds(metric: str, best: list[float], other: list[float]) -> tuple[float, float]:
    """Give the mean difference over the folds and its standard error; positive: the first is ahead.

    The folds share training rows, which the standard error takes into account. Source: Nadeau and
    Bengio, Inference for the generalization error, Machine Learning 52 (2003) 239-281.
    """
    folds = len(best)
    if folds < 2 or len(other) != folds:
        return 0.0, 0.0
    gains = [METRICS[metric].gain(one, two) for one, two in zip(best, other, strict=True)]
    correction = np.sqrt(1 / folds + 1 / (folds - 1))
    return float(np.mean(gains)), float(np.std(gains, ddof=1) * correction)
