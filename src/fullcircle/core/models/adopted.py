"""A model that was made elsewhere, behind the two methods that ours have."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from fullcircle.core.errors import ModelError

_WHOLE = ("long", "integer")
_MOMENTS = ("datetime",)


class AdoptedEstimator:
    """Asks a foreign model by the types that it was logged with.

    Attributes:
        inner: The foreign model.
        columns: MLflow's type by input column, in order.
        kind: How it is asked: ``estimator`` (as scikit-learn's), ``booster`` or ``xgboost``
            (predictions alone), ``pyfunc`` (MLflow's generic form).
    """

    def __init__(self, inner: Any, columns: Mapping[str, str], kind: str) -> None:
        self.inner = inner
        self.columns = dict(columns)
        self.kind = kind

    def predict(self, inputs: pd.DataFrame) -> np.ndarray:
        """Predict values, shape (rows,)."""
        return _as_matrix(self._ask(inputs, "predict")).reshape(len(inputs))

    def predict_proba(self, inputs: pd.DataFrame) -> np.ndarray:
        """Predict probabilities, shape (rows, classes); a single column is that of class 1.

        Raises:
            ModelError: It gives no probabilities.
        """
        method = "predict_proba" if self.kind == "estimator" else "predict"
        if not hasattr(self.inner, method):
            raise ModelError(f"{type(self.inner).__name__} gives classes, not probabilities")
        found = _as_matrix(self._ask(inputs, method))
        return np.column_stack([1 - found[:, 0], found[:, 0]]) if found.shape[1] == 1 else found

    @property
    def classes(self) -> list[Any] | None:
        """The classes in the order of the probabilities, where the model says so."""
        found = getattr(self.inner, "classes_", None)
        return None if found is None else np.asarray(found).tolist()

    def _ask(self, inputs: pd.DataFrame, method: str) -> Any:
        frame = pd.DataFrame(
            {name: _as_logged(inputs[name], kind) for name, kind in self.columns.items()}
        )
        if self.kind == "xgboost":
            import xgboost

            return self.inner.predict(xgboost.DMatrix(frame))
        return getattr(self.inner, method)(frame)


def _as_logged(column: pd.Series, kind: str) -> pd.Series:
    """Give one of our inputs the type that a model was logged with, where its values allow it."""
    if kind in _MOMENTS:
        return pd.to_datetime(column, unit="s")
    if kind == "float":
        return column.astype("float32")
    if column.isna().any() or kind not in (*_WHOLE, "boolean"):
        return column
    if kind == "boolean":
        return column.astype(bool)
    whole = (column == np.floor(column)).all()
    return column.astype("int32" if kind == "integer" else "int64") if whole else column


def _as_matrix(found: Any) -> np.ndarray:
    values = np.asarray(found, dtype="float64")
    return values.reshape(-1, 1) if values.ndim == 1 else values
