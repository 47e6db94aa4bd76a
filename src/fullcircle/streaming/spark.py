"""Spark Structured Streaming as the one who brings the files.

Spark finds new files, on a disk or in a bucket, and fetches their bytes; judging, scoring and
writing are the same as without it. Which files are done stands in the stream's own tables: a batch
that Spark brings again after a crash, or after its checkpoint was lost, is written where it is
missing, and nowhere else.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from queue import Empty, Queue
from threading import Event
from typing import Any
from urllib.parse import unquote

import pyarrow as pa

from fullcircle.core.errors import StorageError
from fullcircle.datasets.record_folder_dataset import RecordFolderDataset, is_hidden
from fullcircle.storage.record_blocks import Block
from fullcircle.storage.record_files import read_blocks
from fullcircle.storage.record_sources import AvailableParts, SourcePart
from fullcircle.streaming.runner import Stream, StreamSummary

_SCHEMA = "path STRING, modificationTime TIMESTAMP, length BIGINT, content BINARY"
_LOOK_SECONDS = 0.2


class SparkFiles:
    """The files of a batch as Spark has fetched them; others are read where they lie."""

    stable_seconds = 0.0

    def __init__(self, folder: RecordFolderDataset) -> None:
        self.folder = folder
        self._fetched: dict[str, bytes] = {}

    @property
    def address(self) -> str:
        """The folder."""
        return self.folder.address

    def look(self, known: Mapping[str, SourcePart]) -> AvailableParts:
        """Ask nobody: it is Spark that looks."""
        del known
        return AvailableParts([], [])

    def take(self, rows: pa.Table) -> list[SourcePart]:
        """Hold the files of a batch, and give them as pieces.

        Args:
            rows: ``path``, ``modificationTime``, ``length`` and ``content``, as Spark's binary
                files have them.
        """
        pieces = {}
        self._fetched = {}
        for row in rows.to_pylist():
            name = self._name(row["path"])
            if any(is_hidden(part) for part in name.split("/")):
                continue
            moment = row["modificationTime"].astimezone(UTC)
            pieces[name] = SourcePart(name, row["length"], moment)
            self._fetched[name] = row["content"]
        return sorted(pieces.values(), key=lambda piece: (piece.changed_at, piece.name))

    def _name(self, path: str) -> str:
        whole = unquote(path.partition(":")[2])
        root = Path(self.folder.address).absolute().as_posix()
        return whole[whole.index(root) + len(root) :].lstrip("/")

    def read(self, piece: SourcePart, schema: pa.Schema) -> Iterator[Block]:
        """Read the records of a file."""
        content = self._fetched.get(piece.name)
        if content is None:
            yield from self.folder.read(piece, schema)
        else:
            yield from read_blocks(pa.BufferReader(content), piece.name, schema)


def run_on_spark(
    session: Any,
    stream: Stream,
    files: SparkFiles,
    stop: Event,
    *,
    once: bool,
    checkpoint: Path,
) -> StreamSummary:
    """Let Spark bring batch after batch; they are scored in this thread, in which the run is open.

    Args:
        session: The Spark session.
        stream: What scores them; its source is ``files``.
        files: The folder.
        stop: Ends the stream when set, after the batch under way.
        once: Whether to end when all that is there now is scored.
        checkpoint: Folder in which Spark notes what it has brought.

    Raises:
        StorageError: Spark cannot read the folder, or use the checkpoint.
    """
    stream.resume()
    inbox: Queue[tuple[pa.Table, Future[None]]] = Queue()
    try:
        query = _start(session, stream, files, _Messenger(inbox).bring, once=once, to=checkpoint)
    except Exception as error:  # Java's, of whatever kind
        raise _spark_ended(files, error) from error
    try:
        while not stop.is_set() and (query.isActive or not inbox.empty()):
            _score_next(inbox, stream, files)
    finally:
        while not inbox.empty():
            inbox.get_nowait()[1].cancel()
        query.stop()
    if query.exception() is not None:
        raise _spark_ended(files, query.exception())
    return stream.summary


def _spark_ended(files: SparkFiles, error: Any) -> StorageError:
    told = [line for line in str(error).strip().splitlines() if line.strip()]
    reason = next((line for line in told if line.startswith(": ")), told[0]).removeprefix(": ")
    return StorageError(f"Spark ended the stream of {files.address}: {reason}")


@dataclass
class _Messenger:
    """Takes a batch from Spark's thread to ours, and waits until it is done."""

    inbox: Queue[tuple[pa.Table, Future[None]]]

    def bring(self, frame: Any, number: int) -> None:  # noqa: ARG002 - Spark's signature
        done: Future[None] = Future()
        self.inbox.put((frame.toArrow(), done))
        done.result()


def _score_next(inbox: Queue[Any], stream: Stream, files: SparkFiles) -> None:
    try:
        rows, done = inbox.get(timeout=_LOOK_SECONDS)
    except Empty:
        return
    try:
        stream.score(files.take(rows))
    except BaseException as error:
        done.set_exception(error)
        raise
    done.set_result(None)


def _start(
    session: Any,
    stream: Stream,
    files: SparkFiles,
    bring: Any,
    *,
    once: bool,
    to: Path,
) -> Any:
    seconds = stream.settings.poll_seconds
    pace = {"availableNow": True} if once else {"processingTime": f"{seconds} seconds"}
    arriving = (
        session.readStream.format("binaryFile")
        .schema(_SCHEMA)
        .option("pathGlobFilter", files.folder.pattern)
        .option("recursiveFileLookup", "true")
        .option("maxFilesPerTrigger", stream.settings.batch_pieces)
        .load(str(Path(files.address).absolute()))
    )
    return (
        arriving.writeStream.foreachBatch(bring)
        .option("checkpointLocation", str(to.absolute()))
        .trigger(**pace)
        .start()
    )
