"""The kinds of metric: each scores rows, and many resamples of them at once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fullcircle.core.metrics.decisions import Vector, code_decisions, count_decisions

Draws = Callable[[Vector], Vector]

BINARY = ("binary",)
MULTICLASS = ("multiclass",)
CLASSIFICATION = (*BINARY, *MULTICLASS)
REGRESSION = ("regression",)


@dataclass(frozen=True)
class Metric:
    """A score of predictions against the truth.

    Attributes:
        function: ``function(truth, predicted) -> float``; ``predicted`` holds the probability of
            class 1 (binary), one probability per class (multiclass) or the value (regression).
            Other kinds of metric take other functions.
        tasks: Tasks that the metric fits.
        greater_is_better: Direction of the metric.
        baseline: What a model without skill scores whatever the data, where that is known.
        one_sided: Whether the same decision on every row makes it perfect, or undefined. Such a
            metric may be a bar, and chooses neither a threshold nor a model.
    """

    function: Callable[..., Any]
    tasks: tuple[str, ...]
    greater_is_better: bool
    baseline: float | None = field(default=None, kw_only=True)
    one_sided: bool = field(default=False, kw_only=True)

    @property
    def decides(self) -> bool:
        """Whether it scores decisions, so that two classes need a threshold."""
        return False

    def __call__(self, truth: Vector, predicted: Vector, threshold: float | None = None) -> float:
        """Score, or NaN where the metric is undefined, as the AUC of a single class is.

        Args:
            truth: Shape (rows,).
            predicted: Shape (rows,) or (rows, classes).
            threshold: Probability from which a row counts as class 1, for a metric of decisions
                between two classes.
        """
        if not len(truth) or (self.tasks == BINARY and bool((truth == truth[0]).all())):
            return float("nan")
        return self._score(truth, predicted, threshold)

    def _score(self, truth: Vector, predicted: Vector, threshold: float | None) -> float:
        del threshold
        return float(self.function(truth, predicted))

    def prepare(self, truth: Vector, predicted: Vector, threshold: float | None = None) -> Draws:
        """Give a function that scores chosen rows as the metric itself would, many times faster.

        Arguments as of a call.

        Returns:
            ``score(chosen)``, where ``chosen`` holds positions of rows, each as often as it was
            drawn, shape (resamples, rows); a score per resample, NaN where that is undefined.
        """
        return lambda chosen: np.array(
            [self(truth[rows], predicted[rows], threshold) for rows in chosen]
        )

    def gain(self, value: float, reference: float) -> float:
        """How much better the value is than the reference, in units of the metric."""
        return value - reference if self.greater_is_better else reference - value

    def is_surely_worse(self, score: Mapping[str, float], limit: float) -> bool:
        """Tell whether even the better end of a score's interval is worse than a limit.

        A score that is NaN is no proof that all is well, and counts as worse.
        """
        best_end = score["high"] if self.greater_is_better else score["low"]
        return not self.gain(best_end, limit) >= 0

    def find_worse_end(self, score: Mapping[str, float]) -> float:
        """Give the worse end of a score's interval."""
        return score["low"] if self.greater_is_better else score["high"]


@dataclass(frozen=True)
class MeanMetric(Metric):
    """A mean of losses: ``function(truth, predicted)`` gives that of each row.

    Attributes:
        root: Whether it is the square root of the mean.
    """

    root: bool = field(default=False, kw_only=True)

    def _score(self, truth: Vector, predicted: Vector, threshold: float | None) -> float:
        del threshold
        return float(self._finish(np.mean(self.function(truth, predicted))))

    def _finish(self, mean: Any) -> Any:
        return np.sqrt(mean) if self.root else mean

    def prepare(self, truth: Vector, predicted: Vector, threshold: float | None = None) -> Draws:
        """Take each row's loss once; a resample is then a mean of them."""
        del threshold
        loss, positive = self.function(truth, predicted), truth == 1

        def draw(chosen: Vector) -> Vector:
            means = np.asarray(self._finish(loss[chosen].mean(axis=1)))
            if self.tasks == BINARY:
                share = positive[chosen].mean(axis=1)
                return np.where((share > 0) & (share < 1), means, np.nan)
            return means

        return draw


@dataclass(frozen=True)
class RankMetric(Metric):
    """A score of the order of rows of two classes.

    ``function(zeros, ones)`` takes the rows of class 0 and of class 1 by rank, the lowest first,
    shape (resamples, ranks), of which each resample has both.
    """

    def _score(self, truth: Vector, predicted: Vector, threshold: float | None) -> float:
        return float(self.prepare(truth, predicted, threshold)(np.arange(len(truth))[None])[0])

    def prepare(self, truth: Vector, predicted: Vector, threshold: float | None = None) -> Draws:
        """Sort once; a resample is then a count of rows by rank and class."""
        del threshold
        values, rank = np.unique(predicted, return_inverse=True)
        code, size = 2 * rank + (truth == 1), 2 * len(values)

        def draw(chosen: Vector) -> Vector:
            counts = count_by_resample(code, size, chosen).reshape(len(chosen), -1, 2)
            positive = counts[:, :, 1].sum(axis=1)
            mixed = (positive > 0) & (positive < chosen.shape[1])
            scores = np.full(len(chosen), np.nan)
            scores[mixed] = self.function(counts[mixed, :, 0], counts[mixed, :, 1])
            return scores

        return draw


@dataclass(frozen=True)
class DecisionMetric(Metric):
    """A score of decisions: ``function(counts) -> scores``, as in ``decisions``."""

    @property
    def decides(self) -> bool:
        """Whether it scores decisions: it does."""
        return True

    def score_counts(self, counts: Vector) -> Vector:
        """Score confusion matrices, shape (..., classes, classes); NaN where it is undefined."""
        scores = np.asarray(self.function(counts), dtype=float)
        if self.tasks != BINARY:
            return scores
        return np.where((counts.sum(axis=-1) > 0).all(axis=-1), scores, np.nan)

    def _score(self, truth: Vector, predicted: Vector, threshold: float | None) -> float:
        return float(self.score_counts(count_decisions(truth, predicted, threshold)))

    def prepare(self, truth: Vector, predicted: Vector, threshold: float | None = None) -> Draws:
        """Decide once; a resample is then a confusion matrix."""
        count = prepare_counts(truth, predicted, threshold)
        return lambda chosen: self.score_counts(count(chosen))


def prepare_counts(truth: Vector, predicted: Vector, threshold: float | None = None) -> Draws:
    """Give a function from chosen rows to confusion matrices, (resamples, classes, classes)."""
    code, classes = code_decisions(truth, predicted, threshold)
    return lambda chosen: count_by_resample(code, classes**2, chosen).reshape(
        len(chosen), classes, classes
    )


def count_by_resample(code: Vector, size: int, chosen: Vector) -> Vector:
    """Count how often each code below a size is among each resample, shape (resamples, size)."""
    places = code[chosen] + size * np.arange(len(chosen))[:, None]
    return np.bincount(places.ravel(), minlength=size * len(chosen)).reshape(len(chosen), size)
