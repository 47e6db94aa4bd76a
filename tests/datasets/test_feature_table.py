"""One feature table: its modes, its checks, its history, and its writers."""

import multiprocessing
import os
import resource
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from hypothesis import given, settings
from hypothesis import strategies as st
from kedro.io import DatasetError

from fullcircle.core.errors import ConfigurationError
from fullcircle.datasets import FeatureTableDataset

START = datetime(2024, 1, 1, tzinfo=UTC)


def table(folder: Path, **options: Any) -> FeatureTableDataset:
    declared: dict[str, Any] = {"keys": ["who"], "event_time": "at", "mode": "merge", **options}
    return FeatureTableDataset(name="c.s.habits", filepath=str(folder), **declared)


def rows(*facts: tuple[Any, int, Any]) -> pd.DataFrame:
    """Rows of (who, day, value)."""
    return pd.DataFrame(
        {
            "who": pd.array([who for who, _, _ in facts], dtype="str"),
            "at": pd.to_datetime([START + timedelta(days=d) for _, d, _ in facts]).as_unit("us"),
            "value": [float(value) for _, _, value in facts],
        }
    )


def content(dataset: FeatureTableDataset) -> list[tuple[str, int, float]]:
    frame = dataset.load().rows.order_by("who", "at").to_pandas()
    days = (frame["at"] - pd.Timestamp(START)).dt.days
    return list(zip(frame["who"], days, frame["value"], strict=True))


def test_merge_updates_by_key_and_moment_and_adds_the_rest(tmp_path: Path) -> None:
    """A row with a known key and moment is updated, any other is added, none is lost."""
    dataset = table(tmp_path)
    dataset.save(rows(("a", 0, 1), ("b", 0, 2)))
    dataset.save(rows(("a", 0, 9), ("a", 1, 3)))
    assert content(dataset) == [("a", 0, 9.0), ("a", 1, 3.0), ("b", 0, 2.0)]


def test_append_only_adds(tmp_path: Path) -> None:
    """Appending leaves every earlier row as it is."""
    dataset = table(tmp_path, mode="append")
    dataset.save(rows(("a", 0, 1)))
    dataset.save(rows(("b", 0, 2)))
    assert content(dataset) == [("a", 0, 1.0), ("b", 0, 2.0)]


def test_append_of_a_row_that_is_there_is_refused_whole(tmp_path: Path) -> None:
    """An append that repeats a key and moment of the table says how many and names one."""
    dataset = table(tmp_path, mode="append")
    dataset.save(rows(("a", 0, 1), ("b", 0, 2), ("c", 0, 3)))
    before = DeltaTable(tmp_path).version()
    with pytest.raises(DatasetError) as error:
        dataset.save(rows(("a", 1, 9), ("b", 0, 9), ("c", 0, 9)))
    said = str(error.value)
    assert "2 of them, for example who=b, at=2024-01-01 00:00:00+00:00, are in the table" in said
    assert DeltaTable(tmp_path).version() == before
    dataset.save(rows(("a", 1, 9)))
    assert content(dataset) == [("a", 0, 1.0), ("a", 1, 9.0), ("b", 0, 2.0), ("c", 0, 3.0)]


def test_append_that_repeats_itself_is_refused(tmp_path: Path) -> None:
    """Rows of one append that share key and moment are counted, and one is named."""
    batch = rows(("a", 0, 1), ("b", 0, 1), ("b", 0, 2), ("b", 0, 3), ("c", 0, 1), ("c", 0, 2))
    with pytest.raises(
        DatasetError, match=r"2 keys .* in 5 rows, for example who=b, at=2024-01-01"
    ):
        table(tmp_path, mode="append").save(batch)


