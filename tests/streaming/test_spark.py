"""Tests of Spark as the one who brings the files."""

import threading
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from tests.spark_session import open_session, open_sockets
from tests.streaming.shop import (
    GIVEN,
    ShopRoom,
    open_stream,
    rows_of,
    run_once,
    write_day,
)

from fullcircle.core.errors import StorageError
from fullcircle.datasets import RecordFolderDataset
from fullcircle.streaming.spark import SparkFiles, run_on_spark

AS_OF = datetime(2012, 1, 1, tzinfo=UTC)
TWO = GIVEN.model_copy(update={"batch_pieces": 2, "poll_seconds": 0.2})


@pytest.fixture(scope="module")
def session() -> Any:
    return open_session()


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> ShopRoom:
    folder = tmp_path_factory.mktemp("small")
    return ShopRoom.open(folder / "room", [write_day(folder / "past", 1, 200)])


def stream_with(session: Any, room: ShopRoom, new: Path, out: Path, tell: Any = None) -> Any:
    """Give a function that runs the stream, to a checkpoint."""
    files = SparkFiles(RecordFolderDataset(filepath=str(new), pattern="*.csv"))
    stream = open_stream(room, files, out, TWO, as_of=AS_OF, tell=tell)

    def run(checkpoint: Path, stop: Event | None = None) -> Any:
        with open_sockets():
            return run_on_spark(
                session, stream, files, stop or Event(), once=stop is None, checkpoint=checkpoint
            )

    return run


def test_spark_leaves_the_rows_that_the_embedded_stream_leaves(
    session: Any, room: ShopRoom, tmp_path: Path
) -> None:
    """Files that Spark brings are scored to the same rows, once, even if its checkpoint is lost."""
    new, out = tmp_path / "new", tmp_path / "out"
    for day in (2, 3, 4, 5, 6):
        write_day(new, day)
    (new / "bad.csv").write_text("no,such\n1,2\n", encoding="utf-8")
    write_day(new / "_hidden", 7)
    run_once(room, new, tmp_path / "quiet", TWO, as_of=AS_OF)

    def fail(row_counts: Any) -> None:
        raise RuntimeError("cut short")

    with pytest.raises(RuntimeError, match="cut short"):
        stream_with(session, room, new, out, fail)(tmp_path / "checkpoint")
    summary = stream_with(session, room, new, out)(tmp_path / "checkpoint")
    assert (summary.batches, summary.rows) == (2, 5 * 30 - 30 * 2)
    assert stream_with(session, room, new, out)(tmp_path / "another").batches == 0
    for name in ("stream_predictions", "stream_rejected"):
        ours = rows_of(out, name, ("stream_batch", "arrived_at"))
        assert ours == rows_of(tmp_path / "quiet", name, ("stream_batch", "arrived_at"))


def test_spark_goes_on_until_it_is_stopped(session: Any, room: ShopRoom, tmp_path: Path) -> None:
    """A continuous stream takes what comes later, and ends when it is told to."""
    new, stop = tmp_path / "new", Event()
    write_day(new, 2)
    timer = threading.Timer(20, stop.set)
    timer.start()

    def follow(row_counts: Any) -> None:
        if row_counts.number == 1:
            write_day(new, 3)
        else:
            stop.set()

    summary = stream_with(session, room, new, tmp_path / "out", follow)(tmp_path / "c", stop)
    timer.cancel()
    assert (summary.batches, summary.rows) == (2, 60)


def test_a_checkpoint_of_another_folder_is_one_line(
    session: Any, room: ShopRoom, tmp_path: Path
) -> None:
    """What Spark itself refuses is said in one line of ours."""
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "metadata").write_text("broken", encoding="utf-8")
    write_day(tmp_path / "new", 2)
    with pytest.raises(StorageError, match="Spark"):
        stream_with(session, room, tmp_path / "new", tmp_path / "out")(tmp_path / "c")
