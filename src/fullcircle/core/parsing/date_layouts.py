"""How a column writes dates: told by all its texts, the order of its rows, and its span."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise

from fullcircle.core.parsing.number_formats import MARKS
from fullcircle.core.parsing.timestamps import EITHER, EXCEL, ISO, MONTHS, read_moment

_MOSTLY = 0.95
_MOST_TEXTS = 5_000
_ORDERED = 0.9
_SHAPES: tuple[tuple[str, str], ...] = (
    (r"\d{4}-\d{1,2}-\d{1,2}", ISO),
    (r"\d{4}/\d{1,2}/\d{1,2}", "%Y/%m/%d"),
    (r"\d{4}\.\d{1,2}\.\d{1,2}", "%Y.%m.%d"),
    (r"\d{1,2}/\d{1,2}/\d{4}", "%d/%m/%Y"),
    (r"\d{1,2}-\d{1,2}-\d{4}", "%d-%m-%Y"),
    (r"\d{1,2}\.\d{1,2}\.\d{4}", "%d.%m.%Y"),
    (r"\d{1,2}/\d{1,2}/\d{2}", "%d/%m/%y"),
    (r"\d{1,2}-\d{1,2}-\d{2}", "%d-%m-%y"),
    (r"\d{1,2}\.\d{1,2}\.\d{2}", "%d.%m.%y"),
    (r"\d{1,2}[ \-/.]*LETTERS\.?[ \-/.,]*\d{4}", "%d %b %Y"),
    (r"\d{1,2}[ \-/.]+LETTERS\.?[ \-/.,]*\d{2}", "%d %b %y"),
    (r"LETTERS\.?[ \-/.,]+\d{1,2}[ \-/.,]+\d{4}", "%b %d %Y"),
    (r"\d{4}[ \-/.]+LETTERS\.?[ \-/.,]+\d{1,2}", "%Y %b %d"),
    (r"LETTERS\.?[ \-/.,]*\d{4}", "%b %Y"),
    (r"LETTERS\.?[\-']\d{2}", "%b-%y"),
    (r"(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])", "%Y%m%d"),
    (r"\d{4}-\d{2}", "%Y-%m"),
    (r"\d{2}/\d{4}", "%m/%Y"),
    (r"\d{2}\.\d{4}", "%m.%Y"),
    (r"\d{4}-?Q[1-4]", "%Y-Q%q"),
    (r"\d{4} Q[1-4]", "%Y Q%q"),
    (r"Q[1-4] \d{4}", "Q%q %Y"),
    (r"Q[1-4]/\d{4}", "Q%q/%Y"),
)
_LETTERS = r"([^\W\d_]{3,12})"
_CLOCK = (
    r"(?:[ T,]+\d{1,2}[:.]\d{2}(?:[:.]\d{2}(?:[.,]\d{1,9})?)?[ \u00a0\u202f]?(?:[AaPp]\.?[Mm]\.?)?"
    r"[ ]?(?:Z|z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?)?"
)
_DENSE_CLOCK = r"(?:[ T]?\d{4}(?:\d{2})?Z?)?"
_COMPILED = tuple(
    (
        re.compile(
            pattern.replace("LETTERS", _LETTERS) + (_DENSE_CLOCK if layout == "%Y%m%d" else _CLOCK)
        ),
        layout,
    )
    for pattern, layout in _SHAPES
)
_SERIAL = re.compile(r"[2-6]\d{4}(?:\.\d+)?")
_CLOCK_ALONE = re.compile(r"\d{1,2}[:.]\d{2}(?:[:.]\d{2}(?:[.,]\d{1,9})?)?(?: ?[AaPp]\.?[Mm]\.?)?")
_EPOCHS = (
    (10, "epoch s", 1),
    (13, "epoch ms", 10**3),
    (16, "epoch us", 10**6),
    (19, "epoch ns", 10**9),
)


@dataclass(frozen=True)
class TimestampColumn:
    """The moments that a column writes.

    Attributes:
        layout: How (see fullcircle.core.parsing.timestamps.as_moment).
        marks: Texts that mean that nothing is known.
        sure: Whether the texts themselves decide which of day and month comes first.
        other: The other layout, where they do not.
        why: What decided, for people; empty where there was nothing to decide.
        naive: Whether clocks are written without a zone.
        layouts: Examples of the ways of writing, where they contradict each other.
    """

    layout: str
    marks: tuple[str, ...] = ()
    sure: bool = True
    other: str = ""
    why: str = ""
    naive: bool = False
    layouts: tuple[str, ...] = ()


def find_layout(text: str) -> str | None:
    """Return the shape of a date, day before month where both could be; None for no date."""
    for pattern, layout in _COMPILED:
        if match := pattern.fullmatch(text):
            if match.groups() and match[1].lower() not in MONTHS:
                return None
            return layout
    return None


def find_moments(ordered: Sequence[str], today: datetime | None = None) -> TimestampColumn | None:
    """Tell how a column writes moments; None where it writes none.

    Args:
        ordered: Its known texts in the order of the rows.
        today: No moment of the past is later.
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
        return replace(column, layout=f"{column.layout}{EITHER}{EXCEL}", marks=marks)
    if not known or sum(dated.values()) < _MOSTLY * known:
        return None
    return replace(_order_parts(ordered, dated, today), marks=marks, naive=_is_naive(texts))


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
    return TimestampColumn(EITHER.join(dict.fromkeys(each.layout for each in settled)))


