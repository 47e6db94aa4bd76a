"""All metrics by name: the one place that lists them."""

import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np

from fullcircle.core.metrics import decisions
from fullcircle.core.metrics.decisions import Vector
from fullcircle.core.metrics.kinds import (
    BINARY,
    CLASSIFICATION,
    MULTICLASS,
    REGRESSION,
    DecisionMetric,
    MeanMetric,
    Metric,
    RankMetric,
)

_F_BETA = re.compile(r"f(\d+(?:\.\d+)?)")


class _Metrics(dict[str, Metric]):
    """Metrics by name; any F-beta is one too, as ``f3`` or ``f0.25``, though it is not listed."""

    def __missing__(self, name: str) -> Metric:
        if (beta := _read_beta(name)) is None:
            raise KeyError(name)
        return f_beta(beta)

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or _read_beta(name) is not None

    def get(self, name: str, default: Any = None) -> Any:
        return self[name] if name in self else default  # noqa: SIM401 - dict's own knows no beta


def _read_beta(name: object) -> float | None:
    """Read the beta of a name like ``f0.5``, written in its shortest form; None of any other."""
    found = _F_BETA.fullmatch(name) if isinstance(name, str) else None
    beta = float(found[1]) if found else 0.0
    return beta if found and beta > 0 and f"{beta:g}" == found[1] else None


def f_beta(beta: float) -> DecisionMetric:
    """Give the F-score in which recall counts ``beta`` times as much as precision."""
    score = partial(decisions.score_f_beta, beta=beta)
    return DecisionMetric(score, BINARY, greater_is_better=True)


def roc_auc(truth: Vector, probability: Vector) -> float:
    """Area under the ROC curve by the rank-sum identity, ties counted half.

    Source: Hanley and McNeil, Radiology 143 (1982) 29-36. Equals scikit-learn's value and is
    several times faster, which the bootstrap needs.
    """
    return METRICS["roc_auc"](truth, probability)


def _count_beaten(zeros: Vector, ones: Vector) -> Vector:
    beaten = np.sum(ones * (np.cumsum(zeros, axis=1) - zeros / 2), axis=1)
    return np.asarray(beaten / (ones.sum(axis=1) * zeros.sum(axis=1)))


def _average_precision(zeros: Vector, ones: Vector) -> Vector:
    ones, zeros = ones[:, ::-1], zeros[:, ::-1]
    hits, rows = np.cumsum(ones, axis=1), np.cumsum(ones + zeros, axis=1)
    return np.asarray(np.sum(ones * hits / np.maximum(rows, 1), axis=1) / ones.sum(axis=1))


def _surprise(truth: Vector, probability: Vector) -> Vector:
    """Minus the logarithm of the probability of what happened, clipped as scikit-learn does."""
    if probability.ndim == 1:
        happened = np.where(truth == 1, probability, 1 - probability)
    else:
        happened = probability[np.arange(len(truth)), truth.astype("int64")]
    hair = float(np.finfo(np.asarray(probability).dtype).eps)
    return np.asarray(-np.log(np.clip(happened, hair, 1 - hair)))


def _square(truth: Vector, predicted: Vector) -> Vector:
    return np.asarray((predicted - truth) ** 2)


def _distance(truth: Vector, value: Vector) -> Vector:
    return np.asarray(np.abs(value - truth))


def _relative_distance(truth: Vector, value: Vector) -> Vector:
    """Distance as a share of the true value; NaN where that is 0, since it is a share of nothing.

    scikit-learn divides by a tiny number there, and one such row then outweighs all others.
    """
    return decisions.divide(np.abs(value - truth), np.abs(truth))


def _explained(truth: Vector, error: Vector) -> float:
    """Share of the label's spread that the errors leave; NaN where the label has none."""
    around = truth - truth.mean()
    return 1 - float(decisions.divide(np.sum(error**2), np.sum(around**2)))


def _r2(truth: Vector, value: Vector) -> float:
    return _explained(truth, value - truth)


def _explained_variance(truth: Vector, value: Vector) -> float:
    error = value - truth
    return _explained(truth, error - error.mean())


def _median_distance(truth: Vector, value: Vector) -> float:
    return float(np.median(np.abs(value - truth)))


