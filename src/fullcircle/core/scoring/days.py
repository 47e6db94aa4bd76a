"""A scored day on its way to be written, and what there is to tell of it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.compute as pc

from fullcircle.core.scoring.lookups import STALE


@dataclass
class DayCounts:
    """What became of a day.

    Attributes:
        rows: How many were scored.
        stale_rows: How many of them had a feature that was too old to count.
        peak_memory_mb: Most memory that the process held meanwhile.
        seconds: Where the time went. Reading, looking up and predicting are added up over threads;
            ``wait`` is how long the writer had to wait for them.
        started: When the day before was done, by a clock that only counts seconds.
    """

    rows: int = 0
    stale_rows: int = 0
    peak_memory_mb: float = 0.0
    seconds: dict[str, float] = field(default_factory=dict)
    started: float = 0.0

    def spend(self, phase: str, seconds: float) -> None:
        """Add seconds to a phase."""
        self.seconds[phase] = self.seconds.get(phase, 0.0) + seconds

    def start(self) -> None:
        """Begin to count the seconds of the day."""
        self.started = perf_counter()

    def count(self, scored: pa.RecordBatch) -> None:
        """Count rows that are scored."""
        self.rows += scored.num_rows
        if STALE in scored.schema.names:
            self.stale_rows += pc.sum(pc.greater(scored[STALE], 0)).as_py() or 0
        held = psutil.Process().memory_info().rss / 1e6
        self.peak_memory_mb = max(self.peak_memory_mb, round(held, 1))


@dataclass
class ScoredDay:
    """The scored rows of one day, to be written in one piece.

    Attributes:
        day: The day.
        fingerprint: Of all that decided the predictions; None where that is not known.
        schema: Of the batches.
        batches: The rows, once.
        counts: Counts, complete when the batches have been taken.
        failure: The error that ended the batches early; who writes them may see another one.
    """

    day: str
    fingerprint: str | None
    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    counts: DayCounts
    failure: BaseException | None = None

    def read(self) -> pa.RecordBatchReader:
        """Give the rows as a stream that remembers why it failed."""
        return pa.RecordBatchReader.from_batches(self.schema, self._guard())

    def _guard(self) -> Iterator[pa.RecordBatch]:
        try:
            yield from timed(self.batches, self.counts, "wait")
        except BaseException as error:
            self.failure = error
            raise

    def facts(self) -> dict[str, Any]:
        """Tell of the day, which has just been written."""
        counts = self.counts
        wall = perf_counter() - counts.started
        seconds = {**counts.seconds, "write": wall - counts.seconds.get("wait", 0.0), "wall": wall}
        return {
            "day": self.day,
            "fingerprint": self.fingerprint,
            "rows": counts.rows,
            "stale_rows": counts.stale_rows,
            "peak_memory_mb": counts.peak_memory_mb,
            "seconds": {phase: round(spent, 4) for phase, spent in seconds.items()},
        }


def timed(
    batches: Iterator[pa.RecordBatch], counts: DayCounts, phase: str
) -> Iterator[pa.RecordBatch]:
    """Count what the batches take to come."""
    while True:
        started = perf_counter()
        batch = next(batches, None)
        counts.spend(phase, perf_counter() - started)
        if batch is None:
            return
        yield batch
