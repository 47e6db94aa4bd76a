"""Reading a moment as people write it, or refusing it by the form that is wanted."""

import re
from datetime import UTC, date, datetime
from typing import Any

MOMENT_FORM = "2025-03-01, or with a time of day 2025-03-01T06:00:00 (UTC, or +02:00 behind it)"
_FIRST_YEAR, _LAST_YEAR = 1900, 2200  # moments outside overflow in tables and in sums of days

# The year comes first: 01.06.2024 is two days, depending on who reads it.
_MOMENT = re.compile(
    r"(?P<year>\d{4})"
    r"(?:(?P<part>[-/.])(?P<month>\d{1,2})(?P=part)(?P<day>\d{1,2})|(?P<digits>\d{4}))"
    r"(?:[Tt ](?P<hour>\d{2}):?(?P<minute>\d{2})(?::?(?P<second>\d{2})(?:[.,](?P<rest>\d+))?)?"
    r" ?(?P<zone>[Zz]|[+-]\d{2}(?::?\d{2})?)?)?",
    re.ASCII,
)


def read_moment(value: Any) -> datetime:
    """Return a moment in UTC; without a time of day it is the first instant of the day.

    Args:
        value: Text, a number such as 20250301, a date or a moment. Without a zone it is UTC.

    Raises:
        ValueError: It is none of these, or no moment of the calendar; the form is named.

    Example:
        >>> read_moment("2025-3-1").isoformat()
        '2025-03-01T00:00:00+00:00'
        >>> read_moment("2025-03-01T06:00:00+02:00").isoformat()
        '2025-03-01T04:00:00+00:00'
    """
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    moment = value if isinstance(value, datetime) else _parse(value)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise ValueError(f"the year {moment.year} lies outside {_FIRST_YEAR} to {_LAST_YEAR}")
    return moment


def _parse(value: Any) -> datetime:
    text = "" if value is None or isinstance(value, bool) else str(value).strip()
    written = _MOMENT.fullmatch(text)
    if written is None:
        said = f"{text!r} is no moment" if text else "no moment is given"
        raise ValueError(f"{said}: write {MOMENT_FORM}")
    try:
        return datetime.fromisoformat(_as_iso(written))
    except ValueError as error:
        raise ValueError(f"{text!r} is no moment: {error}; write {MOMENT_FORM}") from error


def _as_iso(written: re.Match[str]) -> str:
    """Write a moment's parts as ISO 8601 does."""
    part = written.groupdict(default="")
    month, day = part["month"] or part["digits"][:2], part["day"] or part["digits"][2:]
    iso = f"{part['year']}-{month:0>2}-{day:0>2}"
    if not part["hour"]:
        return iso
    clock = f"{part['hour']}:{part['minute']}:{part['second'] or '00'}.{part['rest'][:6]:0<6}"
    return f"{iso}T{clock}{part['zone'].upper()}"