def _average(
    each: Callable[[Vector], Vector], mean: Callable[[Vector, Vector], Vector], counts: Vector
) -> Vector:
    return mean(counts, each(counts))


def _list_averages() -> dict[str, Metric]:
    """Give precision, recall and F1 of several classes, each by the three usual means.

    Where each row is of one class, and decided to be of one, the micro mean of all three is the
    accuracy.
    """
    found: dict[str, Metric] = {}
    of_each: dict[str, Callable[[Vector], Vector]] = {
        "precision": decisions.score_each_precision,
        "recall": decisions.score_each_recall,
        "f1": decisions.score_each_f1,
    }
    for name, each in of_each.items():
        ways: dict[str, Callable[[Vector], Vector]] = {
            "macro": partial(_average, each, decisions.average_macro),
            "micro": decisions.score_accuracy,
            "weighted": partial(_average, each, decisions.average_weighted),
        }
        for way, score in ways.items():
            found[f"{name}_{way}"] = DecisionMetric(score, MULTICLASS, greater_is_better=True)
    return found


METRICS: dict[str, Metric] = _Metrics(
    {
        "roc_auc": RankMetric(_count_beaten, BINARY, greater_is_better=True, baseline=0.5),
        "average_precision": RankMetric(_average_precision, BINARY, greater_is_better=True),
        "log_loss": MeanMetric(_surprise, BINARY, greater_is_better=False),
        "brier": MeanMetric(_square, BINARY, greater_is_better=False),
        "multiclass_log_loss": MeanMetric(_surprise, MULTICLASS, greater_is_better=False),
        "accuracy": DecisionMetric(
            decisions.score_accuracy, CLASSIFICATION, greater_is_better=True
        ),
        "balanced_accuracy": DecisionMetric(
            decisions.score_balanced_accuracy, CLASSIFICATION, greater_is_better=True
        ),
        "precision": DecisionMetric(
            decisions.score_precision, BINARY, greater_is_better=True, one_sided=True
        ),
        "recall": DecisionMetric(
            decisions.score_recall, BINARY, greater_is_better=True, one_sided=True
        ),
        "specificity": DecisionMetric(
            decisions.score_specificity, BINARY, greater_is_better=True, one_sided=True
        ),
        "f1": f_beta(1),
        "f2": f_beta(2),
        "f0.5": f_beta(0.5),
        "mcc": DecisionMetric(
            decisions.score_correlation, CLASSIFICATION, greater_is_better=True, baseline=0.0
        ),
        **_list_averages(),
        "rmse": MeanMetric(_square, REGRESSION, greater_is_better=False, root=True),
        "mae": MeanMetric(_distance, REGRESSION, greater_is_better=False),
        "median_absolute_error": Metric(_median_distance, REGRESSION, greater_is_better=False),
        "mape": MeanMetric(_relative_distance, REGRESSION, greater_is_better=False),
        "r2": Metric(_r2, REGRESSION, greater_is_better=True, baseline=0.0),
        "explained_variance": Metric(
            _explained_variance, REGRESSION, greater_is_better=True, baseline=0.0
        ),
    }
)


def list_metrics(task: str) -> list[str]:
    """Name the metrics that fit a task."""
    return [name for name, metric in METRICS.items() if task in metric.tasks]


def score_all(
    task: str,
    truth: Vector,
    predicted: Vector,
    threshold: float | None = None,
    *,
    also: Iterable[str] = (),
) -> dict[str, float]:
    """Score by every metric that fits the task.

    Args:
        task: binary, multiclass or regression.
        truth: Shape (rows,).
        predicted: Shape (rows,) or (rows, classes).
        threshold: Probability from which a row counts as class 1; without one, two classes get no
            scores of decisions.
        also: More metrics that fit the task, such as an F-beta that is not listed.

    Returns:
        Scores by name; NaN where a metric is undefined.
    """
    undecided = task == "binary" and threshold is None
    names = dict.fromkeys([*list_metrics(task), *also])
    return {
        name: METRICS[name](truth, predicted, threshold)
        for name in names
        if not (undecided and METRICS[name].decides)
    }
