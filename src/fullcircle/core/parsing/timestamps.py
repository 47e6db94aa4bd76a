"""Moments as people write them: dates, clocks, zones and counts of seconds, on every engine."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import ibis
import ibis.expr.types as ir

ISO = "ISO"
EXCEL = "excel"
EPOCHS = {"epoch s": 1, "epoch ms": 10**3, "epoch us": 10**6, "epoch ns": 10**9}
EITHER = "|"  # between layouts of one column
_LETTERS = "A-Za-z\u00aa-\u024f\u0400-\u04ff"
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
_ZONE = r"(?:Z|z|UTC|GMT|([+-]\d{2}):?(\d{2})?)?"
_CLOCK = (
    rf"(?:[ T,]+(\d{{1,2}})[:.](\d{{2}})(?:[:.](\d{{2}})(?:[.,](\d{{1,9}}))?)?[{_BLANKS}]?"
    rf"(?:[AaPp]\.?[Mm]\.?)?[ ]?{_ZONE})?"
)
_DENSE_CLOCK = (
    r"(?:[ T]?(\d{2})[:.]?(\d{2})(?:[:.]?(\d{2})(?:[.,](\d{1,9}))?)?[ ]?(?:[AaPp]\.?[Mm]\.?)?"
    rf"[ ]?{_ZONE})?"
)
# Engines count no more than nine groups, so that the half of the day is looked for by itself.
_CLOCK_GROUPS = ("H", "M", "S", "f", "zh", "zm")
_LATE = f"[0-9][{_BLANKS}]?[pP]\\.?[mM]"
_EARLY = f"[0-9][{_BLANKS}]?[aA]\\.?[mM]"
_COUNT = r"^[+-]?[0-9]{1,19}(?:\.[0-9]+)?$"
_EXCEL_DAY = r"^[0-9]{1,6}(?:\.[0-9]+)?$"
_EXCEL_START = datetime(1899, 12, 30, tzinfo=UTC)
_LAST_DAY = 2_958_465  # of the year 9999
_LAST_SECOND = 253_402_300_799
_PIVOT = 69  # years of two digits from here on are of the last century
# Months by their names, whole and short, in languages that tables are written in.
_NAMES = (
    "jan january januar janvier enero ene gennaio gen janeiro januari styczeń stycznia sty leden "
    "ledna янв января январь ocak oca janv jän jänner",
    "feb february februar février febrero febbraio fevereiro fev februari luty lutego lut únor "
    "února фев февраля февраль şubat şub févr fév",
    "mar march märz marzo março maart marec marzec marca březen března мар марта март mart mrz "
    "mars mär maa mrt",
    "apr april avril abril abr aprile kwiecień kwietnia kwi duben dubna апр апреля апрель nisan "
    "nis avr",
    "may mai mayo maggio mag maio mei maj maja květen května мая май may\u0131s",
    "jun june juni juin junio giugno giu junho czerwiec czerwca cze červen června июн июня июнь "
    "haziran haz",
    "jul july juli juillet julio luglio lug julho lipiec lipca lip červenec července июл июля "
    "июль temmuz tem juil",
    "aug august août agosto ago augustus sierpień sierpnia sie srpen srpna авг августа август "
    "ağustos ağu aoû",
    "sep september septembre septiembre settembre set setembro wrzesień września wrz září сен "
    "сентября сентябрь eylül eyl sept",
    "oct october oktober octobre octubre ottobre ott outubro out październik października paź "
    "říjen října окт октября октябрь ekim eki okt",
    "nov november novembre noviembre novembro listopad listopada lis listopadu ноя ноября ноябрь "
    "kas\u0131m kas",
    "dec december dezember décembre diciembre dicembre dezembro grudzień grudnia gru prosinec "
    "prosince дек декабря декабрь aral\u0131k ara dez dic déc des",
)
MONTHS = {name: number for number, names in enumerate(_NAMES, start=1) for name in names.split()}


Group = Callable[[str], ir.StringValue]


@dataclass(frozen=True)
class _Shape:
    """The pattern of a layout.

    Attributes:
        pattern: Of the whole text.
        groups: The number of the group of each part.
    """

    pattern: str
    groups: dict[str, int]


@lru_cache(maxsize=256)
def _shape_of(layout: str) -> _Shape:
    layout = "%Y-%m-%d" if layout == ISO else layout
    parts = re.findall(r"%[Yymdbq]", layout)
    dense = bool(re.search(r"%[YymdbqHMS]%", layout.replace("Q%q", "")))
    known = _DENSE if dense else _PARTS
    pattern = re.escape(layout.replace("%H", "").replace("%M", "").replace("%S", ""))
    pattern = pattern.replace(r"\%", "%").replace(r"\ ", " ")
    if "%b" in layout:
        pattern = pattern.replace(" ", r"[ \-/.,]*")
    for part, regex in known.items():
        pattern = pattern.replace(part, regex)
    groups = {part[1]: place for place, part in enumerate(parts, start=1)}
    clock = _DENSE_CLOCK if dense else _CLOCK
    groups |= {name: len(parts) + place for place, name in enumerate(_CLOCK_GROUPS, start=1)}
    return _Shape(f"^{pattern}{clock}$", groups)


def as_moment(text: ir.StringColumn, layout: str = ISO) -> ir.TimestampColumn:
    """Read text as moments in UTC; whatever is not written as the layout says becomes null.

    Args:
        text: Stripped text.
        layout: ``ISO``; an order of parts, as ``%d.%m.%Y`` or ``%b %d %Y``, behind which a clock
            and a zone may stand; ``epoch s``, ``ms``, ``us`` or ``ns``; ``excel`` for days since
            1900; or several of these with ``|`` between them.
    """
    read = [_read_column(text, each) for each in layout.split(EITHER)]
    return read[0] if len(read) == 1 else ibis.coalesce(*read)


def _read_column(text: ir.StringColumn, layout: str) -> ir.TimestampColumn:
    if layout in EPOCHS:
        return _read_epochs(text, EPOCHS[layout])
    if layout == EXCEL:
        days = ibis.ifelse(text.re_search(_EXCEL_DAY), text.try_cast("float64"), None)
        seconds = ((days - 25_569) * 86_400).round().cast("int64")
        return _of_seconds(seconds, days <= _LAST_DAY)
    shape = _shape_of(layout)

    def group(name: str) -> ir.StringValue:
        return text.re_extract(shape.pattern, shape.groups[name])

    date = ibis.literal("-").join([_year(group, shape), _month(group, shape), _day(group, shape)])
    hour = _or_zeros(group("H"))
    hour = ibis.ifelse(text.re_search(_LATE), _add_half_day(hour), hour)
    hour = ibis.ifelse(text.re_search(_EARLY) & (hour == "12"), "00", hour)
    clock = ibis.literal(":").join([hour, _or_zeros(group("M")), _or_zeros(group("S"))])
    fraction = (group("f") + ibis.literal("000000")).substr(0, 6)
    zone = ibis.ifelse(group("zh").length() > 0, group("zh"), ibis.literal("+00"))
    zone = zone + ibis.literal(":") + _or_zeros(group("zm"))
    whole = date + ibis.literal(" ") + clock + ibis.literal(".") + fraction + zone
    written = ibis.ifelse(text.re_search(shape.pattern), whole, ibis.null("string"))
    return written.try_cast("timestamp('UTC')")


def _read_epochs(text: ir.StringColumn, per_second: int) -> ir.TimestampColumn:
    # Whole numbers of 19 digits are exact as decimals, not as floats.
    count = ibis.ifelse(text.re_search(_COUNT), text.try_cast("decimal(38, 9)"), None)
    micros = (count * (1_000_000 / per_second)).cast("float64")
    if per_second <= 1_000_000:
        micros = (count * (1_000_000 // per_second)).cast("float64")
    seconds = (micros / 1_000_000).floor().cast("int64")
    return _of_seconds(seconds, seconds <= _LAST_SECOND)


def _of_seconds(seconds: ir.IntegerColumn, fine: ir.BooleanValue) -> ir.TimestampColumn:
    moment = ibis.ifelse(fine, seconds, ibis.null("int64")).as_timestamp("s")
    return moment.cast("string").try_cast("timestamp('UTC')")


def _year(group: "Group", shape: _Shape) -> ir.StringValue:
    if "Y" in shape.groups:
        return group("Y")
    short = group("y")
    old = short.try_cast("int64") >= _PIVOT
    return ibis.ifelse(old, ibis.literal("19") + short, ibis.literal("20") + short)


def _month(group: "Group", shape: _Shape) -> ir.StringValue:
    if "b" in shape.groups:
        name = group("b").lower()
        return name.cases(*((each, f"{month:02d}") for each, month in MONTHS.items()))
    if "q" in shape.groups:
        firsts = {"1": "01", "2": "04", "3": "07", "4": "10"}
        return group("q").cases(*firsts.items())
    return group("m").lpad(2, "0")


def _day(group: "Group", shape: _Shape) -> ir.StringValue:
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
    layout = layout.split(EITHER, maxsplit=1)[0]
    if layout in EPOCHS:
        return str(1_735_603_200 * EPOCHS[layout])
    if layout == EXCEL:
        return "45657"
    written = "%Y-%m-%d" if layout == ISO else layout
    parts = {"%d": "31", "%m": "12", "%Y": "2024", "%y": "24", "%b": "Dec", "%q": "4"}
    for part, text in parts.items():
        written = written.replace(part, text)
    return written


def read_moment(text: str, layout: str) -> datetime | None:
    """Return the moment that a text writes, in UTC, as ``as_moment`` reads it; or None."""
    for each in layout.split(EITHER):
        if (found := _read_one(text, each)) is not None:
            return found
    return None


@lru_cache(maxsize=1 << 16)
def _read_one(text: str, layout: str) -> datetime | None:
    if layout in EPOCHS:
        if not re.search(_COUNT, text):
            return None
        seconds = int(float(text) // EPOCHS[layout]) if "." in text else int(text) // EPOCHS[layout]
        return _from_seconds(seconds)
    if layout == EXCEL:
        if not re.search(_EXCEL_DAY, text) or float(text) > _LAST_DAY:
            return None
        return _EXCEL_START + timedelta(seconds=round(float(text) * 86_400))
    shape = _shape_of(layout)
    match = re.search(shape.pattern, text)
    if match is None or text.endswith("\n"):
        return None
    parts = {name: match[place] or "" for name, place in shape.groups.items()}
    late, early = (re.search(pattern, text) is not None for pattern in (_LATE, _EARLY))
    return _build({**parts, "p": "p" if late else "a" if early else ""})


def _from_seconds(seconds: int) -> datetime | None:
    if not -62_135_596_800 <= seconds <= _LAST_SECOND:
        return None
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)


def _build(parts: dict[str, str]) -> datetime | None:
    month = parts.get("m", "")
    if "b" in parts:
        month = str(MONTHS.get(parts["b"].lower(), ""))
    if "q" in parts:
        month = str(3 * int(parts["q"]) - 2)
    year = parts.get("Y") or ("19" if int(parts["y"]) >= _PIVOT else "20") + parts["y"]
    hour = int(parts["H"] or 0)
    half = parts["p"]
    if half == "p" and hour < 12:
        hour += 12
    elif half == "a" and hour == 12:
        hour = 0
    shift = timedelta(hours=abs(int(parts["zh"] or 0)), minutes=int(parts["zm"] or 0))
    try:
        naive = datetime(
            int(year),
            int(month),
            int(parts.get("d") or 1),
            hour,
            int(parts["M"] or 0),
            int(parts["S"] or 0),
            int((parts["f"] + "000000")[:6]),
            tzinfo=UTC,
        )
        return naive + shift if parts["zh"].startswith("-") else naive - shift
    except (ValueError, OverflowError):
        return None
