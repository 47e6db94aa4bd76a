"""Maintenance: what is shown, what is deleted, and what stays because a model needs it."""

import json
import os
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pyarrow as pa
import pytest
from click.testing import CliRunner
from deltalake import CommitProperties, DeltaTable, write_deltalake
from hypothesis import given, settings
from hypothesis import strategies as st
from mlflow import MlflowClient

from fullcircle.cli.maintain import format_bytes, maintain
from fullcircle.core.errors import ConfigurationError
from fullcircle.datasets import DeltaTableDataset
from fullcircle.maintenance.files import plan_files
from fullcircle.maintenance.places import StoredTables
from fullcircle.maintenance.runs import plan_runs
from fullcircle.maintenance.settings import MaintenanceSettings, parse_settings
from fullcircle.maintenance.tables import plan_tables
from fullcircle.reproduction import rebuild
from fullcircle.storage import delta_maintenance as delta
from fullcircle.tracking.registry.lookup import find_version

NOW = datetime.now(UTC)
QUICK = """
training:
  candidates: [logistic_regression]
  search: {trials: 1}
  select_features: false
  bootstrap_resamples: 100
gate: {max_latency_ms: null}
"""
EVERYTHING_OLD = """
version_days: 0
trial_days: 0
run_days: 0
deleted_days: 0
raw_days: 0
leftover_days: 0
artifact_days: {"plots/*.html": 0}
"""


def frame(value: int) -> pd.DataFrame:
    return pd.DataFrame({"a": [value] * 3})


def list_tree(folder: Path) -> dict[str, int]:
    """Give each file's moment of change, of all but the database that is asked."""
    return {
        str(path): path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in str(path)
    }


@settings(max_examples=8, deadline=None)
@given(kept=st.sets(st.integers(0, 7), max_size=3))
def test_vacuum_keeps_what_is_kept_and_the_newest(
    tmp_path_factory: pytest.TempPathFactory, kept: set[int]
) -> None:
    """The versions kept and the newest are read as before; the files of all others are gone."""
    path = tmp_path_factory.mktemp("table") / "t"
    table = DeltaTableDataset(filepath=str(path), load_as="pandas")
    for value in range(8):
        table.save(frame(value))
    keep = delta.find_versions(path, [*kept, 99])
    counted = delta.count_unneeded(path, 0, keep)
    assert delta.vacuum(path, 0, keep) == counted.files == 8 - len(kept | {7})
    for version in keep:
        pd.testing.assert_frame_equal(table.load_version(version), frame(version))
    pd.testing.assert_frame_equal(table.load(), frame(7))


def test_kept_versions_outlive_the_logs_retention(tmp_path: Path) -> None:
    """A version is still read after the checkpoint at which delta forgets old ones."""
    table = DeltaTableDataset(filepath=str(tmp_path / "t"), load_as="pandas")
    table.save(frame(0))
    month_over = {"delta.logRetentionDuration": "interval 0 seconds"}
    DeltaTable(tmp_path / "t").alter.set_table_properties(month_over)
    for value in range(1, 110):
        table.save(frame(value))
    pd.testing.assert_frame_equal(table.load_version(0), frame(0))


def test_maintenance_is_not_taken_for_the_writer(tracked: Path) -> None:
    """Lineage names the run that wrote the rows, not the maintenance after it."""
    table = DeltaTableDataset(filepath=str(tracked / "t"))
    with mlflow.start_run() as run:
        table.save(frame(0))
        table.save(frame(1))
    assert delta.vacuum(tracked / "t", 0, []) == 1
    newest = DeltaTable(tracked / "t").version()
    assert newest > 1
    assert table.written_by(newest) == run.info.run_id


@pytest.mark.parametrize("kind", [pa.date32(), pa.string()])
def test_rows_past_their_days_go_by_whole_files(tmp_path: Path, kind: pa.DataType) -> None:
    """Rows of days before the first kept one are gone, all others are there."""
    days = [date(2025, 1, 1) + timedelta(days=k) for k in range(6)]
    values = pa.array(days).cast(kind) if kind == pa.date32() else pa.array(map(str, days))
    rows = pa.table({"day": values, "a": range(6)})
    write_deltalake(tmp_path / "t", rows, partition_by=["day"])
    column = delta.find_day_column(tmp_path / "t")
    assert column == "day"
    assert delta.count_rows_before(tmp_path / "t", column, days[4]).files == 4
    delta.delete_rows_before(tmp_path / "t", column, days[4])
    assert sorted(DeltaTable(tmp_path / "t").to_pandas()["a"]) == [4, 5]


