"""A stream from its first look to its end: once over what is there, or for as long as it is let."""

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Event
from time import monotonic
from typing import Any

import pyarrow as pa

from fullcircle.storage.record_sources import RecordSource, SourcePart
from fullcircle.streaming.batches import BatchProcessor, BatchStats
from fullcircle.streaming.commit_log import Batch, CommitLog, Tables
from fullcircle.streaming.record_validation import RecordValidator
from fullcircle.streaming.scorer import Scorer
from fullcircle.streaming.settings import StreamSettings

_logger = logging.getLogger(__name__)
_LONGEST_PAUSE_SECONDS = 600.0


@dataclass
class StreamSummary:
    """What a stream did until it ended.

    Attributes:
        batches: How many.
        pieces: Files or versions that they were made of.
        rows: Scored rows.
        reasons: Rows set aside, by reason.
        seconds: Spent on batches.
        max_lag_seconds: Longest that a row waited, from its arrival to the commit.
        changed: Pieces that changed after they were scored, and so differ from their predictions.
        unsettled: Pieces that may still be being written.
        unread: Pieces that could not be opened, and are planned again.
    """

    batches: int = 0
    pieces: int = 0
    rows: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    max_lag_seconds: float = 0.0
    changed: set[str] = field(default_factory=set)
    unsettled: list[str] = field(default_factory=list)
    unread: set[str] = field(default_factory=set)

    def add(self, row_counts: BatchStats) -> None:
        """Add a batch."""
        self.batches += 1
        self.pieces += row_counts.pieces
        self.rows += row_counts.rows
        self.reasons += row_counts.reasons
        self.seconds += row_counts.seconds
        if row_counts.since_arrival is not None:
            self.max_lag_seconds = max(self.max_lag_seconds, row_counts.since_arrival.max_seconds)

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        rejected = sum(self.reasons.values())
        speed = (self.rows + rejected) / self.seconds if self.seconds else 0.0
        return {
            "batches": self.batches,
            "pieces": self.pieces,
            "rows": self.rows,
            "rejected": rejected,
            "reasons": dict(self.reasons.most_common()),
            "rows_per_second": round(speed),
            "seconds": round(self.seconds, 3),
            "max_arrival_lag_seconds": round(self.max_lag_seconds, 3),
            "changed_after_scoring": sorted(self.changed),
            "still_being_written": sorted(self.unsettled),
            "could_not_be_opened": sorted(self.unread),
        }


class Stream:
    """A source, a scorer and the tables between which batches move.

    Attributes:
        settings: How.
        summary: What it did so far.
    """

    def __init__(
        self,
        source: RecordSource,
        tables: Tables,
        scorer: Scorer,
        settings: StreamSettings,
        *,
        as_of: datetime | None = None,
        tell: Callable[[BatchStats], None] | None = None,
    ) -> None:
        """Read the state of the stream from its tables.

        Args:
            source: Where records arrive.
            tables: What it writes to.
            scorer: What scores.
            settings: How.
            as_of: The clock; None for the moment of each batch.
            tell: Told of each batch.
        """
        self._source, self._tables, self._scorer = source, tables, scorer
        self.settings, self._as_of, self._tell = settings, as_of, tell
        problem = scorer.problem
        self._ledger = CommitLog(settings.name, tables, problem.event_time)
        pending = self._ledger.unfinished()
        before = self._ledger.planned + (pending is None)
        remembered = settings.remember_rows if settings.row_ids == "given" else 0
        self._seen = self._ledger.recall_ids(problem.row_id, before, remembered)
        self._pauses: dict[str, tuple[float, float]] = {}
        self.summary = StreamSummary()

    def run(self, stop: Event, *, once: bool) -> StreamSummary:
        """Score batch after batch.

        Args:
            stop: Ends the stream when set, after the batch under way.
            once: Whether to end when all that is there now is scored.
        """
        self.resume()
        waited = False
        while not stop.is_set():
            pieces = self._choose(once=once)
            if pieces:
                self._scorer.refresh()
                self._score(self._ledger.plan(pieces))
                continue
            if once and (waited or not self.summary.unsettled):
                break
            pause = getattr(self._source, "stable_seconds", 0.0) if once else None
            stop.wait(self.settings.poll_seconds if pause is None else pause)
            waited = once
        return self.summary

    def _choose(self, *, once: bool) -> list[SourcePart]:
        """Choose what makes up the next batch: the oldest pieces that are new, as many as fit."""
        arrivals = self._source.look(self._ledger.known)
        self.summary.unsettled = [n for n in arrivals.unsettled if n not in self._ledger.known]
        chosen: list[SourcePart] = []
        size = 0
        for piece in arrivals.pieces:
            before = self._ledger.known.get(piece.name)
            if before is not None:
                self._report_change(before, piece)
                continue
            if piece.name in self._pauses and (once or self._pauses[piece.name][0] > monotonic()):
                continue
            size += piece.size
            full = len(chosen) >= self.settings.batch_pieces or size > self.settings.batch_mb * 1e6
            if chosen and full:
                break
            chosen.append(piece)
        return chosen

    def _report_change(self, before: SourcePart, now: SourcePart) -> None:
        if now != before and now.name not in self.summary.changed:
            self.summary.changed.add(now.name)
            _logger.warning(
                "%s changed after it was scored, and is not scored again; give it another name "
                "to have it scored as new",
                now.name,
            )

    def resume(self) -> None:
        """Finish a batch that was cut short."""
        batch = self._ledger.unfinished()
        if batch is not None:
            _logger.info("finishing batch %s, which was cut short", batch.number)
            self._score(batch)

    def score(self, pieces: list[SourcePart]) -> None:
        """Score pieces that somebody else has brought together, but for those that are done."""
        self.resume()
        new = [piece for piece in pieces if piece.name not in self._ledger.known]
        if new:
            self._scorer.refresh()
            self._score(self._ledger.plan(new))

    def _score(self, batch: Batch) -> None:
        now = self._as_of or datetime.now(UTC)
        judge = RecordValidator(batch, self._scorer.form, self.settings, now, self._seen)
        work = BatchProcessor(batch, judge, self._source, self._scorer, self.settings.name)
        row_counts = work.finish(self._ledger, self._tables)
        self._remember(judge.fresh)
        self.summary.unread -= {piece.name for piece in batch.pieces}
        self._note_unread(judge.unread)
        self.summary.add(row_counts)
        if self._tell is not None:
            self._tell(row_counts)

    def _note_unread(self, names: set[str]) -> None:
        """Have pieces that could not be opened planned again, each time after a longer pause."""
        self._ledger.forget(names)
        for name in names:
            pause = min(2 * self._pauses.get(name, (0.0, 0.5))[1], _LONGEST_PAUSE_SECONDS)
            self._pauses[name] = (monotonic() + pause, pause)
            self.summary.unread.add(name)
            _logger.warning("%s could not be opened; it is planned again", name)

    def _remember(self, fresh: list[pa.ChunkedArray]) -> None:
        """Keep the newest ids, in whole batches, as a stream that begins anew recalls them."""
        ids = pa.chunked_array([c for part in fresh for c in part.chunks if len(c)] or [[]])
        self._seen = [*self._seen, ids] if len(ids) else self._seen
        rows = sum(map(len, self._seen))
        while self._seen and rows - len(self._seen[0]) >= self.settings.remember_rows:
            rows -= len(self._seen.pop(0))
