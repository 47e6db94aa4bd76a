"""Tests of what arrives in a folder or a table: whole, half, broken, late, changed."""

import errno
import gzip
import json
import logging
import os
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake
from tests.streaming.shop import (
    GIVEN,
    HEADER,
    ShopRoom,
    open_stream,
    read_sales,
    rows_of,
    run_once,
    summarise,
    tables_in,
    train,
    write_day,
)

from fullcircle.core.errors import StorageError
from fullcircle.datasets import RecordFolderDataset, RecordTableDataset, record_folder_dataset
from fullcircle.streaming import runner

LINE = "{line},1,2011-01-05 09:00:00,A1,2.5,UK,1"
RECORD = {
    "line": "x",
    "CustomerID": 1,
    "InvoiceDate": "2011-01-05T09:00:00Z",
    "StockCode": "A1",
    "UnitPrice": 2.5,
    "Country": "UK",
}


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> ShopRoom:
    folder = tmp_path_factory.mktemp("small")
    return ShopRoom.open(folder / "room", [write_day(folder / "past", 1, 200)])


def told(out: Path) -> list[tuple[Any, ...]]:
    """Give source, row and reason of what was set aside, in order."""
    rows = tables_in(out).rejected.select(["source", "source_row", "rejection_reason"], [])
    return sorted(
        (tuple(row.values()) for row in rows.to_pylist()), key=lambda r: (r[0], r[1] or 0)
    )


def scored(out: Path) -> list[str]:
    return sorted(tables_in(out).predictions.select(["line"], [])["line"].to_pylist())


def test_garbage_is_set_aside_with_its_place(tmp_path: Path, room: ShopRoom) -> None:
    """What cannot be read keeps file, row and reason; every readable record around it is scored."""
    new = tmp_path / "new"
    new.mkdir()
    good, bad = LINE.format(line="a"), b"b\xff,1,2011-01-05,A1,1,UK,1"
    (new / "a.csv").write_bytes(
        b"\n".join([HEADER.encode(), good.encode(), b"1,2,3", bad, LINE.format(line="c").encode()])
    )
    lines = [json.dumps({**RECORD, "line": "d"}), "oops", "[1]", "", '{"line": "e"']
    lines += [json.dumps({**RECORD, "line": "f", "UnitPrice": "cheap"})]
    (new / "b.jsonl").write_text("\n".join(lines), encoding="utf-8")
    (new / "c.parquet").write_bytes(b"PAR1 nothing")
    (new / "d.csv").write_bytes(bytes(range(256)) * 20)
    (new / "e.txt").write_text("hello", encoding="utf-8")
    (new / "f.csv").write_text(
        HEADER.replace("line", "Line") + "\n" + LINE.format(line="g"), encoding="utf-8"
    )
    (new / "g.csv").write_text("line,line\n1,2\n", encoding="utf-8")
    (new / "h.csv").write_text("", encoding="utf-8")
    (new / "i.csv").write_text(HEADER, encoding="utf-8")
    (new / "j.csv").write_text(HEADER + "\n1,2\n3,4\n", encoding="utf-8")
    summary = run_once(room, new, tmp_path / "out", GIVEN.model_copy(update={"batch_pieces": 99}))
    assert scored(tmp_path / "out") == ["a", "c", "d"]
    reasons = [
        (name, row, reason.partition(": ")[0]) for name, row, reason in told(tmp_path / "out")
    ]
    assert reasons == [
        ("a.csv", 2, "has 3 values instead of 7"),
        ("a.csv", 3, "is no UTF-8 text"),
        ("b.jsonl", 2, "is no JSON"),
        ("b.jsonl", 3, "is no JSON object"),
        ("b.jsonl", 5, "is no JSON"),
        ("b.jsonl", 6, "UnitPrice is no number"),
        ("c.parquet", None, "the file cannot be read as parquet"),
        ("d.csv", None, "the file is no text"),
        ("e.txt", None, "the file's name ends in none of .csv, .jsonl, .ndjson, .json, .parquet"),
        ("f.csv", 1, "lacks the column 'line' (nearest"),
        ("g.csv", None, "the header names 'line' twice"),
        ("h.csv", None, "the file has no header"),
        ("j.csv", 1, "has 2 values instead of 7"),
        ("j.csv", 2, "has 2 values instead of 7"),
    ]
    assert summary.pieces == 10


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "jsonl", "parquet"])
def test_formats_give_the_same_predictions(tmp_path: Path, room: ShopRoom, ending: str) -> None:
    """The same records as CSV, packed CSV, JSON lines and Parquet are scored alike."""
    new, other = tmp_path / "new", tmp_path / "other"
    path = write_day(new, 3)
    rows = pa.csv.read_csv(path)
    other.mkdir()
    target = other / f"day-03.{ending}"
    if ending == "parquet":
        pq.write_table(rows, target)
    elif ending == "jsonl":
        target.write_text(
            "\n".join(json.dumps(r, default=str) for r in rows.to_pylist()), encoding="utf-8"
        )
    else:
        data = path.read_bytes()
        target.write_bytes(gzip.compress(data) if ending.endswith("gz") else data)
    for folder in (new, other):
        run_once(room, folder, tmp_path / f"{folder.name}-out", GIVEN)
    same = ("source", "arrived_at", "as_of")
    ours = rows_of(tmp_path / "other-out", "stream_predictions", same)
    assert ours == rows_of(tmp_path / "new-out", "stream_predictions", same)
    assert len(ours) == 30


