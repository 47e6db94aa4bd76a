"""Tests of estimates without labels, worth, slices, and models side by side."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from scipy import special

from fullcircle.core.contract import ProblemSpec
from fullcircle.core.errors import ConfigurationError
from fullcircle.core.evaluation.recalibration import fit_recalibration, recalibrate
from fullcircle.core.metrics import METRICS
from fullcircle.core.performance import (
    ErrorCosts,
    PerformanceSettings,
    ValueTable,
    estimate_metric,
    measure_performance,
)
from fullcircle.core.performance.estimation import _draw_labels as draw_labels
from fullcircle.core.performance.value import sum_value

Make = Callable[..., ProblemSpec]
SETTINGS = PerformanceSettings(
    min_labels=10, bootstrap_resamples=100, confidence=0.9, seed=1, estimate_draws=200
)
KNOWN = {"coefficients": [0.0, 1.0], "covariance": [[1e-4, 0.0], [0.0, 1e-4]], "rows": 9999}


def draw(seed: int, rows: int, move: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give true probabilities, those of an over-bold model, and labels."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(move, 1.2, rows)
    truth = (rng.random(rows) < special.expit(logit)).astype("int64")
    return special.expit(logit), special.expit(1.6 * logit + 0.4), truth


def test_recalibration_finds_the_correction() -> None:
    """Over-bold probabilities are drawn back to what happens, within the stated uncertainty."""
    true, bold, labels = draw(0, 20_000)
    found = fit_recalibration(labels, bold)
    corrected = recalibrate(bold, np.array(found["coefficients"]))
    assert np.abs(corrected - true).max() < 0.03
    error = np.sqrt(np.diag(found["covariance"]))
    assert np.all(np.abs(np.array(found["coefficients"]) - [-0.25, 1 / 1.6]) < 4 * error)


def test_recalibration_of_several_classes_finds_the_stretch() -> None:
    """Probabilities of several classes that are too bold by a power are drawn back by it."""
    rng = np.random.default_rng(0)
    true = special.softmax(rng.normal(0, 1, (20_000, 3)), axis=1)
    labels = (rng.random(20_000)[:, None] > np.cumsum(true, axis=1)).sum(axis=1)
    found = fit_recalibration(labels, special.softmax(2 * np.log(true), axis=1))
    assert found["coefficients"][0] == pytest.approx(0.5, abs=0.03)


def test_recalibration_of_hardly_any_row_stays_finite() -> None:
    """One row, or predictions that are always right, give a finite correction."""
    for labels, predicted in (([1], [0.9]), ([0, 1] * 50, [0.0, 1.0] * 50)):
        found = fit_recalibration(np.array(labels), np.array(predicted))
        assert np.isfinite([*found["coefficients"], *np.ravel(found["covariance"])]).all()


@pytest.mark.parametrize("metric", ["roc_auc", "brier", "log_loss"])
def test_the_estimate_holds_without_concept_drift(metric: str) -> None:
    """Of windows whose rows move, nine in ten and more have their score in the 95 % interval.

    60 windows of 500 rows of an over-bold model; those rows lie otherwise than in training.
    """
    held = 0
    for seed in range(60):
        _, bold, labels = draw(seed, 800)
        calibration = fit_recalibration(labels, bold)
        _, now, truth = draw(1000 + seed, 500, move=0.8)
        found = estimate_metric(metric, now, calibration, draws=150, confidence=0.95, seed=seed)
        assert found is not None
        held += found.low <= METRICS[metric](truth, now) <= found.high
    assert held >= 54


def test_the_estimate_is_no_wider_than_it_must_be() -> None:
    """The interval is about as wide as chance in the labels makes the score vary."""
    true, _, _ = draw(0, 1000)
    rng = np.random.default_rng(0)
    scores = [METRICS["roc_auc"]((rng.random(1000) < true) * 1, true) for _ in range(400)]
    found = estimate_metric("roc_auc", true, KNOWN, draws=400, confidence=0.95, seed=1)
    assert found is not None
    assert (found.high - found.low) / (3.92 * np.std(scores)) == pytest.approx(1, abs=0.2)


def test_the_estimate_is_blind_to_concept_drift(make_problem: Make) -> None:
    """Where labels turn round, the estimate stays, does not hold, and the report says why."""
    frame = window(draw(0, 2000), turned=True)
    report = measure_performance(frame, make_problem(), SETTINGS, reference("1"))
    [only] = report["windows"]
    assert only["score"]["value"] < 0.5 < only["estimate"]["low"]
    assert only["estimate"]["holds"] is False
    assert (report["estimates"]["checked"], report["estimates"]["held"]) == (1, 0)
    assert "cannot see concept drift" in report["estimates"]["told"]


def window(drawn: Any, *, turned: bool = False, **more: Any) -> pd.DataFrame:
    true, _, labels = drawn
    facts = {"as_of": "2024-01-01", "model_version": "1", "predicted": true}
    label = (1 - labels if turned else labels).astype("float64")
    return pd.DataFrame({**facts, "decision": (true > 0.5) * 1, "returned": label, **more})


def reference(version: str) -> dict[str, Any]:
    return {"version": version, "calibration": KNOWN}


def test_an_estimate_waits_for_its_labels(make_problem: Make) -> None:
    """It comes before any label, uses none, and is checked once enough of them are there."""
    frame = window(draw(2, 500))
    waiting = frame.assign(returned=np.nan)
    [before] = measure_performance(waiting, make_problem(), SETTINGS, reference("1"))["windows"]
    [after] = measure_performance(frame, make_problem(), SETTINGS, reference("1"))["windows"]
    assert before["score"] is None
    assert before["estimate"]["holds"] is None
    assert after["estimate"] == {**before["estimate"], "holds": True}


@pytest.mark.parametrize("given", [None, reference("2"), {"version": "1"}],
                         ids=["nothing", "another model", "an old profile"])  # fmt: skip
def test_without_its_own_calibration_a_version_is_not_estimated(
    make_problem: Make, given: dict[str, Any] | None
) -> None:
    """The profile of another model, or one without calibration, makes no estimate."""
    [only] = measure_performance(window(draw(0, 100)), make_problem(), SETTINGS, given)["windows"]
    assert only["estimate"] is None
    assert only["score"] is not None


def test_an_undefined_metric_is_not_estimated() -> None:
    """Where most sets of drawn labels are of one class, the few others make no estimate."""
    rare = np.full(20, 0.01)
    assert estimate_metric("roc_auc", rare, KNOWN, draws=50, confidence=0.9, seed=0) is None


def test_a_shadow_is_compared_on_the_same_rows(make_problem: Make) -> None:
    """Its score is on the rows that both predicted, and its gain has the sign of what is better."""
    drawn = draw(0, 400)
    worse = np.random.default_rng(3).random(400)
    worse[:100] = np.nan
    frame = window(drawn, shadow_predicted=worse, shadow_model_version="7")
    [only] = measure_performance(frame, make_problem(), SETTINGS)["windows"]
    [beside] = only["beside"]
    assert (beside["role"], beside["model_version"], beside["rows"]) == ("shadow", "7", 300)
    truth = frame["returned"].to_numpy()[100:]
    expected = METRICS["roc_auc"](truth, worse[100:])
    assert beside["score"]["value"] == expected
    champion = METRICS["roc_auc"](truth, drawn[0][100:])
    assert beside["gain"]["value"] == pytest.approx(expected - champion)
    assert beside["gain"]["high"] < 0


def test_the_same_model_beside_itself_gains_nothing(make_problem: Make) -> None:
    """A shadow with the champion's predictions has a gain of exactly nought, interval and all."""
    drawn = draw(0, 400)
    frame = window(drawn, shadow_predicted=drawn[0], shadow_model_version="7")
    [only] = measure_performance(frame, make_problem(), SETTINGS)["windows"]
    gain = only["beside"][0]["gain"]
    assert (gain["low"], gain["value"], gain["high"]) == (0, 0, 0)


