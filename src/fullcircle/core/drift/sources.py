"""The windows of all sources: what a batch, a stream and the endpoint answered."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import ibis
import ibis.expr.types as ir

from fullcircle.core.contract import Clock, ProblemSpec
from fullcircle.core.drift.arrivals import Arrivals, Period, group_days
from fullcircle.core.drift.problems import Problem, check_versions
from fullcircle.core.drift.settings import DriftSettings
from fullcircle.core.drift.windows import DriftWindow
from fullcircle.core.endpoint_log import (
    ANSWERED_AT,
    COLUMNS,
    SHADOW,
    count_versions,
    describe_private,
    extract_features,
    plain_role,
    read_prediction,
)
from fullcircle.core.errors import DataError
from fullcircle.core.profile import PREDICTION, Profile
from fullcircle.core.scoring.requests import DAY
from fullcircle.core.sources import (
    BATCH,
    DEFAULT_DAYS,
    ENDPOINT,
    STREAM,
    Span,
    find_span,
    select_span,
)

NOTHING_SCORED = (
    "Nothing has been scored yet, so there is nothing to monitor. Score first: kedro run "
    "--pipeline scoring, kedro stream, or kedro serve."
)
SCORED_AT = "scored_at"


@dataclass(frozen=True)
class Scored:
    """What each source has scored; None of a source that nobody uses.

    Attributes:
        batch: ``predictions``.
        stream: ``stream_predictions``.
        endpoint: ``endpoint_predictions``.
    """

    batch: ir.Table | None = None
    stream: ir.Table | None = None
    endpoint: ir.Table | None = None


def build_windows(
    scored: Scored,
    reference: Profile,
    problem: ProblemSpec,
    settings: DriftSettings,
    as_of: Clock,
    profiles: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[DriftWindow]:
    """Return the windows to compare with the champion's profile, and other roles' with their own.

    Args:
        scored: The rows of each source.
        reference: The champion's profile, with its ``version``.
        problem: The contract.
        settings: Which sources are watched, and how long the windows of stream and endpoint are.
        as_of: The clock.
        profiles: ``version`` and ``profile`` of other roles.

    Raises:
        DataError: No source has scored anything.
    """
    others = profiles or {}
    days = settings.window_days or problem.period_days or DEFAULT_DAYS
    found: list[DriftWindow] = []
    if scored.batch is not None and BATCH in settings.sources:
        found += _build_batch(scored.batch, reference, problem, as_of, others)
    if scored.stream is not None and STREAM in settings.sources:
        found += _build_stream(scored.stream, reference, problem, as_of.moment, days, others)
    if scored.endpoint is not None and ENDPOINT in settings.sources:
        found += _build_endpoint(scored.endpoint, reference, problem, as_of.moment, days, others)
    if not found:
        raise DataError(NOTHING_SCORED)
    return found


def _list_looked_up(problem: ProblemSpec) -> set[str]:
    return {new for lookup in problem.feature_lookups for new in lookup.renaming.values()}


# Batch: the rows of the period after the clock, or of a snapshot's clock.


def _build_batch(
    predictions: ir.Table,
    reference: Profile,
    problem: ProblemSpec,
    as_of: Clock,
    others: Mapping[str, Mapping[str, Any]],
) -> Iterator[DriftWindow]:
    period = _find_period(predictions, problem, as_of)
    window = _as_numbers(_select_period(predictions, as_of, period))
    counts = _count_versions(window)
    yield DriftWindow(
        window,
        reference,
        source=BATCH,
        model_version=str(reference["version"]),
        period=period,
        known_columns=set(window.columns) - set(problem.features),
        looked_up=_list_looked_up(problem),
        problems=check_versions(counts, reference["version"]),
        facts={"versions": counts},
    )
    yield from _build_shadow(window, BATCH, others)


def _find_period(predictions: ir.Table, problem: ProblemSpec, as_of: Clock) -> Period | None:
    """Return the period after ``as_of`` and what came in those before; None of a snapshot."""
    when, length = problem.event_time, problem.period_days
    if when is None or length is None:
        return None
    earlier = predictions.filter(predictions[DAY] < as_of.moment.date().isoformat())
    before = _list_arrivals(earlier, earlier[DAY], when, as_of.moment, length)
    return Period(when, as_of.moment, as_of.moment + timedelta(days=length), before)


def _list_arrivals(
    earlier: ir.Table, day: ir.Column, moment: str, start: datetime, length: float
) -> list[Arrivals]:
    days = earlier.group_by(day=day.cast("string")).agg(
        rows=earlier.count(), newest=earlier[moment].max()
    )
    counted = [
        (date.fromisoformat(each["day"][:10]), int(each["rows"]), each["newest"])
        for each in days.to_pyarrow().to_pylist()
    ]
    return group_days(counted, start, length)


def _select_period(predictions: ir.Table, as_of: Clock, period: Period | None) -> ir.Table:
    """Select the rows of the period, whenever they were scored; of a snapshot, by their clock."""
    if period is None:
        return predictions.filter(predictions["as_of"] == str(as_of))
    day, moment = predictions[DAY], predictions[period.event_time]
    return predictions.filter(
        # The table is partitioned by day.
        day.between(period.start.date().isoformat(), period.end.date().isoformat()),
        moment >= ibis.literal(period.start),
        moment < ibis.literal(period.end),
    )


def _count_versions(window: ir.Table) -> dict[str, int]:
    found = window.group_by("model_version").agg(rows=window.count()).to_pyarrow().to_pylist()
    return {str(each["model_version"]): int(each["rows"]) for each in found}


def _as_numbers(window: ir.Table) -> ir.Table:
    """Let the decided class stand for the probabilities of several classes."""
    if not window[PREDICTION].type().is_array():
        return window
    return window.mutate(**{PREDICTION: window["decision"].cast("float64")})


def _build_shadow(
    window: ir.Table, source: str, others: Mapping[str, Mapping[str, Any]]
) -> Iterator[DriftWindow]:
    """Compare what the shadow predicted beside, in columns of its own, with its own profile."""
    own = others.get(SHADOW)
    column, version = f"{SHADOW}_{PREDICTION}", f"{SHADOW}_model_version"
    if own is None or column not in window.columns or version not in window.columns:
        return
    if window[column].type().is_array():
        column = f"{SHADOW}_decision"
    rows = window.filter(window[version] == own["version"])
    rows = rows.select(**{PREDICTION: rows[column].cast("float64")})
    yield _build_role(rows, source, SHADOW, own, {})


def _build_role(
    rows: ir.Table, source: str, role: str, own: Mapping[str, Any], facts: Mapping[str, Any]
) -> DriftWindow:
    profile = own["profile"]
    return DriftWindow(
        rows,
        {**profile, "columns": {PREDICTION: profile["columns"][PREDICTION]}},
        source=source,
        role=role,
        model_version=str(own["version"]),
        facts=facts,
        empty_is_problem=False,
    )


# Stream and endpoint: the newest rows by wall time.


def _tell_span(span: Span) -> dict[str, Any]:
    first, last = span.start.date().isoformat(), span.end.date().isoformat()
    return {"basis": span.basis, "told": span.told, "first": first, "last": last}


def _period_of(rows: ir.Table, moment: str, span: Span) -> Period:
    earlier = rows.filter(rows[moment] < ibis.literal(span.start))
    length = (span.end - span.start).total_seconds() / 86_400
    before = _list_arrivals(earlier, earlier[moment].date(), moment, span.start, length)
    return Period(moment, span.start, span.end, before)


def _build_stream(
    predictions: ir.Table,
    reference: Profile,
    problem: ProblemSpec,
    as_of: datetime,
    days: float,
    others: Mapping[str, Mapping[str, Any]],
) -> Iterator[DriftWindow]:
    moment = problem.event_time or SCORED_AT
    if PREDICTION not in predictions.columns:  # each record so far was set aside
        return
    span = find_span(predictions, moment, as_of, days)
    if span is None:
        return
    window = _as_numbers(select_span(predictions, moment, span))
    version = str(reference["version"])
    yield DriftWindow(
        window,
        reference,
        source=STREAM,
        model_version=version,
        period=_period_of(predictions, moment, span),
        known_columns=set(window.columns) - set(problem.features),
        looked_up=_list_looked_up(problem),
        predicted_rows=window.filter(window["model_version"] == version),
        facts={**_tell_span(span), "versions": _count_versions(window)},
        empty_is_problem=False,
    )
    yield from _build_shadow(window, STREAM, others)


def _build_endpoint(
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
        **_tell_span(span),
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
        looked_up=_list_looked_up(problem),
        problems=_tell_left_out(facts["left_out"], version),
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
            yield _build_role(rows, ENDPOINT, role, other, _tell_span(span))


def _tell_left_out(left_out: Mapping[str, int], version: str) -> list[Problem]:
    """Say which rows hold other inputs than the profiled version's."""
    if not left_out:
        return []
    named = ", ".join(f"{rows:,} by version {name}" for name, rows in sorted(left_out.items()))
    told = f"{named} were answered from other inputs than version {version}'s and are not compared"
    return [Problem("other_inputs", told)]
