"""Fitted parts of scikit-learn as plain NumPy: the same arithmetic, without the checks around it.

Of a single row, the checks of one transformer take fifty times as long as its arithmetic. Each form
here repeats the operations of scikit-learn's own ``transform`` in their order, so the numbers are
the same to the bit; whatever has no form here is asked as it is.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from scipy.special import expit
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from fullcircle.core.metrics import Vector

Form: TypeAlias = Callable[[Vector], Vector]


def plain_transform(transformer: Any) -> Form | None:
    """Give the form of a fitted transformer of float64 columns; None where it has none.

    The form takes a matrix of shape (rows, columns), which it may overwrite.
    """
    if isinstance(transformer, Pipeline):
        steps = [plain_transform(step) for _, step in transformer.steps]
        return None if None in steps else _chain([step for step in steps if step])
    make = _TRANSFORMERS.get(type(transformer))
    return make(transformer) if make else None


def plain_probabilities(model: Any) -> Form | None:
    """Give the form of a fitted classifier's ``predict_proba``; None where it has none.

    The form takes a matrix of shape (rows, columns) and gives shape (rows, 2).
    """
    if type(model) is not LogisticRegression or len(model.classes_) != 2:
        return None
    weights, intercept = model.coef_.T, model.intercept_

    def predict(matrix: Vector) -> Vector:
        probability = expit((matrix @ weights + intercept).reshape(-1))
        return np.vstack([1 - probability, probability]).T

    return predict


def _chain(steps: list[Form]) -> Form:
    def transform(matrix: Vector) -> Vector:
        for step in steps:
            matrix = step(matrix)
        return matrix

    return transform


def _fill(imputer: SimpleImputer) -> Form | None:
    statistics = np.asarray(imputer.statistics_, dtype="float64")
    plain = imputer.indicator_ is None and _is_nan(imputer.missing_values)
    if not plain or not np.isfinite(statistics).all():
        return None
    return lambda matrix: np.where(np.isnan(matrix), statistics, matrix)


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and np.isnan(value)  # one that was loaded is not np.nan itself


def _standardise(scaler: StandardScaler) -> Form:
    mean = scaler.mean_ if scaler.with_mean else 0.0
    scale = scaler.scale_ if scaler.with_std else 1.0
    return lambda matrix: (matrix - mean) / scale


def _stretch(scaler: MinMaxScaler) -> Form:
    low, high = scaler.feature_range if scaler.clip else (-np.inf, np.inf)
    return lambda matrix: np.clip(matrix * scaler.scale_ + scaler.min_, low, high)


def _mark_missing(indicator: MissingIndicator) -> Form | None:
    if not _is_nan(indicator.missing_values) or indicator.features != "missing-only":
        return None
    return lambda matrix: np.isnan(matrix)[:, indicator.features_]


_TRANSFORMERS: dict[type, Callable[[Any], Form | None]] = {
    SimpleImputer: _fill,
    StandardScaler: _standardise,
    MinMaxScaler: _stretch,
    MissingIndicator: _mark_missing,
}
