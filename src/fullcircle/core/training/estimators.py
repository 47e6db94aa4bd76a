"""From columns to predictions: the one way in which training and scoring use an estimator."""

from typing import Any

import pandas as pd
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
from fullcircle.core.training.candidates import CANDIDATES, Parameters


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
