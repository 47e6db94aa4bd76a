"""Tests of how past predictions did."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fullcircle.core.contract import ProblemSpec
from fullcircle.core.metrics import METRICS
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
