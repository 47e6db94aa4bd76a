"""Probabilities that mean what they say: a calibrator fitted on out-of-fold predictions.

scikit-learn's CalibratedClassifierCV needs folds that partition the rows. Folds by time do not:
the oldest rows are never predicted. So the calibrator is fitted here, on whatever rows were.
"""

from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin

from fullcircle.core.evaluation.calibrators import (
    METHODS,
    apply_calibration,
    fit_calibration,
    log_clipped,
)
from fullcircle.core.evaluation.intervals import Estimate
from fullcircle.core.metrics import Vector

MIN_ROWS_ISOTONIC = 1000  # fewer rows overfit: Niculescu-Mizil and Caruana, ICML 2005, section 5


class CalibratedClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # untyped library
    """A fitted classifier whose probabilities pass through a fitted calibrator.

    It is frozen: ``fit`` and ``sklearn.clone`` leave it as it is, as those of scikit-learn's
    FrozenEstimator do, since a calibrator without its out-of-fold predictions cannot be refitted.

    Attributes:
        estimator: Fitted classifier with ``predict_proba``.
        method: Name in METHODS other than none.
        parameters: Fitted numbers of the method: ``slope`` and ``intercept`` (sigmoid),
            ``before`` and ``after`` (isotonic, the curve's corners), ``temperature``.
    """

    def __init__(self, estimator: Any, method: str, parameters: dict[str, Any]) -> None:
        self.estimator = estimator
        self.method = method
        self.parameters = parameters

    def fit(self, inputs: pd.DataFrame, label: Any = None) -> Self:  # noqa: ARG002
        """Do nothing, for it is fitted."""
        return self

    def predict_proba(self, inputs: pd.DataFrame) -> Vector:
        """Calibrated probabilities, shape (rows, classes)."""
        raw = np.asarray(self.estimator.predict_proba(inputs), dtype="float64")
        if self.method == "temperature":
            return apply_calibration(self.method, self.parameters, raw)
        positive = apply_calibration(self.method, self.parameters, raw[:, 1])
        return np.column_stack([1 - positive, positive])

    def predict(self, inputs: pd.DataFrame) -> Vector:
        """The likeliest class of each row, shape (rows,)."""
        return np.asarray(self.classes_[self.predict_proba(inputs).argmax(axis=1)])

    @property
    def classes_(self) -> Vector:
        """The classes in the order of the probabilities' columns."""
        return np.asarray(self.estimator.classes_)

    def __sklearn_clone__(self) -> Self:
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True


def calibrate(estimator: Any, method: str, probability: Vector, truth: Vector) -> Any:
    """Put a calibrator behind a fitted classifier; method "none" gives the classifier itself.

    Args:
        estimator: Fitted classifier.
        method: Name in METHODS for the shape of the probabilities.
        probability: Out-of-fold probabilities of class 1, shape (rows,), or of each class, shape
            (rows, classes), made by the same family fitted on other rows.
        truth: 0 or 1, or the position of the class among the columns, shape (rows,).

    Raises:
        ConfigurationError: The method is unknown or does not fit the shape.
        DataError: The probabilities are none, or one class alone was seen.
    """
    if method == "none":
        return estimator
    return CalibratedClassifier(estimator, method, fit_calibration(method, probability, truth))


def choose_calibration(
    truth_oof: Vector,
    prob_oof: Vector,
    truth_selection: Vector,
    prob_selection: Vector,
    *,
    resamples: int,
    confidence: float,
    seed: int,
) -> dict[str, Any]:
    """Choose the method, fitted out of fold, that has the best log loss on the selection rows.

    "none" wins unless another is significantly better by the paired bootstrap; the
    confidence is shared among the methods tried (Bonferroni).

    Returns:
        The choice and its evidence as plain values: ``method``, ``rows_out_of_fold``,
        ``rows_selection`` and ``methods``, for each its ``log_loss``, its ``gain`` over none with
        interval, and the ``reason`` where it was not tried.
    """
    tried = METHODS[np.ndim(prob_oof)][1:]
    level = 1 - (1 - confidence) / len(tried)
    losses_raw = _losses(truth_selection, prob_selection)
    none = {"method": "none", "log_loss": _mean(losses_raw)}
    rows: list[dict[str, Any]] = []
    for method in tried:
        if reason := _reason_against(method, truth_oof, truth_selection):
            rows.append({"method": method, "reason": reason})
            continue
        parameters = fit_calibration(method, prob_oof, truth_oof)
        losses = _losses(truth_selection, apply_calibration(method, parameters, prob_selection))
        gain = _bootstrap_mean(losses_raw - losses, resamples, level, seed)
        rows.append({"method": method, "log_loss": _mean(losses), "gain": gain.as_dict()})
    sure = [row for row in rows if "gain" in row and row["gain"]["low"] > 0]
    chosen = str(min(sure, key=lambda row: row["log_loss"], default=none)["method"])
    return {
        "method": chosen,
        "rows_out_of_fold": len(truth_oof),
        "rows_selection": len(truth_selection),
        "methods": [none, *rows],
    }


def _reason_against(method: str, truth_oof: Vector, truth_selection: Vector) -> str | None:
    """Say why a method cannot be tried; None where it can."""
    if len(np.unique(truth_oof)) < 2:
        return "the out-of-fold rows have a single class"
    if len(truth_selection) == 0:
        return "there are no selection rows"
    if method == "isotonic" and len(truth_oof) < MIN_ROWS_ISOTONIC:
        return f"{len(truth_oof)} out-of-fold rows are fewer than {MIN_ROWS_ISOTONIC}"
    return None


def _losses(truth: Vector, probability: Vector) -> Vector:
    """Log loss of each row, shape (rows,), for either shape of the probabilities."""
    truth = np.asarray(truth).astype("int64")
    if np.ndim(probability) == 1:
        return -log_clipped(np.where(truth == 1, probability, 1 - probability))
    return -log_clipped(probability[np.arange(len(truth)), truth])


def _mean(values: Vector) -> float | None:
    return float(values.mean()) if len(values) else None


def _bootstrap_mean(values: Vector, resamples: int, confidence: float, seed: int) -> Estimate:
    """Mean with its percentile bootstrap interval (Efron 1979)."""
    rng = np.random.default_rng(seed)
    draws = [values[rng.integers(0, len(values), len(values))].mean() for _ in range(resamples)]
    low, high = np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Estimate(float(values.mean()), float(low), float(high), confidence)