def test_many_rows_have_the_interval_of_many_rows(make_problem: Make) -> None:
    """Beyond 20,000 rows the interval still shrinks with the root of their number."""
    [some] = measure_performance(window(draw(0, 20_000)), make_problem(), SETTINGS)["windows"]
    [more] = measure_performance(window(draw(1, 80_000)), make_problem(), SETTINGS)["windows"]
    width = [w["score"]["high"] - w["score"]["low"] for w in (some, more)]
    assert width[1] / width[0] == pytest.approx(0.5, abs=0.12)
    assert more["score"]["low"] < more["score"]["value"] < more["score"]["high"]


def test_decisions_are_worth_what_the_table_says(make_problem: Make) -> None:
    """The total is each cell's number of rows times its worth, and of a shadow too."""
    table = ValueTable(unit="EUR", cells={"1/1": 40, "0/1": -10, "1/0": -25})
    frame = window(draw(0, 300))
    frame = frame.assign(shadow_predicted=frame["predicted"], shadow_decision=0)
    settings = SETTINGS.model_copy(update={"value": table})
    [only] = measure_performance(frame, make_problem(), settings)["windows"]
    truth, decided = frame["returned"], frame["decision"]
    cells = [((truth == t) & (decided == d)).sum() for t, d in ((1, 1), (0, 1), (1, 0))]
    assert only["value"]["total"] == pytest.approx(np.dot(cells, [40, -10, -25]))
    per_row = only["value"]["per_row"]
    assert per_row["low"] < per_row["value"] == only["value"]["total"] / 300 < per_row["high"]
    assert only["beside"][0]["value"]["total"] == pytest.approx(-25 * truth.sum())