def test_the_stream_predicts_what_the_model_predicts(tmp_path: Path, room: ShopRoom) -> None:
    """A streamed row has its features as looked up, and the model's own prediction of them."""
    run_once(room, write_day(tmp_path / "new", 3).parent, tmp_path / "out", GIVEN)
    rows = tables_in(tmp_path / "out").predictions.load().to_pandas()
    [model] = room.models().values()
    assert list(rows["predicted"]) == pytest.approx(list(model.predict(rows)))
    assert rows["mean_quantity"].notna().all()
    assert set(rows["feature_versions"]) == {"customers v0"}
    assert set(rows["scored_on"]) == {"2011-01-03"}
    assert {"model_name", "model_version", "as_of", "run_id", "scored_at"} <= set(rows.columns)


def test_a_file_still_being_written_is_not_read(tmp_path: Path, room: ShopRoom) -> None:
    """A file that grows, or whose name says that it is not whole, waits until it is."""
    new = tmp_path / "new"
    write_day(new, 3)
    for name in ("_a.csv", ".b.csv", "c.csv.tmp", "d.csv.unfinished"):
        (new / name).write_text(HEADER + "\n" + LINE.format(line=name), encoding="utf-8")
        os.utime(new / name, (1_300_000_000, 1_300_000_000))
    path = new / "slow.csv"
    path.write_text(HEADER + "\n", encoding="utf-8")
    stop = threading.Event()

    def grow() -> None:
        for number in range(1000):
            if stop.is_set():
                return
            with path.open("a", encoding="utf-8") as file:
                file.write(LINE.format(line=f"slow-{number}") + "\n")
            time.sleep(0.02)

    source = RecordFolderDataset(filepath=str(new), stable_seconds=0.3)
    writer = threading.Thread(target=grow)
    writer.start()
    summary = open_stream(room, source, tmp_path / "out", GIVEN).run(Event(), once=True)
    stop.set()
    writer.join()
    assert summary.rows == 30
    assert summary.as_dict()["still_being_written"] == ["slow.csv"]
    summary = open_stream(room, source, tmp_path / "out", GIVEN).run(Event(), once=True)
    assert summary.rows == len(path.read_text("utf-8").splitlines()) - 1
    assert told(tmp_path / "out") == []


def test_a_file_that_changes_after_it_was_scored_is_reported(
    tmp_path: Path, room: ShopRoom, caplog: pytest.LogCaptureFixture
) -> None:
    """A changed file is named in one warning and in the summary, and not scored again."""
    path = write_day(tmp_path / "new", 3)
    run_once(room, path.parent, tmp_path / "out", GIVEN)
    with path.open("a", encoding="utf-8") as file:
        file.write(LINE.format(line="more") + "\n")
    with caplog.at_level(logging.WARNING, "fullcircle"):
        summary = run_once(room, path.parent, tmp_path / "out", GIVEN)
    assert (summary.rows, summary.as_dict()["changed_after_scoring"]) == (0, ["day-03.csv"])
    assert [r.message.partition(",")[0] for r in caplog.records] == [
        "day-03.csv changed after it was scored"
    ]


def test_late_and_early_records_are_set_aside(tmp_path: Path, room: ShopRoom) -> None:
    """A record before the watermark of earlier batches, or ahead of the clock, is not scored."""
    new = tmp_path / "new"
    write_day(new, 5)
    lines = [
        "ok,1,2011-01-04 19:00:00,A1,1,UK,1",
        "late,1,2011-01-04 18:59:59,A1,1,UK,1",
        "early,1,2031-01-04 09:00:00,A1,1,UK,1",
    ]
    (new / "next.csv").write_text("\n".join([HEADER, *lines]), encoding="utf-8")
    strict = GIVEN.model_copy(update={"max_lateness_minutes": 24 * 60.0})
    run_once(room, new, tmp_path / "out", strict)
    assert [(row, reason) for _, row, reason in told(tmp_path / "out")] == [
        (2, "late: InvoiceDate lies before the watermark 2011-01-04T19:00:00Z"),
        (3, "InvoiceDate lies ahead of the clock"),
    ]
    assert "ok" in scored(tmp_path / "out")


