"""What the gate learns of the registry's own copy of a model."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest
from kedro.io import DatasetError
from tests.small_models import make_model

from fullcircle.core.models.model import Model
from fullcircle.datasets import ModelDataset, ModelProbeDataset
from fullcircle.datasets.model_probe_dataset import measure_latency
from fullcircle.tracking.registry.operations import Registry

pytestmark = pytest.mark.usefixtures("tracked")
NAME = "catalog.schema.model"


@pytest.fixture
def probe() -> ModelProbeDataset:
    return ModelProbeDataset(model_name=NAME, alias="challenger")


def register(task: str = "binary") -> Model:
    """Register a model that says what it predicted when it was trained."""
    made = make_model(task=task)
    made = replace(made, expected=made.predict(made.example).tolist())
    with mlflow.start_run():
        ModelDataset(model_name=NAME, alias="challenger").save(made)
    return made


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_probe_tells_how_the_registered_copy_fares(probe: ModelProbeDataset, task: str) -> None:
    """Signature, predictions, times and size of the copy are told as plain values."""
    assert not probe.exists()
    made = register(task)
    assert probe.exists()
    told = json.loads(json.dumps(probe.load()))
    assert told["model"] == f"{NAME} v1"
    assert told["error"] is None
    assert list(told["signature"].items()) == [("size", "double"), ("colour", "string")]
    assert told["predictions"] == made.expected
    assert 0 < told["latency_ms"]["p50"] <= told["latency_ms"]["p95"]
    assert told["latency_ms"]["calls"] >= 5
    assert 0.001 < told["size_mb"] < 5
    assert told["approvals"] == []


def test_probe_tells_who_approved(probe: ModelProbeDataset) -> None:
    """An approval in the registry's log reaches the gate."""
    register()
    Registry(NAME).approve("1", "looks right")
    [approval] = probe.load()["approvals"]
    assert approval["why"] == "looks right"


def test_probe_of_a_damaged_copy_gives_the_reason_and_nothing_else(
    probe: ModelProbeDataset,
) -> None:
    """A changed file is an error, beside which no measurement stands."""
    register()
    folder = mlflow.artifacts.download_artifacts(f"models:/{NAME}/1")
    (Path(folder) / "model.skops").write_bytes(b"no model")
    told = probe.load()
    assert f"{NAME} v1" in told.pop("error")
    assert told == {**dict.fromkeys(told), "approvals": []}


def test_probe_of_nothing_is_an_error_in_its_facts(probe: ModelProbeDataset) -> None:
    """Where the role names no version, the gate is told so."""
    assert "challenger" in probe.load()["error"]


def test_probe_is_read_only(probe: ModelProbeDataset) -> None:
    """Evidence cannot be written by hand."""
    with pytest.raises(DatasetError, match="read only"):
        probe.save({"error": None})


def test_slow_models_are_called_fewer_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """After five calls two seconds are enough; the times are milliseconds of one row."""
    from fullcircle.datasets import model_probe_dataset

    clock = iter(range(1000))
    monkeypatch.setattr(model_probe_dataset.time, "perf_counter", lambda: next(clock))
    seen: list[int] = []

    class Slow:
        def predict(self, inputs: pd.DataFrame) -> Any:
            seen.append(len(inputs))
            return [0.0]

    slow = replace(make_model(task="regression"), estimator=Slow())
    assert measure_latency(slow) == {"p50": 1000.0, "p95": 1000.0, "calls": 5}
    assert set(seen) == {1}


@pytest.mark.parametrize(("busy", "p95"), [(2, 1000.0), (3, 9000.0)])
def test_the_quietest_round_counts(monkeypatch: pytest.MonkeyPatch, busy: int, p95: float) -> None:
    """A machine busy in two rounds makes no model slow; what takes long in all three is slow."""
    from fullcircle.datasets import model_probe_dataset

    calls = [9.0] * (5 * busy) + [1.0] * (5 * (3 - busy))
    moments = iter([moment for taken in calls for moment in (0.0, taken)])
    monkeypatch.setattr(model_probe_dataset.time, "perf_counter", lambda: next(moments))
    assert measure_latency(make_model(task="regression"))["p95"] == p95
