"""A batch: judged, scored, and written exactly once."""

import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from time import perf_counter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from fullcircle.core.scoring.lookups import STALE
from fullcircle.core.scoring.requests import DAY
from fullcircle.core.scoring.values import MOMENT
from fullcircle.core.validation.row_validation import SOURCE_ROW, UNREADABLE
from fullcircle.storage.record_sources import RecordSource
from fullcircle.streaming.commit_log import BATCH, STREAM, Batch, CommitLog, Tables
from fullcircle.streaming.record_validation import ARRIVED, SOURCE, RecordValidator
from fullcircle.streaming.scorer import Scorer
from fullcircle.tracking.provenance import active_run_id

_NO_ROWS = pa.schema(
    [
        (BATCH, pa.int64()),
        (STREAM, pa.string()),
        (SOURCE, pa.string()),
        (SOURCE_ROW, pa.int64()),
        (DAY, pa.string()),
    ]
)


@dataclass
class Lag:
    """How long after some moment rows were scored.

    Attributes:
        mean_seconds: Over all rows.
        max_seconds: Of the row that waited longest.
    """

    mean_seconds: float
    max_seconds: float


@dataclass
class BatchStats:
    """What became of a batch.

    Attributes:
        number: Of the batch.
        pieces: How many files or versions it was made of.
        rows: How many were scored now.
        reasons: How many were set aside, by reason.
        stale_rows: Rows with a feature that was too old to count.
        seconds: From reading to the last commit.
        since_event: Lag behind the rows' own moments.
        since_arrival: Lag behind the moment at which their file or version was there.
    """

    number: int
    pieces: int
    rows: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    stale_rows: int = 0
    seconds: float = 0.0
    since_event: Lag | None = None
    since_arrival: Lag | None = None

    @property
    def rejected(self) -> int:
        """How many were set aside."""
        return sum(self.reasons.values())

    @property
    def rows_per_second(self) -> float:
        """Scored rows and rows set aside, by the time that they took."""
        return (self.rows + self.rejected) / self.seconds if self.seconds else 0.0


