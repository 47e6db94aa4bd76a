"""Models of the registry, candidate runs and reports as catalog entries."""

import json
from pathlib import Path

import mlflow
import pytest
from kedro.io import DatasetError

from fullcircle.datasets import CandidateRunsDataset, ReportDataset

pytestmark = pytest.mark.usefixtures("tracked")


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


def test_numbers_of_a_report_may_be_named_together(tmp_path: Path) -> None:
    """A star takes each part of a path into the metric's name; what is no finite number is left."""
    report = ReportDataset(
        filepath=str(tmp_path / "facts.json"),
        metrics={"scores.*.value": "gate.*", "train.*": "train.*", "rows": "rows"},
    )
    scores = {"f0.5": {"value": 0.7, "low": 0.6}, "precision": {"value": float("nan")}}
    with mlflow.start_run() as run:
        report.save({"scores": scores, "train": {"mcc": 0.9}, "rows": 3, "untrained": 1})
    found = mlflow.get_run(run.info.run_id).data.metrics
    assert found == {"gate.f0.5": 0.7, "train.mcc": 0.9, "rows": 3}


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
