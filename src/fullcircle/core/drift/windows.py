"""One window of one source beside its reference: what differs, before anything is decided."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import ibis.expr.types as ir

from fullcircle.core.drift.arrivals import Period, compare_silence, compare_volume
from fullcircle.core.drift.column_tests import (
    ColumnComparison,
    DriftTest,
    What,
    compare_distribution,
    compare_share,
    estimate_variation,
)
from fullcircle.core.drift.past_variation import Variation
from fullcircle.core.drift.settings import DriftSettings
from fullcircle.core.drift.violations import DataViolation, check_columns, check_rows, check_values
from fullcircle.core.predictions.sources import BATCH, CHAMPION
from fullcircle.core.profile import PREDICTION, Profile, profile_window

Variations = dict[tuple[str, What], Variation]


@dataclass(frozen=True)
class DriftWindow:
    """Rows that are compared with a profile.

    Attributes:
        rows: Scored rows, with a column for each of the profile's.
        profile: As build_profile gives it.
        source: Where the rows come from.
        role: Whose predictions they hold.
        model_version: The version of that role; None where rows of several are looked at.
        period: The span that the window covers, with what came before it; without three earlier
            spans, volume and freshness are not judged.
        known_columns: Columns of the window that are no inputs; all others must be in the profile.
            None asks nothing of other columns.
        looked_up: Inputs that come from feature tables.
        problems: Found before; a column named there is not compared.
        predicted_rows: Rows whose predictions are compared, where these are others than ``rows``;
            fewer than are judged are not compared.
        facts: What is told of the window beside: its span, what it cannot show.
        empty_is_problem: Whether a window without rows is wrong, or says nothing.
    """

    rows: ir.Table
    profile: Profile
    source: str = BATCH
    role: str = CHAMPION
    model_version: str | None = None
    period: Period | None = None
    known_columns: Collection[str] | None = None
    looked_up: Collection[str] = ()
    problems: Collection[DataViolation] = ()
    predicted_rows: ir.Table | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    empty_is_problem: bool = True


@dataclass(frozen=True)
class WindowComparison:
    """How a window differs from its reference.

    Attributes:
        window: The window.
        rows: Its number of rows.
        cases: Columns before and now.
        evidence: What speaks for a shift.
        variations: How much the past varied.
        problems: What is plainly wrong.
        judged: Whether there are rows enough.
    """

    window: DriftWindow
    rows: int
    cases: list[ColumnComparison]
    evidence: list[DriftTest]
    variations: Variations
    problems: list[DataViolation]
    judged: bool


def compare_window(window: DriftWindow, settings: DriftSettings) -> WindowComparison:
    """Compare a window with its profile, in one pass over its rows."""
    rows, profile = window.rows, window.profile
    if window.predicted_rows is not None:
        inputs = {n: bins for n, bins in profile["columns"].items() if n != PREDICTION}
        profile = {**profile, "columns": inputs}
    known = set(rows.columns if window.known_columns is None else window.known_columns)
    comparable, found = check_columns(rows, profile, known)
    refused = {each.column for each in window.problems}
    compared = {n: profile["columns"][n] for n in comparable if n not in refused}
    period = window.period
    timed = period if period is not None and period.event_time in rows.columns else None
    seen = profile_window(rows, compared, timed.event_time if timed else None)
    if window.predicted_rows is not None:
        _add_predictions(window.predicted_rows, window.profile, compared, seen, settings)
    cases = [ColumnComparison(name, bins, seen["columns"][name]) for name, bins in compared.items()]
    problems = [*window.problems, *found]
    if window.empty_is_problem:
        problems += check_rows(seen["rows"], settings.min_rows)
    problems += [
        each for case in cases for each in check_values(case.name, case.reference, case.window)
    ]
    variations = estimate_variation([case for case in cases if case.name not in window.looked_up])
    variations |= estimate_variation([case for case in cases if case.name in window.looked_up])
    evidence = [
        replace(each, source=window.source, role=window.role)
        for each in (
            *_weigh(cases, variations, settings),
            *_compare_arrivals(seen, timed, settings),
        )
    ]
    judged = seen["rows"] >= settings.min_rows and bool(cases)
    return WindowComparison(window, seen["rows"], cases, evidence, variations, problems, judged)


def _add_predictions(
    rows: ir.Table,
    profile: Profile,
    compared: dict[str, Any],
    seen: dict[str, Any],
    settings: DriftSettings,
) -> None:
    """Add the predictions of rows that are counted apart, if there are enough of them."""
    bins = {PREDICTION: profile["columns"][PREDICTION]}
    found = profile_window(rows, bins)
    if found["rows"] >= settings.min_rows:
        compared |= bins
        seen["columns"] |= found["columns"]


def _weigh(
    cases: list[ColumnComparison], variations: Variations, settings: DriftSettings
) -> list[DriftTest]:
    whole = [
        compare_distribution(case, variations[case.name, "distribution"], settings)
        for case in cases
    ]
    shares = [
        compare_share(case, what, variations[case.name, what], settings)
        for case in cases
        for what in case.marks
    ]
    return [*whole, *(each for each in shares if each is not None)]


def _compare_arrivals(
    seen: dict[str, Any], period: Period | None, settings: DriftSettings
) -> list[DriftTest]:
    if period is None:
        return []
    found = (
        compare_volume(seen["rows"], period, settings),
        compare_silence(seen["newest"], period, settings),
    )
    return [each for each in found if each is not None]
