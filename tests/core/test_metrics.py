"""Tests of the metrics."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from fullcircle.core.metrics import METRICS, roc_auc, score_all

TRUTH = np.array([0, 0, 1, 1])
GOOD, BAD = np.array([0.1, 0.4, 0.6, 0.9]), np.array([0.9, 0.6, 0.4, 0.1])


@given(
    rows=st.lists(st.tuples(st.integers(0, 1), st.integers(0, 6)), min_size=2, max_size=60),
)
@settings(max_examples=200, deadline=None)
def test_roc_auc_equals_scikit_learns(rows: list[tuple[int, int]]) -> None:
    """The rank-sum AUC equals scikit-learn's on any input, ties included."""
    truth, score = np.array(rows, dtype=float).T
    assume(len(set(truth)) == 2)
    assert roc_auc(truth, score) == pytest.approx(sk.roc_auc_score(truth, score), abs=1e-12)


@given(st.lists(st.integers(0, 50), min_size=5, max_size=30))
@settings(max_examples=50, deadline=None)
def test_roc_auc_knows_only_the_order(scores: list[int]) -> None:
    """A monotone change of the scores changes nothing; turning them round mirrors the AUC."""
    score = np.array(scores, dtype=float)
    truth = np.arange(len(score)) % 2
    assert roc_auc(truth, score) == roc_auc(truth, np.exp(score / 10))
    assert roc_auc(truth, -score) == pytest.approx(1 - roc_auc(truth, score))


def test_a_perfect_ranking_scores_one_and_a_constant_a_half() -> None:
    """The AUC is 1 for a perfect ranking, 0 for its reverse, one half for no ranking."""
    assert roc_auc(TRUTH, GOOD) == 1
    assert roc_auc(TRUTH, BAD) == 0
    assert roc_auc(TRUTH, np.full(4, 0.3)) == 0.5


@pytest.mark.parametrize("name", [n for n, m in METRICS.items() if m.tasks == ("binary",)])
@pytest.mark.parametrize("label", [0, 1])
def test_a_binary_metric_of_one_class_is_undefined(name: str, label: int) -> None:
    """On rows of a single class a binary metric is NaN, neither good nor bad."""
    assert np.isnan(METRICS[name](np.full(4, label), GOOD))


def test_every_metric_knows_its_direction() -> None:
    """By every metric a good prediction gains on a bad one, and the bad one loses as much."""
    classes = np.array([0, 1, 2])
    sharp = np.full((3, 3), 0.1) + 0.7 * np.eye(3)
    cases = {
        "binary": (TRUTH, GOOD, BAD),
        "multiclass": (classes, sharp, np.full((3, 3), 1 / 3)),
        "regression": (TRUTH.astype(float), GOOD, BAD),
    }
    for metric in METRICS.values():
        for task in metric.tasks:
            truth, good, bad = cases[task]
            gain = metric.gain(metric(truth, good), metric(truth, bad))
            assert gain > 0
            assert metric.gain(metric(truth, bad), metric(truth, good)) == -gain


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("brier", (0.1**2 + 0.4**2 + 0.4**2 + 0.1**2) / 4),
        ("log_loss", -(2 * np.log(0.9) + 2 * np.log(0.6)) / 4),
        ("average_precision", 1.0),
        ("rmse", np.sqrt((0.1**2 + 0.4**2) / 2)),
        ("mae", 0.25),
        ("r2", 1 - 2 * (0.1**2 + 0.4**2) / 1.0),
    ],
)
def test_metrics_are_what_their_names_say(name: str, value: float) -> None:
    """Each metric equals the value worked out by hand."""
    assert METRICS[name](TRUTH, GOOD) == pytest.approx(value)


def test_multiclass_log_loss_counts_classes_that_are_absent() -> None:
    """The loss is that of the true class, though the rows hold not every class."""
    probability = np.array([[0.5, 0.25, 0.25], [0.2, 0.8, 0.0]])
    expected = -(np.log(0.5) + np.log(0.8)) / 2
    assert METRICS["multiclass_log_loss"](np.array([0, 1]), probability) == pytest.approx(expected)


@pytest.mark.parametrize(("name", "predicted"), [("roc_auc", 0.4), ("r2", TRUTH.mean())])
def test_the_stated_baseline_is_what_a_constant_scores(name: str, predicted: float) -> None:
    """A model without skill scores the metric's baseline."""
    assert METRICS[name](TRUTH, np.full(4, predicted)) == METRICS[name].baseline


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_all_scores_are_those_of_the_task(task: str) -> None:
    """All metrics that fit a task are given, and none other."""
    truth, predicted = (np.array([0, 1]), np.eye(2)) if task == "multiclass" else (TRUTH, GOOD)
    fitting = {name for name, metric in METRICS.items() if task in metric.tasks}
    assert set(score_all(task, truth, predicted)) == fitting
    assert fitting
