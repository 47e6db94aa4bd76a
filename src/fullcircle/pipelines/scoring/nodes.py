"""From requests to stored predictions, batch by batch."""

from collections.abc import Iterator, Mapping
from datetime import timedelta

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from fullcircle.core.contract import Clock, ProblemSpec, require_columns
from fullcircle.core.errors import DataError
from fullcircle.core.model import Model
from fullcircle.core.point_in_time import KeyedTable, join_features
from fullcircle.core.profile import PREDICTION
from fullcircle.core.splits import is_held_out

_BATCH_ROWS = 100_000


def select_requests(events: ir.Table, problem: ProblemSpec, as_of: Clock) -> ir.Table:
    """Select the rows to score: those of the period after ``as_of``, without their labels.

    A snapshot has no period; there the share of entities that never trains is scored.

    Raises:
        DataError: There is nothing to score.
    """
    require_columns(list(events.columns), problem.event_columns, "events")
    wanted = (
        is_held_out(events, problem)
        if problem.event_time is None
        else _is_in_period(events[problem.event_time], problem, as_of)
    )
    requests = events.filter(wanted).select(*problem.identity, *problem.request_columns)
    if not requests.count().execute():
        raise DataError(_explain_nothing(events, problem, as_of))
    return requests.order_by(*filter(None, [problem.event_time]), problem.row_id)


def _is_in_period(moment: ir.Column, problem: ProblemSpec, as_of: Clock) -> ir.BooleanValue:
    end = as_of.moment + timedelta(days=problem.period_days or 0)
    return (moment >= ibis.literal(as_of.moment)) & (moment < ibis.literal(end))


def _explain_nothing(events: ir.Table, problem: ProblemSpec, as_of: Clock) -> str:
    if problem.event_time is None:
        return "No entity falls into the share for scoring; raise 'scoring' in the split."
    moment = events[problem.event_time]
    first, last = events.aggregate(first=moment.min(), last=moment.max()).execute().iloc[0]
    return (
        f"There is nothing to score in the {problem.period_days:g} days after as_of={as_of}: "
        f"the events lie between {first} and {last}. Choose an as_of among them."
    )


def score_requests(
    scoring_requests: ir.Table,
    feature_tables: Mapping[str, KeyedTable],
    champion: Model,
    problem: ProblemSpec,
    as_of: Clock,
) -> pa.RecordBatchReader:
    """Look features up, predict, and stamp, in a stream whose memory does not grow with the rows.

    Each request sees what was known at its own moment, by the champion's own lookups.

    Returns:
        Per request: identity, the features used, prediction, decision (classes only), model name
        and version, ``as_of`` and ``scored_on`` (day of the event; of ``as_of`` for a snapshot).
    """
    joined = join_features(
        scoring_requests, feature_tables, champion.lookups, problem.event_time
    ).order_by(*filter(None, [problem.event_time]), problem.row_id)
    require_columns(list(joined.columns), champion.features, "The rows to score")
    day = (
        joined[problem.event_time].strftime("%Y-%m-%d")
        if problem.event_time
        else ibis.literal(as_of.moment.date().isoformat())
    )
    rows = joined.select(*problem.identity, *champion.features, scored_on=day)
    schema = _output_schema(rows, champion)
    batches = rows.to_pyarrow_batches(chunk_size=_BATCH_ROWS)
    return pa.RecordBatchReader.from_batches(
        schema, _score_batches(batches, champion, as_of, schema)
    )


def _score_batches(
    batches: Iterator[pa.RecordBatch], champion: Model, as_of: Clock, schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        predicted = champion.predict(batch.to_pandas())
        added = {
            PREDICTION: pa.array(predicted.tolist() if predicted.ndim > 1 else predicted),
            **_decision_column(champion, predicted),
            **{
                name: pa.repeat(value, batch.num_rows)
                for name, value in _stamps(champion, as_of).items()
            },
        }
        yield pa.RecordBatch.from_arrays([*batch.columns, *added.values()], schema=schema)


def _decision_column(champion: Model, predicted: np.ndarray) -> dict[str, pa.Array]:
    if champion.task == "regression":
        return {}
    return {"decision": pa.array(champion.decide(predicted))}


def _stamps(champion: Model, as_of: Clock) -> dict[str, str]:
    registration = champion.registration
    return {
        "model_name": registration.name if registration else "unregistered",
        "model_version": registration.version if registration else "none",
        "as_of": str(as_of),
    }


def _output_schema(rows: ir.Table, champion: Model) -> pa.Schema:
    several = champion.task == "multiclass"
    schema = rows.schema().to_pyarrow()
    schema = schema.append(
        pa.field(PREDICTION, pa.list_(pa.float64()) if several else pa.float64())
    )
    if champion.task != "regression":
        schema = schema.append(pa.field("decision", pa.int64()))
    for name in ("model_name", "model_version", "as_of"):
        schema = schema.append(pa.field(name, pa.string()))
    return schema
