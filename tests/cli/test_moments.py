"""A cron expression means the same moments to every scheduler."""

from datetime import UTC, datetime, timedelta

import pytest
from cronsim import CronSim

from fullcircle.cli.schedule.cron import as_calendar, as_quartz, find_next, read_cron
from fullcircle.core.errors import ConfigurationError

SINCE = datetime(2026, 1, 30, 22, 30, tzinfo=UTC)
NUMBERED = ("0 4 * * *", "*/20 */6 * * *", "5,35 1-3 * * *", "0 0 1,15 * *", "30 23 31 JAN,mar *")
WEEKLY = ("0 1 * * SUN", "15 2 * * 1-5", "0 12 * 2 7", "0 0 * * */3", "0 6 1 * 0-6")
EITHER = ("0 3 1 * MON", "0 3 13-15 * FRI,SAT")
BOTH = ("0 3 */10 * MON",)


def expected(expression: str, days: int = 70) -> list[datetime]:
    moments = CronSim(expression, SINCE)
    found = []
    while (moment := next(moments)) < SINCE + timedelta(days=days):
        found.append(moment)
    return found


def every_minute(days: int = 70) -> list[datetime]:
    first = SINCE.replace(second=0) + timedelta(minutes=1)
    return [first + timedelta(minutes=n) for n in range(days * 1440 - 1)]


def holds(field: str, number: int) -> bool:
    return field in ("*", "?") or str(number) in field.split(",")


def quartz_fires(said: str, at: datetime) -> bool:
    second, minute, hour, day, month, weekday = said.split()
    assert second == "0"
    assert (day == "?") != (weekday == "?")
    of_week = weekday == "?" or f"{at:%a}".upper() in weekday.split(",")
    dated = holds(day, at.day) and holds(month, at.month) and of_week
    return dated and holds(hour, at.hour) and holds(minute, at.minute)


def calendar_fires(said: str, at: datetime) -> bool:
    *weekdays, dated, clock, zone = said.split()
    assert zone == "UTC"
    _, month, day = dated.split("-")
    hour, minute, _ = clock.split(":")
    of_week = not weekdays or f"{at:%a}" in weekdays[0].split(",")
    dated_so = holds(day, at.day) and holds(month, at.month) and of_week
    return dated_so and holds(hour, at.hour) and holds(minute, at.minute)


@pytest.mark.parametrize("expression", [*NUMBERED, *WEEKLY])
def test_quartz_means_the_same_moments(expression: str) -> None:
    """What Databricks is told fires at the minutes of cron over ten weeks, and at no other."""
    said = as_quartz(expression)
    assert [at for at in every_minute() if quartz_fires(said, at)] == expected(expression)


@pytest.mark.parametrize("expression", [*NUMBERED, *WEEKLY, *EITHER, *BOTH])
def test_systemd_means_the_same_moments(expression: str) -> None:
    """What systemd is told fires at the minutes of cron over ten weeks, and at no other."""
    lines = as_calendar(expression)
    fired = [at for at in every_minute() if any(calendar_fires(line, at) for line in lines)]
    assert fired == expected(expression)


@pytest.mark.parametrize("expression", [*EITHER, *BOTH])
def test_quartz_refuses_days_of_both_kinds(expression: str) -> None:
    """What Quartz cannot say is refused rather than said wrongly."""
    with pytest.raises(ConfigurationError, match="declare two jobs"):
        as_quartz(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "0 4 * *",
        "0 0 4 * * *",
        "60 4 * * *",
        "0 4 * * 8",
        "0 4 * FOO *",
        "@daily",
        "0 4 L * *",
        "0 4 * * 5L",
        "0 4 * * MON#1",
        "0 4 ? * MON",
        "0 4 30 2 *",
        "0 4 *\n* * * * * touch",
        "0 4 * * *\n",
    ],
)
def test_no_cron_expression_is_refused_with_an_example(expression: str) -> None:
    """Wrong fields, moments that never come and what only some crons know are refused."""
    with pytest.raises(ConfigurationError, match=r'as in "0 4 \* \* \* *"'):
        read_cron(expression)


def test_next_moment_is_in_utc() -> None:
    """The next moment is the first one after now, in UTC."""
    assert find_next("0 4 * * *", SINCE) == datetime(2026, 1, 31, 4, tzinfo=UTC)
