"""Tests of the intervals around predicted values."""

import json

import numpy as np
import pytest

from fullcircle.core.evaluation.conformal import apply_interval, fit_interval


def draw(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw truths and predictions whose errors grow with the prediction."""
    rng = np.random.default_rng(seed)
    predicted = rng.uniform(1, 60, rows)
    return predicted + rng.normal(size=rows) * predicted / 5, predicted


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
def test_intervals_hold_the_truth_as_often_as_they_say(coverage: float) -> None:
    """Over many draws new truths lie within as often as declared, for low and high values alike."""
    held: dict[str, list[float]] = {"low": [], "high": []}
    for seed in range(60):
        interval = fit_interval(*draw(400, seed), coverage)
        assert interval is not None
        truth, predicted = draw(2000, 1000 + seed)
        low, high = apply_interval(interval, predicted)
        inside = (low <= truth) & (truth <= high)
        held["low"].append(inside[predicted < 20].mean())
        held["high"].append(inside[predicted > 40].mean())
    for shares in held.values():
        assert abs(np.mean(shares) - coverage) < 0.025


def test_errors_that_grow_make_intervals_that_grow() -> None:
    """Where high predictions err by more, their intervals are wider."""
    interval = fit_interval(*draw(3000, 1), 0.9)
    assert interval is not None
    assert len(interval["half_widths"]) == 10
    assert interval["half_widths"][-1] > 4 * interval["half_widths"][0]


@pytest.mark.parametrize("rows", [0, 1, 8])
def test_too_few_rows_give_no_interval(rows: int) -> None:
    """Fewer rows than the coverage needs give none, instead of one that holds too little."""
    assert fit_interval(*draw(rows, 1), 0.9) is None


def test_predictions_that_are_all_alike_share_an_interval() -> None:
    """A baseline's single value gets one interval, in plain values that JSON can hold."""
    truth = np.random.default_rng(0).normal(size=500)
    interval = fit_interval(truth, np.zeros(500), 0.9)
    assert json.loads(json.dumps(interval)) == interval
    assert interval is not None
    assert interval["edges"] == []
    assert 1.5 < interval["half_widths"][0] < 1.8
