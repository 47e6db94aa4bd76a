"""The window of a batch: the rows of the period after the clock, or of a snapshot's clock."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any

import ibis
import ibis.expr.types as ir

from fullcircle.core.contract import Clock, ProblemSpec
from fullcircle.core.drift.arrivals import ArrivedRows, Period, group_days
from fullcircle.core.drift.violations import check_versions
from fullcircle.core.drift.windows import DriftWindow
from fullcircle.core.predictions.endpoint_log import SHADOW
from fullcircle.core.predictions.sources import BATCH
from fullcircle.core.profile import PREDICTION, Profile
from fullcircle.core.scoring.requests import DAY


def list_looked_up(problem: ProblemSpec) -> set[str]:
    """Return the inputs that come from feature tables."""
    return {new for lookup in problem.feature_lookups for new in lookup.renaming.values()}


def build_batch(
    predictions: ir.Table,
    reference: Profile,
    problem: ProblemSpec,
    as_of: Clock,
    others: Mapping[str, Mapping[str, Any]],
) -> Iterator[DriftWindow]:
    """Give the batch's window, and the shadow's predictions on the same rows."""
    period = _find_period(predictions, problem, as_of)
    window = as_numbers(_select_period(predictions, as_of, period))
    counts = count_rows_by_version(window)
    yield DriftWindow(
        window,
        reference,
        source=BATCH,
        model_version=str(reference["version"]),
        period=period,
        known_columns=set(window.columns) - set(problem.features),
        looked_up=list_looked_up(problem),
        problems=check_versions(counts, reference["version"]),
        facts={"versions": counts},
    )
    yield from build_shadow(window, BATCH, others)


def _find_period(predictions: ir.Table, problem: ProblemSpec, as_of: Clock) -> Period | None:
    """Return the period after ``as_of`` and what came in those before; None of a snapshot."""
    when, length = problem.event_time, problem.period_days
    if when is None or length is None:
        return None
    earlier = predictions.filter(predictions[DAY] < as_of.moment.date().isoformat())
    before = list_arrivals(earlier, earlier[DAY], when, as_of.moment, length)
    return Period(when, as_of.moment, as_of.moment + timedelta(days=length), before)


def list_arrivals(
    earlier: ir.Table, day: ir.Column, moment: str, start: datetime, length: float
) -> list[ArrivedRows]:
    """Return how many rows came in earlier spans of the same length."""
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


def count_rows_by_version(window: ir.Table) -> dict[str, int]:
    """Return the number of rows that each version scored."""
    found = window.group_by("model_version").agg(rows=window.count()).to_pyarrow().to_pylist()
    return {str(each["model_version"]): int(each["rows"]) for each in found}


def as_numbers(window: ir.Table) -> ir.Table:
    """Let the decided class stand for the probabilities of several classes."""
    if not window[PREDICTION].type().is_array():
        return window
    return window.mutate(**{PREDICTION: window["decision"].cast("float64")})


def build_shadow(
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
    yield build_role(rows, source, SHADOW, own, {})


def build_role(
    rows: ir.Table, source: str, role: str, own: Mapping[str, Any], facts: Mapping[str, Any]
) -> DriftWindow:
    """Return the predictions of a role beside the champion, with its own profile."""
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
