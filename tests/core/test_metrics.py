"""Tests of the metrics."""

import warnings
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk
from tests.core.gate_cases import clear_case, demand

from fullcircle.core.contract import ProblemSpec
from fullcircle.core.evaluation import bootstrap_metric, choose_threshold, estimate_scores
from fullcircle.core.gate import decide_promotion
from fullcircle.core.metrics import (
    METRICS,
    DecisionMetric,
    Vector,
    list_metrics,
    roc_auc,
    score_all,
)
from fullcircle.core.metrics.decisions import score_recall, score_specificity
from fullcircle.core.retraining import RetrainingSettings
from fullcircle.tracking.runs import find_direction

Make = Callable[..., ProblemSpec]

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
    assert np.isnan(METRICS[name](np.full(4, label), GOOD, 0.5))


def test_every_metric_knows_its_direction() -> None:
    """By every metric a good prediction gains on a bad one, and the bad one loses as much."""
    classes = np.array([0, 1, 2])
    sharp = np.full((3, 3), 0.1) + 0.7 * np.eye(3)
    cases = {
        "binary": (TRUTH, GOOD, BAD),
        "multiclass": (classes, sharp, np.full((3, 3), 1 / 3)),
        "regression": (TRUTH + 1.0, GOOD + 1, BAD + 1),
    }
    for metric in METRICS.values():
        for task in metric.tasks:
            truth, good, bad = cases[task]
            better, worse = metric(truth, good, 0.5), metric(truth, bad, 0.5)
            assert metric.gain(better, worse) > 0
            assert metric.gain(worse, better) == -metric.gain(better, worse)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("brier", (0.1**2 + 0.4**2 + 0.4**2 + 0.1**2) / 4),
        ("log_loss", -(2 * np.log(0.9) + 2 * np.log(0.6)) / 4),
        ("average_precision", 1.0),
        ("rmse", np.sqrt((0.1**2 + 0.4**2) / 2)),
        ("mae", 0.25),
        ("r2", 1 - 2 * (0.1**2 + 0.4**2) / 1.0),
        ("median_absolute_error", 0.25),
        ("explained_variance", 1 - 2 * (0.1**2 + 0.4**2) / 1.0),
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


@pytest.mark.parametrize(
    ("name", "predicted"),
    [("roc_auc", 0.4), ("r2", TRUTH.mean()), ("explained_variance", 7.0), ("mcc", 0.4)],
)
def test_the_stated_baseline_is_what_a_constant_scores(name: str, predicted: float) -> None:
    """A model without skill scores the metric's baseline."""
    assert METRICS[name](TRUTH, np.full(4, predicted), 0.5) == METRICS[name].baseline


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_all_scores_are_those_of_the_task(task: str) -> None:
    """All metrics that fit a task are given, and none other."""
    truth, predicted = (np.array([0, 1]), np.eye(2)) if task == "multiclass" else (TRUTH, GOOD)
    fitting = {name for name, metric in METRICS.items() if task in metric.tasks}
    assert list(score_all(task, truth, predicted, 0.5)) == list_metrics(task)
    assert set(list_metrics(task)) == fitting
    assert fitting


def test_without_a_threshold_two_classes_get_no_scores_of_decisions() -> None:
    """No threshold is made up: what it would score is left out, and asked for by itself refused."""
    assert not any(METRICS[name].decides for name in score_all("binary", TRUTH, GOOD))
    with pytest.raises(ValueError, match="needs a threshold"):
        METRICS["f1"](TRUTH, GOOD)


BY_SCIKIT_LEARN = {
    "accuracy": sk.accuracy_score,
    "balanced_accuracy": sk.balanced_accuracy_score,
    "mcc": sk.matthews_corrcoef,
}
OF_TWO = BY_SCIKIT_LEARN | {
    "precision": sk.precision_score,
    "recall": sk.recall_score,
    "specificity": partial(sk.recall_score, pos_label=0),
    "f1": sk.f1_score,
    "f2": partial(sk.fbeta_score, beta=2),
    "f0.5": partial(sk.fbeta_score, beta=0.5),
    "f3": partial(sk.fbeta_score, beta=3),
}
OF_MANY = BY_SCIKIT_LEARN | {
    f"{name}_{way}": partial(score, average=way, zero_division=0)
    for name, score in (
        ("precision", sk.precision_score),
        ("recall", sk.recall_score),
        ("f1", sk.f1_score),
    )
    for way in ("macro", "micro", "weighted")
}


def test_every_metric_of_decisions_is_held_to_scikit_learn() -> None:
    """None is left out of the two tests below."""
    assert {n for n in list_metrics("binary") if METRICS[n].decides} == set(OF_TWO) - {"f3"}
    assert {n for n in list_metrics("multiclass") if METRICS[n].decides} == set(OF_MANY)


