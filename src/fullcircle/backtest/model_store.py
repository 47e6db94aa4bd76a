"""The models of a replay, each in a folder of its own, in the registry's format."""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from fullcircle.core.errors import StorageError
from fullcircle.core.models.edge_cases import predict_edge_cases
from fullcircle.core.models.model import Model, Registration
from fullcircle.datasets.model_probe_dataset import measure_latency
from fullcircle.storage.delta_tables import clear_storage_errors
from fullcircle.tracking.registry.model_files import DESCRIPTION
from fullcircle.tracking.registry.trusted_types import load_skops

_ESTIMATOR, _EXAMPLE = "model.skops", "input_example.json"


class BacktestModelStore:
    """Keeps models by number.

    Args:
        folder: Where they lie.
        name: What the models are called.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name

    def add(self, model: Model, number: int) -> Model:
        """Write a model beside its place, move it there, and give it as it is read again."""
        import skops.io

        place = self._folder / str(number)
        beside = place.with_name(f"{number}.unfinished")
        with clear_storage_errors(self._folder):
            for old in (beside, place):
                shutil.rmtree(old, ignore_errors=True)
            beside.mkdir()
            skops.io.dump(model.estimator, beside / _ESTIMATOR)
            description = json.dumps(model.describe(), indent=1)
            (beside / DESCRIPTION).write_text(description, encoding="utf-8")
            example = model.example.to_dict(orient="split", index=False)
            (beside / _EXAMPLE).write_text(json.dumps(example), encoding="utf-8")
            os.replace(beside, place)
        return self.take(number)

    def take(self, number: int) -> Model:
        """Read a model.

        Raises:
            StorageError: It is not there, or cannot be read.
        """
        place = self._folder / str(number)
        try:
            description = json.loads((place / DESCRIPTION).read_text(encoding="utf-8"))
            example = json.loads((place / _EXAMPLE).read_text(encoding="utf-8"))
            estimator = load_skops(place / _ESTIMATOR)
        except (OSError, ValueError) as error:
            raise StorageError(
                f"Model {number} of the replay at {self._folder.parent} cannot be read. Begin the "
                "replay again with --afresh."
            ) from error
        frame = pd.DataFrame(example["data"], columns=example["columns"])
        model = Model.from_description(description, estimator, frame)
        return model.registered_as(Registration(self._name, str(number), "replay"))

    def probe(self, model: Model) -> Mapping[str, Any]:
        """Say what the gate asks of the registry's copy; a replay's models are such copies."""
        from mlflow.models import infer_signature

        columns = infer_signature(model.example, model.predict(model.example)).inputs.inputs
        number = str(model.registration.version) if model.registration else ""
        files = [file for file in (self._folder / number).rglob("*") if file.is_file()]
        return {
            "model": str(model.registration),
            "error": None,
            "signature": {column.name: column.type.name for column in columns},
            "predictions": model.predict(model.example).tolist(),
            "edge_cases": predict_edge_cases(model),
            "latency_ms": measure_latency(model),
            "size_mb": sum(file.stat().st_size for file in files) / 1e6,
            "approvals": [],
            "trainer": None,
        }
