"""Tests of the decision threshold."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from fullcircle.core.contract import DecisionCosts, Threshold
from fullcircle.core.evaluation.thresholds import (
    choose_threshold,
    find_threshold_without_skill,
)
from fullcircle.core.metrics import METRICS, count_decisions, list_threshold_metrics
from fullcircle.core.metrics.decisions import count_at_thresholds

ROWS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20)), min_size=1, max_size=12)
STEPS = [step / 200 for step in range(1, 200)]


def split(rows: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Truth, and probabilities that often equal a threshold."""
    truth, scores = zip(*rows, strict=True)
    return np.array(truth), np.array(scores) / 20


@given(ROWS)
def test_counts_at_many_thresholds_are_those_of_each(rows: list[tuple[int, int]]) -> None:
    """Counted at all thresholds at once, decisions are as many as counted at each alone."""
    truth, probability = split(rows)
    thresholds = np.array([0.05, 0.5, 0.525, 0.95])
    expected = [count_decisions(truth, probability, each) for each in thresholds]
    np.testing.assert_array_equal(count_at_thresholds(truth, probability, thresholds), expected)


@given(ROWS)
@pytest.mark.parametrize("name", [*list_threshold_metrics(), "f3"])
def test_no_threshold_scores_better_than_the_chosen_one(
    name: str, rows: list[tuple[int, int]]
) -> None:
    """By each metric that may choose, the metric itself is not better, and lower not as good."""
    truth, probability = split(rows)
    assume(len(set(truth)) == 2)
    chosen = choose_threshold(Threshold(maximise=name), truth, probability)
    by_step = {step: METRICS[name](truth, probability, step) for step in STEPS}
    assert by_step[chosen] == pytest.approx(max(by_step.values()))
    assert all(by_step[step] < by_step[chosen] for step in STEPS if step < chosen)


@pytest.mark.parametrize(
    "name", ["recall", "precision", "specificity", "roc_auc", "rmse", "f0", "F1"]
)
def test_a_metric_by_which_no_threshold_can_be_chosen_is_refused(name: str) -> None:
    """Recall would decide every row as 1: the answer names the metrics that may choose."""
    with pytest.raises(ValidationError, match=f"no threshold is chosen by '{name}'.*f1.*mcc.*f3"):
        Threshold(maximise=name)


@pytest.mark.parametrize(
    ("metric", "share", "threshold"),
    [
        ("f1", 0.27, 0.0),
        ("f0.5", 0.01, 0.0),
        ("accuracy", 0.27, float("inf")),
        ("accuracy", 0.73, 0.0),
    ],
)
def test_no_skill_decides_every_row_in_the_better_way(
    metric: str, share: float, threshold: float
) -> None:
    """All rows are decided as 1 for F1, and as the class with more rows for accuracy."""
    assert find_threshold_without_skill(metric, share) == threshold


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