def test_a_champion_that_moves_scores_from_the_next_batch(tmp_path: Path, room: ShopRoom) -> None:
    """Between two batches a new champion, and a new version of a feature table, take over."""
    folder = tmp_path / "room"
    own = ShopRoom.open(folder, [write_day(tmp_path / "past", 1, 200)])
    for day in (2, 3, 4):
        write_day(tmp_path / "new", day)
    sales = read_sales([write_day(tmp_path / "past", 2, 200)])

    def change(row_counts: Any) -> None:
        if row_counts.number == 1:
            own.keep(train(sales, summarise(sales), version="2"))
        if row_counts.number == 2:
            own.table().save(summarise(sales))

    stream = open_stream(own, tmp_path / "new", tmp_path / "out", GIVEN, tell=change)
    stream.run(Event(), once=True)
    names = ["stream_batch", "model_version", "feature_versions"]
    rows = tables_in(tmp_path / "out").predictions.select(names, [])
    assert sorted({tuple(row.values()) for row in rows.to_pylist()}) == [
        (1, "1", "customers v0"),
        (2, "2", "customers v0"),
        (3, "2", "customers v1"),
    ]


def test_each_version_of_a_table_is_scored_once(tmp_path: Path, room: ShopRoom) -> None:
    """Rows that versions of a Delta table insert are scored once; updates are set aside."""
    table = tmp_path / "arrivals"
    config = {"delta.enableChangeDataFeed": "true"}
    for day in (2, 3):
        rows = pa.csv.read_csv(write_day(tmp_path / "days", day))
        write_deltalake(table, rows, mode="append", configuration=config if day == 2 else None)
    source = RecordTableDataset(filepath=str(table))
    assert open_stream(room, source, tmp_path / "out", GIVEN).run(Event(), once=True).rows == 60
    DeltaTable(table).update({"StockCode": "'A9'"}, predicate="line = '2-1'")
    DeltaTable(table).optimize.compact()
    rows = pa.csv.read_csv(write_day(tmp_path / "days", 4))
    write_deltalake(table, rows, mode="append")
    summary = open_stream(room, source, tmp_path / "out", GIVEN).run(Event(), once=True)
    assert summary.rows == 30
    assert summary.reasons == {"changed after it had arrived; it is not scored again": 1}
    assert len(scored(tmp_path / "out")) == len(set(scored(tmp_path / "out"))) == 90


def test_a_stream_goes_on_until_it_is_stopped(tmp_path: Path, room: ShopRoom) -> None:
    """A continuous stream scores what comes while it runs, and ends after the batch under way."""
    new, stop, seen = tmp_path / "new", Event(), []
    write_day(new, 2)

    def follow(row_counts: Any) -> None:
        seen.append(row_counts.number)
        if row_counts.number < 3:
            write_day(new, 2 + row_counts.number)
        else:
            stop.set()
            write_day(new, 9)

    quick = GIVEN.model_copy(update={"poll_seconds": 0.01})
    stream = open_stream(room, new, tmp_path / "out", quick, tell=follow)
    summary = stream.run(stop, once=False)
    assert (seen, summary.rows, len(scored(tmp_path / "out"))) == ([1, 2, 3], 90, 90)


def test_places_that_refuse_are_named(tmp_path: Path, room: ShopRoom) -> None:
    """No folder, and a folder that is no folder for writing, are one clear line each."""
    with pytest.raises(StorageError, match=r"There is no folder .*nowhere to take records from"):
        run_once(room, tmp_path / "nowhere", tmp_path / "out", GIVEN)
    source = RecordTableDataset(filepath=str(tmp_path / "nowhere"))
    with pytest.raises(StorageError, match="There is no Delta table at"):
        run_once(room, source, tmp_path / "out", GIVEN)
    write_day(tmp_path / "new", 2)
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StorageError, match=r"Cannot write to .*file/stream_sources"):
        run_once(room, tmp_path / "new", tmp_path / "file", GIVEN)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_output_is_one_line(tmp_path: Path, room: ShopRoom) -> None:
    """Into a folder that may not be written to, nothing is written, and a line says so."""
    write_day(tmp_path / "new", 2)
    out = tmp_path / "out"
    out.mkdir(mode=0o500)
    with pytest.raises(StorageError, match="Permission denied"):
        run_once(room, tmp_path / "new", out, GIVEN)


