"""From columns to predictions: the one way in which training and scoring use an estimator."""

from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from fullcircle.core.errors import DataError
from fullcircle.core.preparation import (
    ColumnReader,
    PreparationSettings,
    prepare_linear,
    prepare_trees,
)
from fullcircle.core.preparation.reader import is_numeric, read_moments, read_numbers, read_texts
from fullcircle.core.training.candidates import CANDIDATES, Parameters


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


def build_preparation(
    kind: str, task: str, settings: PreparationSettings, seed: int
) -> ColumnTransformer:
    """Prepare columns as a family needs them: ``linear``, ``imputed`` or ``trees``."""
    if kind == "linear":
        return prepare_linear(task, settings, seed=seed)
    return prepare_trees(task, settings, impute=kind == "imputed", seed=seed)


def leave_out(plan: list[dict[str, Any]], columns: list[str]) -> list[dict[str, Any]]:
    """Give the plan with more columns dropped."""
    why = {"action": "drop", "why": "the score under cross-validation does without it"}
    return [{**entry, **why} if entry["column"] in columns else entry for entry in plan]


def assemble(
    candidate: str,
    task: str,
    seed: int,
    parameters: Parameters,
    plan: list[dict[str, Any]],
    settings: PreparationSettings,
) -> Pipeline:
    """Give the unfitted estimator of a candidate: read the columns, prepare them, model them."""
    family = CANDIDATES[candidate]
    return Pipeline(
        [
            ("columns", ColumnReader(plan)),
            ("prepare", build_preparation(family.preparation, task, settings, seed)),
            ("model", family.build(task, seed, parameters)),
        ]
    )


def fit(estimator: Any, inputs: pd.DataFrame, label: pd.Series) -> Any:
    """Fit, the sums on one thread, so that they add up alike on any machine.

    Raises:
        DataError: The label of a classification has a single class.
    """
    with threadpool_limits(limits=1):
        return estimator.fit(inputs, label)


def refuse_single_class(task: str, label: pd.Series) -> None:
    """Refuse a label from which no classification can be learnt.

    Raises:
        DataError: Names the label.
    """
    if task != "regression" and label.nunique() < 2:
        raise DataError(f"The label {label.name!r} has a single class in the train set.")


def predict(estimator: Any, task: str, inputs: Any) -> np.ndarray:
    """Predict: probability of class 1 (binary), of each class (multiclass) or the value."""
    if task == "regression":
        return np.asarray(estimator.predict(inputs), dtype="float64")
    probability = np.asarray(estimator.predict_proba(inputs), dtype="float64")
    if task == "binary":
        return probability[:, 1]
    # Those of float32 add up to nearly 1.
    return np.asarray(probability / probability.sum(axis=1, keepdims=True))
