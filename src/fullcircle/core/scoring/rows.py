"""What a scored row says: who it is, what the model saw, what it predicted, and by what."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fullcircle.core.errors import ModelError
from fullcircle.core.evaluation.conformal import apply_interval
from fullcircle.core.metrics import Vector
from fullcircle.core.models.model import Model
from fullcircle.core.profile import PREDICTION
from fullcircle.core.scoring.predictor import Predictor
from fullcircle.core.scoring.requests import DAY

CHAMPION = "champion"
BACKFILLED = "backfilled"
_LABEL = pa.dictionary(pa.int32(), pa.string())


@dataclass(frozen=True)
class RoleModel:
    """A model that predicts, under a role.

    Attributes:
        role: ``champion``, whose answer counts, or another that predicts beside it.
        predictor: The model.
        columns: The model's features, in order, under the names that they have in the rows.
    """

    role: str
    predictor: Predictor
    columns: list[str]

    @property
    def model(self) -> Model:
        """The model."""
        return self.predictor.model

    def predict(self, batch: pa.RecordBatch) -> dict[str, pa.Array]:
        """Predict a batch; the columns of a role beside the champion carry its name.

        Raises:
            ModelError: A prediction is no finite number.
        """
        names = self.model.features
        inputs = batch.select(self.columns)
        if self.columns != names:
            inputs = pa.RecordBatch.from_arrays(inputs.columns, names=names)
        predicted = self.predictor.predict(inputs)
        if not np.isfinite(predicted).all():
            count = int((~np.isfinite(predicted.reshape(len(predicted), -1)).all(axis=1)).sum())
            raise ModelError(f"{self.model} gives no finite number for {count} rows.")
        columns = {PREDICTION: _as_array(predicted), **self._decide(predicted)}
        columns["model_version"] = _repeat(_version(self.model), batch.num_rows)
        prefix = "" if self.role == CHAMPION else f"{self.role}_"
        return {f"{prefix}{name}": column for name, column in columns.items()}

    def _decide(self, predicted: Vector) -> dict[str, pa.Array]:
        if self.model.task != "regression":
            return {"decision": pa.array(self.model.decide(predicted))}
        if self.model.interval is None:
            return {}
        low, high = apply_interval(self.model.interval, predicted)
        return {f"{PREDICTION}_low": pa.array(low), f"{PREDICTION}_high": pa.array(high)}


def stamp_rows(
    batch: pa.RecordBatch, role_models: list[RoleModel], stamps: Mapping[str, str]
) -> pa.RecordBatch:
    """Add predictions and stamps to rows with their features.

    Args:
        batch: Identity, features, ``scored_on``, and whatever else the rows shall keep.
        role_models: The champion first.
        stamps: What is the same for all rows, by column.

    Returns:
        The batch's columns; per role ``predicted``, ``decision`` (classes) or ``predicted_low``
        and ``predicted_high`` (values, where the model gives an interval) and ``model_version``;
        the stamps; and ``backfilled``, whether the row is older than the champion's training and
        so may have taught it: it says nothing of how good the champion is.
    """
    columns: dict[str, Any] = dict(zip(batch.schema.names, batch.columns, strict=True))
    for role_model in role_models:
        columns |= role_model.predict(batch)
    columns |= {name: _repeat(value, batch.num_rows) for name, value in stamps.items()}
    columns[BACKFILLED] = _is_backfilled(batch[DAY], role_models[0].model)
    return pa.RecordBatch.from_pydict(columns)


def _is_backfilled(days: pa.Array, champion: Model) -> pa.Array:
    trained = str(champion.trained_on.get("as_of", ""))[: len("2025-03-01")]
    return pc.less(days, pa.scalar(trained))


def name_model(model: Model) -> str:
    """Three-level name of a model; ``unregistered`` where it has none."""
    return model.registration.name if model.registration else "unregistered"


def _version(model: Model) -> str:
    return model.registration.version if model.registration else "none"


def _as_array(predicted: Vector) -> pa.Array:
    if predicted.ndim == 1:
        return pa.array(predicted)
    flat, width = predicted.ravel(), predicted.shape[1]
    offsets = np.arange(0, len(flat) + 1, width, dtype="int32")
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(flat))


def _repeat(value: str, rows: int) -> pa.Array:
    codes = pa.array(np.zeros(rows, dtype="int32"))
    return pa.DictionaryArray.from_arrays(codes, pa.array([value])).cast(_LABEL)
