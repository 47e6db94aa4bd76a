"""The decision threshold of a binary model."""

from dataclasses import dataclass

import numpy as np

from fullcircle.core.contract import Threshold
from fullcircle.core.metrics import Vector

_CANDIDATES = np.arange(1, 200) / 200


@dataclass(frozen=True)
class Decisions:
    """How many decisions are right and wrong, one number per threshold.

    Attributes:
        true_positives: Rows of class 1 that are decided as 1.
        false_positives: Rows of class 0 that are decided as 1.
        false_negatives: Rows of class 1 that are decided as 0.
        true_negatives: Rows of class 0 that are decided as 0.
    """

    true_positives: Vector
    false_positives: Vector
    false_negatives: Vector
    true_negatives: Vector

    def f1(self) -> Vector:
        """Harmonic mean of precision and recall; 0 where nothing is, or is decided as, 1."""
        hits = 2 * self.true_positives
        score: Vector = hits / np.maximum(hits + self.false_positives + self.false_negatives, 1)
        return score

    def accuracy(self) -> Vector:
        """Share of right decisions."""
        right = self.true_positives + self.true_negatives
        share: Vector = right / (right + self.false_positives + self.false_negatives)
        return share

    def balanced_accuracy(self) -> Vector:
        """Mean share of right decisions over the classes that there are."""
        right = np.array([self.true_positives, self.true_negatives])
        rows = right + np.array([self.false_negatives, self.false_positives])
        mean: Vector = np.sum(right / np.maximum(rows, 1), axis=0) / np.sum(rows > 0, axis=0)
        return mean

    def cost(self, false_positive: float, false_negative: float) -> Vector:
        """What the wrong decisions cost, by the price of one of each kind."""
        return self.false_positives * false_positive + self.false_negatives * false_negative


def count_decisions(truth: Vector, probability: Vector, thresholds: Vector) -> Decisions:
    """Count the decisions at each threshold, where a row is decided as 1 from the threshold on.

    Args:
        truth: Classes 0 and 1, one per row.
        probability: Probability of class 1, one per row.
        thresholds: Any number of them.
    """
    positive, negative = (np.sort(probability[truth == label]) for label in (1, 0))
    missed, left = (np.searchsorted(found, thresholds) for found in (positive, negative))
    return Decisions(len(positive) - missed, len(negative) - left, missed, left)


def choose_threshold(threshold: Threshold, truth: Vector, probability: Vector) -> float:
    """Turn a declared threshold into a number, on rows that neither trained nor will gate.

    The candidates are the 199 values 0.005, 0.010 … 0.995; the lowest of equal ones is taken.
    """
    if threshold.value is not None:
        return threshold.value
    decisions = count_decisions(truth, probability, _CANDIDATES)
    if (costs := threshold.minimise_cost) is not None:
        scores = -decisions.cost(costs.false_positive, costs.false_negative)
    else:
        scores = getattr(decisions, str(threshold.maximise))()
    return float(_CANDIDATES[int(np.argmax(scores))])
