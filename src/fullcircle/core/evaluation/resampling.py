"""Metrics on many resamples of the same rows: what a resample cannot change is worked out once."""

from collections.abc import Callable

import numpy as np

from fullcircle.core.metrics import BINARY, METRICS, Vector

Draws = Callable[[Vector], Vector]


def prepare_score(metric: str, truth: Vector, predicted: Vector) -> Draws:
    """Give a function that scores chosen rows as the metric itself would, many times faster.

    Args:
        metric: Name in METRICS.
        truth: Shape (rows,).
        predicted: Shape (rows,) or (rows, classes), for which the metric is defined.

    Returns:
        ``score(chosen)``, where ``chosen`` holds positions of rows, each as often as it was drawn,
        shape (resamples, rows); it gives a score per resample, NaN where that is undefined.

    Raises:
        ValueError: There are not as many predictions as labels.
    """
    if len(truth) != len(predicted):
        raise ValueError(f"{len(truth)} labels and {len(predicted)} predictions")
    if metric in _OF_RANKS:
        return _prepare_ranks(metric, truth, predicted)
    if metric in _LOSSES:
        return _prepare_mean(metric, truth, predicted)
    score = METRICS[metric]
    return lambda chosen: np.array([score(truth[rows], predicted[rows]) for rows in chosen])


def _prepare_ranks(metric: str, truth: Vector, predicted: Vector) -> Draws:
    """Sort once; a resample is then a count of rows by rank and class."""
    values, rank = np.unique(predicted, return_inverse=True)
    code, size = 2 * rank + (truth == 1), 2 * len(values)

    def draw(chosen: Vector) -> Vector:
        resamples, rows = chosen.shape
        places = code[chosen] + size * np.arange(resamples)[:, None]
        counts = np.bincount(places.ravel(), minlength=size * resamples)
        counts = counts.reshape(resamples, -1, 2)
        positive = counts[:, :, 1].sum(axis=1)
        mixed = (positive > 0) & (positive < rows)
        scores = np.full(resamples, np.nan)
        scores[mixed] = _OF_RANKS[metric](counts[mixed, :, 0], counts[mixed, :, 1])
        return scores

    return draw


def _roc_auc(zeros: Vector, ones: Vector) -> Vector:
    beaten = np.sum(ones * (np.cumsum(zeros, axis=1) - zeros / 2), axis=1)
    return np.asarray(beaten / (ones.sum(axis=1) * zeros.sum(axis=1)))


def _average_precision(zeros: Vector, ones: Vector) -> Vector:
    ones, zeros = ones[:, ::-1], zeros[:, ::-1]
    hits, rows = np.cumsum(ones, axis=1), np.cumsum(ones + zeros, axis=1)
    return np.asarray(np.sum(ones * hits / np.maximum(rows, 1), axis=1) / ones.sum(axis=1))


def _prepare_mean(metric: str, truth: Vector, predicted: Vector) -> Draws:
    """Take each row's loss once; a resample is then a mean of them."""
    loss, positive = _LOSSES[metric](truth, predicted), truth == 1

    def draw(chosen: Vector) -> Vector:
        means = loss[chosen].mean(axis=1)
        if METRICS[metric].tasks == BINARY:
            share = positive[chosen].mean(axis=1)
            return np.where((share > 0) & (share < 1), means, np.nan)
        return np.asarray(np.sqrt(means) if metric == "rmse" else means)

    return draw


def _surprise(truth: Vector, probability: Vector) -> Vector:
    """Minus the logarithm of the probability of what happened, clipped as scikit-learn does."""
    if probability.ndim == 1:
        happened = np.where(truth == 1, probability, 1 - probability)
    else:
        happened = probability[np.arange(len(truth)), truth.astype("int64")]
    hair = float(np.finfo(np.asarray(probability).dtype).eps)
    return np.asarray(-np.log(np.clip(happened, hair, 1 - hair)))


# Of the rows of class 0 and of class 1 by rank, lowest first, shape (resamples, ranks).
_OF_RANKS: dict[str, Callable[[Vector, Vector], Vector]] = {
    "roc_auc": _roc_auc,
    "average_precision": _average_precision,
}

_LOSSES: dict[str, Callable[[Vector, Vector], Vector]] = {
    "brier": lambda truth, probability: (probability - truth) ** 2,
    "log_loss": _surprise,
    "multiclass_log_loss": _surprise,
    "rmse": lambda truth, value: (value - truth) ** 2,
    "mae": lambda truth, value: np.abs(value - truth),
}
