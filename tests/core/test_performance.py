"""Tests of how past predictions did."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from fullcircle.core.contract import ProblemSpec
from fullcircle.core.metrics import METRICS, score_all
from fullcircle.core.performance import PerformanceSettings, measure_performance

Make = Callable[..., ProblemSpec]
SETTINGS = PerformanceSettings(min_labels=10, bootstrap_resamples=100, confidence=0.9, seed=1)


def window(as_of: str, version: str, labels: list[Any], seed: int = 0) -> pd.DataFrame:
    predicted = np.random.default_rng(seed).random(len(labels))
    facts = {"as_of": as_of, "model_version": version, "predicted": predicted}
    return pd.DataFrame({**facts, "returned": pd.Series(labels, dtype="float64")})


def test_windows_and_versions_are_judged_apart(make_problem: Make) -> None:
    """Each period and version has its own score, oldest first, on its own rows alone."""
    parts = [
        window("2024-02-01", "2", [0, 1] * 10, seed=1),
        window("2024-01-01", "1", [0, 1] * 10, seed=2),
        window("2024-02-01", "1", [1, 0] * 10, seed=3),
    ]
    report = measure_performance(pd.concat(parts), make_problem(), SETTINGS)
    assert report["metric"] == "roc_auc"
    found = {(w["as_of"], w["model_version"]): w["score"]["value"] for w in report["windows"]}
    assert list(found) == [("2024-01-01", "1"), ("2024-02-01", "1"), ("2024-02-01", "2")]
    for part in parts:
        expected = METRICS["roc_auc"](part["returned"].to_numpy(), part["predicted"].to_numpy())
        assert found[part["as_of"].iloc[0], part["model_version"].iloc[0]] == expected


def test_rows_without_a_label_are_counted_and_left_out(make_problem: Make) -> None:
    """Unlabelled rows change no score, only the share that still waits."""
    labelled = window("2024-01-01", "1", [0, 1] * 10)
    waiting = window("2024-01-01", "1", [None] * 60, seed=9)
    [alone] = measure_performance(labelled, make_problem(), SETTINGS)["windows"]
    both = pd.concat([labelled, waiting])
    [mixed] = measure_performance(both, make_problem(), SETTINGS)["windows"]
    assert mixed["score"] == alone["score"]
    assert (mixed["rows"], mixed["labelled"], mixed["unlabelled_share"]) == (80, 20, 0.75)
    assert alone["unlabelled_share"] == 0


@pytest.mark.parametrize(
    ("labels", "judged"),
    [([0, 1] * 5, True), ([0, 1] * 4 + [1], False), ([1] * 50, False), ([None] * 50, False)],
    ids=["just enough", "too few", "one class", "none"],
)
def test_too_few_labels_give_no_verdict(
    make_problem: Make, labels: list[Any], *, judged: bool
) -> None:
    """Below the declared number of labels, or with one class, there is no score at all."""
    frame = window("2024-01-01", "1", labels)
    [only] = measure_performance(frame, make_problem(), SETTINGS)["windows"]
    assert (only["score"] is not None) is judged
    assert only["rows"] == len(labels)


def test_no_predictions_are_no_windows(make_problem: Make) -> None:
    """Nothing scored gives an empty report, not a score."""
    report = measure_performance(window("x", "1", []), make_problem(), SETTINGS)
    assert (report["metric"], report["windows"], report["slices"]) == ("roc_auc", [], [])


def test_several_classes_are_judged_by_their_lists(make_problem: Make) -> None:
    """Predictions that are lists of probabilities are scored as a matrix."""
    problem = make_problem(task="multiclass", threshold=None, primary_metric="multiclass_log_loss")
    frame = window("2024-01-01", "1", [0, 1, 2] * 10)
    frame["predicted"] = [[0.5, 0.25, 0.25]] * 30
    [only] = measure_performance(frame, problem, SETTINGS)["windows"]
    assert only["score"]["value"] == pytest.approx(-(np.log(0.5) + 2 * np.log(0.25)) / 3)


def test_every_metric_is_scored_by_the_decisions_that_were_made(make_problem: Make) -> None:
    """Scores of decisions are those of the stored ones, whatever threshold made them."""
    frame = window("2024-01-01", "1", [0, 1] * 20)
    frame["decision"] = (frame["predicted"] >= 0.8).astype(int)
    [only] = measure_performance(frame, make_problem(), SETTINGS)["windows"]
    truth, predicted = (frame[name].to_numpy() for name in ("returned", "predicted"))
    expected = score_all("binary", truth, predicted, 0.8)
    assert {name: each["value"] for name, each in only["scores"].items()} == expected
    assert only["scores"]["roc_auc"] == only["score"]
    assert np.trace(only["confusion"]) == round(expected["accuracy"] * 40)


def test_a_primary_metric_of_decisions_is_judged_as_any_other(make_problem: Make) -> None:
    """F1 has its interval, its slices and its gain over others, each by its own decisions."""
    problem = make_problem(primary_metric="f1", slices=["colour"])
    frame = window("2024-01-01", "1", [0, 1] * 40)
    frame["colour"] = ["red"] * 40 + ["blue"] * 40
    frame["decision"] = (frame["predicted"] >= 0.3).astype(int)
    frame["shadow_predicted"] = frame["predicted"]
    frame["shadow_decision"] = frame["returned"].astype(int)
    report = measure_performance(frame, problem, SETTINGS)
    [only] = report["windows"]
    truth, decided = frame["returned"].to_numpy(), frame["decision"].to_numpy()
    assert only["score"]["value"] == METRICS["f1"](truth, decided, 0.5)
    assert only["score"]["low"] < only["score"]["value"] < only["score"]["high"]
    [other] = only["beside"]
    assert other["score"]["value"] == 1
    assert other["gain"]["value"] == pytest.approx(1 - only["score"]["value"])
    scores = {row["slice"]: row["score"]["value"] for row in report["slices"][0]["rows"]}
    assert scores["red"] == METRICS["f1"](truth[:40], decided[:40], 0.5)


def test_without_decisions_nothing_is_made_up(make_problem: Make) -> None:
    """F1 of predictions alone is not judged, and says why; a ranking still is."""
    frame = window("2024-01-01", "1", [0, 1] * 40)
    [by_f1] = measure_performance(frame, make_problem(primary_metric="f1"), SETTINGS)["windows"]
    assert by_f1["score"] is None
    assert "no decisions were kept" in by_f1["reason"]
    [by_auc] = measure_performance(frame, make_problem(), SETTINGS)["windows"]
    assert "f1" not in by_auc["scores"]
    assert by_auc["scores"]["brier"]["value"] > 0


def test_metrics_that_are_not_listed_are_reported_where_they_are_named(make_problem: Make) -> None:
    """performance.metrics adds an F-beta, and refuses what is no metric."""
    frame = window("2024-01-01", "1", [0, 1] * 20)
    frame["decision"] = (frame["predicted"] >= 0.5).astype(int)
    more = PerformanceSettings.model_validate({**SETTINGS.model_dump(), "metrics": ["f3"]})
    [only] = measure_performance(frame, make_problem(), more)["windows"]
    assert "f3" in only["scores"]
    with pytest.raises(ValidationError, match="metrics names the metric 'acuracy'"):
        PerformanceSettings.model_validate({**SETTINGS.model_dump(), "metrics": ["acuracy"]})
