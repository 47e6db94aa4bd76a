"""Tests of the check of probabilities: faults are found, and seldom where there are none."""

import json
from typing import Any

import numpy as np
import pytest
from scipy.special import expit, softmax
from scipy.stats import binom

from fullcircle.core.evaluation.reliability import check_calibration


def draw(seed: int, rows: int, centre: float = -0.5) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and the log-odds by which they were drawn."""
    rng = np.random.default_rng(seed)
    score = rng.normal(centre, 1.2, rows)
    return (rng.random(rows) < expit(score)).astype(int), score


def check(truth: Any, probability: Any, confidence: float = 0.95) -> dict[str, Any]:
    """Check, and pass the answer through JSON, which refuses NaN."""
    report = check_calibration(truth, probability, confidence=confidence)
    return json.loads(json.dumps(report, allow_nan=False))


@pytest.fixture(scope="module")
def quiet_reports() -> list[dict[str, Any]]:
    """300 checks of calibrated probabilities, at a confidence of 0.9."""
    reports = []
    for seed in range(300):
        truth, score = draw(seed, 400)
        reports.append(check(truth, expit(score), 0.9))
    return reports


def test_the_false_alarm_rate_is_the_declared_one(quiet_reports: list[dict[str, Any]]) -> None:
    """Calibrated probabilities are called off about as often as declared: 10 in 100."""
    alarms = sum(not report["calibrated"] for report in quiet_reports)
    assert binom.ppf(0.001, 300, 0.1) / 2 <= alarms <= binom.ppf(0.999, 300, 0.1)


def test_the_intervals_cover_at_their_rate(quiet_reports: list[dict[str, Any]]) -> None:
    """Of the bins' 90 % intervals 90 in 100 or a few more hold the predicted probability."""
    inside = [b["inside"] for report in quiet_reports for b in report["bins"]]
    assert len(inside) == 3000
    assert 0.9 - 0.02 <= np.mean(inside) <= 0.97


@pytest.mark.parametrize(("name", "true_value"), [("slope", 1.0), ("intercept", 0.0)])
def test_slope_and_intercept_cover_the_truth(
    quiet_reports: list[dict[str, Any]], name: str, true_value: float
) -> None:
    """Of the 90 % intervals for slope and intercept about 90 in 100 hold 1 and 0."""
    hits = sum(r[name]["low"] <= true_value <= r[name]["high"] for r in quiet_reports)
    assert binom.ppf(0.001, 300, 0.9) <= hits <= binom.ppf(0.999, 300, 0.9)


def test_rare_events_raise_no_false_alarm() -> None:
    """With 2 % positives too, calibrated probabilities are called off no oftener than declared."""
    alarms = 0
    for seed in range(100):
        truth, score = draw(seed, 500, centre=-4.5)
        alarms += check(truth, expit(score), 0.9)["calibrated"] is False
    assert alarms <= binom.ppf(0.999, 100, 0.1)


@pytest.mark.parametrize(
    "distort",
    [
        lambda score: expit(2 * score),
        lambda score: expit(score / 2),
        lambda score: expit(score + 0.6),
        lambda score: np.where(abs(score - 1) < 0.4, 0.35, expit(score)),
    ],
    ids=["too bold", "too shy", "too high", "a local fault"],
)
def test_faults_are_found(distort: Any) -> None:
    """Probabilities that are too bold, too shy, too high or off in one place are called off."""
    truth, score = draw(3, 2000)
    report = check(truth, distort(score))
    assert report["calibrated"] is False
    assert report["p_value"] < 0.001
    assert report["expected_calibration_error"] > 2 * report["error_by_chance"]
    assert not all(b["inside"] for b in report["bins"])


def test_a_slight_boldness_is_found_though_no_bin_shows_it() -> None:
    """Log-odds a fifth too large are mostly found by their slope, where the bins alone see little.

    The bins' own test needs an interval that misses even when ten of them share the error rate.
    """
    found, seen = 0, 0
    for seed in range(20):
        truth, score = draw(seed, 2000)
        report = check(truth, expit(1.2 * score))
        alone = check_calibration(truth, expit(1.2 * score), confidence=1 - 0.05 / 20)
        found += report["calibrated"] is False
        seen += not all(b["inside"] for b in alone["bins"])
    assert found >= 12
    assert found >= seen + 5


def test_the_slope_tells_the_boldness() -> None:
    """Log-odds twice too large have slope one half."""
    truth, score = draw(3, 5000)
    slope = check(truth, expit(2 * score))["slope"]
    assert slope["low"] < 0.5 < slope["high"]
    assert slope["value"] == pytest.approx(0.5, abs=0.05)


