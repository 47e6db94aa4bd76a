"""The model families that compete, each with its own preparation inside the estimator.

To add one: write a function ``(task, seed) -> estimator`` and enter it in CANDIDATES.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field, field_validator
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from threadpoolctl import threadpool_limits

from fullcircle.core.contract import Settings
from fullcircle.core.errors import DataError, name_missing

_NUMBERS = make_column_selector(dtype_include="number")
_TEXTS = make_column_selector(dtype_exclude="number")


def prepare_linear() -> ColumnTransformer:
    """Impute and scale numbers, one-hot encode texts; rare and unseen categories share a column."""
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    texts = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="(missing)"),
        OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=10),
    )
    return ColumnTransformer([("numbers", numbers, _NUMBERS), ("texts", texts, _TEXTS)])


def prepare_trees(*, impute: bool) -> ColumnTransformer:
    """Leave numbers as they are and encode texts as ordinals; unseen categories become -1."""
    numbers = SimpleImputer(strategy="median", add_indicator=True) if impute else "passthrough"
    texts = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="(missing)"),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, min_frequency=10),
    )
    return ColumnTransformer([("numbers", numbers, _NUMBERS), ("texts", texts, _TEXTS)])


def logistic_regression(task: str, seed: int) -> Pipeline:
    """Logistic regression for classes; ridge regression, its sibling, for values."""
    model = (
        Ridge() if task == "regression" else LogisticRegression(max_iter=2000, random_state=seed)
    )
    return make_pipeline(prepare_linear(), model)


def random_forest(task: str, seed: int) -> Pipeline:
    """Random forest (Breiman 2001), leaves of at least 5 rows."""
    family = RandomForestRegressor if task == "regression" else RandomForestClassifier
    model = family(n_estimators=200, min_samples_leaf=5, n_jobs=2, random_state=seed)
    return make_pipeline(prepare_trees(impute=True), model)


def xgboost(task: str, seed: int) -> Pipeline:
    """Gradient boosted trees (Chen and Guestrin 2016), shallow and slow to learn."""
    from xgboost import XGBClassifier, XGBRegressor

    family = XGBRegressor if task == "regression" else XGBClassifier
    model = family(
        n_estimators=200,
        max_depth=3,
        learning_rate=0.05,
        subsample=0.8,
        tree_method="hist",
        n_jobs=1,
        random_state=seed,
    )
    return make_pipeline(prepare_trees(impute=False), model)


CANDIDATES: dict[str, Callable[[str, int], Pipeline]] = {
    "logistic_regression": logistic_regression,
    "random_forest": random_forest,
    "xgboost": xgboost,
}


class TrainingSettings(Settings):
    """How candidates are fitted and compared.

    Attributes:
        seed: Seed of every random choice.
        candidates: Names in CANDIDATES, the simpler first.
        bootstrap_resamples: Resamples behind each interval.
        confidence: Coverage of each interval, 0 to 1.
    """

    seed: int
    candidates: list[str] = Field(min_length=1)
    bootstrap_resamples: int = Field(ge=100)
    confidence: float = Field(gt=0, lt=1)

    @field_validator("candidates")
    @classmethod
    def _be_known(cls, names: list[str]) -> list[str]:
        if missing := name_missing(names, CANDIDATES):
            raise ValueError(f"unknown candidate {missing}; known: {', '.join(CANDIDATES)}")
        return names


def fit(name: str, task: str, seed: int, inputs: pd.DataFrame, label: pd.Series) -> Pipeline:
    """Fit one candidate, its sums on one thread, so that they add up alike on any machine.

    Raises:
        DataError: The label has a single class.
    """
    if task != "regression" and label.nunique() < 2:
        raise DataError(f"The label {label.name!r} has a single class in the train set.")
    with threadpool_limits(limits=1):
        estimator = CANDIDATES[name](task, seed).fit(inputs, label)
    if "n_jobs" in (model := estimator[-1]).get_params():
        model.set_params(n_jobs=1)
    return estimator


def as_inputs(frame: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Give the columns in order, numbers and booleans as float64, all else as text.

    Both training and scoring pass here, so an estimator meets the same types in both.
    """
    return pd.DataFrame(
        {name: _as_input(frame[name]) for name in columns}, columns=columns, index=frame.index
    )


def _as_input(column: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return column.astype("float64")
    text = column.astype(object)
    return text.where(text.notna(), np.nan)


def predict(estimator: Any, task: str, inputs: pd.DataFrame) -> np.ndarray:
    """Predict: probability of class 1 (binary), of each class (multiclass) or the value."""
    if task == "regression":
        return np.asarray(estimator.predict(inputs), dtype="float64")
    probability = np.asarray(estimator.predict_proba(inputs), dtype="float64")
    return probability[:, 1] if task == "binary" else probability
