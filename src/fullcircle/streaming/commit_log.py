"""What a stream has done and has yet to do, by its three tables alone."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from fullcircle.core.errors import StorageError
from fullcircle.core.scoring.values import MOMENT
from fullcircle.core.validation.row_validation import REASON
from fullcircle.storage.record_blocks import NOT_OPENED
from fullcircle.storage.record_sources import SourcePart
from fullcircle.tracking.provenance import active_run_id

BATCH = "stream_batch"
STREAM = "stream"
_SOURCES = pa.schema(
    [
        (BATCH, pa.int64()),
        (STREAM, pa.string()),
        ("source", pa.string()),
        ("size", pa.int64()),
        ("changed_at", MOMENT),
        ("planned_at", MOMENT),
        ("newest_before", MOMENT),
        ("run_id", pa.string()),
    ]
)


class StreamTable(Protocol):
    """A table that knows which batches it holds (see StreamTableDataset)."""

    def last_batch(self, stream: str) -> int:
        """Number of the newest batch; 0 before the first."""

    def select(self, columns: list[str], where: Any) -> pa.Table:
        """Read some columns of some rows."""

    def append(
        self, rows: pa.RecordBatchReader, stream: str, number: int, facts: Mapping[str, str]
    ) -> None:
        """Append a batch."""


@dataclass(frozen=True)
class Tables:
    """The tables of a stream.

    Attributes:
        sources: Which pieces make up each batch.
        predictions: Scored rows.
        rejected: Rows that cannot be scored.
    """

    sources: StreamTable
    predictions: StreamTable
    rejected: StreamTable


@dataclass(frozen=True)
class Batch:
    """Pieces that are scored together.

    Attributes:
        number: From 1.
        pieces: In the order of arrival.
        newest_before: Newest moment of the rows scored in earlier batches; None where none has one.
    """

    number: int
    pieces: list[SourcePart]
    newest_before: datetime | None


class CommitLog:
    """The state of a stream.

    Attributes:
        stream: Its name.
        known: Every piece that is in some batch, of this stream or another into these tables.
    """

    def __init__(self, stream: str, tables: Tables, event_time: str | None) -> None:
        """Read the state.

        Raises:
            StorageError: The tables do not belong together.
        """
        self.stream = stream
        self._tables, self._event_time = tables, event_time
        self.planned = tables.sources.last_batch(stream)
        written = [t.last_batch(stream) for t in (tables.predictions, tables.rejected)]
        if any(number not in (self.planned, self.planned - 1) for number in written):
            raise StorageError(
                f"The tables of the stream {stream!r} do not belong together: stream_sources ends "
                f"with batch {self.planned}, stream_predictions with {written[0]}, "
                f"stream_rejected with {written[1]}. Put back what was moved away, or move all "
                "three away to begin anew."
            )
        rows = tables.sources.select(_SOURCES.names, [])
        self.known = {piece.name: piece for piece in _as_pieces(rows)}
        for name in self._find_unread(rows):
            del self.known[name]
        self._newest = self._find_newest()

    def _find_unread(self, sources: pa.Table) -> set[str]:
        """Find pieces that could not be opened when they were planned last."""
        columns = ["source", STREAM, BATCH, REASON]
        aside = self._tables.rejected.select(columns, pc.field("source_row").is_null())
        batches = _newest_batches(sources)
        return {
            str(row["source"])
            for row in aside.to_pylist()
            if str(row[REASON]).startswith(NOT_OPENED)
            and batches.get(row["source"]) == (row[STREAM], row[BATCH])
        }

    def forget(self, names: Iterable[str]) -> None:
        """Let pieces be planned again that could not be opened."""
        for name in names:
            self.known.pop(name, None)

    def _find_newest(self) -> datetime | None:
        """Newest moment scored so far; finishing a batch that was cut short finds it anew."""
        if self.planned == 0 or self._event_time is None or self.unfinished() is not None:
            return None
        batch = self._read_batch(self.planned)
        where = [(STREAM, "=", self.stream), (BATCH, "=", batch.number)]
        moments = self._tables.predictions.select([self._event_time], where)[self._event_time]
        return _latest([batch.newest_before, pa.compute.max(moments).as_py()])

    def _read_batch(self, number: int) -> Batch:
        where = [(STREAM, "=", self.stream), (BATCH, "=", number)]
        rows = self._tables.sources.select(_SOURCES.names, where)
        newest = rows["newest_before"][0].as_py() if len(rows) else None
        return Batch(number, _as_pieces(rows), newest)

    def lacks(self, table: StreamTable) -> bool:
        """Whether a table does not hold the batch that was planned last."""
        return table.last_batch(self.stream) < self.planned

    def unfinished(self) -> Batch | None:
        """The batch that was planned but is not in all tables; None where all is done."""
        if self.lacks(self._tables.predictions) or self.lacks(self._tables.rejected):
            return self._read_batch(self.planned)
        return None

    def plan(self, pieces: list[SourcePart]) -> Batch:
        """Write down which pieces make up the next batch, before it is scored.

        Raises:
            StorageError: Another stream has planned it, or the table cannot be written to.
        """
        batch = Batch(self.planned + 1, pieces, self._newest)
        rows = pa.Table.from_pylist([self._as_row(batch, piece) for piece in pieces], _SOURCES)
        self._tables.sources.append(rows.to_reader(), self.stream, batch.number, {})
        self.planned = batch.number
        self.known |= {piece.name: piece for piece in pieces}
        return batch

    def _as_row(self, batch: Batch, piece: SourcePart) -> dict[str, Any]:
        return {
            BATCH: batch.number,
            STREAM: self.stream,
            "source": piece.name,
            "size": piece.size,
            "changed_at": piece.changed_at,
            "planned_at": datetime.now(UTC),
            "newest_before": batch.newest_before,
            "run_id": active_run_id() or "none",
        }

    def finish(self, batch: Batch, newest: datetime | None) -> None:
        """Take note that a batch is in all tables, and of its newest moment."""
        self._newest = _latest([batch.newest_before, newest])

    def recall_ids(self, row_id: str, before: int, rows: int) -> list[pa.ChunkedArray]:
        """Read the ids of the newest scored rows, in whole batches, the oldest batch first.

        Args:
            row_id: Their column.
            before: Batch before which they were scored.
            rows: How many at least, if there are so many.
        """
        reach = 16
        while rows:
            oldest = max(before - reach, 1)
            where = [(STREAM, "=", self.stream), (BATCH, ">=", oldest), (BATCH, "<", before)]
            found = self._tables.predictions.select([row_id, BATCH], where)
            if len(found) >= rows or oldest == 1:
                return _by_batch(found, row_id, rows)
            reach *= 4
        return []


def _by_batch(found: pa.Table, row_id: str, rows: int) -> list[pa.ChunkedArray]:
    found = found.sort_by(BATCH)
    kept: list[pa.ChunkedArray] = []
    end = len(found)
    for count in reversed(found[BATCH].value_counts().field("counts").to_pylist()):
        if sum(map(len, kept)) >= rows:
            break
        kept.insert(0, found[row_id].slice(end - count, count))
        end -= count
    return kept


def _as_pieces(rows: pa.Table) -> list[SourcePart]:
    columns = (rows[name].to_pylist() for name in ("source", "size", "changed_at"))
    return [SourcePart(*facts) for facts in zip(*columns, strict=True)]


def _newest_batches(sources: pa.Table) -> dict[str, tuple[str, int]]:
    """Give the batch in which each piece was planned last: stream and number."""
    ordered = sources.sort_by("planned_at").select(["source", STREAM, BATCH]).to_pylist()
    return {row["source"]: (row[STREAM], row[BATCH]) for row in ordered}


def _latest(moments: Iterable[datetime | None]) -> datetime | None:
    return max(filter(None, moments), default=None)
