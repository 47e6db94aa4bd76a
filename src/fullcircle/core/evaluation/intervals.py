"""Scores with their uncertainty."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fullcircle.core.metrics import (
    METRICS,
    DecisionMetric,
    Vector,
    list_metrics,
    prepare_counts,
)

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
    threshold: float | None = None,
    resamples: int,
    confidence: float,
    seed: int,
) -> Estimate:
    """Estimate a metric with its percentile bootstrap interval (Efron 1979) over rows.

    Args:
        metric: Name in METRICS.
        truth: Shape (rows,).
        predicted: Shape (rows,) or (rows, classes).
        threshold: Probability from which a row counts as class 1; a metric of decisions between
            two classes needs it.
        resamples: Number of resamples drawn with replacement.
        confidence: Coverage of the interval, 0 to 1.
        seed: Seed of the draws.
    """
    scored = resample_metric(
        metric, truth, predicted, threshold=threshold, resamples=resamples, seed=seed
    )
    return scored.estimate(confidence)


def bootstrap_gain(
    metric: str,
    truth: Vector,
    predicted: Vector,
    reference: Vector,
    *,
    thresholds: tuple[float | None, float | None] = (None, None),
    resamples: int,
    confidence: float,
    seed: int,
) -> Estimate:
    """Estimate by how much one model beats another on the same rows, by the paired bootstrap.

    Positive means better, whatever the metric's direction. Arguments as in bootstrap_metric;
    ``reference`` holds the other model's predictions for the same rows in the same order, and
    ``thresholds`` those of both.
    """
    scored, other = (
        resample_metric(metric, truth, vector, threshold=threshold, resamples=resamples, seed=seed)
        for vector, threshold in zip((predicted, reference), thresholds, strict=True)
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
    metric: str,
    truth: Vector,
    predicted: Vector,
    *,
    threshold: float | None = None,
    resamples: int,
    seed: int,
) -> Resampled:
    """Score rows and resamples of them; the same seed and number of rows give the same resamples.

    Arguments as in bootstrap_metric.
    """
    found = resample_metrics(
        [metric], truth, predicted, threshold=threshold, resamples=resamples, seed=seed
    )
    return found[metric]


def resample_metrics(
    metrics: Iterable[str],
    truth: Vector,
    predicted: Vector,
    *,
    threshold: float | None = None,
    resamples: int,
    seed: int,
) -> dict[str, Resampled]:
    """Score rows by several metrics on the very same resamples, which are drawn once.

    Where a metric is undefined on the rows themselves, it is in no resample either: an interval
    around nothing would say more than is known.

    Raises:
        ValueError: There are not as many predictions as labels.
    """
    rows = len(truth)
    if rows != len(predicted):
        raise ValueError(f"{rows} labels and {len(predicted)} predictions")
    values = {name: METRICS[name](truth, predicted, threshold) for name in metrics}
    score = _prepare_scores(
        [n for n, v in values.items() if not np.isnan(v)], truth, predicted, threshold
    )
    rng, step = np.random.default_rng(seed), max(1, _AT_ONCE // max(1, rows))
    sizes = [min(step, resamples - done) for done in range(0, resamples, step)]
    parts = [score(rng.integers(0, rows, (size, rows))) for size in sizes if rows]
    undefined = np.full(resamples, np.nan)
    return {
        name: Resampled(
            name,
            value,
            undefined if np.isnan(value) else np.concatenate([part[name] for part in parts]),
        )
        for name, value in values.items()
    }


def _prepare_scores(
    names: list[str], truth: Vector, predicted: Vector, threshold: float | None
) -> Callable[[Vector], dict[str, Vector]]:
    """Give a function from chosen rows to scores by name; all decisions are counted once."""
    decided = {n: m for n in names if isinstance(m := METRICS[n], DecisionMetric)}
    others = {
        name: METRICS[name].prepare(truth, predicted, threshold)
        for name in names
        if name not in decided
    }
    count = prepare_counts(truth, predicted, threshold) if decided else None

    def score(chosen: Vector) -> dict[str, Vector]:
        found = {name: draw(chosen) for name, draw in others.items()}
        if count is not None:
            counts = count(chosen)
            found |= {name: metric.score_counts(counts) for name, metric in decided.items()}
        return found

    return score


def estimate_scores(
    task: str,
    truth: Vector,
    predicted: Vector,
    *,
    threshold: float | None = None,
    also: Iterable[str] = (),
    resamples: int,
    confidence: float,
    seed: int,
) -> dict[str, dict[str, float]]:
    """Estimate every metric that fits the task, each with its interval.

    Arguments as in bootstrap_metric and ``score_all``; without a threshold, two classes get no
    scores of decisions.

    Returns:
        Estimates as plain values, by name.
    """
    undecided = task == "binary" and threshold is None
    names = dict.fromkeys([*list_metrics(task), *also])
    scored = resample_metrics(
        [name for name in names if not (undecided and METRICS[name].decides)],
        truth,
        predicted,
        threshold=threshold,
        resamples=resamples,
        seed=seed,
    )
    return {name: each.estimate(confidence).as_dict() for name, each in scored.items()}
