"""Scores with their uncertainty."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fullcircle.core.evaluation.resampling import prepare_score
from fullcircle.core.metrics import METRICS, Vector

_AT_ONCE = 50_000  # rows of resamples that lie in memory at a time


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
    scored = resample_metric(metric, truth, predicted, resamples=resamples, seed=seed)
    return scored.estimate(confidence)


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
    scored, other = (
        resample_metric(metric, truth, vector, resamples=resamples, seed=seed)
        for vector in (predicted, reference)
    )
    return scored.gain(other).estimate(confidence)


@dataclass(frozen=True)
class Resampled:
    """A metric on some rows and on resamples of them.

    Attributes:
        metric: Name in METRICS.
        value: The metric on the rows.
        draws: The metric on each resample, shape (resamples,); NaN where it is undefined.
    """

    metric: str
    value: float
    draws: Vector

    def estimate(self, confidence: float) -> Estimate:
        """Percentile interval; a resample in which the metric is undefined widens nothing."""
        defined = self.draws[~np.isnan(self.draws)]
        if not len(defined):
            return Estimate(self.value, float("nan"), float("nan"), confidence)
        tail = (1 - confidence) / 2
        low, high = np.quantile(defined, [tail, 1 - tail])
        return Estimate(self.value, float(low), float(high), confidence)

    @property
    def deviation(self) -> float:
        """Standard error: the spread of the draws in which the metric is defined, NaN without."""
        defined = self.draws[~np.isnan(self.draws)]
        return float(defined.std()) if len(defined) else float("nan")

    def gain(self, other: "Resampled") -> "Resampled":
        """By how much it is better than another one on the very same resamples."""
        score: Any = METRICS[self.metric]
        value, draws = score.gain(self.value, other.value), score.gain(self.draws, other.draws)
        return Resampled(self.metric, value, draws)


def resample_metric(
    metric: str, truth: Vector, predicted: Vector, *, resamples: int, seed: int
) -> Resampled:
    """Score rows and resamples of them; the same seed and number of rows give the same resamples.

    Arguments as in bootstrap_metric.
    """
    value, rng = METRICS[metric](truth, predicted), np.random.default_rng(seed)
    score = prepare_score(metric, truth, predicted)
    rows = len(truth)
    step = max(1, _AT_ONCE // max(1, rows))
    sizes = [(min(step, resamples - done), rows) for done in range(0, resamples, step)]
    draws = np.concatenate([score(rng.integers(0, rows, size)) for size in sizes])
    return Resampled(metric, value, draws)