def test_the_worth_of_a_single_row_has_no_interval() -> None:
    """One row says what it was worth, and nothing of how far others may lie from it."""
    found = sum_value(ValueTable(unit="EUR", cells={"1/1": 40}), np.array([40.0]), 0.9)
    assert found == {
        "unit": "EUR",
        "rows": 1,
        "total": 40.0,
        "per_row": {"value": 40.0, "confidence": 0.9},
    }


def test_errors_cost_what_the_table_says(make_problem: Make) -> None:
    """Too high and too low cost each their own price per unit."""
    problem = make_problem(task="regression", threshold=None, primary_metric="rmse")
    costs = ErrorCosts(over=2, under=3)
    settings = SETTINGS.model_copy(
        update={"value": ValueTable(unit="EUR", per_unit_of_error=costs)}
    )
    truth, predicted = np.arange(20.0), np.arange(20.0) + np.tile([1, -2], 10)
    facts = {"as_of": "x", "model_version": "1", "predicted": predicted, "returned": truth}
    [only] = measure_performance(pd.DataFrame(facts), problem, settings, reference("1"))["windows"]
    assert only["value"]["total"] == -10 * 2 - 10 * 2 * 3
    assert only["estimate"] is None


@pytest.mark.parametrize(
    "table",
    [
        {"unit": "EUR"},
        {"unit": "EUR", "cells": {"1/1": 1}, "per_unit_of_error": {"over": 1, "under": 1}},
        {"unit": "EUR", "cells": {"yes/no": 1}},
    ],
    ids=["empty", "both", "unknown cell"],
)
def test_a_table_that_cannot_be_meant_is_refused(table: dict[str, Any]) -> None:
    """Neither, both, or a cell that is no pair of classes is refused before anything runs."""
    with pytest.raises(ValidationError):
        ValueTable.model_validate(table)


def test_a_table_of_another_task_is_refused(make_problem: Make) -> None:
    """A table for errors does not value classes, and the message says what to give."""
    costs = ValueTable(unit="EUR", per_unit_of_error=ErrorCosts(over=1, under=1))
    settings = SETTINGS.model_copy(update={"value": costs})
    with pytest.raises(ConfigurationError, match="binary task: give 'cells', or null"):
        measure_performance(window(draw(0, 20)), make_problem(), settings)


def test_slices_of_the_newest_judged_window_are_scored(make_problem: Make) -> None:
    """A group that is served worse is called so, by the newest window that has labels."""
    drawn = draw(0, 2000)
    group = np.where(np.arange(2000) < 1000, "north", "south")
    turned = np.where(group == "south", 1 - drawn[2], drawn[2])
    frame = window((drawn[0], None, turned), region=group)
    older = window(draw(5, 300), region="north").assign(as_of="2023-12-01")
    later = window(draw(6, 300), region="north").assign(as_of="2024-02-01", returned=np.nan)
    problem = make_problem(slices=["region", "absent"])
    report = measure_performance(pd.concat([frame, older, later]), problem, SETTINGS)
    [slices] = report["slices"]
    assert slices["as_of"] == "2024-01-01"
    assert {row["slice"]: row["worse"] for row in slices["rows"]} == {
        "north": False,
        "south": True,
    }


def test_classes_are_drawn_as_often_as_their_shares_say() -> None:
    """Of three classes each comes as often as its share, and rounding never makes a fourth."""
    shares = np.tile([0.2, 0.5, 0.3 - 1e-9], (20_000, 1))
    drawn = draw_labels(np.random.default_rng(0), shares)
    assert np.bincount(drawn) / len(drawn) == pytest.approx(shares[0], abs=0.012)
    short = np.full((1_000, 2), 0.25)
    assert set(draw_labels(np.random.default_rng(0), short)) == {0, 1}
