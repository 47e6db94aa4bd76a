"""Models of the registry, candidate runs and reports as catalog entries."""

import json
from pathlib import Path

import mlflow
import pytest
from kedro.io import DatasetError
from tests.serving.stage import NAME, Stage

from fullcircle.datasets import (
    CandidateRunsDataset,
    PredictionsDataset,
    ReportDataset,
    RoleProfilesDataset,
    StreamTableDataset,
)

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


def test_the_documented_report_of_ones_own_becomes_metrics(tracked: Path) -> None:
    """The catalog entry that the page shows logs the numbers of a node's report."""
    import re

    import mlflow
    import yaml
    from kedro.io import DataCatalog

    page = (Path(__file__).parents[2] / "docs" / "training.md").read_text("utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    declared = yaml.safe_load("".join(blocks).replace("${globals:data_dir}", str(tracked)))
    catalog = DataCatalog.from_config(declared)
    with mlflow.start_run() as run:
        catalog.save("long_contracts", {"rows": 7, "share": 0.25})
        catalog.save("long_contracts_table", [1, 2])
    logged = mlflow.get_run(run.info.run_id).data.metrics
    assert logged == {"long_contracts.rows": 7, "long_contracts.share": 0.25}
    found = {each.path for each in mlflow.MlflowClient().list_artifacts(run.info.run_id)}
    assert found == {"long_contracts.json", "long_contracts_table.json"}


def test_all_numbers_below_a_name_become_metrics(tmp_path: Path) -> None:
    """A path that ends in a star logs each number below it, and nothing that begins alike."""
    report = ReportDataset(filepath=str(tmp_path / "facts.json"), metrics=["a.*"])
    with mlflow.start_run() as run:
        report.save({"a": {"b": {"c": 1.5, "d": "text"}, "e": 2}, "ab": 3})
    assert mlflow.get_run(run.info.run_id).data.metrics == {"facts.a.b.c": 1.5, "facts.a.e": 2.0}


@pytest.mark.parametrize(
    "kind", [PredictionsDataset, StreamTableDataset], ids=["batch", "stream and endpoint"]
)
def test_a_source_that_nobody_uses_is_none(tmp_path: Path, kind: type) -> None:
    """An optional table that is not there is None; one that must be there says what makes it."""
    assert kind(filepath=str(tmp_path), optional=True).load() is None
    with pytest.raises(DatasetError, match="There is no table"):
        kind(filepath=str(tmp_path)).load()


def test_profiles_of_roles_are_read_without_their_models(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A challenger's profile is read with its version; the champion's, or a broken one, is not."""
    profiles = RoleProfilesDataset(model_name=NAME, aliases=["challenger", "shadow"])
    assert profiles.load() == {}
    stage = Stage(tmp_path)
    version = stage.crown()
    assert profiles.load() == {}
    stage.register("challenger")
    assert profiles.load() == {}  # a model without a profile is left out
    own = {"columns": {"predicted": {}}, "history": None}
    other = stage.register("challenger", profile=own)
    found = profiles.load()
    assert list(found) == ["challenger"]
    assert found["challenger"]["version"] == other != version
    assert found["challenger"]["profile"] == own
    for file in tmp_path.rglob("fullcircle.json"):
        file.write_text("{}", encoding="utf-8")
    assert profiles.load() == {}
    assert "cannot be read" in caplog.text
