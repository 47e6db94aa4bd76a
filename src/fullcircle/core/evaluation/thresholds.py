"""The decision threshold of a binary model."""

import numpy as np

from fullcircle.core.contract import Threshold
from fullcircle.core.metrics import METRICS, DecisionMetric, Vector
from fullcircle.core.metrics.decisions import count_at_thresholds

_CANDIDATES = np.arange(1, 200) / 200


def choose_threshold(threshold: Threshold, truth: Vector, probability: Vector) -> float:
    """Turn a declared threshold into a number, on rows that neither trained nor will gate.

    The candidates are the 199 values 0.005, 0.010 … 0.995; the lowest of equal ones is taken.
    """
    if threshold.value is not None:
        return threshold.value
    counts = count_at_thresholds(truth, probability, _CANDIDATES)
    scores = np.nan_to_num(_score_decisions(threshold, counts), nan=-np.inf)
    return float(_CANDIDATES[int(np.argmax(scores))])


def find_threshold(threshold: Threshold | None, truth: Vector, probability: Vector) -> float | None:
    """Choose the threshold where the contract declares one, as of two classes it does."""
    return None if threshold is None else choose_threshold(threshold, truth, probability)


def find_threshold_without_skill(metric: str, share: float) -> float:
    """Give the threshold at which a model that knows only the share of class 1 decides.

    It decides every row alike, in the way that is better by the metric: the F1 without skill is
    that of always deciding for class 1, the accuracy that of the class with more rows.

    Args:
        metric: Name in METRICS, of decisions.
        share: Of class 1 in the train set, 0 to 1.

    Returns:
        0 to decide every row as 1, infinity to decide none so.
    """
    # Confusion matrices of deciding every row as 0, and as 1.
    counts = np.array([[[1 - share, 0], [share, 0]], [[0, 1 - share], [0, share]]])
    scores = np.nan_to_num(_score_counts(metric, counts), nan=-np.inf)
    return 0.0 if np.argmax(scores) else float("inf")


def _score_decisions(threshold: Threshold, counts: Vector) -> Vector:
    """Score confusion matrices, shape (matrices, 2, 2), by what the threshold is declared to do."""
    if (costs := threshold.minimise_cost) is not None:
        missed, alarms = counts[:, 1, 0], counts[:, 0, 1]
        return -np.asarray(alarms * costs.false_positive + missed * costs.false_negative)
    return _score_counts(str(threshold.maximise), counts)


def _score_counts(name: str, counts: Vector) -> Vector:
    metric = METRICS[name]
    assert isinstance(metric, DecisionMetric)  # noqa: S101 - none other is asked for here
    return metric.score_counts(counts)