class BatchProcessor:
    """One batch under way: reads, judges, scores and writes.

    Attributes:
        row_counts: What became of it.
    """

    def __init__(
        self,
        batch: Batch,
        judge: RecordValidator,
        source: RecordSource,
        scorer: Scorer,
        stream: str,
    ) -> None:
        self._batch, self._judge, self._source = batch, judge, source
        self._scoring, self._add_features = scorer.at(judge.as_of), scorer.add_features
        self._stream = stream
        self._moments: list[tuple[float, float, int]] = []
        self._arrivals: list[tuple[float, float, int]] = []
        self._failure: BaseException | None = None
        self._now = datetime.now(UTC)
        self.row_counts = BatchStats(batch.number, len(batch.pieces))

    def finish(self, ledger: CommitLog, tables: Tables) -> BatchStats:
        """Write the batch where it is missing."""
        started = perf_counter()
        facts = {STREAM: self._stream}
        if ledger.lacks(tables.predictions):
            try:
                rows = self._as_reader()
                tables.predictions.append(rows, self._stream, self._batch.number, facts)
            except Exception:
                if self._failure is not None:
                    raise self._failure from None
                raise
        else:
            self._judge.scored = _find_scored(tables, self._stream, self._batch.number)
            for _ in self._judge.read(self._source):
                pass
        if ledger.lacks(tables.rejected):
            aside = self._judge.rejected_records(self._stamps()).to_reader()
            tables.rejected.append(aside, self._stream, self._batch.number, facts)
        ledger.finish(self._batch, self._judge.newest)
        self.row_counts.reasons = self._judge.reasons
        self.row_counts.seconds = perf_counter() - started
        self._measure_lags()
        return self.row_counts

    def _as_reader(self) -> pa.RecordBatchReader:
        """Give the scored rows as a stream that remembers why it failed."""
        rows = self._score()
        first = next(rows, None)
        if first is None:
            return pa.RecordBatchReader.from_batches(_NO_ROWS, [])
        return pa.RecordBatchReader.from_batches(first.schema, self._guard(chain([first], rows)))

    def _guard(self, rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        try:
            yield from rows
        except BaseException as error:
            self._failure = error
            raise

    def _score(self) -> Iterator[pa.RecordBatch]:
        """Look features up chunk by chunk, and predict on several threads."""
        settings, stamps = self._scoring.settings, self._stamps()
        stamps["scored_at"] = pa.scalar(self._now, MOMENT)
        flags = [UNREADABLE] if self._judge.form.parsers else []
        kept = [*self._scoring.kept, *flags, SOURCE, SOURCE_ROW, ARRIVED]
        with ThreadPoolExecutor(settings.threads or os.cpu_count() or 1) as pool:
            for chunk in _gather(self._judge.read(self._source), settings.chunk_rows):
                rows = self._add_features(self._add_day(chunk)).select(kept)
                self._count(rows)
                for batch, _ in pool.map(self._scoring.score, _split(rows, settings.batch_rows)):
                    yield _stamp(batch, stamps)

    def _add_day(self, rows: pa.Table) -> pa.Table:
        event_time = self._judge.form.event_time
        if event_time is None:
            day = pa.repeat(pa.scalar(self._judge.as_of.date().isoformat()), len(rows))
        else:
            day = pc.strftime(rows[event_time], "%Y-%m-%d")
        return rows.append_column(DAY, day)

    def _stamps(self) -> dict[str, pa.Scalar]:
        return {
            BATCH: pa.scalar(self._batch.number),
            STREAM: pa.scalar(self._stream),
            "run_id": pa.scalar(active_run_id() or "none"),
        }

    def _count(self, rows: pa.Table) -> None:
        self.row_counts.rows += len(rows)
        self.row_counts.stale_rows += int(pc.sum(pc.greater(rows[STALE], 0)).as_py() or 0)
        self._arrivals.append(_sum_up(rows[ARRIVED]))
        if self._judge.form.event_time is not None:
            self._moments.append(_sum_up(rows[self._judge.form.event_time]))

    def _measure_lags(self) -> None:
        now = datetime.now(UTC).timestamp()
        self.row_counts.since_event = _lag(self._moments, now)
        self.row_counts.since_arrival = _lag(self._arrivals, now)


def _gather(tables: Iterator[pa.Table], chunk_rows: int) -> Iterator[pa.Table]:
    """Gather small tables until they are a chunk, and cut large ones."""
    held: list[pa.Table] = []
    for table in tables:
        held.append(table)
        while sum(map(len, held)) >= chunk_rows:
            whole = pa.concat_tables(held)
            yield whole.slice(0, chunk_rows)
            held = [whole.slice(chunk_rows)]
    if any(len(table) for table in held):
        yield pa.concat_tables(held)


def _split(rows: pa.Table, batch_rows: int) -> Iterator[pa.RecordBatch]:
    for start in range(0, len(rows), batch_rows):
        [batch] = rows.slice(start, batch_rows).combine_chunks().to_batches()
        yield batch


def _stamp(batch: pa.RecordBatch, stamps: dict[str, pa.Scalar]) -> pa.RecordBatch:
    columns: dict[str, Any] = dict(zip(batch.schema.names, batch.columns, strict=True))
    columns |= {name: pa.repeat(value, batch.num_rows) for name, value in stamps.items()}
    return pa.RecordBatch.from_pydict({BATCH: columns.pop(BATCH), **columns})


def _find_scored(tables: Tables, stream: str, number: int) -> dict[str, pa.Array]:
    """Find the places of a batch's rows that are scored, by source."""
    where = [(STREAM, "=", stream), (BATCH, "=", number)]
    rows = tables.predictions.select([SOURCE, SOURCE_ROW], where)
    return {
        name: rows.filter(pc.equal(rows[SOURCE], name))[SOURCE_ROW].combine_chunks()
        for name in rows[SOURCE].unique().to_pylist()
    }


def _sum_up(moments: pa.ChunkedArray) -> tuple[float, float, int]:
    """Give mean, first and count of moments, in seconds since 1970."""
    seconds = pc.divide(moments.cast(pa.int64()).cast(pa.float64()), 1e6)
    return pc.mean(seconds).as_py(), pc.min(seconds).as_py(), len(moments)


def _lag(parts: list[tuple[float, float, int]], now: float) -> Lag | None:
    rows = sum(count for _, _, count in parts)
    if not rows:
        return None
    mean = sum(mean * count for mean, _, count in parts) / rows
    return Lag(now - mean, now - min(first for _, first, _ in parts))
