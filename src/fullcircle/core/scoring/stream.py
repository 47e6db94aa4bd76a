"""Scoring on one machine: chunks of requests, features for each, predictions on all cores.

While one chunk is predicted, the next one is read and its features are looked up. Memory holds two
chunks and what is being written, however many rows there are. Whole days share a chunk; a longer
day gets chunks of its own. So a day's rows are cut alike whichever days are scored with it.
"""

import logging
import os
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, groupby
from time import perf_counter
from typing import Any

import pyarrow as pa

from fullcircle.core.contract import FeatureLookup, ProblemSpec
from fullcircle.core.features.point_in_time import KeyedTable
from fullcircle.core.models.model import Model
from fullcircle.core.scoring.days import DayCounts, ScoredDay, timed
from fullcircle.core.scoring.lookups import STALE, add_features, merge_lookups
from fullcircle.core.scoring.planning import ScoringSettings
from fullcircle.core.scoring.predictor import Predictor
from fullcircle.core.scoring.requests import DAY, RequestTable
from fullcircle.core.scoring.rows import RoleModel, stamp_rows

_SECONDS_BETWEEN_WORDS = 2.0
_progress = logging.getLogger("fullcircle.progress")


@dataclass(frozen=True)
class Scoring:
    """All that turns requests into scored rows.

    Attributes:
        role_models: The champion, then each model that predicts beside it.
        lookups: Serve all models.
        tables: Feature tables by name.
        event_time: Column with the moment of a request; None for a snapshot.
        kept: Columns that a scored row keeps, in order.
        stamps: What is the same for all rows.
        settings: How the machine is used.
    """

    role_models: list[RoleModel]
    lookups: list[FeatureLookup]
    tables: Mapping[str, KeyedTable]
    event_time: str | None
    kept: list[str]
    stamps: Mapping[str, str]
    settings: ScoringSettings

    @classmethod
    def prepare(
        cls,
        models: Mapping[str, Model],
        tables: Mapping[str, KeyedTable],
        problem: ProblemSpec,
        stamps: Mapping[str, str],
        settings: ScoringSettings,
    ) -> "Scoring":
        """Make models ready: the champion first, by role."""
        lookups, names = merge_lookups(models)
        role_models = [
            RoleModel(role, Predictor(model), names[role]) for role, model in models.items()
        ]
        features = dict.fromkeys(name for role_model in role_models for name in role_model.columns)
        kept = dict.fromkeys([*problem.identity, *features, DAY, STALE])
        return cls(role_models, lookups, tables, problem.event_time, list(kept), stamps, settings)

    def add_features(self, requests: pa.Table) -> pa.Table:
        """Look up the features of all models for requests in memory."""
        return add_features(requests, self.tables, self.lookups, self.event_time)

    def score(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, float]:
        """Predict a batch that has its features; give it with the seconds that it took."""
        started = perf_counter()
        return stamp_rows(batch, self.role_models, self.stamps), perf_counter() - started


def score_days(
    requests: RequestTable, plan: list[dict[str, Any]], scoring: Scoring
) -> Iterator[ScoredDay]:
    """Score the days of a plan that are not kept, in order; each must be taken before the next."""
    wanted = {entry["day"]: entry for entry in plan if not entry["keep"]}
    tallies = {day: DayCounts() for day in wanted}
    meter = _Meter(sum(entry["rows"] for entry in wanted.values()))
    threads = scoring.settings.threads or os.cpu_count() or 1
    with ThreadPoolExecutor(threads + 1, thread_name_prefix="scoring") as pool:
        chunks = _ahead(pool, _read_chunks(requests, wanted, scoring, tallies))
        scored = _predict(pool, chunks, scoring, tallies, threads, meter)
        done = perf_counter()
        for day, pieces in groupby(scored, key=lambda piece: piece[0]):
            tallies[day].started = done
            batches = (batch for _, batch in pieces)
            first = next(batches)
            tallies[day].spend("wait", perf_counter() - done)
            yield ScoredDay(
                day,
                wanted[day]["fingerprint"],
                first.schema,
                chain([first], batches),
                tallies[day],
            )
            done = perf_counter()


