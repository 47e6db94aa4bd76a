"""What is found when a registered model is loaded afresh and used, as evidence for the gate."""

import time
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from kedro.io import AbstractDataset, DatasetError

from fullcircle.core.models.edge_cases import predict_edge_cases
from fullcircle.core.models.model import Model
from fullcircle.tracking.registry.lookup import find_by_alias, find_version
from fullcircle.tracking.registry.model_files import fetch_version, read_model
from fullcircle.tracking.registry.operations import Registry
from fullcircle.tracking.registry.verification import find_trainer

_WARM_UP = 3
_MIN_CALLS = 5
_SECONDS = 2.0  # a slow model is called fewer times


class ModelProbeDataset(AbstractDataset[None, dict[str, Any]]):
    """Loads the registry's own copy of the model that an alias names, uses it, and tells.

    Example:
        ```yaml
        challenger_probe:
          type: fullcircle.datasets.ModelProbeDataset
          model_name: fullcircle.telco_churn.model
          alias: challenger
        ```
    """

    def __init__(
        self, *, model_name: str, alias: str, metadata: dict[str, Any] | None = None
    ) -> None:
        """Declare the role.

        Args:
            model_name: Three-level name ``catalog.schema.model``.
            alias: The role.
            metadata: Free facts for kedro-viz and other plugins.
        """
        self._name = model_name
        self._alias = alias
        self.metadata = metadata

    def load(self) -> dict[str, Any]:
        """Load the model, predict its example again, and measure.

        Returns:
            Plain values: ``model`` (name and version), ``error`` (why it cannot be loaded or used,
            None where it can), ``signature`` (type by input column, in order), ``predictions`` of
            the example's rows, ``edge_cases`` (see edge_cases.py), ``latency_ms`` (``p50`` and
            ``p95`` of ``calls`` with one row), ``size_mb`` of the model's files, and ``approvals``
            of these very files (who, when and why) and its ``trainer``. All are None, and no
            approval counts, where there is an error.
        """
        facts: dict[str, Any] = {"model": None, "error": None, "signature": None}
        facts |= {
            "predictions": None,
            "edge_cases": None,
            "latency_ms": None,
            "size_mb": None,
            "approvals": [],
            "trainer": None,
        }
        try:
            return facts | self._probe()
        except Exception as error:  # whatever is wrong with the copy is what the gate must know
            return facts | {"error": _first_line(error)}

    def save(self, data: None) -> None:
        """Refuse: a probe is found out, not written.

        Raises:
            DatasetError: Always.
        """
        del data
        raise DatasetError(f"The probe of {self._name} is read only; save the model itself.")

    def _probe(self) -> dict[str, Any]:
        version = find_version(f"models:/{self._name}@{self._alias}")
        model = read_model(version)
        with TemporaryDirectory() as place:
            folder = fetch_version(version, place)
            signature, size = _read_signature(folder), _measure_size(folder)
        registry = Registry(self._name)
        return {
            "model": str(model.registration),
            "signature": signature,
            "predictions": model.predict(model.example).tolist(),
            "edge_cases": predict_edge_cases(model),
            "latency_ms": measure_latency(model),
            "size_mb": size,
            "approvals": registry.approvals(str(version.version)),
            "trainer": find_trainer(registry.journal, str(version.version)),
        }

    def _exists(self) -> bool:
        return find_by_alias(self._name, self._alias) is not None

    def _describe(self) -> dict[str, Any]:
        return {"model_name": self._name, "alias": self._alias}


def _first_line(error: Exception) -> str:
    said = str(error).strip().splitlines()
    return said[0] if said else type(error).__name__


def _read_signature(folder: Path) -> dict[str, str]:
    from mlflow.models import Model as LoggedModel

    signature = LoggedModel.load(folder).signature
    columns = signature.inputs.inputs if signature else []
    return {str(column.name): getattr(column.type, "name", str(column.type)) for column in columns}


def _measure_size(folder: Path) -> float:
    """Size of a model's files, in megabytes of 10^6 bytes."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6


def measure_latency(model: Model, *, rounds: int = 3, calls: int = 40) -> dict[str, float]:
    """Time predictions of one row of the example, after some to warm up, in several rounds.

    The round with the least ``p95`` counts: that the machine had else to do in the others is no
    fault of the model, whereas all that a model waits for in each of them is.

    Args:
        model: The model.
        rounds: How often it is measured.
        calls: Predictions of a round.

    Returns:
        ``p50`` and ``p95`` in milliseconds over ``calls``: as many as asked for, or as two seconds
        allow, and never fewer than 5.
    """
    rows = [model.example.iloc[[place]] for place in range(len(model.example))]
    for row in islice(cycle(rows), _WARM_UP):
        model.predict(row)
    found = [_time_calls(model, rows, calls) for _ in range(rounds)]
    return min(found, key=lambda times: times["p95"])


def _time_calls(model: Model, rows: list[pd.DataFrame], calls: int) -> dict[str, float]:
    taken: list[float] = []
    for row in islice(cycle(rows), calls):
        begun = time.perf_counter()
        model.predict(row)
        taken.append(time.perf_counter() - begun)
        if len(taken) >= _MIN_CALLS and sum(taken) > _SECONDS:
            break
    p50, p95 = np.quantile(taken, [0.5, 0.95]) * 1000
    return {"p50": float(p50), "p95": float(p95), "calls": len(taken)}
