"""Tests of what scoring reads and writes: requests by day, predictions by day, and the ledger."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import CommitProperties, DeltaTable, write_deltalake
from hypothesis import given, settings
from hypothesis import strategies as st
from kedro.io import DatasetError

from fullcircle.core.errors import StorageError
from fullcircle.core.scoring.days import DayCounts, ScoredDay
from fullcircle.datasets import PredictionsDataset, RequestTableDataset, ScoredDaysDataset
from fullcircle.storage import partition_files

TEXT = pa.dictionary(pa.int32(), pa.string())


def requests(days: int = 3, per_day: int = 4, size: float = 1.5) -> pd.DataFrame:
    rows = range(days * per_day)
    return pd.DataFrame(
        {
            "id": [f"r{n}" for n in rows],
            "shape": ["round", None] * (days * per_day // 2),
            "size": [size] * len(rows),
            "scored_on": [f"2025-03-0{1 + n // per_day}" for n in rows],
        }
    )


def scored(day: str, *, rows: int = 3, fingerprint: str = "f", **columns: pa.Array) -> ScoredDay:
    """Give a day that is scored."""
    table = {
        "id": pa.array([f"{day} {n}" for n in range(rows)]),
        "shape": pa.array(["round"] * rows).dictionary_encode().cast(TEXT),
        "predicted": pa.array([0.25] * rows),
        "scored_on": pa.array([day] * rows),
        **columns,
    }
    batch = pa.RecordBatch.from_pydict(table)
    return ScoredDay(day, fingerprint, batch.schema, iter([batch]), DayCounts(rows=rows))


@pytest.fixture
def predictions(tmp_path: Path) -> PredictionsDataset:
    """Give a table with two days."""
    dataset = PredictionsDataset(filepath=str(tmp_path / "predictions"))
    dataset.save(scored("2025-03-01"))
    dataset.save(scored("2025-03-02"))
    return dataset


def read(dataset: PredictionsDataset) -> pd.DataFrame:
    rows: pd.DataFrame = dataset.load().to_pandas()
    return rows.sort_values("id", ignore_index=True)


def test_requests_are_read_back_by_day(tmp_path: Path) -> None:
    """Each day's rows come back as they were written, in their order, with their number."""
    dataset = RequestTableDataset(filepath=str(tmp_path / "requests"))
    dataset.save(requests())
    table = dataset.load()
    assert {day: found.rows for day, found in table.days.items()} == {
        "2025-03-01": 4,
        "2025-03-02": 4,
        "2025-03-03": 4,
    }
    for day, wanted in requests().groupby("scored_on"):
        rows = pa.Table.from_batches(list(table.read(str(day))))
        assert rows.schema.field("shape").type == TEXT
        assert rows.schema.field("id").type == pa.string()
        got = rows.to_pandas()[list(wanted.columns)].astype({"shape": "str", "id": "str"})
        pd.testing.assert_frame_equal(got, wanted.reset_index(drop=True), check_dtype=False)


def test_digests_tell_days_apart_by_content(tmp_path: Path) -> None:
    """The same rows give the same digest, and a changed value that of its own day alone."""
    dataset = RequestTableDataset(filepath=str(tmp_path / "requests"))
    dataset.save(requests())
    before = dataset.load().days
    dataset.save(requests())
    assert dataset.load().days == before
    changed = requests()
    changed.loc[5, "size"] = 1.6
    dataset.save(changed)
    after = dataset.load().days
    assert [day for day in before if before[day] != after[day]] == ["2025-03-02"]


def test_a_table_that_others_wrote_has_no_digests(tmp_path: Path) -> None:
    """Where the facts are of another version of the table, days are counted and never kept."""
    dataset = RequestTableDataset(filepath=str(tmp_path / "requests"))
    dataset.save(requests())
    write_deltalake(tmp_path / "requests", requests(days=1), mode="append")
    days = dataset.load().days
    assert days["2025-03-01"].rows == 8
    assert days["2025-03-01"].digest is None


def test_a_day_is_replaced_in_one_commit_and_no_other_touched(
    predictions: PredictionsDataset, tmp_path: Path
) -> None:
    """A rerun of a day leaves its new rows alone in it, and the other day as it was."""
    before = read(predictions)
    version = DeltaTable(tmp_path / "predictions").version()
    predictions.save(scored("2025-03-01", rows=2))
    after = read(predictions)
    assert DeltaTable(tmp_path / "predictions").version() == version + 1
    assert (after["scored_on"] == "2025-03-01").sum() == 2
    other = "scored_on == '2025-03-02'"
    pd.testing.assert_frame_equal(
        before.query(other).reset_index(drop=True), after.query(other).reset_index(drop=True)
    )


def test_rows_are_stamped(predictions: PredictionsDataset) -> None:
    """Stored predictions say in which run and when, in UTC, they were written."""
    rows = read(predictions)
    assert set(rows["run_id"]) == {"none"}
    assert str(rows["scored_at"].dt.tz) == "UTC"
    assert pd.Timestamp.now("UTC") - rows["scored_at"].max() < pd.Timedelta(minutes=5)


