"""Decisions, and their scores as functions of how often each class was decided to be each.

``counts`` has the shape (..., classes, classes): rows are the truth, columns what was decided. So
one function scores a set of rows, many resamples of them, and every threshold at once.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[Any]

#: The threshold at which a decision, 0 or 1, stands for itself.
AS_DECIDED = 0.5


def decide(predicted: Vector, threshold: float | None = None) -> Vector:
    """Turn probabilities into classes.

    Args:
        predicted: Probability of class 1, shape (rows,), or of each class, shape (rows, classes).
        threshold: Probability from which a row counts as class 1; of no use for more classes.

    Raises:
        ValueError: There are two classes and no threshold.
    """
    if predicted.ndim == 2:
        return np.asarray(predicted.argmax(axis=1))
    if threshold is None:
        raise ValueError("a decision between two classes needs a threshold")
    return np.asarray(predicted >= threshold, dtype="int64")


def code_decisions(
    truth: Vector, predicted: Vector, threshold: float | None = None
) -> tuple[Vector, int]:
    """Number each row's cell of the confusion matrix, row by row of it; give the classes too."""
    decided = decide(predicted, threshold)
    known = 2 if predicted.ndim == 1 else predicted.shape[1]
    label = np.asarray(truth).astype("int64")
    # A class that the model does not know is a class all the same, and always missed.
    classes = max(known, int(label.max(initial=0)) + 1)
    return label * classes + decided, classes


def count_decisions(truth: Vector, predicted: Vector, threshold: float | None = None) -> Vector:
    """Count the rows of each class by what they were decided to be: the confusion matrix.

    Arguments as in ``decide``; ``truth`` has the shape (rows,).
    """
    code, classes = code_decisions(truth, predicted, threshold)
    return np.bincount(code, minlength=classes**2).reshape(classes, classes)


def count_at_thresholds(truth: Vector, probability: Vector, thresholds: Vector) -> Vector:
    """Count the decisions between two classes at each threshold, shape (thresholds, 2, 2)."""
    zeros, ones = (np.sort(probability[truth == label]) for label in (0, 1))
    left, missed = (np.searchsorted(found, thresholds) for found in (zeros, ones))
    counts = np.array([[left, len(zeros) - left], [missed, len(ones) - missed]])
    return np.moveaxis(counts, 2, 0)


def score_accuracy(counts: Vector) -> Vector:
    """Share of right decisions."""
    return divide(_right(counts).sum(axis=-1), counts.sum(axis=(-2, -1)))


def score_balanced_accuracy(counts: Vector) -> Vector:
    """Mean, over the classes that there are, of the share that is found of each."""
    found = divide(_right(counts), _true(counts))
    present = np.sum(_true(counts) > 0, axis=-1)
    return np.where(present > 1, divide(np.nansum(found, axis=-1), present), np.nan)


def score_correlation(counts: Vector) -> Vector:
    """Matthews' correlation of truth and decision; 0 for the same decision on every row.

    Source: Matthews, Biochimica et Biophysica Acta 405 (1975) 442-451; of several classes Gorodkin,
    Computational Biology and Chemistry 28 (2004) 367-374.
    """
    true, decided = (np.asarray(each, dtype=float) for each in (_true(counts), _decided(counts)))
    rows = counts.sum(axis=(-2, -1)).astype(float)
    shared = _right(counts).sum(axis=-1) * rows - np.sum(true * decided, axis=-1)
    of_truth, of_decisions = (rows**2 - np.sum(each**2, axis=-1) for each in (true, decided))
    found = divide(shared, np.sqrt(of_truth * of_decisions))
    return np.where(of_decisions == 0, 0.0, found) + np.where(of_truth == 0, np.nan, 0.0)


def score_precision(counts: Vector) -> Vector:
    """Share of class 1 among the rows that were decided to be of it; NaN where none was."""
    return divide(counts[..., 1, 1], counts[..., 0, 1] + counts[..., 1, 1])


def score_recall(counts: Vector) -> Vector:
    """Share that was found of class 1."""
    return divide(counts[..., 1, 1], counts[..., 1, 0] + counts[..., 1, 1])


def score_specificity(counts: Vector) -> Vector:
    """Share of class 0 that was left alone."""
    return divide(counts[..., 0, 0], counts[..., 0, 0] + counts[..., 0, 1])


def score_f_beta(counts: Vector, beta: float) -> Vector:
    """Harmonic mean of precision and recall, in which recall counts ``beta`` times as much.

    Source: van Rijsbergen, Information Retrieval, 1979, chapter 7.
    """
    hits = (1 + beta**2) * counts[..., 1, 1]
    return divide(hits, hits + beta**2 * counts[..., 1, 0] + counts[..., 0, 1])


def score_each_precision(counts: Vector) -> Vector:
    """Precision of each class; 0 for one that was never decided."""
    return _fill(counts, divide(_right(counts), _decided(counts)))


def score_each_recall(counts: Vector) -> Vector:
    """Recall of each class; 0 for one that was decided and is not there."""
    return _fill(counts, divide(_right(counts), _true(counts)))


def score_each_f1(counts: Vector) -> Vector:
    """F1 of each class."""
    return _fill(counts, divide(2 * _right(counts), _true(counts) + _decided(counts)))


def average_macro(counts: Vector, scores: Vector) -> Vector:
    """Mean over the classes, each alike, that are there or were decided."""
    occurs = np.sum(_occurs(counts), axis=-1)
    return divide(np.nansum(scores, axis=-1), occurs)


def average_weighted(counts: Vector, scores: Vector) -> Vector:
    """Mean over the classes, each by its rows."""
    true = _true(counts)
    return divide(np.nansum(scores * true, axis=-1), true.sum(axis=-1))


def divide(part: Vector, whole: Vector) -> Vector:
    """Divide, NaN where there is nothing to divide by."""
    with np.errstate(divide="ignore", invalid="ignore"):
        quotient = np.asarray(part, dtype=float) / whole
    return np.where(np.asarray(whole) == 0, np.nan, quotient)


def _right(counts: Vector) -> Vector:
    return np.diagonal(counts, axis1=-2, axis2=-1)


def _true(counts: Vector) -> Vector:
    return np.asarray(counts.sum(axis=-1))


def _decided(counts: Vector) -> Vector:
    return np.asarray(counts.sum(axis=-2))


def _occurs(counts: Vector) -> Vector:
    return np.asarray(_true(counts) + _decided(counts) > 0)


def _fill(counts: Vector, scores: Vector) -> Vector:
    """Count an undefined score as 0 where the class occurs at all, as scikit-learn does."""
    return np.where(_occurs(counts), np.nan_to_num(scores, nan=0.0), np.nan)
