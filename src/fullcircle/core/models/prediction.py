"""From columns to predictions: the one way in which training and scoring use an estimator."""

from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from fullcircle.core.preparation.reader import is_numeric, read_moments, read_numbers, read_texts


def as_inputs(frame: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Give the columns in order: numbers and booleans as float64, moments as seconds since 1970.

    All else becomes text. Both training and scoring pass here, so an estimator meets the same
    types in both.
    """
    return pd.DataFrame(
        {name: as_input(frame[name]) for name in columns}, columns=columns, index=frame.index
    )


def as_input(column: pd.Series) -> pd.Series:
    """Give one column as an estimator meets it."""
    if is_numeric(column) or types.is_timedelta64_dtype(column.dtype):
        return pd.Series(read_numbers(column), index=column.index)
    if types.is_datetime64_any_dtype(column.dtype):
        return pd.Series(read_moments(column), index=column.index)
    values = column.to_numpy(dtype=object)
    kind = types.infer_dtype(values, skipna=True)
    if kind == "boolean":  # with a null among them they come as objects
        return pd.Series(read_numbers(column), index=column.index)
    if kind != "string":
        values = read_texts(column)
    elif (missing := pd.isna(values)).any():
        values = np.where(missing, np.nan, values)
    return pd.Series(values, index=column.index, dtype=object, copy=False)


def predict(estimator: Any, task: str, inputs: Any) -> np.ndarray:
    """Predict: probability of class 1 (binary), of each class (multiclass) or the value."""
    if task == "regression":
        return np.asarray(estimator.predict(inputs), dtype="float64")
    probability = np.asarray(estimator.predict_proba(inputs), dtype="float64")
    if task == "binary":
        return probability[:, 1]
    # Those of float32 add up to nearly 1.
    return np.asarray(probability / probability.sum(axis=1, keepdims=True))