def test_each_commit_of_predictions_names_its_user(
    predictions: PredictionsDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who scored a day stands in the commit of that day."""
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ada")
    predictions.save(scored("2025-03-03"))
    newest = DeltaTable(tmp_path / "predictions").history(1)[0]
    assert (newest["user"], newest["scored_on"]) == ("ada", "2025-03-03")


def test_rows_are_found_by_any_column(predictions: PredictionsDataset) -> None:
    """A filter finds its rows, though the table keeps no statistics of its columns."""
    table = predictions.load()
    for name, value in (("id", "2025-03-02 1"), ("shape", "round"), ("predicted", 0.25)):
        assert table.filter(table[name] == value).count().execute() > 0


def test_a_table_with_statistics_keeps_them(tmp_path: Path) -> None:
    """Rows written into a table of another maker are found as well."""
    day = scored("2025-03-01")
    first = day.read().read_all().append_column("run_id", pa.array(["x"] * 3))
    moments = pa.array([0] * 3, pa.timestamp("us", tz="UTC"))
    first = first.append_column("scored_at", moments)
    write_deltalake(tmp_path / "predictions", first, partition_by=["scored_on"])
    dataset = PredictionsDataset(filepath=str(tmp_path / "predictions"))
    dataset.save(scored("2025-03-02"))
    table = dataset.load()
    assert table.filter(table["shape"] == "round").count().execute() == 6


def test_new_columns_join_the_table(predictions: PredictionsDataset) -> None:
    """A day with a column more widens the table; the days before have null there."""
    predictions.save(scored("2025-03-03", shadow_predicted=pa.array([0.5] * 3)))
    rows = read(predictions)
    assert rows.groupby("scored_on")["shadow_predicted"].count().tolist() == [0, 0, 3]
    predictions.save(scored("2025-03-04"))
    assert len(read(predictions)) == 12


def test_a_column_of_another_type_is_named(predictions: PredictionsDataset) -> None:
    """A day that does not fit is refused by column and types, and nothing is written."""
    before = read(predictions)
    with pytest.raises(DatasetError) as caught:
        predictions.save(scored("2025-03-01", predicted=pa.array(["a", "b", "c"])))
    assert "predicted is string instead of double" in str(caught.value.__cause__)
    pd.testing.assert_frame_equal(read(predictions), before)


def test_a_table_of_a_newer_project_is_refused(
    predictions: PredictionsDataset, tmp_path: Path
) -> None:
    """Predictions whose layout is newer than this project knows are not written to."""
    table = DeltaTable(tmp_path / "predictions")
    table.alter.set_table_properties(
        {"delta.logRetentionDuration": "interval 40 days"},
        commit_properties=CommitProperties(custom_metadata={"predictions_layout": "99"}),
    )
    with pytest.raises(DatasetError) as caught:
        predictions.save(scored("2025-03-01"))
    assert "newer version of this project" in str(caught.value.__cause__)


def test_an_error_in_the_stream_is_told_and_leaves_the_day(
    predictions: PredictionsDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day whose rows end in an error stays as it was, and the error keeps its own words."""
    monkeypatch.setattr(partition_files, "_GROUP_ROWS", 1)
    before = read(predictions)
    good = scored("2025-03-01")
    [batch] = good.batches

    def fail() -> Any:
        yield batch
        raise StorageError("the disk of the requests is gone")

    files = sorted(tmp_path.rglob("*.parquet"))
    day = ScoredDay("2025-03-01", None, batch.schema, fail(), DayCounts())
    with pytest.raises(DatasetError) as caught:
        predictions.save(day)
    assert str(caught.value.__cause__) == "the disk of the requests is gone"
    pd.testing.assert_frame_equal(read(predictions), before)
    assert sorted(tmp_path.rglob("*.parquet")) == files


@pytest.mark.parametrize("there", [[], ["2025-03-01"], ["2025-03-02"]])
def test_a_run_that_another_one_overtook_adds_nothing(tmp_path: Path, there: list[str]) -> None:
    """Of two runs that write a day at once one is refused, whether day or table existed or not."""
    dataset = PredictionsDataset(filepath=str(tmp_path / "predictions"))
    for day in there:
        dataset.save(scored(day))
    slow = scored("2025-03-01", rows=5)
    [batch] = slow.batches

    def overtaken() -> Any:
        dataset.save(scored("2025-03-01", rows=2))
        yield batch

    with pytest.raises(DatasetError) as caught:
        dataset.save(ScoredDay("2025-03-01", None, batch.schema, overtaken(), DayCounts()))
    assert "Another run changed" in str(caught.value.__cause__)
    assert (read(dataset)["scored_on"] == "2025-03-01").sum() == 2
    known = {tmp_path / "predictions" / name for name in _files_of(tmp_path / "predictions")}
    left = set(tmp_path.rglob("*.parquet")) - known
    assert len(left) == len([day for day in there if day == "2025-03-01"])  # what was replaced


def _files_of(table: Path) -> list[str]:
    return list(pa.table(DeltaTable(table).get_add_actions())["path"].to_pylist())


_TEXTS = st.lists(st.one_of(st.none(), st.sampled_from(["round", "", "flach", "ü", "x" * 99])))


@settings(max_examples=60, deadline=None)
@given(parts=st.lists(_TEXTS, min_size=1, max_size=6), group=st.integers(1, 7), full=st.booleans())
def test_rows_come_back_however_they_are_cut_into_files(
    parts: list[list[str | None]], group: int, full: bool
) -> None:
    """Rows are read back alike and in order, whatever the batches, row groups, files and gaps."""
    batches = []
    for part in parts:
        texts = pa.array(part, pa.string())
        number = pa.array([None if text is None else len(text) / 3 for text in part], pa.float64())
        day = pa.array(["2025-03-01"] * len(part), pa.string())
        columns = {"plain": texts, "coded": texts.dictionary_encode(), "number": number, "on": day}
        batches.append(pa.RecordBatch.from_pydict(columns))
    rows = pa.RecordBatchReader.from_batches(batches[0].schema, batches)
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        patch.setattr(partition_files, "_GROUP_ROWS", group)
        patch.setattr(partition_files, "_FILE_BYTES", 0 if full else 10**9)
        actions = partition_files.write_files(Path(place), "on", "2025-03-01", rows)
        found = [pq.ParquetFile(f"{place}/{action.path}").read() for action in actions]
        counted = [json.loads(action.stats)["numRecords"] for action in actions]
    assert counted == [len(table) for table in found]
    wanted = [text for part in parts for text in part]
    for name in ("plain", "coded"):
        assert [v for table in found for v in table[name].to_pylist()] == wanted
    lengths = [v for table in found for v in table["number"].to_pylist()]
    assert lengths == [None if text is None else len(text) / 3 for text in wanted]
    assert all(table.schema.field("coded").type == pa.string() for table in found)


@pytest.fixture
def ledger(tmp_path: Path, predictions: PredictionsDataset) -> ScoredDaysDataset:
    """Give a ledger of the two days."""
    dataset = ScoredDaysDataset(
        filepath=str(tmp_path / "scored_days.jsonl"),
        predictions={"filepath": str(tmp_path / "predictions")},
    )
    for day in ("2025-03-01", "2025-03-02"):
        dataset.save(scored(day, fingerprint=f"first {day}"))
    return dataset


def test_the_last_word_on_a_day_counts(ledger: ScoredDaysDataset) -> None:
    """Of several lines on a day the last one holds, in the order of days."""
    ledger.save(scored("2025-03-01", fingerprint="second"))
    found = {day: entry["fingerprint"] for day, entry in ledger.load().items()}
    assert found == {"2025-03-01": "second", "2025-03-02": "first 2025-03-02"}


def test_a_torn_line_is_not_read_and_spoils_no_other(
    ledger: ScoredDaysDataset, tmp_path: Path
) -> None:
    """Half a line, as a kill leaves it, counts for nothing, and the next line stands alone."""
    path = tmp_path / "scored_days.jsonl"
    whole = path.read_text("utf-8")
    path.write_text(whole[: len(whole) - 9], encoding="utf-8")
    assert list(ledger.load()) == ["2025-03-01"]
    ledger.save(scored("2025-03-02", fingerprint="again"))
    assert ledger.load()["2025-03-02"]["fingerprint"] == "again"


def test_days_that_the_table_lost_are_not_known(
    ledger: ScoredDaysDataset, predictions: PredictionsDataset, tmp_path: Path
) -> None:
    """What is no longer in the table, or not yet again, is to be scored."""
    table = DeltaTable(tmp_path / "predictions")
    table.delete("scored_on = '2025-03-01'")
    assert list(ledger.load()) == ["2025-03-02"]
    os.rename(tmp_path / "predictions", tmp_path / "moved")
    assert ledger.load() == {}
    predictions.save(scored("2025-03-02"))
    lines = (tmp_path / "scored_days.jsonl").read_text("utf-8").splitlines()
    assert min(json.loads(line)["version"] for line in lines) > 0
    assert ledger.load() == {}


def test_a_read_only_folder_is_one_line(tmp_path: Path) -> None:
    """Where nothing can be written, the place and the reason are said."""
    blocked = tmp_path / "file"
    blocked.write_text("no folder", encoding="utf-8")
    dataset = PredictionsDataset(filepath=str(blocked / "predictions"))
    with pytest.raises(DatasetError) as caught:
        dataset.save(scored("2025-03-01"))
    assert "Cannot write to" in str(caught.value.__cause__)


def test_requests_in_memory_are_days_too() -> None:
    """A lazy table is taken as requests, day by day, without a digest."""
    from fullcircle.core.scoring.requests import RequestTable

    table = RequestTable.of(ibis.memtable(requests()))
    assert list(table.days) == ["2025-03-01", "2025-03-02", "2025-03-03"]
    assert sum(batch.num_rows for batch in table.read("2025-03-02")) == 4
