"""Models that are ready to answer: loaded, checked, warm."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fullcircle.core.errors import ModelError
from fullcircle.core.metrics import Vector
from fullcircle.core.models.model import Model, Registration
from fullcircle.core.models.prediction import as_inputs
from fullcircle.core.scoring.predictor import Predictor
from fullcircle.serving.file_holds import hold_files
from fullcircle.serving.schemas import Columns, Contract, InputSchema, declare_form
from fullcircle.serving.traffic import CHAMPION
from fullcircle.tracking.registry.digests import find_tampering
from fullcircle.tracking.registry.model_files import rebuild_model

_TOLERANCE = 1e-6  # the gate's own, between a model in memory and the same one loaded again


@dataclass(eq=False)
class LoadedModel:
    """A model that is ready to answer.

    Attributes:
        version: Its number in the registry.
        predictor: The model.
        form: What requests must hold for it.
        remember: Predictions that are kept, at most.
        asked: Rows that were looked for among them.
        found: Rows that were found there.
    """

    version: str
    predictor: Predictor
    form: InputSchema
    remember: int = 0
    asked: int = 0
    found: int = 0
    _known: OrderedDict[tuple[Any, ...], Any] = field(default_factory=OrderedDict, repr=False)

    @property
    def model(self) -> Model:
        """The model."""
        return self.predictor.model

    def predict(self, columns: Mapping[str, Sequence[Any]]) -> Vector:
        """Predict rows of plain values.

        Args:
            columns: All features of the model.

        Returns:
            Probability of class 1, of each class, or the value, as the model gives it.

        Raises:
            ModelError: A prediction is no finite number.
        """
        if not self.remember:
            return self._ask(columns)
        rows = list(zip(*(columns[name] for name in self.model.features), strict=True))
        new = [place for place, row in enumerate(rows) if row not in self._known]
        self.asked, self.found = self.asked + len(rows), self.found + len(rows) - len(new)
        answers: list[Any] = [self._known.get(row) for row in rows]
        if new:
            fresh = self._ask({name: [columns[name][i] for i in new] for name in columns})
            for place, answer in zip(new, fresh, strict=True):
                answers[place] = answer
        for row, answer in zip(rows, answers, strict=True):
            self._known[row] = answer
            self._known.move_to_end(row)
        while len(self._known) > self.remember:
            self._known.popitem(last=False)
        return np.asarray(answers)

    def _ask(self, columns: Mapping[str, Sequence[Any]]) -> Vector:
        predicted = self.predictor.predict_values(columns)
        if not np.isfinite(predicted).all():
            raise ModelError(f"{self.model} gives no finite number.")
        return predicted


@dataclass(frozen=True)
class ActiveModels:
    """Who answers now.

    Attributes:
        by_role: A loaded model per role; without a champion, nobody answers.
        share: Share of the entities that the challenger answers.
    """

    by_role: Mapping[str, LoadedModel] = field(default_factory=dict)
    share: float = 0.0

    @cached_property
    def columns(self) -> frozenset[str]:
        """All columns that a request may bring for any of the models."""
        return frozenset().union(*(loaded.form.columns for loaded in self.by_role.values()))

    @property
    def champion(self) -> LoadedModel | None:
        """Who answers unless another role is chosen."""
        return self.by_role.get(CHAMPION)


def load_model(entry: Mapping[str, Any], contract: Contract, remember: int) -> LoadedModel:
    """Load a version's files, check that it predicts as it should, and warm it.

    Args:
        entry: Of the roles file: name, version, run, facts, digest and folder.
        contract: What is known of the problem.
        remember: Predictions to keep.

    Raises:
        ModelError: The files are not those that were registered, or it predicts otherwise.
    """
    folder = Path(entry["folder"])
    registration = Registration(
        entry["name"], entry["version"], entry["run_id"], dict(entry["facts"])
    )
    with hold_files(folder):
        if tampering := find_tampering(folder, entry["digest"]):
            raise ModelError(f"{registration} is not what was registered: {tampering}.")
        model = rebuild_model(folder, registration)
    loaded = LoadedModel(
        version=entry["version"],
        predictor=Predictor(model),
        form=declare_form(model, contract),
        remember=remember,
    )
    _check(loaded)
    return loaded


def _check(loaded: LoadedModel) -> None:
    """Let the model predict its own example, row by row and together, by the way requests go."""
    model = loaded.model
    example = as_inputs(model.example, model.features)
    columns: Columns = {
        name: [None if pd.isna(value) else value for value in example[name].tolist()]
        for name in model.features
    }
    together = loaded._ask(columns)
    apart = [
        loaded._ask({name: [values[row]] for name, values in columns.items()})[0]
        for row in range(len(example))
    ]
    wanted = model.predict(model.example) if model.expected is None else model.expected
    for predicted in (together, apart):
        if not np.allclose(predicted, wanted, rtol=_TOLERANCE, atol=_TOLERANCE):
            raise ModelError(f"{model} predicts its own example otherwise than it did in training.")
