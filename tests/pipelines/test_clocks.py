"""What a run at another clock has left is never used in silence."""

import random
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from deltalake import DeltaTable

from fullcircle.core.errors import ConfigurationError, StorageError
from fullcircle.datasets import DeltaTableDataset, ReportDataset
from fullcircle.hooks.clocks import ClockHook, find_stale
from fullcircle.tracking.made_by import MadeBy, begin_run, end_run

APRIL, MAY = "2025-04-01", "2025-05-01"
QUICK = """
training:
  candidates: [logistic_regression]
  search: {trials: 0}
  select_features: false
  bootstrap_resamples: 100
gate: {max_latency_ms: null}
"""


@pytest.fixture(scope="module")
def circle_of_april(circle: Any, copy_of: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Give a project in which all pipelines ran as of April."""
    project = copy_of(circle, tmp_path_factory.mktemp("clocks") / "project")
    (project.path / "conf/local/parameters.yml").write_text(QUICK, encoding="utf-8")
    return project


def run_part(project: Any, pipeline: str, as_of: str, **options: Any) -> None:
    from kedro.framework.session import KedroSession

    with KedroSession.create(project.path, runtime_params={"as_of": as_of}) as session:
        session.run(pipeline_names=[pipeline], **options)


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "training": ("training", {}, "feature_store"),
    "registry": ("registry", {}, "feature_store,training"),
    "train set": (
        "training",
        {"node_names": ["training.diagnose_train_set"]},
        "feature_store,training",
    ),
    "from a node": ("training", {"from_nodes": ["training.split_training_set"]}, "feature_store"),
    "requests": ("scoring", {"node_names": ["scoring.plan_scoring"]}, "scoring"),
    "plan": ("scoring", {"node_names": ["scoring.score_requests"]}, "scoring"),
    "alerts": ("monitoring", {"node_names": ["monitoring.decide_alerts"]}, "monitoring"),
    "missing": ("scoring", {"only_missing_outputs": True}, "scoring"),
    "join": (
        "feature_store",
        {"node_names": ["feature_store.build_training_set"]},
        "feature_store",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_part_at_another_clock_is_refused(circle_of_april: Any, case: str) -> None:
    """A part whose inputs are of another clock runs no node, and one line says what to run."""
    pipeline, options, makers = REFUSED[case]
    with pytest.raises(StorageError) as refused:
        run_part(circle_of_april, pipeline, MAY, **options)
    said = str(refused.value)
    assert f"was made as of {APRIL}" in said
    assert said.endswith(f"kedro run --pipelines {makers} --params as_of={MAY}")
    assert "\n" not in said


@pytest.mark.parametrize("case", ["train set", "requests", "plan", "alerts", "missing", "join"])
def test_part_at_the_same_clock_runs(circle_of_april: Any, case: str) -> None:
    """The same part at the clock of its inputs runs."""
    pipeline, options, _ = REFUSED[case]
    run_part(circle_of_april, pipeline, APRIL, **options)


def test_refused_run_leaves_no_lock_and_no_open_run(circle_of_april: Any) -> None:
    """After a refusal the lock is free, and MLflow has no run of it."""
    import mlflow

    from fullcircle.storage.locks import hold_lock

    with pytest.raises(StorageError):
        run_part(circle_of_april, "training", MAY)
    assert mlflow.active_run() is None
    with hold_lock(circle_of_april.path / "data/.locks/telco_churn.simulated.lock", "a test"):
        pass


def test_any_sequence_of_parts_is_right_or_refused(circle_of_april: Any) -> None:
    """Parts in any order at any clocks: each is refused, or leaves the rows of its own clock."""
    parts: list[tuple[str, dict[str, Any], str]] = [
        ("feature_store", {}, "training_set"),
        ("training", {"node_names": ["training.split_training_set"]}, "train_set"),
        ("scoring", {"node_names": ["scoring.select_requests"]}, "scoring_requests"),
        ("scoring", {"from_nodes": ["scoring.plan_scoring"]}, "predictions"),
    ]
    right: dict[tuple[str, str], Any] = {}
    for as_of in (APRIL, MAY):
        for pipeline, options, name in parts:
            run_part(circle_of_april, pipeline, as_of, **options)
            right[name, as_of] = summarise(circle_of_april, name, as_of)
    assert all(right[name, APRIL] != right[name, MAY] for *_, name in parts)
    draw, refused = random.Random(7), 0  # noqa: S311 - a fixed draw
    for _ in range(10):
        (pipeline, options, name), as_of = draw.choice(parts), draw.choice((APRIL, MAY))
        try:
            run_part(circle_of_april, pipeline, as_of, **options)
        except StorageError:
            refused += 1
        else:
            assert summarise(circle_of_april, name, as_of) == right[name, as_of]
    assert 0 < refused < 10


def summarise(project: Any, name: str, as_of: str) -> Any:
    """Read what tells the rows of one clock from those of another."""
    folder = "07_model_output" if name == "predictions" else "05_model_input"
    rows = DeltaTable(project.path / "data" / folder / "telco_churn/simulated" / name).to_pandas()
    if name == "predictions":
        rows = rows[rows["as_of"] == as_of][["customer_id", "scored_on", "predicted"]]
    rows = rows.sort_values("customer_id", ignore_index=True)
    return len(rows), int(pd.util.hash_pandas_object(rows, index=False).sum())


class TestStamps:
    """What a stored result says of the run that made it."""

    RUN = MadeBy(APRIL, "telco_churn", "simulated", "one")

    @pytest.fixture(params=["table", "report"])
    def dataset(self, request: pytest.FixtureRequest, tmp_path: Path) -> Any:
        """Give a dataset that carries its run."""
        if request.param == "table":
            return DeltaTableDataset(filepath=str(tmp_path / "t"))
        return ReportDataset(filepath=str(tmp_path / "r.json"))

    @staticmethod
    def save(dataset: Any, number: int) -> None:
        is_table = isinstance(dataset, DeltaTableDataset)
        dataset.save(pd.DataFrame({"a": [number]}) if is_table else {"a": number})

    def test_result_carries_the_run_that_made_it_last(self, dataset: Any) -> None:
        """What is read back is the run that wrote last, never an earlier one."""
        begin_run(self.RUN)
        try:
            self.save(dataset, 1)
            assert dataset.made_by() == self.RUN
        finally:
            end_run()
        self.save(dataset, 2)
        made_by = dataset.made_by()
        assert made_by is None or made_by.is_by_hand

    def test_report_that_was_changed_since_has_no_maker(self, tmp_path: Path) -> None:
        """A stamp holds for the very bytes that were saved, so a crash between fits neither."""
        report = ReportDataset(filepath=str(tmp_path / "r.json"))
        begin_run(self.RUN)
        report.save({"a": 1})
        end_run()
        (tmp_path / "r.json").write_text("{}", encoding="utf-8")
        assert report.made_by() is None

    def test_upkeep_takes_nothing_away(self, tmp_path: Path) -> None:
        """A table that was compacted since is of the run that wrote its rows."""
        table = DeltaTableDataset(filepath=str(tmp_path / "t"))
        begin_run(self.RUN)
        table.save(pd.DataFrame({"a": [1]}))
        end_run()
        for _ in range(7):
            DeltaTable(tmp_path / "t").vacuum(0, dry_run=False, enforce_retention_duration=False)
        assert table.made_by() == self.RUN


def test_rows_of_another_program_stop_the_run(tmp_path: Path) -> None:
    """Where another program writes over what this run wrote, the node that reads it is not run."""
    from kedro.io import DataCatalog

    table = DeltaTableDataset(filepath=str(tmp_path / "t"))
    hook = ClockHook()
    hook._run, hook._catalog = TestStamps.RUN, DataCatalog({"rows": table})
    begin_run(TestStamps.RUN)
    table.save(pd.DataFrame({"a": [1]}))
    end_run()
    hook.after_dataset_saved("rows")
    hook.after_dataset_loaded("rows")
    table.save(pd.DataFrame({"a": [2]}))
    with pytest.raises(StorageError, match="written over by another program"):
        hook.after_dataset_loaded("rows")


def test_data_that_lie_in_no_folder_are_refused(tmp_path: Path) -> None:
    """An object store, where no lock would hold, is refused, and no folder of its name is made."""
    from fullcircle.hooks.run_lock import find_lock

    settings = {"data_dir": "s3://bucket/data", "problem": "p", "data_source": "real"}
    with pytest.raises(ConfigurationError, match="is no folder"):
        find_lock(settings, tmp_path)


def test_table_that_a_person_saved_is_taken_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What a notebook saved is of no other clock: it is taken, and a line says so."""
    from kedro.io import DataCatalog

    table = DeltaTableDataset(filepath=str(tmp_path / "t"))
    table.save(pd.DataFrame({"a": [1]}))
    assert find_stale(["rows"], TestStamps.RUN, DataCatalog({"rows": table})) == {}
    assert "rows was saved by hand" in caplog.text


def test_table_of_a_version_that_kept_no_clock_is_refused(tmp_path: Path) -> None:
    """What an earlier version of this library wrote does not say its clock, and is refused."""
    from deltalake import write_deltalake
    from kedro.io import DataCatalog

    write_deltalake(tmp_path / "t", pd.DataFrame({"a": [1]}))
    catalog = DataCatalog({"rows": DeltaTableDataset(filepath=str(tmp_path / "t"))})
    stale = find_stale(["rows"], TestStamps.RUN, catalog)
    assert stale == {"rows": "does not say at which as_of it was made"}
