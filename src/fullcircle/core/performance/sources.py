"""Predictions of a batch, a stream and the endpoint, each with the labels that have come."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import ibis
import ibis.expr.types as ir

from fullcircle.core.contract import Clock, ProblemSpec
from fullcircle.core.drift.sources import NOTHING_SCORED, Scored
from fullcircle.core.errors import DataError
from fullcircle.core.performance.joining import join_labels
from fullcircle.core.performance.labelled import CLOCK, Labelled
from fullcircle.core.predictions.endpoint_log import ANSWERED_AT, read_answers
from fullcircle.core.predictions.sources import (
    BATCH,
    DEFAULT_DAYS,
    ENDPOINT,
    SCORED_AT,
    STREAM,
    WallTimeSpan,
    find_span,
    select_known,
)
from fullcircle.core.profile import PREDICTION
from fullcircle.core.scoring.rows import BACKFILLED

_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)
_DAY_SECONDS = 86_400


def label_sources(
    scored: Scored, labels: ir.Table, problem: ProblemSpec, as_of: Clock, days: float | None = None
) -> list[Labelled]:
    """Return the rows of each source that were scored up to the clock, joined with their labels.

    Args:
        scored: The rows of each source.
        labels: Row id, label and the moment from which it was known.
        problem: The contract.
        as_of: The clock; later labels are not looked at.
        days: Length of the windows of stream and endpoint; None takes the contract's period, and 7
            of a snapshot.

    Raises:
        DataError: No source has scored anything.
    """
    length = days or problem.period_days or DEFAULT_DAYS
    found = [*_label_batch(scored.batch, labels, problem, as_of)]
    found += _label_stream(scored.stream, labels, problem, as_of.moment, length)
    found += _label_endpoint(scored.endpoint, labels, problem, as_of.moment, length)
    if not found:
        raise DataError(NOTHING_SCORED)
    return _join_problems(found)


def _label_batch(
    predictions: ir.Table | None, labels: ir.Table, problem: ProblemSpec, as_of: Clock
) -> Iterator[Labelled]:
    if predictions is not None:
        scored = _leave_out_backfills(predictions).filter(predictions[CLOCK] <= str(as_of))
        yield join_labels(scored, labels, problem, as_of.moment, BATCH)


def _leave_out_backfills(predictions: ir.Table) -> ir.Table:
    """Drop rows older than the model's training: it may have learnt from them."""
    return predictions.filter(~predictions[BACKFILLED].fill_null(False))


def _label_stream(
    predictions: ir.Table | None,
    labels: ir.Table,
    problem: ProblemSpec,
    as_of: datetime,
    days: float,
) -> Iterator[Labelled]:
    moment = problem.event_time or SCORED_AT
    if predictions is None or PREDICTION not in predictions.columns:
        return
    span = find_span(predictions, moment, as_of, days)
    if span is None:
        return
    known = select_known(_leave_out_backfills(predictions), moment, as_of, span.basis)
    known = known.mutate(**{CLOCK: name_window(known[moment], days)})
    yield join_labels(known, labels, problem, as_of, STREAM)


def _label_endpoint(
    log: ir.Table | None, labels: ir.Table, problem: ProblemSpec, as_of: datetime, days: float
) -> Iterator[Labelled]:
    span = None if log is None else find_span(log, ANSWERED_AT, as_of, days)
    if log is None or span is None:
        return
    known = select_known(log, ANSWERED_AT, as_of, span.basis)
    answers = read_answers(known, problem, name_window(known[ANSWERED_AT], days))
    named = labels
    if problem.row_id in labels.columns:
        named = labels.mutate(**{problem.row_id: labels[problem.row_id].cast("string")})
    yield join_labels(answers, named, _with_wall_time(problem, span), as_of, ENDPOINT)


def _with_wall_time(problem: ProblemSpec, span: WallTimeSpan) -> ProblemSpec:
    """Let the moment of the answer be the row's; where its clock is another, compare it to none."""
    return problem.model_copy(update={"event_time": ANSWERED_AT if span.basis == "clock" else None})


def name_window(moment: ir.TimestampColumn, days: float) -> ir.StringColumn:
    """Return the first day of the window that a moment lies in, as text.

    Windows are whole days and lie on one grid, so that a later run names them alike: those of a
    week begin on a Monday.
    """
    width = max(1, round(days)) * _DAY_SECONDS
    since = moment.truncate("s").epoch_seconds().cast("int64") - int(_MONDAY.timestamp())
    # Of moments before the first Monday the remainder is negative.
    begun = since - ((since % width) + width) % width
    day = (ibis.literal(_MONDAY.replace(tzinfo=None)) + begun.as_interval("s")).date()
    return day.cast("string")


def _join_problems(found: list[Labelled]) -> list[Labelled]:
    """Leave out that no label fits one source where labels fit another: they are of its rows."""
    fits = any(each.counts.get("arrived") for each in found)
    return [
        replace(
            each, problems=[p for p in each.problems if not (fits and p.what == "labels_unknown")]
        )
        for each in found
    ]