def test_compaction_keeps_rows_and_what_the_table_says_of_itself(tmp_path: Path) -> None:
    """Many small files become one with the same rows, and the layout's mark is carried on."""
    for value in range(10):
        mark = CommitProperties(custom_metadata={"predictions_layout": "2"})
        write_deltalake(tmp_path / "t", frame(value), mode="append", commit_properties=mark)
    assert delta.count_small_files(tmp_path / "t").files == 10
    delta.compact(tmp_path / "t")
    table = DeltaTable(tmp_path / "t")
    assert len(table.file_uris()) == 1
    assert sorted(table.to_pandas()["a"]) == sorted(list(range(10)) * 3)
    assert table.history(1)[0]["predictions_layout"] == "2"
    assert delta.count_small_files(tmp_path / "t").files == 0


def place(root: Path, **catalog: Any) -> StoredTables:
    return StoredTables("shop", "real", root, {"data_dir": "data"}, catalog, "shop")


def test_tables_of_others_are_left_alone(tmp_path: Path) -> None:
    """Only declared tables within the data folder count, and no stream's source."""
    for name in ("data/own", "data/source", "elsewhere", "data/undeclared"):
        write_deltalake(tmp_path / name, frame(1))
    own = {"type": "x.DeltaTableDataset", "filepath": "data/own"}
    source = {"type": "fullcircle.datasets.RecordTableDataset", "filepath": "data/source"}
    other = {"type": "x.DeltaTableDataset", "filepath": "elsewhere"}
    assert list(place(tmp_path, own=own, source=source, other=other).tables) == ["own"]


def test_days_of_a_table_without_days_are_refused(tmp_path: Path) -> None:
    """A retention that cannot be kept is one clear line."""
    write_deltalake(tmp_path / "data/own", frame(1))
    own = {"type": "x.DeltaTableDataset", "filepath": "data/own"}
    wanted = parse_settings({"row_days": {"own": 3}})
    with pytest.raises(ConfigurationError, match="not partitioned by day"):
        list(plan_tables(place(tmp_path, own=own), wanted, NOW.date()))


@pytest.mark.parametrize("declared", [{"version_days": -1}, {"row_dys": {}}, {"run_days": "x"}])
def test_wrong_settings_are_one_line(declared: dict[str, Any]) -> None:
    """A misspelt name or a number of days that is none is refused with its name."""
    with pytest.raises(ConfigurationError, match=next(iter(declared))):
        parse_settings(declared)


def start(name: str, parent: str | None = None, **tags: str) -> str:
    marks = {**tags, **({"mlflow.parentRunId": parent} if parent else {})}
    with mlflow.start_run(run_name=name, tags=marks, nested=parent is not None) as run:
        mlflow.log_text("drawn", "plots/figure.html")
    return str(run.info.run_id)


def test_runs_go_but_those_of_models(tracked: Path) -> None:
    """Old trials and runs go, then their files; a registered run, its parent and open ones stay."""
    client = MlflowClient()
    parent = start("whole")
    maker = start("candidate", parent)
    going = [start("trial", maker, trial="1"), start("monitoring")]
    client.create_registered_model("shop")
    version = client.create_model_version("shop", str(tracked), run_id=maker)
    identity = client.get_experiment_by_name("test").experiment_id
    open_run = client.create_run(identity).info.run_id
    wanted = parse_settings({"trial_days": 0, "run_days": 0, "deleted_days": 0})
    later = NOW + timedelta(hours=1)
    folder = tracked / "art"
    before = list_tree(folder)
    steps = list(plan_runs({"test"}, {version.run_id}, wanted, later))
    assert [step.files for step in steps] == [1, 1]
    assert list_tree(folder) == before
    for step in steps:
        step.apply()
    left = {run.info.run_id for run in client.search_runs([identity])}
    assert left == {parent, maker, open_run}
    for step in plan_runs({"test"}, {version.run_id}, wanted, later):
        step.apply()
    assert not any((folder / run).exists() for run in going)
    assert (folder / maker / "artifacts/plots/figure.html").is_file()
    assert list(plan_runs({"test"}, {version.run_id}, wanted, later)) == []