def test_append_that_another_append_overtakes_is_checked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that another writer adds between the check and the commit is found all the same."""
    first, second = (table(tmp_path, mode="append") for _ in range(2))
    first.save(rows(("a", 0, 1)))
    check, overtakers = FeatureTableDataset._refuse_held, [rows(("b", 0, 2))]

    def check_then_be_overtaken(self: FeatureTableDataset, *given: Any) -> None:
        check(self, *given)
        if self is first and overtakers:
            second.save(overtakers.pop())

    monkeypatch.setattr(FeatureTableDataset, "_refuse_held", check_then_be_overtaken)
    with pytest.raises(DatasetError, match="1 of them, for example who=b"):
        first.save(rows(("b", 0, 3), ("c", 0, 3)))
    assert content(first) == [("a", 0, 1.0), ("b", 0, 2.0)]


def test_overwrite_alone_may_change_the_schema(tmp_path: Path) -> None:
    """A new column is refused by merge and taken by overwrite."""
    table(tmp_path).save(rows(("a", 0, 1)))
    wider = rows(("a", 0, 1)).assign(colour="red")
    with pytest.raises(DatasetError, match="brings the new colour"):
        table(tmp_path).save(wider)
    table(tmp_path, mode="overwrite").save(wider)
    assert "colour" in table(tmp_path).load().rows.columns


def test_schema_error_names_every_column(tmp_path: Path) -> None:
    """Missing, extra and mistyped columns are all named in one error, and nothing is written."""
    table(tmp_path).save(rows(("a", 0, 1)).assign(size=1))
    wrong = rows(("a", 0, 1)).assign(value="x", extra=1)
    with pytest.raises(DatasetError) as error:
        table(tmp_path).save(wrong)
    said = str(error.value)
    assert "lacks size (int64" in said
    assert "brings the new extra (int64" in said
    assert "has value as string" in said
    assert DeltaTable(tmp_path).version() == 1


@pytest.mark.parametrize(
    ("batch", "wanted"),
    [
        (rows(("a", 0, 1), (None, 0, 2)), "1 rows have no who"),
        (rows(("a", 0, 1), ("a", 0, 2)), "1 keys .who, at. come more than once"),
        (rows(("a", 400_00, 1)), "lies in the future"),
        (rows(("a", 0, 1)).drop(columns="at"), "lack the declared column 'at'"),
        (rows(("a", 0, 1)).assign(at=lambda r: r["at"].dt.tz_localize(None)), "must be in UTC"),
    ],
    ids=["null key", "repeated key", "future", "no event time", "naive moment"],
)
def test_bad_batch_is_refused_before_a_byte_is_written(
    tmp_path: Path, batch: pd.DataFrame, wanted: str
) -> None:
    """What must not enter the table is named, with its count, and no table appears."""
    with pytest.raises(DatasetError, match=wanted):
        table(tmp_path / "new").save(batch)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("options", "wanted"), [({"mode": "upsert"}, "upsert"), ({"name": "habits"}, "three-level")]
)
def test_wrong_declaration_is_refused(tmp_path: Path, options: Any, wanted: str) -> None:
    """A mode or a name that is not valid is refused when the catalog is made."""
    given_options = {"name": "c.s.t", "filepath": str(tmp_path), "keys": ["a"], **options}
    with pytest.raises(ConfigurationError, match=wanted):
        FeatureTableDataset(**given_options)


def test_earlier_version_and_moment_can_be_read(tmp_path: Path) -> None:
    """The table is read as it was at a version, or at a moment."""
    dataset = table(tmp_path, mode="overwrite")
    dataset.save(rows(("a", 0, 1)))
    moment = datetime.now(UTC).isoformat()
    time.sleep(0.01)
    dataset.save(rows(("a", 0, 2)))
    assert content(table(tmp_path, version=0)) == [("a", 0, 1.0)]
    assert content(table(tmp_path, version=moment)) == [("a", 0, 1.0)]
    assert content(dataset) == [("a", 0, 2.0)]
    with pytest.raises(DatasetError, match="no version 7"):
        table(tmp_path, version=7).load()


def test_history_tells_who_wrote_how_much(tmp_path: Path) -> None:
    """Each version carries its row count, its run and its commit."""
    dataset = table(tmp_path)
    dataset.save(rows(("a", 0, 1), ("b", 0, 1)))
    newest = dataset.history()[0]
    assert (newest["operation"], newest["rows"], newest["run_id"]) == ("MERGE", "2", "none")
    assert newest["git_commit"]


def test_history_names_the_user_of_the_server_before_that_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every kind of write and maintenance names who did it; without a name, the number does."""
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ada")
    table(tmp_path).save(rows(("a", 0, 1)))
    monkeypatch.delenv("MLFLOW_TRACKING_USERNAME")
    monkeypatch.setattr("getpass.getuser", lambda: "grace")
    table(tmp_path, mode="append").save(rows(("b", 0, 1)))
    table(tmp_path, mode="overwrite").save(rows(("c", 0, 1)))
    monkeypatch.setattr("getpass.getuser", _know_no_name)
    table(tmp_path, mode="append").save(rows(("d", 0, 1)))
    table(tmp_path).maintain()
    nobody = f"uid {os.getuid()}"
    told = [(version["operation"], version["user"]) for version in table(tmp_path).history()]
    assert told[0] == ("OPTIMIZE", nobody)
    written = [user for operation, user in told if operation in ("WRITE", "MERGE")]
    assert written == [nobody, "grace", "grace", "ada"]
    assert table(tmp_path).history(1) == table(tmp_path).history()[:1]


def _know_no_name() -> str:
    raise KeyError("getpwuid(): uid not found: 1234")


