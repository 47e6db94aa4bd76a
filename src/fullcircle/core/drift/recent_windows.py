"""The windows of stream and endpoint: the newest rows by wall time."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import ibis
import ibis.expr.types as ir

from fullcircle.core.contract import ProblemSpec
from fullcircle.core.drift.arrivals import Period
from fullcircle.core.drift.batch_window import (
    as_numbers,
    build_role,
    build_shadow,
    count_rows_by_version,
    list_arrivals,
    list_looked_up,
)
from fullcircle.core.drift.violations import DataViolation
from fullcircle.core.drift.windows import DriftWindow
from fullcircle.core.errors import DataError
from fullcircle.core.predictions.endpoint_log import (
    ANSWERED_AT,
    COLUMNS,
    count_versions,
    describe_private,
    extract_features,
    plain_role,
    read_prediction,
)
from fullcircle.core.predictions.sources import (
    ENDPOINT,
    SCORED_AT,
    STREAM,
    WallTimeSpan,
    find_span,
    select_span,
)
from fullcircle.core.profile import PREDICTION, Profile


def _describe_span(span: WallTimeSpan) -> dict[str, Any]:
    first, last = span.start.date().isoformat(), span.end.date().isoformat()
    return {"basis": span.basis, "told": span.told, "first": first, "last": last}


def _period_of(rows: ir.Table, moment: str, span: WallTimeSpan) -> Period:
    earlier = rows.filter(rows[moment] < ibis.literal(span.start))
    length = (span.end - span.start).total_seconds() / 86_400
    before = list_arrivals(earlier, earlier[moment].date(), moment, span.start, length)
    return Period(moment, span.start, span.end, before)


def build_stream(
    predictions: ir.Table,
    reference: Profile,
    problem: ProblemSpec,
    as_of: datetime,
    days: float,
    others: Mapping[str, Mapping[str, Any]],
) -> Iterator[DriftWindow]:
    """Give the stream's window, and the shadow's predictions on the same rows."""
    moment = problem.event_time or SCORED_AT
    if PREDICTION not in predictions.columns:  # each record so far was set aside
        return
    span = find_span(predictions, moment, as_of, days)
    if span is None:
        return
    window = as_numbers(select_span(predictions, moment, span))
    version = str(reference["version"])
    yield DriftWindow(
        window,
        reference,
        source=STREAM,
        model_version=version,
        period=_period_of(predictions, moment, span),
        known_columns=set(window.columns) - set(problem.features),
        looked_up=list_looked_up(problem),
        predicted_rows=window.filter(window["model_version"] == version),
        facts={**_describe_span(span), "versions": count_rows_by_version(window)},
        empty_is_problem=False,
    )
    yield from build_shadow(window, STREAM, others)


def build_endpoint(
    log: ir.Table,
    reference: Profile,
    problem: ProblemSpec,
    as_of: datetime,
    days: float,
    others: Mapping[str, Mapping[str, Any]],
) -> Iterator[DriftWindow]:
    """Compare the inputs of all answered rows, and the predictions of each role.

    Roles answer different entities by a digest of the keys, so all answered rows together show the
    inputs, and each role's share shows its own predictions.
    """
    if missing := [name for name in COLUMNS if name not in log.columns]:
        told = f"the endpoint's log has no column {missing[0]!r}"
        raise DataError(f"{told[0].upper()}{told[1:]}; serve with this version to begin a new one.")
    span = find_span(log, ANSWERED_AT, as_of, days)
    if span is None:
        return
    window = select_span(log, ANSWERED_AT, span)
    seen = count_versions(window)
    version = str(reference["version"])
    private = describe_private(problem, reference["columns"])
    columns = {
        name: bins
        for name, bins in reference["columns"].items()
        if name != PREDICTION and name not in private
    }
    comparable = seen.comparable(columns)
    answered = window.filter(window["answered"])
    inputs = answered.filter(answered["model_version"].isin(comparable))
    inputs = inputs.select(ANSWERED_AT, **extract_features(inputs, columns))
    own = answered.filter(answered["model_version"] == version)
    facts = {
        **_describe_span(span),
        "versions": seen.rows,
        "unwatched": private,
        "left_out": {name: rows for name, rows in seen.rows.items() if name not in comparable},
    }
    yield DriftWindow(
        inputs,
        {**reference, "columns": {**columns, PREDICTION: reference["columns"][PREDICTION]}},
        source=ENDPOINT,
        model_version=version,
        period=_period_of(log.filter(log["answered"]), ANSWERED_AT, span),
        looked_up=list_looked_up(problem),
        problems=_describe_left_out(facts["left_out"], version),
        predicted_rows=own.select(**{PREDICTION: read_prediction(own, problem.task)}),
        facts=facts,
        empty_is_problem=False,
    )
    for role, other in others.items():
        if seen.roles.get((role, str(other["version"]))):
            rows = window.filter(
                plain_role(window["role"]) == role,
                window["model_version"] == str(other["version"]),
            )
            rows = rows.select(**{PREDICTION: read_prediction(rows, problem.task)})
            yield build_role(rows, ENDPOINT, role, other, _describe_span(span))


def _describe_left_out(left_out: Mapping[str, int], version: str) -> list[DataViolation]:
    """Say which rows hold other inputs than the profiled version's."""
    if not left_out:
        return []
    named = ", ".join(f"{rows:,} by version {name}" for name, rows in sorted(left_out.items()))
    told = f"{named} were answered from other inputs than version {version}'s and are not compared"
    return [DataViolation("other_inputs", told)]
