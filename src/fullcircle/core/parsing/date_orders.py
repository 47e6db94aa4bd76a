"""In which order a column writes day, month and year, and of which century two digits are."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from fullcircle.core.parsing.layouts import FIRST_YEAR, match_parts
from fullcircle.core.parsing.timestamps import read_moment

_MOSTLY = 0.95
_ORDERED = 0.9
_LEAST_GAP = 5
_NEXT_YEARS = 20  # so far into the future a two-digit year may lie


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


def settle_order(own: Sequence[str], layout: str, today: datetime | None) -> TimestampColumn:
    """Tell in which order the texts of one layout write day, month and year."""
    if layout[:2] != "%d" or "%m" not in layout:
        return TimestampColumn(layout)
    day_first, month_first, *year_first = _list_orders(own, layout)
    fine = [
        each
        for each in (month_first, day_first, *year_first)
        if all(read_moment(text, each) is not None for text in dict.fromkeys(own))
    ]
    if not fine:
        return _settle_with_errors(own, day_first, month_first)
    if len(fine) == 1:
        return TimestampColumn(fine[0])
    if "." in layout:
        return TimestampColumn(layout, why="points between the parts", other=month_first)
    return _decide(own, fine, today)


def _settle_with_errors(own: Sequence[str], day_first: str, month_first: str) -> TimestampColumn:
    """Decide by what most texts are, where a few are no dates in any order, as 31/02/2024."""
    texts = list(dict.fromkeys(own))
    wrong = {
        each: [text for text in texts if read_moment(text, each) is None]
        for each in (day_first, month_first)
    }
    best = min(wrong, key=lambda each: len(wrong[each]))
    other = month_first if best == day_first else day_first
    only_so = set(wrong[best]) - set(wrong[other])
    if len(wrong[best]) <= (1 - _MOSTLY) * len(texts) and not only_so:
        return TimestampColumn(best)
    shown = (*wrong[day_first][:1], *wrong[month_first][:1])
    return TimestampColumn(day_first, sure=False, other=month_first, layouts=shown)


def _list_orders(own: Sequence[str], layout: str) -> list[str]:
    """Return the orders of a layout's parts that are worth a look: day first, month first."""
    month_first = layout.replace("%d", "%_").replace("%m", "%d").replace("%_", "%m")
    orders = [layout, month_first]
    if "%y" in layout and "." not in layout:
        parts = [re.findall(r"\d+", text)[:3] for text in dict.fromkeys(own)]
        varied = [len({each[place] for each in parts}) for place in (0, 2)]
        if varied[0] < varied[1] and all(len(each[0]) == 2 for each in parts):
            sign = layout[2]
            orders.append(f"%y{sign}%m{sign}%d")
    return orders


def find_first_year(own: Sequence[str], layout: str, this_year: int) -> int:
    """Return the first of the hundred years that the two digits of a column mean.

    The widest gap between its years parts the newest from the oldest. Where the usual hundred years
    keep the years together and out of a far future, they are taken.
    """
    read = [match_parts(text, layout) for text in dict.fromkeys(own)]
    years = sorted({int(parts["y"]) for parts in read if parts is not None})
    if not years:
        return FIRST_YEAR
    gaps = [(after - before, before) for before, after in pairwise([*years, years[0] + 100])]
    gap, newest = max(gaps)
    last = max(year for year in (1900 + newest, 2000 + newest) if year <= this_year + _NEXT_YEARS)
    first = last - (100 - gap)
    if first >= FIRST_YEAR and last < FIRST_YEAR + 100:
        return FIRST_YEAR
    if gap < _LEAST_GAP:
        return this_year - 99
    return first - gap // 2


def _decide(own: Sequence[str], orders: Sequence[str], today: datetime | None) -> TimestampColumn:
    """Decide by the rows' order, by weekdays, and by what cannot lie in the future."""
    read = {
        each: [moment for text in own if (moment := read_moment(text, each)) is not None]
        for each in orders
    }
    reasons: tuple[tuple[str, Callable[[Sequence[datetime]], float]], ...] = (
        ("the rows are in order", _share_ordered),
        ("all are the same weekday", _share_weekday),
        ("none lies in the future", lambda moments: _share_past(moments, today)),
    )
    for why, share in reasons:
        ranked = sorted(orders, key=lambda each: -share(read[each]))
        if share(read[ranked[0]]) >= 0.999 and share(read[ranked[1]]) < _ORDERED:
            return TimestampColumn(ranked[0], other=ranked[1], why=f"{why} so")
    return TimestampColumn(orders[0], sure=False, other=orders[1])


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
