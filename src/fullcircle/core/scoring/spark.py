"""Scoring on Spark: the join where the tables are, the models where the rows are.

Executors need this package installed; what they get is the fitted models, nothing else.
"""

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from fullcircle.core.features.point_in_time import join_features
from fullcircle.core.scoring.days import DayCounts, ScoredDay
from fullcircle.core.scoring.lookups import STALE
from fullcircle.core.scoring.requests import DAY, RequestTable
from fullcircle.core.scoring.rows import RoleModel, stamp_rows
from fullcircle.core.scoring.stream import Scoring


def is_on_spark(rows: ir.Table) -> bool:
    """Whether a lazy table lies in Spark."""
    backends, _ = rows._find_backends()
    return any(backend.name == "pyspark" for backend in backends)


def score_days_on_spark(
    requests: RequestTable, plan: list[dict[str, Any]], scoring: Scoring
) -> Iterator[ScoredDay]:
    """Score the days of a plan that are not kept, in one job, and give them in order.

    The rows are those that score_days gives. Their seconds are the writer's alone: what the
    executors did is in Spark's own interface.
    """
    wanted = {entry["day"]: entry for entry in plan if not entry["keep"]}
    rows = requests.rows.filter(requests.rows[DAY].isin(list(wanted)))
    joined = join_features(
        rows, scoring.tables, scoring.lookups, scoring.event_time, count_stale=STALE
    ).select(scoring.kept)
    scored = _map(joined, scoring.role_models, scoring.stamps)
    batches = scored.order_by(DAY).to_pyarrow_batches()
    for day, pieces in groupby(_split_by_day(batches), key=lambda piece: piece[0]):
        tally = DayCounts()
        tally.start()
        yield ScoredDay(
            day, wanted[day]["fingerprint"], batches.schema, _count(pieces, tally), tally
        )


def _map(rows: ir.Table, role_models: list[RoleModel], stamps: Mapping[str, str]) -> ir.Table:
    """Predict and stamp rows within Spark."""
    from pyspark.sql.pandas.types import from_arrow_schema

    backend: Any = ibis.get_backend(rows)
    schema = rows.schema().to_pyarrow()
    stamped = _plain(stamp_rows(_no_rows(schema), role_models, stamps)).schema

    def score(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield _plain(stamp_rows(batch.cast(schema), role_models, stamps))

    frame = backend._session.sql(backend.compile(rows))
    scored = frame.mapInArrow(score, from_arrow_schema(stamped))
    name = ibis.util.gen_name("scored")
    scored.createOrReplaceTempView(name)
    table: ir.Table = backend.table(name)
    return table


def _no_rows(schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array([], f.type) for f in schema], schema=schema)


def _plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Give dictionaries as the texts that they stand for: Spark knows none."""
    fields = [
        f.with_type(f.type.value_type) if pa.types.is_dictionary(f.type) else f
        for f in batch.schema
    ]
    return batch.cast(pa.schema(fields))


def _split_by_day(batches: Iterator[pa.RecordBatch]) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Cut batches that lie in the order of days where the day changes."""
    for batch in batches:
        start = 0
        for day, run in groupby(batch[DAY].to_pylist()):
            length = sum(1 for _ in run)
            yield day, batch.slice(start, length)
            start += length


def _count(
    pieces: Iterator[tuple[str, pa.RecordBatch]], tally: DayCounts
) -> Iterator[pa.RecordBatch]:
    for _, batch in pieces:
        tally.count(batch)
        yield batch
