"""Cron expressions: checked, and said as Quartz and systemd say them."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from fullcircle.core.errors import ConfigurationError

if TYPE_CHECKING:
    from cronsim import CronSim

_DAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
_PORTABLE = re.compile(r"[0-9A-Za-z*,/ \t-]+")


@dataclass(frozen=True)
class CronTimes:
    """The moments that an expression names; None stands for every one of a kind.

    Attributes:
        minutes: 0 to 59.
        hours: 0 to 23.
        days: Of the month, 1 to 31.
        months: 1 to 12.
        weekdays: 0 (Sunday) to 6.
        either: Whether a day need match by its number or its weekday alone, as cron has it where
            both are given.
    """

    minutes: tuple[int, ...] | None
    hours: tuple[int, ...] | None
    days: tuple[int, ...] | None
    months: tuple[int, ...] | None
    weekdays: tuple[int, ...] | None
    either: bool


def _parse(expression: str, since: datetime) -> "CronSim":
    """Read an expression by cronsim, which follows Debian's cron."""
    from cronsim import CronSim, CronSimError

    fields = expression.split()
    try:
        if len(fields) != 5 or not _PORTABLE.fullmatch(expression):
            raise CronSimError("five fields are needed, of digits, names and * , - / only")
        moments = CronSim(expression, since)
        if min(moments.days) < 1 or any(isinstance(day, tuple) for day in moments.weekdays):
            raise CronSimError("not every cron knows L and #")
        next(moments)
    except (CronSimError, StopIteration) as error:
        said = str(error) or "it never comes"
        raise ConfigurationError(
            f"{expression!r} is no cron expression ({said}): write minute hour day month weekday, "
            'as in "0 4 * * *".'
        ) from error
    return moments


def read_cron(expression: str) -> CronTimes:
    """Read five fields: minute, hour, day of the month, month, weekday.

    Raises:
        ConfigurationError: They are no cron expression, name a moment that never comes, or use
            what only some crons know (L, #, W, ?, @daily).
    """
    found = _parse(expression, datetime.now(UTC))
    days = _unless_all(found.days, 31)
    weekdays = _unless_all({day % 7 for day in found.weekdays if isinstance(day, int)}, 7)
    if not found.day_and and (days is None or weekdays is None):
        days = weekdays = None  # either is enough, and one of them is every day
    return CronTimes(
        minutes=_unless_all(found.minutes, 60),
        hours=_unless_all(found.hours, 24),
        days=days,
        months=_unless_all(found.months, 12),
        weekdays=weekdays,
        either=not found.day_and,
    )


def find_next(expression: str, since: datetime | None = None) -> datetime:
    """Find the first moment after another, by default after now."""
    moment: datetime = _parse(expression, since or datetime.now(UTC)).dt
    return moment


def find_previous(expression: str, until: datetime) -> datetime:
    """Find the last moment that is not after another."""
    from cronsim import CronSim

    # In reverse, cronsim gives what lies strictly before: begin a minute later.
    later = until.replace(second=0, microsecond=0) + timedelta(minutes=1)
    moment: datetime = next(CronSim(expression, later, reverse=True))
    return moment


def _unless_all(numbers: Iterable[int], count: int) -> tuple[int, ...] | None:
    listed = tuple(sorted(numbers))
    return None if len(listed) == count else listed


def _list(numbers: Sequence[int] | None) -> str:
    return "*" if numbers is None else ",".join(str(number) for number in numbers)


def _name_days(weekdays: Iterable[int]) -> str:
    return ",".join(_DAYS[day] for day in weekdays)


def as_quartz(expression: str) -> str:
    """Say an expression as Quartz does, with seconds, and ``?`` for the kind of day not asked for.

    Raises:
        ConfigurationError: It names both days of the month and weekdays, which Quartz cannot.
    """
    moments = read_cron(expression)
    if moments.days is not None and moments.weekdays is not None:
        raise ConfigurationError(
            f"Databricks cannot run a job at {expression!r}, which names days of the month and "
            "weekdays: declare two jobs."
        )
    day = "?" if moments.weekdays is not None else _list(moments.days)
    weekday = "?" if moments.weekdays is None else _name_days(moments.weekdays).upper()
    first = f"0 {_list(moments.minutes)} {_list(moments.hours)}"
    return f"{first} {day} {_list(moments.months)} {weekday}"


def as_calendar(expression: str) -> list[str]:
    """Say an expression as systemd's ``OnCalendar`` does; any of the lines starts the job."""
    moments = read_cron(expression)
    at = f"{_list(moments.hours)}:{_list(moments.minutes)}:00 UTC"
    weekdays = "" if moments.weekdays is None else f"{_name_days(moments.weekdays)} "
    numbered = f"*-{_list(moments.months)}-{_list(moments.days)} {at}"
    if weekdays and moments.days is not None and moments.either:
        return [numbered, f"{weekdays}*-{_list(moments.months)}-* {at}"]
    return [f"{weekdays}{numbered}"]