def _turn(column: TimestampColumn) -> TimestampColumn:
    return replace(column, layout=column.other, other=column.layout)


def _first_of_each(ordered: Sequence[str]) -> tuple[str, ...]:
    first: dict[str, str] = {}
    for text in ordered:
        if (layout := find_layout(text)) is not None:
            first.setdefault(layout, text)
    return tuple(first.values())


def _settle_shape(ordered: Sequence[str], layout: str, today: datetime | None) -> TimestampColumn:
    if layout[:2] != "%d" or "%m" not in layout:
        return TimestampColumn(layout)
    month_first = layout.replace("%d", "%_").replace("%m", "%d").replace("%_", "%m")
    own = [text for text in ordered if find_layout(text) == layout]
    pairs = [tuple(map(int, re.findall(r"\d+", text)[:2])) for text in dict.fromkeys(own)]
    days = any(first > 12 for first, _ in pairs)
    months = any(second > 12 for _, second in pairs)
    if days and months:
        return TimestampColumn(layout, sure=False, other=month_first, layouts=tuple(own[:2]))
    if days:
        return TimestampColumn(layout)
    if months:
        return TimestampColumn(month_first)
    if "." in layout:
        return TimestampColumn(layout, why="points between the parts")
    return _decide(own, layout, month_first, today)


def _decide(
    own: Sequence[str], day_first: str, month_first: str, today: datetime | None
) -> TimestampColumn:
    """Decide by the rows' order, by weekdays, and by what cannot lie in the future."""
    one = [read_moment(text, day_first) for text in own]
    two = [read_moment(text, month_first) for text in own]
    first = [each for each in one if each is not None]
    second = [each for each in two if each is not None]
    reasons = (
        ("the rows are in order", _share_ordered(first), _share_ordered(second)),
        ("all are the same weekday", _share_weekday(first), _share_weekday(second)),
        ("none lies in the future", _share_past(first, today), _share_past(second, today)),
    )
    for why, for_day, for_month in reasons:
        if for_day >= 0.999 and for_month < _ORDERED:
            return TimestampColumn(day_first, other=month_first, why=f"{why} so")
        if for_month >= 0.999 and for_day < _ORDERED:
            return TimestampColumn(month_first, other=day_first, why=f"{why} so")
    return TimestampColumn(month_first, sure=False, other=day_first)


def _share_ordered(moments: Sequence[datetime]) -> float:
    steps = [(b - a).total_seconds() for a, b in pairwise(moments) if a != b]
    if len(steps) < 5:
        return 0.95  # says nothing
    up = sum(step > 0 for step in steps) / len(steps)
    return max(up, 1 - up)


def _share_weekday(moments: Sequence[datetime]) -> float:
    days = {each.date() for each in moments}
    if len(days) < 6:
        return 0.95
    return max(Counter(each.weekday() for each in days).values()) / len(days)


def _share_past(moments: Sequence[datetime], today: datetime | None) -> float:
    now = today or datetime.now(UTC)
    return sum(each <= now for each in moments) / max(len(moments), 1)
