"""Maps from raw probabilities to calibrated ones, each a few plain numbers."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_softmax, logit, softmax
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from fullcircle.core.errors import ConfigurationError, DataError
from fullcircle.core.metrics import Vector

METHODS = {1: ("none", "sigmoid", "isotonic"), 2: ("none", "temperature")}

_TINY = 1e-7  # nearest that a probability may come to 0 or 1 before its logarithm is taken


def fit_calibration(method: str, probability: Vector, truth: Vector) -> dict[str, Any]:
    """Fit a method's numbers, as plain values; "none" has none.

    Args:
        method: Name in METHODS for the shape of the probabilities.
        probability: Of class 1, shape (rows,), or of each class, shape (rows, classes).
        truth: 0 or 1, or the position of the class among the columns, shape (rows,).

    Raises:
        ConfigurationError: The method is unknown or does not fit the shape.
        DataError: The probabilities are none, or one class alone was seen.
    """
    allowed = METHODS[np.ndim(probability)]
    if method not in allowed:
        raise ConfigurationError(
            f"Calibration method {method!r} is not one of: {', '.join(allowed)}."
        )
    probability, truth = _check_rows(probability, truth)
    return _FITTERS[method](probability, truth) if method in _FITTERS else {}


def apply_calibration(method: str, parameters: dict[str, Any], probability: Vector) -> Vector:
    """Map raw probabilities to calibrated ones of the same shape; "none" gives them back."""
    if method == "none":
        return probability
    if method == "isotonic":
        return np.asarray(np.interp(probability, parameters["before"], parameters["after"]))
    if method == "temperature":
        scaled = log_clipped(probability) / parameters["temperature"]
        return np.asarray(softmax(scaled, axis=1))
    return np.asarray(expit(parameters["intercept"] + parameters["slope"] * to_logit(probability)))


def to_logit(probability: Vector) -> Vector:
    """Log-odds of probabilities, those of 0 and 1 kept finite."""
    return np.asarray(logit(np.clip(probability, _TINY, 1 - _TINY)))


def fit_logistic(
    inputs: Vector, target: Vector, weights: Vector | None = None
) -> tuple[float, float]:
    """Intercept and slope of a logistic regression on one column, without a penalty.

    Args:
        inputs: Shape (rows,), not all alike, not separating the two targets.
        target: 0 or 1, shape (rows,).
        weights: Weight of each row, shape (rows,).
    """
    centre, scale = inputs.mean(), inputs.std()
    model = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-8)
    model.fit(((inputs - centre) / scale).reshape(-1, 1), target, sample_weight=weights)
    slope = float(model.coef_[0, 0] / scale)
    return float(model.intercept_[0] - slope * centre), slope


def _fit_sigmoid(probability: Vector, truth: Vector) -> dict[str, float]:
    """Platt scaling on the log-odds, with Platt's smoothed targets.

    A slope below 0 would reverse the ranking; the best one that does not is 0. Source: Platt,
    Advances in Large Margin Classifiers (1999), 61-74.
    """
    positives, rows = truth.sum(), len(truth)
    target = np.where(truth == 1, (positives + 1) / (positives + 2), 1 / (rows - positives + 2))
    score = to_logit(probability)
    flat = {"intercept": float(logit(target.mean())), "slope": 0.0}
    if np.ptp(score) < 1e-9:
        return flat
    # A soft target is a row of each class, weighted.
    doubled = np.concatenate([score, score]), np.repeat([1, 0], rows)
    intercept, slope = fit_logistic(*doubled, np.concatenate([target, 1 - target]))
    return {"intercept": intercept, "slope": slope} if slope > 0 else flat


def _fit_isotonic(probability: Vector, truth: Vector) -> dict[str, list[float]]:
    """Isotonic regression, kept from 0 and 1 by Laplace's rule of succession.

    Source: Zadrozny and Elkan, KDD 2002, 694-699.
    """
    edge = 1 / (len(truth) + 2)
    model = IsotonicRegression(y_min=edge, y_max=1 - edge).fit(probability, truth)
    return {"before": model.X_thresholds_.tolist(), "after": model.y_thresholds_.tolist()}


def _fit_temperature(probability: Vector, truth: Vector) -> dict[str, float]:
    """Temperature scaling: all log-probabilities divided by one number, so no class overtakes.

    Source: Guo, Pleiss, Sun and Weinberger, ICML 2017, 1321-1330.
    """
    scores = log_clipped(probability)

    def loss(log_temperature: float) -> float:
        scaled = log_softmax(scores / np.exp(log_temperature), axis=1)
        return float(-scaled[np.arange(len(truth)), truth].mean())

    best = minimize_scalar(loss, bounds=(-4, 4), method="bounded")
    return {"temperature": float(np.exp(best.x))}


def _check_rows(probability: Vector, truth: Vector) -> tuple[Vector, Vector]:
    probability = np.asarray(probability, dtype="float64")
    truth = np.asarray(truth).astype("int64")
    if len(probability) != len(truth):
        raise DataError(f"{len(probability)} probabilities are given for {len(truth)} labels.")
    if not (np.isfinite(probability).all() and (abs(probability - 0.5) <= 0.5 + _TINY).all()):
        raise DataError("The probabilities to calibrate by hold a value that is not from 0 to 1.")
    if len(np.unique(truth)) < 2:
        raise DataError("A calibrator needs rows of two classes; the out-of-fold rows have fewer.")
    return probability, truth


def log_clipped(probability: Vector) -> Vector:
    """Logarithm of probabilities, that of 0 kept finite."""
    return np.asarray(np.log(np.clip(probability, _TINY, 1)))


_FITTERS: dict[str, Callable[[Vector, Vector], dict[str, Any]]] = {
    "sigmoid": _fit_sigmoid,
    "isotonic": _fit_isotonic,
    "temperature": _fit_temperature,
}
