"""How a column writes dates: told by all its texts, the order of its rows, and its span."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from fullcircle.core.parsing.date_orders import TimestampColumn, find_first_year, settle_order
from fullcircle.core.parsing.layouts import (
    EXCEL,
    ISO,
    Layout,
    match_parts,
    parse_layout,
)
from fullcircle.core.parsing.number_formats import MARKS
from fullcircle.core.parsing.timestamps import read_moment

_MOSTLY = 0.95
_MOST_TEXTS = 5_000
_LONGEST = 60
# What a column may be written as, the likelier first; the run reads by the same patterns.
_CANDIDATES = (
    ISO,
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%d/%m/%Y",
    "%d-%m-%Y",
    "%d.%m.%Y",
    "%d/%m/%y",
    "%d-%m-%y",
    "%d.%m.%y",
    "%d %b %Y",
    "%b %d %Y",
    "%Y %b %d",
    "%b %Y",
    "%Y %b",
    "%d %b %y",
    "%b-%y",
    "%b'%y",
    "%Y%m%d",
    "%Y-%m",
    "%Y/%m",
    "%m/%Y",
    "%m-%Y",
    "%m.%Y",
    "%Y-Q%q",
    "%Y Q%q",
    "%YQ%q",
    "%Y/Q%q",
    "Q%q %Y",
    "Q%q/%Y",
    "Q%q-%Y",
    "Q%q%Y",
    "%qQ%Y",
    "%qQ %Y",
    "%qQ%y",
    "Q%q %y",
    "%q. Quartal %Y",
    "%Y\u5e74%m\u6708%d\u65e5",
    "%Y\ub144 %m\uc6d4 %d\uc77c",
)
_YEARS = re.compile(r"(?:19|20)\d\d")
_MONTH_AND_YEAR = re.compile(r"(?:0?[1-9]|1[0-2])\.(?:19|20)\d\d")
_YEAR_AND_MONTH = re.compile(r"(?:19|20)\d\d\.(?:0[1-9]|1[0-2])")
_YEAR_MONTH = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])")
_NAMES_A_MONTH = re.compile(r"(?i)month|monat|mois|\bmes\b|mese|period|date|datum|yyyymm|\bym\b")
_NAMES_A_QUARTER = re.compile(r"(?i)quart|trimest|\bqtr|\bq\b|kwarta")
_SERIAL = re.compile(r"[2-6]\d{4}(?:\.\d+)?")
_CLOCK_ALONE = re.compile(r"\d{1,2}[:.]\d{2}(?:[:.]\d{2}(?:[.,]\d{1,9})?)?(?: ?[AaPp]\.?[Mm]\.?)?")
_EPOCHS = (
    (10, "epoch s", 1),
    (13, "epoch ms", 10**3),
    (16, "epoch us", 10**6),
    (19, "epoch ns", 10**9),
)


def find_layout(text: str) -> str | None:
    """Return the layout of a date, day before month where both could be; None for no date."""
    if not any(letter.isdigit() for letter in text) or len(text) > _LONGEST:
        return None
    return next((each for each in _CANDIDATES if _is_written(text, each)), None)


def _is_written(text: str, layout: str) -> bool:
    parts = match_parts(text, layout)
    if parts is None:
        return False
    if layout in ("%Y%m%d", "%YQ%q", "%qQ%Y", "Q%q%Y", "%Y.%m.%d", "%m/%Y", "%m-%Y", "%m.%Y"):
        return _YEARS.fullmatch(parts["Y"]) is not None and _is_month(parts)
    return True


def _is_month(parts: Mapping[str, str]) -> bool:
    return "m" not in parts or 1 <= int(parts["m"]) <= 12


def find_moments(
    ordered: Sequence[str], today: datetime | None = None, name: str = ""
) -> TimestampColumn | None:
    """Tell how a column writes moments; None where it writes none.

    Args:
        ordered: Its known texts in the order of the rows.
        today: No moment of the past is later.
        name: Name of the column.
    """
    counts = Counter(ordered)
    texts = dict(counts.most_common(_MOST_TEXTS))
    shapes = {text: find_layout(text) for text in texts}
    marks = _find_marks({text: n for text, n in texts.items() if shapes[text] is None}, texts)
    known = sum(n for text, n in texts.items() if text not in marks)
    dated = Counter[str]()
    for text, n in texts.items():
        if (layout := shapes[text]) is not None:
            dated[layout] += n
    serial = {text: n for text, n in texts.items() if _SERIAL.fullmatch(text)}
    if dated and serial and sum(dated.values()) + sum(serial.values()) >= _MOSTLY * known:
        column = _order_parts(ordered, dated, today)
        return replace(column, layout=_join([column.layout, EXCEL]), marks=marks)
    if not known or sum(dated.values()) < _MOSTLY * known:
        return None
    quarters = find_quarters(ordered, name) if set(dated) == {"%m/%Y"} else None
    column = quarters or _order_parts(ordered, dated, today)
    return replace(column, marks=marks, naive=_is_naive(texts))


def find_counted_moments(counts: Mapping[str, int]) -> str | None:
    """Tell whether numbers count time since 1970, or days as Excel does; give the layout."""
    texts = [text for text in counts if re.fullmatch(r"\d+(?:\.\d+)?", text)]
    if len(texts) < _MOSTLY * len(counts) or not texts:
        return None
    values = [float(text) for text in texts]
    for _, layout, per_second in _EPOCHS:
        if all(6.3e8 * per_second <= each <= 4.2e9 * per_second for each in values):
            return layout
    return EXCEL if all(20_000 <= each <= 80_000 for each in values) else None


def is_compact_date(counts: Mapping[str, int]) -> bool:
    """Return whether whole numbers are dates such as 20240131, as nearly no other numbers are."""
    fine = [text for text in counts if len(text) in (8, 14) and find_layout(text) == "%Y%m%d"]
    read = [text for text in fine if read_moment(text, "%Y%m%d") is not None]
    return len(read) >= max(_MOSTLY * len(counts), 2)


def is_clock(texts: Sequence[str]) -> bool:
    """Return whether texts are times of day."""
    fine = sum(_CLOCK_ALONE.fullmatch(text) is not None for text in texts)
    written = any(":" in text or text.count(".") > 1 for text in texts)
    return (
        bool(texts)
        and fine >= _MOSTLY * len(texts)
        and written
        and all(
            int(re.split("[:.]", text)[0]) < 25 for text in texts if _CLOCK_ALONE.fullmatch(text)
        )
    )


def _find_marks(others: Mapping[str, int], texts: Mapping[str, int]) -> tuple[str, ...]:
    marks = {text for text in others if text.lower() in MARKS}
    rest = set(others) - marks
    if len(rest) == 1 and 2 <= others[only := next(iter(rest))] < 0.5 * sum(texts.values()):
        marks |= set() if _SERIAL.fullmatch(only) else {only}
    return tuple(sorted(marks))


def _is_naive(texts: Mapping[str, int]) -> bool:
    clocks = [text for text in texts if re.search(r"\d[:.]\d{2}", text)]
    zoned = [text for text in clocks if re.search(r"(?:Z|z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)$", text)]
    return any(":" in text for text in clocks) and not zoned


def _order_parts(
    ordered: Sequence[str], dated: Counter[str], today: datetime | None
) -> TimestampColumn:
    """Decide which of day and month comes first, for each shape of the column."""
    settled = [_settle_shape(ordered, layout, today) for layout in dated]
    if len(settled) == 1:
        return settled[0]
    if any(not each.sure for each in settled):
        known = {
            each.layout[:2] for each in settled if each.sure and each.layout[:2] in ("%d", "%m")
        }
        if len(known) != 1:
            return replace(settled[0], sure=False, layouts=_first_of_each(ordered))
        first = next(iter(known))
        settled = [
            each if each.layout[:2] == first or each.sure else _turn(each) for each in settled
        ]
    return TimestampColumn(_join([each.layout for each in settled]))


def _join(layouts: Sequence[str]) -> str:
    """Return several layouts as one; two digits mean the same years in all of them."""
    said = [parse_layout(each) for each in layouts]
    ways = tuple(dict.fromkeys(way for each in said for way in each.ways))
    return str(Layout(ways, "", min(each.since for each in said)))


def _turn(column: TimestampColumn) -> TimestampColumn:
    return replace(column, layout=column.other, other=column.layout)


def _first_of_each(ordered: Sequence[str]) -> tuple[str, ...]:
    first: dict[str, str] = {}
    for text in ordered:
        if (layout := find_layout(text)) is not None:
            first.setdefault(layout, text)
    return tuple(first.values())


def _settle_shape(ordered: Sequence[str], layout: str, today: datetime | None) -> TimestampColumn:
    """Decide on the order of the parts, and on the century of two digits."""
    own = [text for text in ordered if find_layout(text) == layout]
    column = settle_order(own, layout, today)
    if "%y" not in column.layout:
        return column
    since = find_first_year(own, column.layout, (today or datetime.now(UTC)).year)
    other = str(Layout((column.other,), "", since)) if column.other else ""
    return replace(column, layout=str(Layout((column.layout,), "", since)), other=other)


def find_quarters(own: Sequence[str], name: str) -> TimestampColumn | None:
    """Tell whether texts such as 1/2023 are quarters: by the name, or since no month is later."""
    parts = [parts for text in own if (parts := match_parts(text, "%m/%Y")) is not None]
    if not parts or any(int(each["m"]) > 4 for each in parts):
        return None
    if _NAMES_A_QUARTER.search(name):
        return TimestampColumn("%q/%Y")
    if len({each["Y"] for each in parts}) >= 3:
        return TimestampColumn(
            "%q/%Y", why="no month is later than April in any year", other="%m/%Y"
        )
    return TimestampColumn("%m/%Y", sure=False, other="%q/%Y")


def find_dates_like_numbers(counts: Mapping[str, int], name: str) -> str | None:
    """Return the layout of months that look like numbers: 01.2024, 2024.01 or 202401."""
    texts = list(counts)
    if len(texts) < 2:
        return None
    named = _NAMES_A_MONTH.search(name) is not None
    if all(_MONTH_AND_YEAR.fullmatch(text) for text in texts):
        return "%m.%Y"
    if all(_YEAR_AND_MONTH.fullmatch(text) for text in texts) and (named or len(texts) >= 10):
        return "%Y.%m"
    if named and all(_YEAR_MONTH.fullmatch(text) for text in texts):
        return "%Y%m"
    return None
