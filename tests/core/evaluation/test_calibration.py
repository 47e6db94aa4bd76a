"""Tests of calibrated probabilities: better, in the same order, where it helps significantly."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, softmax
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from fullcircle.core.errors import ConfigurationError, DataError
from fullcircle.core.evaluation.calibration import (
    CalibratedClassifier,
    calibrate,
    choose_calibration,
)
from fullcircle.core.evaluation.calibrators import METHODS, apply_calibration, fit_calibration

TRUSTED = ["fullcircle.core.evaluation.calibration.CalibratedClassifier"]
DRAWS: dict[str, Any] = {"resamples": 200, "confidence": 0.95, "seed": 1}


def draw(seed: int, rows: int, *, boldness: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and probabilities whose log-odds are the true ones times the boldness."""
    rng = np.random.default_rng(seed)
    score = rng.normal(-0.5, 1.5, rows)
    return (rng.random(rows) < expit(score)).astype(int), expit(boldness * score)


def draw_classes(seed: int, rows: int, boldness: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    score = rng.normal(size=(rows, 3))
    chances = softmax(score, axis=1).cumsum(axis=1)
    truth = (rng.random((rows, 1)) > chances).sum(axis=1).clip(0, 2)
    return truth, softmax(boldness * score, axis=1)


@pytest.fixture(scope="module")
def inputs() -> pd.DataFrame:
    return pd.DataFrame(np.random.default_rng(0).normal(size=(300, 2)), columns=["a", "b"])


def fit_model(inputs: pd.DataFrame, classes: int) -> Any:
    label = np.digitize(inputs["a"] + inputs["b"] ** 2, [0.5, 2][: classes - 1])
    return LogisticRegression().fit(inputs, label)


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
@pytest.mark.parametrize("boldness", [0.4, 3.0])
def test_calibration_mends_a_distorted_model(method: str, boldness: float) -> None:
    """Fitted on some rows, the calibrator brings the log loss of others near the best possible."""
    truth, distorted = draw(1, 4000, boldness=boldness)
    fresh, raw = draw(2, 4000, boldness=boldness)
    best = log_loss(*draw(2, 4000))
    after = apply_calibration(method, fit_calibration(method, distorted, truth), raw)
    assert log_loss(fresh, raw) > best + 0.03
    assert log_loss(fresh, after) < best + 0.01


def test_sigmoid_finds_the_distortion() -> None:
    """Of log-odds that are three times too large, the fitted slope is a third."""
    truth, distorted = draw(1, 20_000, boldness=3.0)
    fitted = fit_calibration("sigmoid", distorted, truth)
    assert fitted["slope"] == pytest.approx(1 / 3, rel=0.05)
    assert fitted["intercept"] == pytest.approx(0, abs=0.05)


@given(st.integers(0, 1000), st.sampled_from(["sigmoid", "isotonic"]), st.floats(-2, 3))
def test_no_method_reorders_rows(seed: int, method: str, boldness: float) -> None:
    """A row never falls behind one with a lower raw probability, even of a model turned around."""
    truth, raw = draw(seed, 60, boldness=boldness)
    after = apply_calibration(method, fit_calibration(method, raw, truth), np.sort(raw))
    assert (np.diff(after) >= 0).all()
    assert ((after > 0) & (after < 1)).all()


def test_temperature_mends_and_keeps_the_likeliest_class() -> None:
    """Temperature scaling finds the boldness, sums to one and leaves every decision as it was."""
    truth, bold = draw_classes(1, 5000, boldness=2.5)
    fitted = fit_calibration("temperature", bold, truth)
    after = apply_calibration("temperature", fitted, bold)
    assert fitted["temperature"] == pytest.approx(2.5, rel=0.1)
    assert after.sum(axis=1) == pytest.approx(1)
    assert (after.argmax(axis=1) == bold.argmax(axis=1)).all()
    assert log_loss(truth, after) < log_loss(truth, bold) - 0.05


@pytest.mark.parametrize(
    ("classes", "method"), [(2, "sigmoid"), (2, "isotonic"), (3, "temperature")]
)
def test_a_calibrated_model_comes_back_from_its_file(
    inputs: pd.DataFrame, classes: int, method: str
) -> None:
    """Through skops, trusting our one class alone, the very same probabilities come back."""
    model = fit_model(inputs, classes)
    truth, raw = draw(1, 200, boldness=2) if classes == 2 else draw_classes(1, 200, 2)
    calibrated = calibrate(model, method, raw, truth)
    stored = skops.io.dumps(calibrated)
    assert skops.io.get_untrusted_types(data=stored) == TRUSTED
    loaded = skops.io.loads(stored, trusted=TRUSTED)
    probability = calibrated.predict_proba(inputs)
    assert (loaded.predict_proba(inputs) == probability).all()
    assert probability.shape == (300, classes)
    assert probability.sum(axis=1) == pytest.approx(1)
    assert (loaded.predict(inputs) == model.classes_[probability.argmax(axis=1)]).all()
    assert (loaded.classes_ == model.classes_).all()


def test_a_calibrated_model_is_frozen(inputs: pd.DataFrame) -> None:
    """Neither a clone nor a fit changes what it predicts."""
    truth, raw = draw(1, 200, boldness=2)
    calibrated = calibrate(fit_model(inputs, 2), "sigmoid", raw, truth)
    before = calibrated.predict_proba(inputs)
    assert (clone(calibrated).predict_proba(inputs) == before).all()
    assert (calibrated.fit(inputs, np.zeros(300)).predict_proba(inputs) == before).all()


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_the_columns_keep_their_classes(inputs: pd.DataFrame, method: str) -> None:
    """The probability of class 1 stays in its column, near the raw one of a calibrated model."""
    model = fit_model(inputs, 2)
    truth, raw = draw(1, 20_000)
    calibrated = calibrate(model, method, raw, truth).predict_proba(inputs)
    assert calibrated == pytest.approx(model.predict_proba(inputs), abs=0.1)


def test_none_is_the_model_itself(inputs: pd.DataFrame) -> None:
    """Without calibration nothing is wrapped."""
    model = fit_model(inputs, 2)
    assert calibrate(model, "none", np.array([]), np.array([])) is model
    assert not isinstance(model, CalibratedClassifier)


@pytest.mark.parametrize("shape", METHODS)
def test_unknown_method_names_the_known_ones(shape: int) -> None:
    """A method that does not fit the shape is refused with those that do."""
    raw = np.full((10, 2) if shape == 2 else 10, 0.5)
    with pytest.raises(ConfigurationError, match=", ".join(METHODS[shape])):
        fit_calibration("magic", raw, np.arange(10) % 2)


@pytest.mark.parametrize(
    ("raw", "truth", "told"),
    [
        ([0.5, 0.6], [1, 1], "two classes"),
        ([0.5], [1, 0], "1 probabilities are given for 2 labels"),
        ([0.5, np.nan], [1, 0], "not from 0 to 1"),
        ([0.5, 1.5], [1, 0], "not from 0 to 1"),
    ],
)
def test_rows_that_calibrate_nothing_are_refused(
    raw: list[float], truth: list[int], told: str
) -> None:
    """One class, gaps and values that are no probabilities are refused in one line."""
    with pytest.raises(DataError, match=told):
        fit_calibration("sigmoid", np.array(raw), np.array(truth))


def choose(boldness: float, rows: int, *, seed: int = 0, **changes: Any) -> dict[str, Any]:
    out_of_fold, selection = (draw(2 * seed + k, rows, boldness=boldness) for k in (0, 1))
    return choose_calibration(*out_of_fold, *selection, **{**DRAWS, **changes})


def test_a_distorted_model_is_calibrated() -> None:
    """Where the probabilities are off, a method wins whose gain is significantly positive."""
    choice = choose(3.0, 2000)
    [won] = [row for row in choice["methods"] if row["method"] == choice["method"]]
    assert choice["method"] == "sigmoid"
    assert won["gain"]["low"] > 0
    assert won["log_loss"] == min(row["log_loss"] for row in choice["methods"])


def test_a_calibrated_model_is_seldom_touched() -> None:
    """Where the probabilities are right, calibration is chosen no oftener than declared."""
    chosen = [choose(1.0, 1000, seed=seed)["method"] for seed in range(60)]
    assert sum(method != "none" for method in chosen) <= 4


def test_isotonic_needs_many_rows() -> None:
    """Below 1000 out-of-fold rows isotonic regression is not tried, and the evidence says so."""
    few = {row["method"]: row for row in choose(3.0, 999)["methods"]}
    many = {row["method"]: row for row in choose(3.0, 1000)["methods"]}
    assert "999 out-of-fold rows" in few["isotonic"]["reason"]
    assert "gain" in many["isotonic"]


def test_nothing_is_chosen_without_evidence() -> None:
    """With one class out of fold, or no selection rows, the method is none."""
    truth, raw = draw(0, 50, boldness=3)
    one_class = choose_calibration(np.ones(50), raw, truth, raw, **DRAWS)
    no_rows = choose_calibration(truth, raw, truth[:0], raw[:0], **DRAWS)
    assert one_class["method"] == no_rows["method"] == "none"
    assert all("reason" in row for row in one_class["methods"][1:] + no_rows["methods"][1:])


def test_many_classes_may_be_calibrated_too() -> None:
    """Bold probabilities of three classes get a temperature."""
    sets = (*draw_classes(1, 1000, 3.0), *draw_classes(2, 1000, 3.0))
    assert choose_calibration(*sets, **DRAWS)["method"] == "temperature"
