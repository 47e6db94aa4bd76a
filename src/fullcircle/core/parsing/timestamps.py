"""Moments as people write them: dates, clocks, zones and counts of seconds, on every engine."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import ibis
import ibis.expr.types as ir

from fullcircle.core.parsing.layouts import (
    COUNT,
    EARLY,
    EITHER,
    EPOCHS,
    EXCEL,
    EXCEL_DAY,
    ISO,
    LATE,
    MIDNIGHT,
    Layout,
    Shape,
    list_offsets,
    match_parts,
    parse_layout,
    shape_of,
)
from fullcircle.core.parsing.month_names import MONTHS

__all__ = [
    "EITHER",
    "EPOCHS",
    "EXCEL",
    "ISO",
    "MONTHS",
    "as_moment",
    "is_local_hour_odd",
    "read_moment",
    "write_example",
]

_EXCEL_START = datetime(1899, 12, 30, tzinfo=UTC)
_EPOCH_START = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_DAY = 2_958_465  # of the year 9999
_LAST_SECOND = 253_402_300_799
_FIRST_SECOND = -62_135_596_800
_QUARTERS = {"1": "01", "2": "04", "3": "07", "4": "10"}

Group = Callable[[str], ir.StringValue]


def as_moment(text: ir.StringColumn, layout: str = ISO) -> ir.TimestampColumn:
    """Read text as moments in UTC; whatever is not written as the layout says becomes null.

    Args:
        text: Stripped text.
        layout: ``ISO``; an order of parts, as ``%d.%m.%Y`` or ``%b %d %Y``, behind which a clock
            and a zone may stand; ``epoch s``, ``ms``, ``us`` or ``ns``; ``excel`` for days since
            1900; or several of these with ``|`` between them. Behind them ``local:Europe/Berlin``
            and ``since:1930`` may stand (see fullcircle.core.parsing.layouts).
    """
    said = parse_layout(layout)
    read = [_read_column(text, each, said) for each in said.ways or (ISO,)]
    return read[0] if len(read) == 1 else ibis.coalesce(*read)


def _read_column(text: ir.StringColumn, way: str, said: Layout) -> ir.TimestampColumn:
    if way in EPOCHS:
        return _read_epochs(text, EPOCHS[way])
    if way == EXCEL:
        days = ibis.ifelse(text.re_search(EXCEL_DAY), text.try_cast("float64"), None)
        seconds = ((days - 25_569) * 86_400).round().cast("int64")
        written = _write_seconds(seconds, days <= _LAST_DAY)
        return _at_place(written, ibis.literal(""), said.zone)
    shape = shape_of(way)

    def group(name: str) -> ir.StringValue:
        return text.re_extract(shape.pattern, shape.groups[name])

    date = ibis.literal("-").join(
        [_year(group, shape, said.since), _month(group, shape), _day(group, shape)]
    )
    hour = _or_zeros(group("H"))
    hour = ibis.ifelse(text.re_search(LATE), _add_half_day(hour), hour)
    hour = ibis.ifelse(text.re_search(EARLY) & (hour == "12"), "00", hour)
    ends_day = text.re_search(MIDNIGHT)  # not every engine knows the hour 24
    hour = ibis.ifelse(ends_day, "00", hour.nullif("24"))
    clock = ibis.literal(":").join([hour, _or_zeros(group("M")), _or_zeros(group("S"))])
    fraction = (group("f") + ibis.literal("000000")).substr(0, 6)
    local = date + ibis.literal(" ") + clock + ibis.literal(".") + fraction
    local = ibis.ifelse(text.re_search(shape.pattern), local, ibis.null("string"))
    own = group("zh") + ibis.literal(":") + _or_zeros(group("zm"))
    own = ibis.ifelse(group("zh").length() > 0, own, ibis.literal(""))
    if said.zone:
        own = ibis.ifelse(text.re_search("(?:Z|z|UTC|GMT)$"), ibis.literal("+00:00"), own)
    moment = _at_place(local, own, said.zone)
    return (moment + ends_day.cast("int64").as_interval("D")).cast("timestamp('UTC')")


def _at_place(local: ir.StringValue, own: ir.StringValue, zone: str) -> ir.TimestampColumn:
    """Read a local moment by its own offset, or by that of the place."""
    usual: ir.StringValue = ibis.literal("+00:00")
    if zone:
        ends, seconds = zip(*list_offsets(zone), strict=True)
        # Texts of one form are in order as their moments are.
        passed = ibis.array(list(ends)).filter(lambda end: end <= local).length()
        usual = ibis.array([*map(_write_offset, seconds), ""])[passed]
    offset = ibis.ifelse(own.length() > 0, own, usual)
    return (local + offset).try_cast("timestamp('UTC')")


def _write_offset(seconds: int) -> str:
    minutes = round(abs(seconds) / 60)
    return f"{'-' if seconds < 0 else '+'}{minutes // 60:02d}:{minutes % 60:02d}"


def _read_epochs(text: ir.StringColumn, per_second: int) -> ir.TimestampColumn:
    # Whole numbers of 19 digits are exact as decimals, not as floats.
    count = ibis.ifelse(text.re_search(COUNT), text.try_cast("decimal(38, 9)"), None)
    scale = ibis.literal(10**9 // per_second).cast("decimal(10, 0)")
    nanos = (count * scale).cast("decimal(38, 0)")
    seconds = (nanos / 10**9).cast("float64").floor().cast("int64")
    rest = (nanos - (seconds.cast("decimal(19, 0)") * 10**9)).cast("int64")
    whole = ibis.ifelse(rest < 0, seconds - 1, ibis.ifelse(rest >= 10**9, seconds + 1, seconds))
    rest = ibis.ifelse(rest < 0, rest + 10**9, ibis.ifelse(rest >= 10**9, rest - 10**9, rest))
    micros = (rest // 1000).cast("string").lpad(6, "0")
    written = _write_seconds(whole, (whole <= _LAST_SECOND) & (whole >= _FIRST_SECOND))
    return (written + ibis.literal(".") + micros + ibis.literal("+00")).try_cast("timestamp('UTC')")


def _write_seconds(seconds: ir.IntegerColumn, fine: ir.BooleanValue) -> ir.StringValue:
    moment = ibis.ifelse(fine, seconds, ibis.null("int64")).as_timestamp("s")
    return moment.cast("string").substr(0, 19)


def _year(group: "Group", shape: Shape, since: int) -> ir.StringValue:
    if "Y" in shape.groups:
        return group("Y").nullif("0000")  # no year of the calendar that all engines know
    short, (century, place) = group("y"), divmod(since, 100)
    is_first = short.try_cast("int64") >= place
    first, second = (ibis.literal(f"{each:02d}") for each in (century, century + 1))
    return ibis.ifelse(is_first, first + short, second + short)


def _month(group: "Group", shape: Shape) -> ir.StringValue:
    if "b" in shape.groups:
        # A map is asked once; a case for each of hundreds of names would read the text again.
        numbers = ibis.map({each: f"{month:02d}" for each, month in MONTHS.items()})
        return numbers.get(group("b").lower())
    if "q" in shape.groups:
        return group("q").cases(*_QUARTERS.items())
    return group("m").lpad(2, "0")


def _day(group: "Group", shape: Shape) -> ir.StringValue:
    if "d" not in shape.groups:
        return ibis.literal("01")
    return group("d").lpad(2, "0")


def _add_half_day(hour: ir.StringValue) -> ir.StringValue:
    later = {f"{each:02d}": f"{each + 12:02d}" for each in range(1, 12)}
    return hour.cases(*later.items(), else_=hour)


def _or_zeros(digits: ir.StringValue) -> ir.StringValue:
    return ibis.ifelse(digits.length() > 0, digits.lpad(2, "0"), ibis.literal("00")).fill_null("00")


def write_example(layout: str) -> str:
    """Return the last day of 2024, as a layout writes it."""
    way = (parse_layout(layout).ways or (ISO,))[0]
    if way in EPOCHS:
        return str(1_735_603_200 * EPOCHS[way])
    if way == EXCEL:
        return "45657"
    written = "%Y-%m-%d" if way == ISO else way
    parts = {"%d": "31", "%m": "12", "%Y": "2024", "%y": "24", "%b": "Dec", "%q": "4"}
    for part, text in parts.items():
        written = written.replace(part, text)
    return written


def read_moment(text: str, layout: str) -> datetime | None:
    """Return the moment that a text writes, in UTC, as ``as_moment`` reads it; or None."""
    said = parse_layout(layout)
    for way in said.ways or (ISO,):
        if (found := _read_one(text, way, said)) is not None:
            return found
    return None


@lru_cache(maxsize=1 << 16)
def _read_one(text: str, way: str, said: Layout) -> datetime | None:
    if way in EPOCHS:
        return _count(text, EPOCHS[way]) if re.search(COUNT, text) else None
    if way == EXCEL:
        if not re.search(EXCEL_DAY, text) or float(text) > _LAST_DAY:
            return None
        local = _EXCEL_START + timedelta(seconds=round(float(text) * 86_400))
        return _to_utc(local, "", said.zone)
    parts = match_parts(text, way)
    if parts is None:
        return None
    is_utc = re.search("(?:Z|z|UTC|GMT)$", text) is not None
    parts = {**parts, "zh": "+00"} if is_utc else parts
    if not re.search(MIDNIGHT, text):
        return _build(parts, said)
    moment = _build({**parts, "H": "00"}, said)
    return None if moment is None else moment + timedelta(days=1)


def _count(text: str, per_second: int) -> datetime | None:
    whole, _, rest = text.partition(".")
    negative = whole.startswith("-")
    nanos = int(whole) * (10**9 // per_second)
    nanos += int(f"{rest:0<9}"[:9]) * (10**9 // per_second) // 10**9 * (-1 if negative else 1)
    seconds = nanos // 10**9
    if not _FIRST_SECOND <= seconds <= _LAST_SECOND:
        return None
    return _EPOCH_START + timedelta(seconds=seconds, microseconds=(nanos % 10**9) // 1000)


def _build(parts: dict[str, str], said: Layout) -> datetime | None:
    try:
        local = datetime(
            _find_year(parts, said.since),
            _find_month(parts),
            int(parts.get("d") or 1),
            _find_hour(parts),
            int(parts["M"] or 0),
            int(parts["S"] or 0),
            int((parts["f"] + "000000")[:6]),
            tzinfo=UTC,
        )
        own = f"{parts['zh']}:{parts['zm'] or '00'}" if parts["zh"] else ""
        return _to_utc(local, own, said.zone)
    except (ValueError, OverflowError):
        return None


def _find_year(parts: dict[str, str], since: int) -> int:
    if "Y" in parts:
        return int(parts["Y"])
    century, place = divmod(since, 100)
    short = int(parts["y"])
    return 100 * (century if short >= place else century + 1) + short


def _find_month(parts: dict[str, str]) -> int:
    if "b" in parts:
        return MONTHS.get(parts["b"].lower(), 0)
    return 3 * int(parts["q"]) - 2 if "q" in parts else int(parts["m"])


def _find_hour(parts: dict[str, str]) -> int:
    hour = int(parts["H"] or 0)
    if parts["p"] == "p" and hour < 12:
        return hour + 12
    return 0 if parts["p"] == "a" and hour == 12 else hour


def _to_utc(local: datetime, own: str, zone: str) -> datetime:
    """Return a local moment in UTC: by its own offset, or by that of the place."""
    if own:
        hours, minutes = own[1:].split(":")
        shift = timedelta(hours=int(hours), minutes=int(minutes))
        return local + shift if own[0] == "-" else local - shift
    if not zone:
        return local
    text = local.replace(tzinfo=None).isoformat(sep=" ")
    offset = next((seconds for end, seconds in list_offsets(zone) if text < end), 0)
    return local - timedelta(minutes=round(offset / 60))


def is_local_hour_odd(text: str, layout: str) -> str:
    """Return whether a text without a zone names an hour that occurs twice, or never, at its place.

    Returns:
        ``twice``, ``never``, or nothing.
    """
    said = parse_layout(layout)
    local = read_moment(text, str(Layout(said.ways, "", said.since)))
    if not said.zone or local is None:
        return ""
    elsewhere = str(Layout(said.ways, "Etc/GMT+5", said.since))
    if read_moment(text, elsewhere) == local:
        return ""  # it says its zone
    place = ZoneInfo(said.zone)
    first, second = (local.replace(tzinfo=place, fold=fold).utcoffset() for fold in (0, 1))
    if first is None or second is None or first == second:
        return ""
    return "twice" if first > second else "never"