@pytest.mark.parametrize("name", OF_TWO)
@given(rows=st.lists(st.tuples(st.integers(0, 1), st.integers(0, 6)), min_size=2, max_size=40))
@settings(max_examples=60, deadline=None)
def test_scores_of_two_classes_are_scikit_learns(name: str, rows: list[tuple[int, int]]) -> None:
    """Where both define it, a metric of decisions at a threshold is scikit-learn's value."""
    truth, score = np.array(rows).T
    assume(len(set(truth)) == 2 and (name != "precision" or (score / 6 >= 0.4).any()))
    expected = OF_TWO[name](truth, score / 6 >= 0.4)
    assert METRICS[name](truth, score / 6, 0.4) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", OF_MANY)
@given(rows=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=40))
@settings(max_examples=60, deadline=None)
def test_scores_of_many_classes_are_scikit_learns(name: str, rows: list[tuple[int, int]]) -> None:
    """Of several classes, also where one is absent or never decided, the values are the same."""
    truth, decided = np.array(rows).T
    assume(len(set(truth)) > 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of classes that there are not
        expected = OF_MANY[name](truth, decided)
    assert METRICS[name](truth, np.eye(4)[decided]) == pytest.approx(expected, abs=1e-12)


def test_precision_of_no_positive_decision_is_undefined() -> None:
    """Where no row is decided as class 1, precision is NaN, and recall 0."""
    assert np.isnan(METRICS["precision"](TRUTH, GOOD, 0.95))
    assert METRICS["recall"](TRUTH, GOOD, 0.95) == METRICS["f1"](TRUTH, GOOD, 0.95) == 0
    assert METRICS["mcc"](TRUTH, GOOD, 0.95) == 0


def test_a_relative_error_of_a_true_zero_is_undefined() -> None:
    """One true value of 0 makes MAPE NaN, in resamples without it, too; else it is a share."""
    predicted = np.array([1.0, 3.0, 5.0])
    assert METRICS["mape"](np.array([2.0, 2.0, 4.0]), predicted) == pytest.approx(1.25 / 3)
    zero = np.array([0.0, 2.0, 4.0])
    found = bootstrap_metric("mape", zero, predicted, resamples=100, confidence=0.9, seed=1)
    assert np.isnan([found.value, found.low, found.high]).all()


def test_a_class_that_the_model_does_not_know_is_always_missed() -> None:
    """A label beyond the model's classes counts as wrong, and ends nothing."""
    assert METRICS["accuracy"](np.array([0, 1, 2]), np.eye(2)[[0, 1, 1]]) == pytest.approx(2 / 3)


@pytest.mark.parametrize("name", ["f1.0", "f0", "f-1", "fbeta", "f", "F2", "f01"])
def test_an_f_score_has_one_name(name: str) -> None:
    """Any beta above 0 is a metric under its shortest name, and nothing else is."""
    assert "f0.25" in METRICS
    assert METRICS["f4"](TRUTH, GOOD, 0.95) == METRICS.get("f4")(TRUTH, GOOD, 0.95) == 0
    assert name not in METRICS
    assert METRICS.get(name) is None
    with pytest.raises(KeyError):
        METRICS[name]


def test_one_entry_makes_a_metric(monkeypatch: pytest.MonkeyPatch, make_problem: Make) -> None:
    """What is entered in METRICS is scored, may be promised, demanded, limited and choose."""

    def youden(counts: Vector) -> Vector:
        return score_recall(counts) + score_specificity(counts) - 1

    metric = DecisionMetric(youden, ("binary",), greater_is_better=True)
    monkeypatch.setitem(METRICS, "youden", metric)
    expected = 1 + 0.5 - 1  # at 0.4 both of class 1 are found, and one of class 0 is left alone
    assert score_all("binary", TRUTH, GOOD, 0.4)["youden"] == expected
    given = {"resamples": 100, "confidence": 0.9, "seed": 1}
    scores = estimate_scores("binary", TRUTH, GOOD, threshold=0.4, **given)
    assert scores["youden"]["value"] == expected
    problem = make_problem(primary_metric="youden", threshold={"maximise": "youden"})
    assert choose_threshold(problem.threshold, TRUTH, GOOD) == 0.405
    assert demand(minimum={"youden": 0.1}).minimum == {"youden": 0.1}
    limited = RetrainingSettings(max_drifted_columns=0, score_limit={"youden": 0.1})
    assert limited.score_limit == {"youden": 0.1}
    case = clear_case(metric="youden")
    assert decide_promotion(case, demand(minimum={"youden": 0.1})).promote is True
    assert find_direction("gate.youden") == "max"
