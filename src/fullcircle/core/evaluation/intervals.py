"""Scores with their uncertainty, and the decision threshold of a binary model."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fullcircle.core.contract import DecisionCosts, Threshold
from fullcircle.core.metrics import DECISION_METRICS, METRICS, Vector


@dataclass(frozen=True)
class Estimate:
    """A value with its interval.

    Attributes:
        value: Point estimate on all rows.
        low: Lower end of the two-sided interval.
        high: Upper end of the two-sided interval.
        confidence: Coverage that the interval aims at, 0 to 1.
    """

    value: float
    low: float
    high: float
    confidence: float

    def __str__(self) -> str:
        return f"{self.value:.4f} [{self.low:.4f}, {self.high:.4f}]"

    def as_dict(self) -> dict[str, float]:
        """The four numbers by name."""
        return asdict(self)


def bootstrap_metric(
    metric: str,
    truth: Vector,
    predicted: Vector,
    *,
    resamples: int,
    confidence: float,
    seed: int,
) -> Estimate:
    """Estimate a metric with its percentile bootstrap interval (Efron 1979) over rows.

    Args:
        metric: Name in METRICS.
        truth: Shape (rows,).
        predicted: Shape (rows,) or (rows, classes).
        resamples: Number of resamples drawn with replacement.
        confidence: Coverage of the interval, 0 to 1.
        seed: Seed of the draws.
    """
    score = METRICS[metric]
    draws = [score(truth[rows], predicted[rows]) for rows in _draw(len(truth), resamples, seed)]
    return _as_estimate(score(truth, predicted), draws, confidence)


def bootstrap_gain(
    metric: str,
    truth: Vector,
    predicted: Vector,
    reference: Vector,
    *,
    resamples: int,
    confidence: float,
    seed: int,
) -> Estimate:
    """Estimate by how much one model beats another on the same rows, by the paired bootstrap.

    Positive means better, whatever the metric's direction. Arguments as in bootstrap_metric;
    ``reference`` holds the other model's predictions for the same rows in the same order.
    """
    score = METRICS[metric]

    def gain(rows: Any) -> float:
        return score.gain(score(truth[rows], predicted[rows]), score(truth[rows], reference[rows]))

    draws = [gain(rows) for rows in _draw(len(truth), resamples, seed)]
    return _as_estimate(gain(slice(None)), draws, confidence)


def _draw(rows: int, resamples: int, seed: int) -> list[Vector]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, rows, rows) for _ in range(resamples)]


def _as_estimate(value: float, draws: list[float], confidence: float) -> Estimate:
    """Percentile interval; a resample in which the metric is undefined widens nothing."""
    defined = np.asarray(draws)[~np.isnan(draws)]
    if not len(defined):
        return Estimate(value, float("nan"), float("nan"), confidence)
    tail = (1 - confidence) / 2
    low, high = np.quantile(defined, [tail, 1 - tail])
    return Estimate(value, float(low), float(high), confidence)


def choose_threshold(threshold: Threshold, truth: Vector, probability: Vector) -> float:
    """Turn a declared threshold into a number, on rows that neither trained nor will gate.

    The candidates are the 199 values 0.005, 0.010 … 0.995; the lowest of equal ones is taken.
    """
    if threshold.value is not None:
        return threshold.value
    score = _cheapness(threshold.minimise_cost) or DECISION_METRICS[str(threshold.maximise)]
    candidates = np.arange(1, 200) / 200
    scores = [score(truth, (probability >= value).astype(int)) for value in candidates]
    return float(candidates[int(np.argmax(scores))])


def _cheapness(costs: DecisionCosts | None) -> Callable[[Vector, Vector], float] | None:
    """Give the score that is greatest where wrong decisions cost least."""
    if costs is None:
        return None

    def score(truth: Vector, decided: Vector) -> float:
        false_positives = np.sum((decided == 1) & (truth == 0)) * costs.false_positive
        return -float(
            false_positives + np.sum((decided == 0) & (truth == 1)) * costs.false_negative
        )

    return score
