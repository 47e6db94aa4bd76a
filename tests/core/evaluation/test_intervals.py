"""Tests of estimates with intervals."""

from statistics import NormalDist

import numpy as np
import pytest

from fullcircle.core.evaluation.intervals import (
    Estimate,
    bootstrap_gain,
    bootstrap_metric,
)
from fullcircle.core.metrics import METRICS

DRAWS = {"resamples": 200, "confidence": 0.95, "seed": 1}


def binary_sample(rng: np.random.Generator, rows: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and scores one standard deviation higher for class 1."""
    truth = (rng.random(rows) < 0.4).astype(int)
    return truth, rng.normal(truth, 1.0)


def test_intervals_cover_the_true_auc() -> None:
    """Of 95 % intervals for an AUC known in theory, about 95 in 100 hold it."""
    true_auc = NormalDist().cdf(1 / np.sqrt(2))
    rng = np.random.default_rng(11)
    estimates = [bootstrap_metric("roc_auc", *binary_sample(rng), **DRAWS) for _ in range(150)]
    covered = np.mean([e.low <= true_auc <= e.high for e in estimates])
    assert 0.90 <= covered <= 0.99


def test_intervals_cover_the_true_error() -> None:
    """Of 80 % intervals for an error known in theory, about 80 in 100 hold it."""
    rng = np.random.default_rng(12)
    estimates = [
        bootstrap_metric(
            "rmse", np.zeros(100), rng.normal(size=100), resamples=100, confidence=0.8, seed=1
        )
        for _ in range(200)
    ]
    assert 0.72 <= np.mean([e.low <= 1 <= e.high for e in estimates]) <= 0.88


def test_the_value_is_that_of_all_rows() -> None:
    """The estimate's value is the plain metric, inside an interval of the stated confidence."""
    truth, score = binary_sample(np.random.default_rng(1))
    estimate = bootstrap_metric("roc_auc", truth, score, **DRAWS)
    assert estimate.value == METRICS["roc_auc"](truth, score)
    assert estimate.low < estimate.value < estimate.high
    assert set(estimate.as_dict()) == {"value", "low", "high", "confidence"}
    assert estimate.confidence == 0.95


def test_more_confidence_is_a_wider_interval() -> None:
    """A higher confidence gives a wider interval around the same value."""
    sample = binary_sample(np.random.default_rng(2))
    narrow, wide = (
        bootstrap_metric("roc_auc", *sample, resamples=200, confidence=c, seed=1)
        for c in (0.5, 0.99)
    )
    assert wide.low < narrow.low < narrow.high < wide.high


def test_the_seed_decides_the_interval() -> None:
    """The same seed gives the same interval to the last bit, another seed another."""
    sample = binary_sample(np.random.default_rng(3))
    first, again = (bootstrap_metric("roc_auc", *sample, **DRAWS) for _ in range(2))
    other = bootstrap_metric("roc_auc", *sample, **{**DRAWS, "seed": 2})
    assert first == again
    assert (first.low, first.high) != (other.low, other.high)


def test_resamples_of_one_class_widen_nothing() -> None:
    """Resamples without a rare class are left out; with one class alone nothing is estimated."""
    truth, score = np.array([1, 0, 0, 0, 0]), np.array([0.9, 0.1, 0.2, 0.3, 0.4])
    rare = bootstrap_metric("roc_auc", truth, score, **DRAWS)
    assert (rare.value, rare.low, rare.high) == (1.0, 1.0, 1.0)
    none = bootstrap_metric("roc_auc", np.zeros(5), score, **DRAWS)
    assert np.isnan([none.value, none.low, none.high]).all()


@pytest.mark.parametrize("metric", ["roc_auc", "brier", "log_loss"])
def test_a_gain_is_positive_for_the_better_model(metric: str) -> None:
    """Whatever the metric's direction, better is positive, and swapping the models mirrors it."""
    rng = np.random.default_rng(4)
    truth = (rng.random(300) < 0.4).astype(int)
    good = np.clip(0.6 * truth + 0.4 * rng.random(300), 0.01, 0.99)
    poor = rng.uniform(0.01, 0.99, 300)
    gain = bootstrap_gain(metric, truth, good, poor, **DRAWS)
    loss = bootstrap_gain(metric, truth, poor, good, **DRAWS)
    assert gain.low > 0
    assert gain.value == abs(METRICS[metric](truth, good) - METRICS[metric](truth, poor))
    assert [loss.value, loss.low, loss.high] == pytest.approx([-gain.value, -gain.high, -gain.low])


def test_models_are_compared_on_the_same_resamples() -> None:
    """The comparison is paired: a constant advantage on every row has no uncertainty at all."""
    rng = np.random.default_rng(5)
    truth = rng.normal(size=50)
    gain = bootstrap_gain("mae", truth, truth + 1, truth + 3, **DRAWS)
    assert [gain.value, gain.low, gain.high] == pytest.approx([2, 2, 2])
    same = bootstrap_gain("mae", truth, truth + 1, truth + 1, **DRAWS)
    assert (same.value, same.low, same.high) == (0, 0, 0)


def test_an_estimate_prints_its_interval() -> None:
    """An estimate reads as its value with the interval behind."""
    assert str(Estimate(0.81234, 0.8, 0.82, 0.95)) == "0.8123 [0.8000, 0.8200]"