def test_moments_of_files_are_arrivals(tmp_path: Path, room: ShopRoom) -> None:
    """The lags of a batch are those of its rows' moments and of its files' arrival."""
    tallies: list[Any] = []
    write_day(tmp_path / "new", 2)
    stream = open_stream(room, tmp_path / "new", tmp_path / "out", GIVEN, tell=tallies.append)
    stream.run(Event(), once=True)
    now, [row_counts] = datetime.now(UTC).timestamp(), tallies
    arrived = 1_300_000_002
    assert row_counts.since_arrival.max_seconds == pytest.approx(now - arrived, abs=60)
    first = datetime(2011, 1, 2, 8, tzinfo=UTC).timestamp()
    assert row_counts.since_event.max_seconds == pytest.approx(now - first, abs=60)
    assert row_counts.since_event.mean_seconds < row_counts.since_event.max_seconds
    assert row_counts.rows_per_second > 0


class StubbornFile:
    """Opens files as ``pa.OSFile`` does, but refuses one for a number of times."""

    def __init__(self, name: str, times: int) -> None:
        self._name, self.left, self._honest = name, times, pa.OSFile

    def __call__(self, path: str) -> Any:
        if Path(path).name == self._name and self.left:
            self.left -= 1
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return self._honest(path)


def refuse(monkeypatch: pytest.MonkeyPatch, name: str, times: int) -> StubbornFile:
    """Have a file refused for a number of times, and nobody wait in between."""
    file = StubbornFile(name, times)
    monkeypatch.setattr(record_folder_dataset.pa, "OSFile", file)
    monkeypatch.setattr(record_folder_dataset, "_PAUSES_SECONDS", (0.0, 0.0, 0.0))
    return file


def test_a_moments_trouble_is_waited_out(
    tmp_path: Path, room: ShopRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that can be opened at the fourth try is scored as if nothing had been."""
    folder = write_day(tmp_path / "new", 3).parent
    refuse(monkeypatch, "day-03.csv", 3)
    summary = run_once(room, folder, tmp_path / "out", GIVEN)
    assert (summary.rows, summary.unread, told(tmp_path / "out")) == (30, set(), [])


def test_a_file_that_cannot_be_opened_is_planned_again(
    tmp_path: Path, room: ShopRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What no row was read of is not lost: the next run scores it, once, and says what was."""
    folder, out = write_day(tmp_path / "new", 3).parent, tmp_path / "out"
    write_day(folder, 4)
    refuse(monkeypatch, "day-03.csv", 4)
    summary = run_once(room, folder, out, GIVEN)
    assert (summary.rows, summary.as_dict()["could_not_be_opened"]) == (30, ["day-03.csv"])
    [(name, row, reason)] = told(out)
    assert (name, row) == ("day-03.csv", None)
    assert reason.startswith("the file cannot be opened")
    summary = run_once(room, folder, out, GIVEN)
    assert (summary.rows, summary.unread, summary.changed) == (30, set(), set())
    assert len(set(scored(out))) == len(scored(out)) == 60
    assert run_once(room, folder, out, GIVEN).batches == 0


def test_a_running_stream_plans_it_again(
    tmp_path: Path, room: ShopRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream that runs on tries again by itself, after a pause."""
    folder = write_day(tmp_path / "new", 3).parent
    file = refuse(monkeypatch, "day-03.csv", 4)
    monkeypatch.setattr(runner, "_LONGEST_PAUSE_SECONDS", 0.01)
    stop = Event()
    stream = open_stream(
        room,
        folder,
        tmp_path / "out",
        GIVEN.model_copy(update={"poll_seconds": 0.02}),
        tell=lambda row_counts: stop.set() if row_counts.rows else None,
    )
    summary = stream.run(stop, once=False)
    assert (summary.batches, summary.rows, summary.unread, file.left) == (2, 30, set(), 0)


def test_a_batch_that_was_cut_short_unread_is_planned_again(
    tmp_path: Path, room: ShopRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ended between its two commits, an unread file is not taken for one whose rows were bad."""
    folder, out = write_day(tmp_path / "new", 3).parent, tmp_path / "out"
    refuse(monkeypatch, "day-03.csv", 4)
    tables = tables_in(out)

    class CutTable:
        """A table whose writer ends before its first commit."""

        def __getattr__(self, name: str) -> Any:
            return getattr(tables.rejected, name)

        def append(self, *_: Any) -> None:
            raise KeyboardInterrupt

    cut: Any = CutTable()
    with pytest.raises(KeyboardInterrupt):
        run_once(room, folder, replace(tables, rejected=cut), GIVEN)
    summary = run_once(room, folder, out, GIVEN)  # finishes the batch; the file waits for a run
    assert (summary.rows, [reason for *_, reason in told(out)]) == (
        0,
        ["the file cannot be opened: the process ended"],
    )
    assert run_once(room, folder, out, GIVEN).rows == 30
    assert len(set(scored(out))) == 30