def test_chance_alone_explains_the_error_of_calibrated_probabilities() -> None:
    """Of calibrated probabilities the calibration error is, on average, the one by chance."""
    reports = [check(truth, expit(score)) for truth, score in (draw(s, 500) for s in range(60))]
    errors = [r["expected_calibration_error"] / r["error_by_chance"] for r in reports]
    assert np.mean(errors) == pytest.approx(1, abs=0.1)


def test_scores_are_the_textbook_ones() -> None:
    """Brier score and log loss are those computed by hand."""
    truth, probability = np.array([1, 0] * 30), np.tile([0.9, 0.2], 30)
    report = check(truth, probability)
    assert report["brier"] == pytest.approx((0.1**2 + 0.2**2) / 2)
    assert report["log_loss"] == pytest.approx(-np.log([0.9, 0.8]).mean())


def test_bins_hold_all_rows_and_equal_probabilities_share_one() -> None:
    """Every row is in one bin, ten of equal counts, fewer where there are few or tied values."""
    truth, score = draw(1, 1000)
    assert [b["rows"] for b in check(truth, expit(score))["bins"]] == [100] * 10
    assert len(check(truth[:60], expit(score[:60]))["bins"]) == 3
    tied = check(truth, np.where(score > 0, 0.6, 0.25))
    assert [b["predicted"] for b in tied["bins"]] == pytest.approx([0.25, 0.6])
    assert sum(b["rows"] for b in tied["bins"]) == 1000


@pytest.mark.parametrize(
    ("truth", "told"),
    [([], "0 rows"), ([0, 1] * 20, "40 rows are fewer than 50"), ([1] * 80, "single outcome")],
)
def test_too_little_is_not_judged(truth: list[int], told: str) -> None:
    """Of few rows, or one outcome, no verdict is given, and the report says why."""
    report = check(np.array(truth, dtype=int), np.full(len(truth), 0.5))
    assert (report["judged"], report["calibrated"], report["p_value"]) == (False, None, None)
    assert told in report["reason"]


@pytest.mark.parametrize(
    "probability",
    [
        np.full(100, 0.5),
        np.repeat([0.1, 0.9], 50),
        np.concatenate([np.linspace(0.1, 0.5, 50), np.linspace(0.5, 0.9, 50)]),
        np.concatenate([np.linspace(0.5, 0.9, 50), np.linspace(0.1, 0.5, 50)]),
    ],
    ids=["one", "apart", "meeting", "meeting the wrong way"],
)
def test_a_slope_that_does_not_exist_is_none(probability: np.ndarray) -> None:
    """One probability for all, or classes that it separates, leave the verdict to the bins."""
    report = check(np.repeat([0, 1], 50), probability)
    assert report["slope"] is None
    assert report["judged"] is True


def test_as_many_rows_as_are_demanded_are_enough() -> None:
    """Fifty rows, the least that are judged, are judged."""
    assert check(np.array([0, 1] * 25), np.full(50, 0.5))["judged"] is True


def test_certain_and_wrong_is_found() -> None:
    """Probabilities of 0 and 1 that are wrong are off, and all numbers stay finite."""
    truth = np.arange(200) % 2
    assert check(truth, (truth + (np.arange(200) % 7 == 0)) % 2.0)["calibrated"] is False


def test_of_many_classes_the_likeliest_is_judged() -> None:
    """Right probabilities of three classes pass; the same made bolder do not."""
    rng = np.random.default_rng(1)
    score = rng.normal(size=(2000, 3))
    chances = softmax(score, axis=1)
    truth = (rng.random((2000, 1)) > chances.cumsum(axis=1)).sum(axis=1).clip(0, 2)
    report = check(truth, chances)
    assert (report["calibrated"], report["of"]) == (True, "the predicted class")
    assert check(truth, softmax(3 * score, axis=1))["calibrated"] is False


@pytest.mark.parametrize(("sure", "calibrated"), [(0.999, True), (0.6, False)])
def test_always_right_of_many_classes_is_judged(sure: float, *, calibrated: bool) -> None:
    """Where each likeliest class is the true one the bins judge: sure passes, shy does not."""
    truth = np.arange(300) % 3
    report = check(truth, np.where(np.eye(3)[truth] == 1, sure, (1 - sure) / 2))
    assert (report["judged"], report["reason"], report["slope"]) == (True, None, None)
    assert report["calibrated"] is calibrated


def test_one_class_of_many_alone_is_not_judged() -> None:
    """Of rows that all have one of three classes no verdict is given, right or wrong."""
    chances = np.tile([0.2, 0.5, 0.3], (300, 1)) + 0.1 * np.eye(3)[np.arange(300) % 3]
    report = check(np.zeros(300, dtype=int), chances)
    assert (report["judged"], report["reason"]) == (False, "the rows have a single outcome")
