"""The grammar of dates and times: what a layout means, as a pattern that every reader shares.

A layout is an order of parts (``%d.%m.%Y``), behind which a clock and a zone may stand. Behind it
may be said ``local:Europe/Berlin`` (clocks without a zone are of that place) and ``since:1930``
(years of two digits are of the hundred years from then). ``|`` stands between several layouts.
"""

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from fullcircle.core.errors import ConfigurationError, name_missing
from fullcircle.core.parsing.month_names import MONTHS

ISO = "ISO"
EXCEL = "excel"
EPOCHS = {"epoch s": 1, "epoch ms": 10**3, "epoch us": 10**6, "epoch ns": 10**9}
EITHER = "|"  # between layouts of one column
FIRST_YEAR = 1969  # years of two digits are of the hundred years from here on

_LETTERS = "A-Za-z\u00aa-\u024f\u0370-\u03ff\u0400-\u04ff\u1f00-\u1fff"
_BLANKS = " \u00a0\u202f"  # engines know no escapes for these in a pattern
_PARTS = {
    "%Y": r"(\d{4})",
    "%y": r"(\d{2})",
    "%m": r"(\d{1,2})",
    "%d": r"(\d{1,2})",
    "%b": rf"([{_LETTERS}]+)\.?",
    "%q": r"([1-4])",
}
_DENSE = {**_PARTS, "%m": r"(\d{2})", "%d": r"(\d{2})"}
_WEEKDAY = rf"(?:[{_LETTERS}]{{2,}}\.?,? )?"
_BETWEEN_NAMES = "(?:(?:st|nd|rd|th|\u00ba)" r"[ \-/.,]+)?(?:[ \-/.,]|de |of )*"
_ZONE = r"(?:Z|z|UTC|GMT|(?:UTC|GMT)?([+-]\d{2}):?(\d{2})?)?"
_CLOCK = (
    rf"(?:[ T,:]+(\d{{1,2}})[:.h](\d{{2}})(?:[:.m](\d{{2}})(?:[.,](\d{{1,9}}))?)?[{_BLANKS}]?"
    rf"(?:[AaPp]\.?[Mm]\.?)?[ ]?{_ZONE})?"
)
_DENSE_CLOCK = (
    r"(?:[ T]?(\d{2})[:.]?(\d{2})(?:[:.]?(\d{2})(?:[.,](\d{1,9}))?)?[ ]?(?:[AaPp]\.?[Mm]\.?)?"
    rf"[ ]?{_ZONE})?"
)
# Engines count no more than nine groups, so that the half of the day is looked for by itself.
_CLOCK_GROUPS = ("H", "M", "S", "f", "zh", "zm")
LATE = f"[0-9][{_BLANKS}]?[pP]\\.?[mM]"
EARLY = f"[0-9][{_BLANKS}]?[aA]\\.?[mM]"
# 24:00 is the midnight at the end of the day.
MIDNIGHT = (
    rf"[ T,]24[:.]00(?:[:.]00(?:[.,]0+)?)?[{_BLANKS}]?"
    r"(?:Z|z|UTC|GMT|(?:UTC|GMT)?[+-][0-9]{2}:?(?:[0-9]{2})?)?$"
)
COUNT = r"^[+-]?[0-9]{1,19}(?:\.[0-9]+)?$"
EXCEL_DAY = r"^[0-9]{1,6}(?:\.[0-9]+)?$"
_SAID = re.compile(r"(?P<ways>.*?)(?: ?local:(?P<zone>\S+))?(?: ?since:(?P<since>\d{4}))?")


@dataclass(frozen=True)
class Layout:
    """What a layout says.

    Attributes:
        ways: The layouts of a column, tried in their order.
        zone: Where clocks without a zone are of; empty for UTC.
        since: The first of the hundred years that two digits may mean.
    """

    ways: tuple[str, ...]
    zone: str = ""
    since: int = FIRST_YEAR

    def __str__(self) -> str:
        """Return the layout as it is written."""
        text = EITHER.join(self.ways)
        text += f" local:{self.zone}" if self.zone else ""
        text += f" since:{self.since}" if self.since != FIRST_YEAR else ""
        return text.strip()