def _read_chunks(
    requests: RequestTable,
    wanted: Mapping[str, Any],
    scoring: Scoring,
    tallies: Mapping[str, DayCounts],
) -> Iterator[list[tuple[str, pa.Table]]]:
    """Give chunks with their features, each as the days that it holds."""
    for days in _group_days(wanted, scoring.settings.chunk_rows):
        for chunk in _cut(requests, days, scoring.settings.chunk_rows, tallies):
            started = perf_counter()
            rows = scoring.add_features(pa.concat_tables([rows for _, rows in chunk]))
            rows = rows.select(scoring.kept)
            tallies[days[0]].spend("lookup", perf_counter() - started)
            start, parts = 0, []
            for day, given in chunk:
                parts.append((day, rows.slice(start, len(given))))
                start += len(given)
            yield parts


def _group_days(wanted: Mapping[str, Any], chunk_rows: int) -> Iterator[list[str]]:
    """Group neighbouring days that fit into one chunk together."""
    group: list[str] = []
    rows = 0
    for day, entry in wanted.items():
        if group and rows + entry["rows"] > chunk_rows:
            yield group
            group, rows = [], 0
        group.append(day)
        rows += entry["rows"]
    if group:
        yield group


def _cut(
    requests: RequestTable, days: list[str], chunk_rows: int, tallies: Mapping[str, DayCounts]
) -> Iterator[list[tuple[str, pa.Table]]]:
    """Read the days as chunks: several days in one, or one day in several."""
    chunk: list[tuple[str, pa.Table]] = []
    for day in days:
        for rows in _gather(timed(requests.read(day), tallies[day], "read"), chunk_rows):
            chunk.append((day, rows))
            if len(rows) >= chunk_rows:
                yield chunk
                chunk = []
    if chunk:
        yield chunk


def _gather(batches: Iterator[pa.RecordBatch], chunk_rows: int) -> Iterator[pa.Table]:
    """Gather batches to tables of exactly the rows of a chunk; the last one may have fewer."""
    held: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        while rows + batch.num_rows >= chunk_rows:
            free = chunk_rows - rows
            yield pa.Table.from_batches([*held, batch.slice(0, free)])
            held, rows, batch = [], 0, batch.slice(free)  # noqa: PLW2901
        if batch.num_rows:
            held.append(batch)
            rows += batch.num_rows
    if held:
        yield pa.Table.from_batches(held)


def _ahead(pool: ThreadPoolExecutor, items: Iterator[Any]) -> Iterator[Any]:
    """Give the items of an iterator, one of them made ahead in another thread."""
    end = object()
    coming = pool.submit(next, items, end)
    while (item := coming.result()) is not end:
        coming = pool.submit(next, items, end)
        yield item


def _predict(
    pool: ThreadPoolExecutor,
    chunks: Iterator[list[tuple[str, pa.Table]]],
    scoring: Scoring,
    tallies: Mapping[str, DayCounts],
    threads: int,
    meter: "_Meter",
) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Predict the chunks' batches on several threads, and give them in order."""
    waiting: deque[tuple[str, Future[tuple[pa.RecordBatch, float]]]] = deque()

    def settle() -> tuple[str, pa.RecordBatch]:
        day, future = waiting.popleft()
        batch, seconds = future.result()
        tally = tallies[day]
        tally.count(batch)
        tally.spend("predict", seconds)
        meter.advance(batch.num_rows)
        return day, batch

    for chunk in chunks:
        for day, rows in chunk:
            for batch in _split(rows, scoring.settings.batch_rows):
                waiting.append((day, pool.submit(scoring.score, batch)))
                if len(waiting) > 2 * threads:
                    yield settle()
    while waiting:
        yield settle()


def _split(rows: pa.Table, batch_rows: int) -> Iterator[pa.RecordBatch]:
    """Cut rows into batches of exactly so many rows; the last one may have fewer."""
    for start in range(0, len(rows), batch_rows):
        [batch] = rows.slice(start, batch_rows).combine_chunks().to_batches()
        yield batch


class _Meter:
    """Says how many rows are scored, and how fast."""

    def __init__(self, rows: int) -> None:
        self._rows, self._done = rows, 0
        self._started = self._told = perf_counter()

    def advance(self, rows: int) -> None:
        """Count rows."""
        self._done += rows
        now = perf_counter()
        if now - self._told < _SECONDS_BETWEEN_WORDS:
            return
        self._told = now
        speed = self._done / (now - self._started)
        _progress.info(
            "scoring, %s rows/s",
            f"{speed:,.0f}",
            extra={"share": self._done / self._rows},
        )
