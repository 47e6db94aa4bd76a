"""Tests of the decision threshold."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from fullcircle.core.contract import DecisionCosts, Threshold
from fullcircle.core.evaluation.thresholds import choose_threshold, count_decisions

ROWS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20)), min_size=1, max_size=12)
STEPS = [step / 200 for step in range(1, 200)]


def split(rows: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Truth, and probabilities that often equal a threshold."""
    truth, scores = zip(*rows, strict=True)
    return np.array(truth), np.array(scores) / 20


@given(ROWS)
@pytest.mark.parametrize("name", ["f1", "accuracy", "balanced_accuracy"])
def test_scores_are_those_of_scikit_learn(name: str, rows: list[tuple[int, int]]) -> None:
    """At each threshold the counts give the score that scikit-learn gives the decisions."""
    truth, probability = split(rows)
    thresholds = np.array([0.05, 0.5, 0.525, 0.95])
    found = getattr(count_decisions(truth, probability, thresholds), name)()
    score = getattr(metrics, f"{name}_score")
    options = {"zero_division": 0.0} if name == "f1" else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of classes that there are not
        expected = [score(truth, (probability >= t).astype(int), **options) for t in thresholds]
    np.testing.assert_allclose(found, expected)


@given(ROWS, st.integers(0, 5), st.integers(0, 5))
def test_the_threshold_is_the_lowest_of_the_cheapest(
    rows: list[tuple[int, int]], alarm: int, miss: int
) -> None:
    """No other of the 199 thresholds makes cheaper mistakes, and no lower one as cheap ones."""
    truth, probability = split(rows)
    costs = DecisionCosts(false_positive=alarm, false_negative=miss)

    def count(threshold: float) -> int:
        decided = probability >= threshold
        return int(alarm * (decided & (truth == 0)).sum() + miss * (~decided & (truth == 1)).sum())

    chosen = choose_threshold(Threshold(minimise_cost=costs), truth, probability)
    assert chosen == min(STEPS, key=lambda step: (count(step), step))


def f1(truth: list[int], decided: list[bool]) -> float:
    hits = sum(1 for t, d in zip(truth, decided, strict=True) if t and d)
    return 2 * hits / (sum(truth) + sum(decided)) if sum(truth) + sum(decided) else 0.0


@given(ROWS)
def test_the_threshold_is_the_lowest_of_the_best(rows: list[tuple[int, int]]) -> None:
    """No other of the 199 thresholds gives a better F1, and no lower one an equal F1."""
    truth, probability = split(rows)
    chosen = choose_threshold(Threshold(maximise="f1"), truth, probability)
    by_hand = {step: f1(truth.tolist(), (probability >= step).tolist()) for step in STEPS}
    best = max(by_hand.values())
    assert chosen == min(value for value, score in by_hand.items() if score > best - 1e-12)


def test_a_declared_threshold_is_kept() -> None:
    """A declared value is taken as it is, whatever the rows say."""
    assert choose_threshold(Threshold(value=0.123), np.array([0, 1]), np.array([0.8, 0.9])) == 0.123
