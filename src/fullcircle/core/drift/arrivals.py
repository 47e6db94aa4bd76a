"""How many rows came, and how long ago the last one."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from math import ceil

import numpy as np
from scipy import stats

from fullcircle.core.drift.column_tests import DriftTest
from fullcircle.core.drift.settings import DriftSettings

_MIN_PERIODS = 3
_MAX_PERIODS = 36
_DAY_SECONDS = 86_400


@dataclass(frozen=True)
class ArrivedRows:
    """The rows of some span of time.

    Attributes:
        rows: Their number.
        silent_days: From the newest to the end of the span.
    """

    rows: int
    silent_days: float


@dataclass(frozen=True)
class Period:
    """The span of time that a window covers, and what came in equally long spans before it.

    Attributes:
        event_time: Column with the moment of each row.
        start: First moment.
        end: First moment that is no part of it.
        before: Earlier spans in which rows came.
    """

    event_time: str
    start: datetime
    end: datetime
    before: Sequence[ArrivedRows] = ()

    @property
    def days(self) -> float:
        """Length in days."""
        return _days_between(self.start, self.end)


def _days_between(start: datetime, end: datetime) -> float:
    """Days from one moment to another; a moment without a time zone is in the other's."""
    if start.tzinfo is None:
        start = start.replace(tzinfo=end.tzinfo)
    return (end - start).total_seconds() / _DAY_SECONDS


def group_days(
    days: Collection[tuple[date, int, datetime]], start: datetime, period_days: float
) -> list[ArrivedRows]:
    """Group earlier days into spans as long as a period, counted back from its start.

    A span that begins before the first day may lack rows and is left out, as are spans without any
    day: nothing was scored then.

    Args:
        days: Day, number of rows, and moment of the newest row.
        start: Start of the period.
        period_days: Its length.
    """
    ages = {day: (start.date() - day).days for day, _, _ in days}
    spans: dict[int, list[tuple[int, datetime]]] = {}
    for day, rows, newest in days:
        number = ceil(ages[day] / period_days)
        if ages[day] > 0 and number <= min(_MAX_PERIODS, max(ages.values()) / period_days):
            spans.setdefault(number, []).append((rows, newest))
    found = []
    for number, parts in sorted(spans.items()):
        newest = max(moment for _, moment in parts)
        ended = _days_between(newest, start) - (number - 1) * period_days
        found.append(ArrivedRows(sum(rows for rows, _ in parts), max(ended, 0.0)))
    return found


def compare_volume(rows: int, period: Period, settings: DriftSettings) -> DriftTest | None:
    """Judge the number of rows against earlier periods; None where these are too few.

    On the scale of the square root, where counts have nearly constant variance (Anscombe,
    Biometrika 35, 1948), by the t distribution of a further observation; its variance is at the
    least that of a Poisson count.
    """
    past = np.array([each.rows for each in period.before], dtype=float)
    if len(past) < _MIN_PERIODS:
        return None
    roots, here = 2 * np.sqrt(past + 3 / 8), 2 * np.sqrt(rows + 3 / 8)
    spread = max(float(roots.var(ddof=1)), 1.0) * (1 + 1 / len(past))
    p_value = 2 * float(stats.t.sf(abs(here - roots.mean()) / np.sqrt(spread), len(past) - 1))
    usual = float(past.mean())
    # A halved and a doubled number are equally far from the usual one.
    effect = 1 - min(rows / usual, usual / rows) if rows else 1.0
    return DriftTest("volume", None, p_value, effect, settings.min_volume_change, usual, rows)


def compare_silence(
    newest: datetime | None, period: Period, settings: DriftSettings
) -> DriftTest | None:
    """Judge the time from the newest row to the period's end; None where the past tells too little.

    The chance is that of a further exponential waiting time, given those of earlier periods: a
    Pareto distribution, since their mean is only estimated.
    """
    past = [each.silent_days for each in period.before]
    if newest is None or len(past) < _MIN_PERIODS or not sum(past):
        return None
    days = max(_days_between(newest, period.end), 0.0)
    p_value = float((1 + days / sum(past)) ** -len(past))
    share, usual = days / period.days, float(np.mean(past))
    return DriftTest("silence", None, p_value, share, settings.max_silence, usual, days)
