"""Models of the registry, candidate runs and reports as catalog entries."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from kedro.io import DatasetError

from fullcircle.core.contract import FeatureLookup
from fullcircle.core.model import Model
from fullcircle.core.preparation import PreparationSettings, diagnose_columns
from fullcircle.core.training.candidates import CANDIDATES
from fullcircle.core.training.estimators import as_inputs, assemble, fit
from fullcircle.datasets import CandidateRunsDataset, ModelDataset, ReportDataset

NAME = "catalog.schema.model"


@pytest.fixture(autouse=True)
def _tracking(tmp_path: Path, database: Path) -> Iterator[None]:
    """Track to a database of the test's own."""
    shutil.copy(database, tmp_path)
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    identity = mlflow.create_experiment("test", artifact_location=(tmp_path / "art").as_uri())
    mlflow.set_experiment(experiment_id=identity)
    yield
    while mlflow.active_run():
        mlflow.end_run()
    mlflow.set_tracking_uri(before)


def model(candidate: str = "logistic_regression", task: str = "binary") -> Model:
    """Fit a small model."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"size": rng.normal(size=80), "colour": rng.choice(["r", "b"], 80)})
    noise = rng.normal(size=80)
    label = pd.Series((frame["size"] + noise > 0).astype(int), name="y")
    if task == "multiclass":
        label += (frame["colour"] == "r").astype(int)
    inputs = as_inputs(frame, ["size", "colour"])
    settings = PreparationSettings()
    plan = diagnose_columns(inputs, label, task, settings)
    return Model(
        estimator=fit(assemble(candidate, task, 1, {}, plan, settings), inputs, label),
        candidate=candidate,
        task=task,
        features=["size", "colour"],
        lookups=[FeatureLookup(table="t", keys=["k"], columns=["colour"])],
        threshold=0.4 if task == "binary" else None,
        settings={"seed": 1},
        scores={"roc_auc": {"value": 0.9, "low": 0.8, "high": 1.0, "confidence": 0.95}},
        trained_on={"rows": 80, "as_of": "2024-01-01", "baseline": 0.5},
        profile={"rows": 80, "columns": {}},
        example=inputs.head(3),
    )


def dataset(alias: str, *, optional: bool = False) -> ModelDataset:
    return ModelDataset(model_name=NAME, alias=alias, optional=optional)


@pytest.mark.parametrize(
    ("candidate", "task"),
    [
        (name, task)
        for name, family in CANDIDATES.items()
        for task in ("binary", "multiclass", "regression")
        if family.fits(task, ordered=True)
    ],
)
def test_registered_model_predicts_as_before(candidate: str, task: str) -> None:
    """A model loaded back from the registry gives the very same predictions and facts."""
    original = model(candidate, task)
    with mlflow.start_run():
        dataset("challenger").save(original)
    loaded = dataset("challenger").load()
    frame = original.example
    assert (loaded.predict(frame) == original.predict(frame)).all()
    assert loaded.describe() == original.describe()
    assert loaded.registration.version == "1"
    assert dataset("challenger").data_version() == f"{NAME} v1"


def test_saving_a_registered_model_moves_the_alias_only() -> None:
    """Crowning a champion makes no new version."""
    with mlflow.start_run():
        dataset("challenger").save(model())
        dataset("challenger").save(model())
        challenger = dataset("challenger").load()
        dataset("champion").save(challenger)
    client = mlflow.MlflowClient()
    assert len(client.search_model_versions(f"name = '{NAME}'")) == 2
    assert int(client.get_model_version_by_alias(NAME, "champion").version) == 2


def test_absent_alias_is_none_or_an_error() -> None:
    """Where no version has the alias, an optional entry is None and a needed one says so."""
    assert dataset("champion", optional=True).load() is None
    assert not dataset("champion")._exists()
    with pytest.raises(DatasetError, match=f"no champion of {NAME}"):
        dataset("champion").load()


def test_damaged_model_is_named() -> None:
    """A model whose file is damaged is refused by name and version."""
    with mlflow.start_run():
        dataset("challenger").save(model())
    folder = mlflow.artifacts.download_artifacts(f"models:/{NAME}/1")
    (Path(folder) / "model.skops").write_bytes(b"no model")
    with pytest.raises(DatasetError, match=f"{NAME} v1 cannot be loaded"):
        dataset("challenger").load()


def test_model_that_brings_its_own_trusted_types_is_refused() -> None:
    """Types outside our own list are not loaded, whatever the model's files say of them."""
    import skops.io
    from sklearn.preprocessing import FunctionTransformer

    with mlflow.start_run():
        dataset("challenger").save(model())
    folder = mlflow.artifacts.download_artifacts(f"models:/{NAME}/1")
    skops.io.dump(FunctionTransformer(np.polyfit), Path(folder) / "model.skops")
    with pytest.raises(DatasetError, match="cannot be loaded"):
        dataset("challenger").load()


def test_candidates_become_nested_runs() -> None:
    """Each candidate is a run below the current one, with its parameters and scores."""
    record = {"parameters": {"seed": 1}, "metrics": {"roc_auc": 0.9}}
    with mlflow.start_run() as parent:
        CandidateRunsDataset().save({"a": record, "b": record})
    runs = mlflow.search_runs(output_format="list")
    children = [r for r in runs if r.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    assert sorted(run.info.run_name for run in children) == ["a", "b"]
    assert children[0].data.metrics == {"roc_auc": 0.9}
    with pytest.raises(DatasetError, match="read in MLflow"):
        CandidateRunsDataset().load()


def test_report_is_a_file_an_artifact_and_metrics(tmp_path: Path) -> None:
    """A report is read back as saved, and its named numbers are metrics of the run."""
    report = ReportDataset(filepath=str(tmp_path / "r" / "facts.json"), metrics=["a.b", "c", "d"])
    with mlflow.start_run() as run:
        report.save({"a": {"b": 2}, "c": True, "d": "text"})
    assert report.load() == {"a": {"b": 2}, "c": True, "d": "text"}
    found = mlflow.get_run(run.info.run_id)
    assert found.data.metrics == {"facts.a.b": 2.0, "facts.c": 1.0}
    assert mlflow.artifacts.list_artifacts(run_id=run.info.run_id)[0].path == "facts.json"


def test_report_outside_a_run_is_only_a_file(tmp_path: Path) -> None:
    """Saving a report in a notebook opens no run."""
    report = ReportDataset(filepath=str(tmp_path / "facts.json"))
    report.save([1])
    assert mlflow.active_run() is None
    assert json.loads((tmp_path / "facts.json").read_text("utf-8")) == [1]


def test_missing_report_says_what_to_run(tmp_path: Path) -> None:
    """A report that is not there yet is named with the command that makes it."""
    with pytest.raises(DatasetError, match="kedro run"):
        ReportDataset(filepath=str(tmp_path / "no.json")).load()


def test_unregistered_model_is_called_so() -> None:
    """A model says of itself whether the registry knows it."""
    assert str(model()) == "unregistered logistic_regression"
    assert replace(model(), registration=None).registration is None
