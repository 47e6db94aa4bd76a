"""Delta tables as catalog entries."""

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import ibis
import pandas as pd
import pyarrow as pa
import pytest
from deltalake import DeltaTable
from kedro.io import DatasetError

from fullcircle.core.errors import ConfigurationError
from fullcircle.datasets import DeltaTableDataset
from fullcircle.engines.engine import connect
from fullcircle.storage.delta_tables import write_version


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "table"


def rows(*values: int) -> pd.DataFrame:
    return pd.DataFrame({"key": list(values), "day": [f"2024-01-{v % 2 + 1:02d}" for v in values]})


def test_saved_rows_come_back(folder: Path) -> None:
    """Frames, Arrow tables, readers and Ibis tables are all saved and read back alike."""
    frame = rows(1, 2, 3)
    dataset = DeltaTableDataset(filepath=str(folder), load_as="pandas")
    arrow = pa.Table.from_pandas(frame)
    for given in (frame, arrow, arrow.to_reader(), ibis.memtable(frame)):
        dataset.save(given)
        pd.testing.assert_frame_equal(dataset.load(), frame)


def test_save_replaces_rows_and_schema_in_one_version(folder: Path) -> None:
    """A second save is one more version, whatever its columns."""
    dataset = DeltaTableDataset(filepath=str(folder), load_as="pandas")
    dataset.save(rows(1, 2))
    dataset.save(pd.DataFrame({"other": ["a"]}))
    assert dataset.load().to_dict("list") == {"other": ["a"]}
    assert dataset.data_version() == "delta v1"


def test_version_carries_its_writer(folder: Path) -> None:
    """Every version says which code and which run wrote it."""
    DeltaTableDataset(filepath=str(folder)).save(rows(1))
    commit = DeltaTable(folder).history()[0]
    assert commit["run_id"] == "none"
    assert {"git_commit", "git_dirty"} <= set(commit)


def test_partitioned_save_replaces_only_what_it_brings(folder: Path) -> None:
    """Rows of one day replace that day's rows and leave the other days alone."""
    dataset = DeltaTableDataset(filepath=str(folder), replace_by="day", load_as="pandas")
    dataset.save(rows(2, 4, 1, 3).sort_values("day"))
    dataset.save(rows(6))
    kept = dataset.load().groupby("day")["key"].apply(sorted).to_dict()
    assert kept == {"2024-01-01": [6], "2024-01-02": [1, 3]}


def test_days_in_one_batch_become_one_version_each(folder: Path) -> None:
    """However rows are batched, each partition value is committed once."""
    dataset = DeltaTableDataset(filepath=str(folder), replace_by="day")
    frame = rows(*range(20)).sort_values("day", ignore_index=True)
    reader = pa.Table.from_pandas(frame).to_reader(max_chunksize=3)
    dataset.save(reader)
    assert DeltaTable(folder).version() == 1
    assert dataset.load().count().execute() == 20


def test_missing_table_says_what_to_run(folder: Path) -> None:
    """A table that is not there yet is named together with the command that makes it."""
    dataset = DeltaTableDataset(filepath=str(folder))
    assert not dataset._exists()
    assert dataset.data_version() is None
    with pytest.raises(DatasetError, match="kedro run"):
        dataset.load()


def test_unknown_form_is_refused(folder: Path) -> None:
    """load_as takes the two forms that exist."""
    with pytest.raises(ConfigurationError, match="polars"):
        DeltaTableDataset(filepath=str(folder), load_as="polars")  # type: ignore[arg-type]


def test_failing_stream_leaves_the_old_table_whole(folder: Path) -> None:
    """If the rows cannot all be computed, nothing of them is seen."""
    dataset = DeltaTableDataset(filepath=str(folder), load_as="pandas")
    dataset.save(rows(1, 2))
    schema = pa.Table.from_pandas(rows(1), preserve_index=False).schema

    def torn() -> Iterator[pa.RecordBatch]:
        yield from pa.Table.from_pandas(rows(7, 8), preserve_index=False).to_batches()
        raise RuntimeError("torn")

    with pytest.raises(Exception, match="torn"):
        dataset.save(pa.RecordBatchReader.from_batches(schema, torn()))
    assert dataset.load()["key"].tolist() == [1, 2]


def _write_slowly(path: str, started: "multiprocessing.synchronize.Event") -> None:
    schema = pa.schema([("key", pa.int64())])

    def endless() -> Iterator[pa.RecordBatch]:
        for number in range(100_000):
            started.set()
            time.sleep(0.001)
            yield pa.record_batch({"key": pa.array(range(number, number + 10_000))}, schema)

    write_version(Path(path), pa.RecordBatchReader.from_batches(schema, endless()))


def test_process_killed_while_writing_leaves_the_old_table_whole(folder: Path) -> None:
    """After kill -9 in the middle of a write the last version is read as if nothing happened."""
    dataset = DeltaTableDataset(filepath=str(folder), load_as="pandas")
    dataset.save(pd.DataFrame({"key": [1, 2]}))
    context = multiprocessing.get_context("spawn")
    started = context.Event()
    writer = context.Process(target=_write_slowly, args=(str(folder), started))
    writer.start()
    assert started.wait(240)
    os.kill(writer.pid, signal.SIGKILL)
    writer.join()
    assert dataset.load()["key"].tolist() == [1, 2]
    dataset.save(pd.DataFrame({"key": [3]}))
    assert dataset.load()["key"].tolist() == [3]


def test_preview_gives_the_first_rows(folder: Path) -> None:
    """kedro-viz shows the first rows as a table."""
    dataset = DeltaTableDataset(filepath=str(folder))
    dataset.save(rows(1, 2, 3))
    shown = dataset.preview(nrows=2)
    assert shown["columns"] == ["key", "day"]
    assert [row[0] for row in shown["data"]] == ["1", "2"]


def test_sums_of_integers_are_stored_as_they_are(tmp_path: Path) -> None:
    """A sum, which the engine widens to 128 bits, is read back as the very same whole number."""
    rows = connect().create_table(
        "sums_of_integers", pd.DataFrame({"k": [1, 1, 2], "v": [2**40, 3, 5]}), temp=True
    )
    totals = rows.group_by("k").aggregate(total=rows.v.sum())
    table = DeltaTableDataset(filepath=str(tmp_path / "table"), load_as="pandas")
    table.save(totals)
    found = table.load().sort_values("k")
    assert found["total"].tolist() == [2**40 + 3, 5]
    assert found["total"].dtype == "int64"