def test_large_files_of_runs_go_before_the_runs(tracked: Path) -> None:
    """A pattern's files go after their days; those of a named version's run stay."""
    named, other = start("named"), start("other")
    wanted = MaintenanceSettings(artifact_days={"plots/*.html": 0}, run_days=None)
    steps = list(plan_runs({"test"}, {named}, wanted, NOW + timedelta(hours=1)))
    assert [(step.files, step.bytes) for step in steps] == [(1, 5)]
    steps[0].apply()
    left = [f.path for run in (named, other) for f in MlflowClient().list_artifacts(run, "plots")]
    assert left == ["plots/figure.html"]


def age(path: Path, days: float) -> None:
    then = (NOW - timedelta(days=days)).timestamp()
    os.utime(path, (then, then))


def test_files_that_nothing_needs_go(tmp_path: Path) -> None:
    """Other simulations and what killed writers left go when they are old; young ones stay."""
    from fullcircle.datasets import SimulatedDataset

    raw: dict[str, Any] = {
        "simulator": "fullcircle.problems.telco_churn.simulator.ChurnSimulator",
        "filepath": "data/raw",
        "settings": {"seed": 1},
    }
    own = tmp_path / SimulatedDataset(**raw).folder
    for folder, days in ((own, 99), (own.with_name("old"), 99), (own.with_name("young"), 1)):
        folder.mkdir(parents=True)
        (folder / "rows.parquet").write_bytes(b"12345")
        age(folder, days)
    left = tmp_path / "data/05/x.unfinished"
    left.mkdir(parents=True)
    (left / "inner.part").write_bytes(b"1")
    age(left / "inner.part", 9)
    age(left, 9)
    (tmp_path / "data/05/running.unfinished").write_bytes(b"1")
    jobs = tmp_path / "data/08_reporting/jobs/runs.jsonl"
    jobs.parent.mkdir(parents=True)
    ended = [(NOW - timedelta(days=days)).isoformat() for days in (400, 1)]
    jobs.write_text("".join(json.dumps({"ended_at": at}) + "\n" for at in ended), encoding="utf-8")
    found = place(tmp_path, raw={"type": "fullcircle.datasets.SimulatedDataset", **raw})
    steps = list(plan_files([found], MaintenanceSettings(), NOW))
    assert [(step.what, step.files) for step in steps] == [
        ("delete other simulations", 1),
        ("delete unfinished files", 1),
        ("delete lines about jobs", 1),
    ]
    for step in steps:
        step.apply()
    assert sorted(path.name for path in own.parent.iterdir()) == sorted([own.name, "young"])
    assert [path.name for path in (tmp_path / "data/05").iterdir()] == ["running.unfinished"]
    assert [json.loads(line)["ended_at"] for line in jobs.read_text("utf-8").splitlines()] == [
        ended[1]
    ]


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 KB"), (3_300_000_000, "3.3 GB")]
)
def test_sizes_are_readable(size: int, text: str) -> None:
    """A size is written in the unit that can be read."""
    assert format_bytes(size) == text


def test_champion_is_reproduced_after_everything_old_is_gone(
    new_project: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look changes no file; with --apply the old goes, and the champion is rebuilt to the bit."""
    project = new_project()
    (project.path / "conf/local/parameters.yml").write_text(QUICK, encoding="utf-8")
    project.run("data_processing", "feature_store", "training", "registry")
    project.run("data_processing", "feature_store", "training")
    (project.path / "conf/base/maintenance.yml").write_text(EVERYTHING_OLD, encoding="utf-8")
    monkeypatch.chdir(project.path)
    before = list_tree(project.path)
    shown = CliRunner().invoke(maintain, ["--json"])
    assert shown.exit_code == 0, shown.output
    assert list_tree(project.path) == before
    done = CliRunner().invoke(maintain, ["--json", "--apply"])
    assert done.exit_code == 0, done.output
    assert json.loads(shown.stdout)["bytes"] > 0
    gone = set(before) - set(list_tree(project.path))
    assert any("05_model_input" in path for path in gone)
    CliRunner().invoke(maintain, ["--apply"])
    assert json.loads(CliRunner().invoke(maintain, ["--json"]).stdout)["steps"] == []
    champion = find_version("models:/fullcircle.telco_churn.simulated_model@champion")
    rebuilt = rebuild(champion, project.catalog(), Path(project.path), any_code=True)
    assert rebuilt.identical
    assert rebuilt.made_from["data.train_set"] == "delta v0"
    project.run("scoring")
    shutil.rmtree(project.path)
