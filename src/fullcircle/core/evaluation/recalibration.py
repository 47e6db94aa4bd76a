"""How well probabilities meet what happened, as a correction whose own uncertainty is known."""

from typing import Any

import numpy as np
from scipy import special

from fullcircle.core.metrics import Vector

_HAIR = 1e-6
_STEPS = 50


def fit_recalibration(truth: Vector, predicted: Vector) -> dict[str, Any]:
    """Fit the correction that makes probabilities meet the labels, with its covariance.

    Of two classes the log odds are stretched and moved (Cox, Biometrika 45, 1958), of more classes
    the logarithms of the probabilities are stretched (Guo et al., ICML 2017). A weak normal prior,
    of deviation 1 around no correction, keeps it finite where labels and predictions agree wholly;
    the covariance is that of Laplace's approximation.

    Args:
        truth: Class of each row, shape (rows,).
        predicted: Probability of class 1, shape (rows,), or of each class, shape (rows, classes).

    Returns:
        ``coefficients`` (move and stretch, or stretch alone), ``covariance``, both as lists, and
        ``rows``.
    """
    binary = predicted.ndim == 1
    start = np.array([0.0, 1.0]) if binary else np.array([1.0])
    found, step = start.copy(), _step_binary if binary else _step_classes
    for _ in range(_STEPS):
        gradient, curvature = step(truth, predicted, found)
        curvature = curvature + np.eye(len(start))
        move = np.linalg.solve(curvature, gradient - (found - start))
        found = found + np.clip(move, -1, 1)
        if np.abs(move).max() < 1e-9:
            break
    return {
        "coefficients": found.tolist(),
        "covariance": np.linalg.inv(curvature).tolist(),
        "rows": len(truth),
    }


def _step_binary(truth: Vector, predicted: Vector, at: Vector) -> tuple[Vector, Vector]:
    design = np.column_stack([np.ones(len(predicted)), _log_odds(predicted)])
    expected = special.expit(design @ at)
    weight = expected * (1 - expected)
    return design.T @ (truth - expected), (design * weight[:, None]).T @ design


def _step_classes(truth: Vector, predicted: Vector, at: Vector) -> tuple[Vector, Vector]:
    logs = np.log(np.clip(predicted, _HAIR, 1))
    shares = special.softmax(at[0] * logs, axis=1)
    mean = (shares * logs).sum(axis=1)
    happened = logs[np.arange(len(truth)), truth.astype("int64")]
    spread = (shares * logs**2).sum() - (mean**2).sum()
    return np.array([(happened - mean).sum()]), np.array([[spread]])


def _log_odds(predicted: Vector) -> Vector:
    return np.asarray(special.logit(np.clip(predicted, _HAIR, 1 - _HAIR)))


def recalibrate(predicted: Vector, coefficients: Vector) -> Vector:
    """Correct probabilities; shapes as in fit_recalibration.

    Example:
        >>> recalibrate(np.array([0.2, 0.5]), np.array([0.0, 1.0])).round(3).tolist()
        [0.2, 0.5]
    """
    if predicted.ndim == 1:
        move, stretch = coefficients
        return np.asarray(special.expit(move + stretch * _log_odds(predicted)))
    logs = np.log(np.clip(predicted, _HAIR, 1))
    return np.asarray(special.softmax(coefficients[0] * logs, axis=1))