def test_maintenance_keeps_every_row(tmp_path: Path) -> None:
    """Compaction and vacuum leave fewer files and the same rows."""
    dataset = table(tmp_path, mode="append")
    for day in range(6):
        dataset.save(rows(("a", day, day)))
    before = content(dataset)
    done = dataset.maintain(retention_days=0)
    assert done["files_after"] < done["files_before"]
    assert done["files_deleted"] >= done["files_before"]
    assert content(dataset) == before


@settings(max_examples=10, deadline=None)
@given(
    st.lists(
        st.dictionaries(
            st.tuples(st.sampled_from("abc"), st.integers(0, 2)), st.integers(0, 9), min_size=1
        ),
        min_size=1,
        max_size=4,
    )
)
def test_merging_batches_equals_a_dictionary(
    tmp_path_factory: pytest.TempPathFactory, batches: list[dict[tuple[str, int], int]]
) -> None:
    """Any sequence of merges leaves what updating a dictionary by key and moment leaves."""
    dataset, truth = table(tmp_path_factory.mktemp("merge") / "t"), {}
    for batch in batches:
        dataset.save(rows(*((who, day, value) for (who, day), value in batch.items())))
        truth |= batch
    assert content(dataset) == sorted((who, day, float(v)) for (who, day), v in truth.items())


def _merge_many(folder: str, writer: int, count: int) -> None:
    for number in range(count):
        table(Path(folder)).save(rows((f"w{writer}", number, writer), ("shared", number, writer)))


def test_eight_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    """Eight processes that merge into one table at the same time all succeed, row for row."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.datasets.test_feature_table"])
    writers = [
        context.Process(target=_merge_many, args=(str(tmp_path / "t"), writer, 2))
        for writer in range(8)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(240)
    assert [writer.exitcode for writer in writers] == [0] * 8
    found = content(table(tmp_path / "t"))
    assert [f for f in found if f[0] != "shared"] == [
        (f"w{writer}", number, float(writer)) for writer in range(8) for number in range(2)
    ]
    assert [(who, day) for who, day, _ in found if who == "shared"] == [
        ("shared", 0),
        ("shared", 1),
    ]


def _merge_forever(folder: str, started: Any) -> None:
    dataset = table(Path(folder))
    for day in range(1, 10_000):
        dataset.save(rows(*((f"k{n}", day, n) for n in range(2_000))))
        started.set()


def test_process_killed_during_merges_leaves_a_whole_table(tmp_path: Path) -> None:
    """After kill -9 between and in merges, every day in the table is there with all its rows."""
    context = multiprocessing.get_context("spawn")
    started = context.Event()
    writer = context.Process(target=_merge_forever, args=(str(tmp_path / "t"), started))
    writer.start()
    assert started.wait(240)
    time.sleep(0.37)
    os.kill(writer.pid, signal.SIGKILL)
    writer.join()
    days = pd.Series([day for _, day, _ in content(table(tmp_path / "t"))]).value_counts()
    assert set(days) == {2_000}
    table(tmp_path / "t").save(rows(("after", 0, 1)))
    assert ("after", 0, 1.0) in content(table(tmp_path / "t"))


def _save_with_little_room(folder: str, outcome: Any) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
    try:
        table(Path(folder)).save(rows(*((f"k{n:06d}", n % 300, n * 1.1) for n in range(50_000))))
    except DatasetError as error:
        outcome.put(str(error))
    else:
        outcome.put("saved")


def test_full_disk_is_said_and_leaves_the_old_table_whole(tmp_path: Path) -> None:
    """When no more can be written, one line says so, and the last version is read as before."""
    table(tmp_path).save(rows(("a", 0, 1)))
    context = multiprocessing.get_context("spawn")
    outcome = context.Queue()
    writer = context.Process(target=_save_with_little_room, args=(str(tmp_path), outcome))
    writer.start()
    said = outcome.get(timeout=240)
    writer.join()
    assert "Cannot write to" in said
    assert content(table(tmp_path)) == [("a", 0, 1.0)]


def test_table_that_another_tool_changed_is_refused_by_name(tmp_path: Path) -> None:
    """A column that somebody else added is named, not dropped or filled in silence."""
    table(tmp_path).save(rows(("a", 0, 1)))
    changed = pa.Table.from_pandas(rows(("b", 0, 1)).assign(theirs=1), preserve_index=False)
    write_deltalake(tmp_path, changed, mode="append", schema_mode="merge")
    with pytest.raises(DatasetError, match="lacks theirs"):
        table(tmp_path).save(rows(("a", 1, 1)))


def test_lazy_rows_of_an_earlier_version_survive_a_save(tmp_path: Path) -> None:
    """A table can be rewritten from what is read lazily out of it."""
    dataset = table(tmp_path, mode="overwrite")
    dataset.save(rows(("a", 0, 1), ("b", 0, 2)))
    kept = dataset.load().rows
    dataset.save(kept.filter(kept.who == ibis.literal("a")))
    assert content(dataset) == [("a", 0, 1.0)]
