"""A model's predictions for Arrow batches, without a detour through frames."""

import copy
import logging
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import VotingClassifier, VotingRegressor
from sklearn.pipeline import Pipeline

from fullcircle.core.errors import ModelError, name_missing
from fullcircle.core.evaluation.calibration import CalibratedClassifier
from fullcircle.core.metrics import Vector
from fullcircle.core.models.model import Model
from fullcircle.core.models.prediction import as_inputs, predict
from fullcircle.core.preparation import ColumnReader
from fullcircle.core.scoring.matrix import FastPreparation
from fullcircle.core.scoring.numpy_transforms import plain_probabilities

_logger = logging.getLogger(__name__)

Rows: TypeAlias = pa.RecordBatch | Mapping[str, Sequence[Any]]

# These turn any matrix into float32 themselves; given one, they need no second.
_TAKE_FLOAT32 = ("xgboost.", "sklearn.ensemble._forest")


class Predictor:
    """Predicts Arrow batches exactly as the model predicts frames.

    A model whose estimator is built of other parts than ours, or which would predict its own
    example otherwise, is asked through a frame: slower, never different.

    Attributes:
        model: The model.
        fast: Whether no frame is needed.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self._estimator = _compile(model.estimator)
        self.fast = self._estimator is not None and self._agrees()

    def predict(self, batch: pa.RecordBatch) -> Vector:
        """Predict rows: probability of class 1, of each class, or the value.

        Args:
            batch: Has the model's features, with or without other columns.

        Returns:
            Shape (rows,), or (rows, classes) for several classes; float64.

        Raises:
            ModelError: Names each missing feature.
        """
        if missing := name_missing(self.model.features, batch.schema.names):
            raise ModelError(f"{self.model} needs the column {missing}, which the rows lack.")
        if not batch.num_rows:
            return self.model.predict(self.model.example)[:0]
        if not self.fast:
            return self.model.predict(as_frame(batch, self.model.features))
        return predict(self._estimator, self.model.task, batch)

    def predict_values(self, columns: Mapping[str, Sequence[Any]]) -> Vector:
        """Predict rows of plain values, as ``predict`` predicts a batch of them.

        Args:
            columns: The model's features, each with one value per row: numbers, texts, None.
        """
        features = self.model.features
        if self.fast:
            return predict(self._estimator, self.model.task, columns)
        return self.model.predict(pd.DataFrame({name: columns[name] for name in features}))

    def _agrees(self) -> bool:
        """Whether both ways predict the model's own example alike, up to the order of sums."""
        example = as_inputs(self.model.example, self.model.features)
        try:
            ours = predict(self._estimator, self.model.task, _as_batch(example))
        except Exception as error:
            _logger.warning("%s is predicted through frames: %s", self.model, error)
            return False
        if np.allclose(ours, self.model.predict(example), rtol=1e-9, atol=1e-12):
            return True
        _logger.warning("%s is predicted through frames: the fast way differs", self.model)
        return False


def as_frame(batch: pa.RecordBatch, columns: list[str]) -> Any:
    """Give columns of a batch as a pandas frame, dictionaries as the values that they stand for."""
    chosen = batch.select(columns)
    plain = [
        column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
        for column in chosen.columns
    ]
    return pa.RecordBatch.from_arrays(plain, names=columns).to_pandas()


def _as_batch(frame: Any) -> pa.RecordBatch:
    return pa.RecordBatch.from_pandas(frame, preserve_index=False)


class _BatchPipeline:
    """One of our pipelines, taking batches: read, prepare, predict."""

    def __init__(self, pipeline: Pipeline) -> None:
        reader, prepare, self._model = (step for _, step in pipeline.steps)
        kind = type(self._model).__module__
        dtype = "float32" if kind.startswith(_TAKE_FLOAT32) else "float64"
        self._prepare = FastPreparation(reader, prepare, dtype)
        self._probabilities = plain_probabilities(self._model)

    @property
    def classes_(self) -> Vector:
        return np.asarray(self._model.classes_)

    def predict(self, rows: Rows) -> Vector:
        return np.asarray(self._model.predict(self._lay_out(rows)))

    def predict_proba(self, rows: Rows) -> Vector:
        ask = self._probabilities or self._model.predict_proba
        return np.asarray(ask(self._lay_out(rows)))

    def _lay_out(self, rows: Rows) -> Vector:
        if isinstance(rows, pa.RecordBatch):
            return self._prepare.transform(rows)
        return self._prepare.transform_values(rows)


def _compile(estimator: Any) -> Any:
    """Give the estimator in a form that takes batches; None where a part of it is not ours."""
    if isinstance(estimator, CalibratedClassifier):
        inner = _compile(estimator.estimator)
        parts = (estimator.method, estimator.parameters)
        return None if inner is None else CalibratedClassifier(inner, *parts)
    if isinstance(estimator, VotingClassifier | VotingRegressor):
        members = [_compile(member) for member in estimator.estimators_]
        if any(member is None for member in members):
            return None
        blend = copy.copy(estimator)
        blend.estimators_ = members
        return blend
    if isinstance(estimator, Pipeline) and _is_ours(estimator):
        try:
            return _BatchPipeline(estimator)
        except TypeError:
            return None
    return None


def _is_ours(pipeline: Pipeline) -> bool:
    kinds = [type(step) for _, step in pipeline.steps]
    return kinds[:-1] == [ColumnReader, ColumnTransformer]