@lru_cache(maxsize=256)
def parse_layout(text: str) -> Layout:
    """Return what a layout says.

    Raises:
        ConfigurationError: There is no such zone.
    """
    found = _SAID.fullmatch(text)
    if found is None:
        return Layout((text,))
    zone = found["zone"] or ""
    if zone and zone not in (known := available_timezones()):
        raise ConfigurationError(
            f"There is no zone {name_missing([zone], sorted(known))}. Say one as Europe/Berlin."
        )
    ways = tuple(found["ways"].split(EITHER)) if found["ways"] else ()
    return Layout(ways, zone, int(found["since"] or FIRST_YEAR))


def accept_iso(layout: str) -> str:
    """Return a layout under which ISO 8601 is read as well; counts of time stay as they are."""
    said = parse_layout(layout)
    counted = {*EPOCHS, EXCEL}
    if not said.ways or ISO in said.ways or counted.issuperset(said.ways):
        return layout
    return str(replace(said, ways=(*said.ways, ISO)))


@dataclass(frozen=True)
class Shape:
    """The pattern of a layout.

    Attributes:
        pattern: Of the whole text.
        groups: The number of the group of each part.
    """

    pattern: str
    groups: dict[str, int]


@lru_cache(maxsize=256)
def shape_of(way: str) -> Shape:
    """Return the pattern of one order of parts, with the clock and zone that may follow."""
    layout = "%Y-%m-%d" if way == ISO else way
    parts = re.findall(r"%[Yymdbq]", layout)
    dense = bool(re.search(r"%[YymdbqHMS]%", layout.replace("Q%q", "").replace("%qQ", "")))
    known = _DENSE if dense else _PARTS
    pattern = re.escape(re.sub("%[HMS]", "", layout))
    pattern = pattern.replace(r"\%", "%").replace(r"\ ", " ")
    if "%b" in layout:
        pattern = _WEEKDAY + pattern.replace(" ", _BETWEEN_NAMES)
    if "%q" in layout:
        pattern = pattern.replace("Q", "[QqTt]")
    for part, regex in known.items():
        pattern = pattern.replace(part, regex)
    groups = {part[1]: place for place, part in enumerate(parts, start=1)}
    clock = _DENSE_CLOCK if dense else _CLOCK
    groups |= {name: len(parts) + place for place, name in enumerate(_CLOCK_GROUPS, start=1)}
    return Shape(f"^{pattern}{clock}$", groups)


@lru_cache(maxsize=256)
def _compiled(way: str) -> re.Pattern[str]:
    return re.compile(shape_of(way).pattern)


def match_parts(text: str, way: str) -> dict[str, str] | None:
    """Return the parts of a text by their letters, or None where it is not written so."""
    match = _compiled(way).search(text)
    if match is None or text.endswith("\n"):
        return None
    parts = {name: match[place] or "" for name, place in shape_of(way).groups.items()}
    if "b" in parts and parts["b"].lower() not in MONTHS:
        return None
    late, early = (re.search(pattern, text) is not None for pattern in (LATE, EARLY))
    return {**parts, "p": "p" if late else "a" if early else ""}


@lru_cache(maxsize=64)
def list_offsets(zone: str, first: int = 1950, last: int = 2060) -> list[tuple[str, int]]:
    """Return the offsets of a place: ``(local moment before which it holds, seconds)``.

    An hour that occurs twice is taken for its first occurrence; one that is left out is read by the
    offset before it, so that it falls into the hour behind.

    Args:
        zone: The place, as ``Europe/Berlin``.
        first: The first year.
        last: The last year.
    """
    from datetime import UTC, datetime, timedelta

    place = ZoneInfo(zone)
    end = datetime(last, 1, 1, tzinfo=UTC)

    def offset(moment: datetime) -> timedelta:
        return moment.astimezone(place).utcoffset() or timedelta()

    found: list[tuple[str, int]] = []
    at, before = datetime(first, 1, 1, tzinfo=UTC), offset(datetime(first, 1, 1, tzinfo=UTC))
    step = timedelta(days=14)
    while at < end:
        after = offset(at + step)
        if after != before:
            low, high = at, at + step
            while high - low > timedelta(seconds=1):
                middle = low + (high - low) / 2
                low, high = (low, middle) if offset(middle) != before else (middle, high)
            moment = (high.replace(microsecond=0) + max(before, after)).replace(tzinfo=None)
            found.append((moment.isoformat(sep=" "), int(before.total_seconds())))
        at, before = at + step, after
    return [*found, ("9999-12-31 23:59:59", int(before.total_seconds()))]
