"""A slow and obvious second implementation of the point-in-time join, and random cases for both."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from fullcircle.core.contract import FeatureLookup, FeatureTable

Row = dict[str, Any]

START = datetime(2024, 1, 1, tzinfo=UTC)
TIME = pa.timestamp("us", "UTC")
SPINE = pa.schema(
    [("id", pa.int64()), ("customer", pa.string()), ("region", pa.int64()), ("at", TIME)]
)
# The tables deliberately hold columns named as the spine's own.
USAGE = pa.schema(
    [
        ("customer", pa.string()),
        ("at", TIME),
        ("known_at", TIME),
        ("minutes", pa.int64()),
        ("calls", pa.int64()),
        ("id", pa.int64()),
    ]
)
# The width of an integer key differs from the spine's.
BILLS = pa.schema(
    [("payer", pa.string()), ("area", pa.int32()), ("billed_at", TIME), ("sum", pa.int64())]
)
PLANS = pa.schema([("owner", pa.string()), ("plan", pa.int64()), ("region", pa.int64())])

DECLARED = {
    "usage": FeatureTable(keys=["customer"], event_time="at", known_time="known_at"),
    "bills": FeatureTable(keys=["payer", "area"], event_time="billed_at"),
    "plans": FeatureTable(keys=["owner"]),
}
SCHEMAS = {"usage": USAGE, "bills": BILLS, "plans": PLANS}
BILL_LOOKUP = FeatureLookup(
    table="bills", keys={"customer": "payer", "region": "area"}, columns={"sum": "minutes_billed"}
)
PLAN_LOOKUP = FeatureLookup(table="plans", keys={"customer": "owner"}, columns=["plan"])


def usage_lookup(max_age_days: float | None = None, suffix: str = "") -> FeatureLookup:
    # One new name equals the other column's old name: renaming must not read its own result.
    columns = {"minutes": f"calls{suffix}", "calls": f"minutes{suffix}"}
    return FeatureLookup(
        table="usage", keys=["customer"], columns=columns, max_age_days=max_age_days
    )


LOOKUPS = [
    usage_lookup(),
    usage_lookup(1, "_of_a_day"),
    usage_lookup(2.5, "_of_days"),
    BILL_LOOKUP,
    PLAN_LOOKUP,
]


@dataclass(frozen=True)
class Case:
    """A spine, feature tables by name, and a moment that stands for now."""

    spine: list[Row]
    tables: Mapping[str, list[Row]]
    now: datetime


def day(number: float | None) -> datetime | None:
    return None if number is None else START + timedelta(days=number)


def usage(*rows: tuple[Any, ...]) -> list[Row]:
    """Usage rows from (customer, day described, day known, minutes)."""
    return [
        {"customer": c, "at": day(at), "known_at": day(known), "minutes": m, "calls": m, "id": -1}
        for c, at, known, m in rows
    ]


def spine(*rows: tuple[Any, ...]) -> list[Row]:
    """Spine rows from (customer, region, day)."""
    return [
        {"id": number, "customer": c, "region": r, "at": day(at)}
        for number, (c, r, at) in enumerate(rows)
    ]


def known_from(row: Row, declared: FeatureTable) -> datetime | None:
    """Moment from which a feature row may be seen: not before it happened, nor before known."""
    times = [row[name] for name in (declared.event_time, declared.known_time) if name]
    return None if None in times else max(times)


def _find(row: Row, table: list[Row], lookup: FeatureLookup) -> Row | None:
    """Find the one row of a table that a row of the spine sees, by looking at each."""
    declared = DECLARED[lookup.table]
    seen = [
        other
        for other in table
        if all(
            row[mine] is not None and row[mine] == other[theirs]
            for mine, theirs in lookup.key_mapping.items()
        )
    ]
    if declared.event_time is not None:
        dated = [(other, known_from(other, declared)) for other in seen]
        seen = [o for o, known in dated if known and row["at"] and known <= row["at"]]
    if not seen:
        return None

    # Python's sort is stable, so the last one sorted by decides first.
    for old in reversed(lookup.renaming):
        seen.sort(key=lambda o: (o[old] is not None, o[old] or 0), reverse=True)
    if declared.known_time is not None:
        seen.sort(key=lambda o: o[declared.known_time], reverse=True)
        seen.sort(key=lambda o: known_from(o, declared), reverse=True)
    if declared.event_time is not None:
        seen.sort(key=lambda o: o[declared.event_time], reverse=True)
    if lookup.max_age_days is not None:
        age = row["at"] - seen[0][declared.event_time]
        return seen[0] if age <= timedelta(days=lookup.max_age_days) else None
    return seen[0]


def expect(
    rows: list[Row], tables: Mapping[str, list[Row]], lookups: list[FeatureLookup]
) -> list[Row]:
    """Oracle: each row of the spine with the features that it sees, one row for each."""
    answers = []
    for row in rows:
        answer = dict(row)
        for lookup in lookups:
            found = _find(row, tables[lookup.table], lookup) or {}
            answer |= {new: found.get(old) for old, new in lookup.renaming.items()}
        answers.append(answer)
    return answers


def count(rows: list[Row]) -> Counter[tuple[tuple[str, Any], ...]]:
    """Count equal rows: two lists of rows are the same, in any order, where the counts are."""
    return Counter(tuple(row.items()) for row in rows)


def until_now(case: Case) -> Case:
    """Delete every row of the spine that is not dated by now."""
    dated = [row for row in case.spine if row["at"] is not None and row["at"] <= case.now]
    return replace(case, spine=dated)


def forget_the_future(case: Case) -> Case:
    """Delete every row of a feature table that was not known by now."""
    tables = {
        name: [row for row in table if _is_known(row, DECLARED[name], case.now)]
        for name, table in case.tables.items()
    }
    return replace(case, tables=tables)


def _is_known(row: Row, declared: FeatureTable, now: datetime) -> bool:
    known = known_from(row, declared) if declared.event_time else now
    return known is not None and known <= now


def apart(cases: list[Case]) -> list[Case]:
    """Name the customers of each case differently, so that they never meet."""

    def move(row: Row, number: int) -> Row:
        names = {"customer", "payer", "owner"} & row.keys()
        return row | {n: row[n] and f"{number}/{row[n]}" for n in names}

    return [
        Case(
            [move(row, n) for row in case.spine],
            {name: [move(row, n) for row in table] for name, table in case.tables.items()},
            case.now,
        )
        for n, case in enumerate(cases)
    ]


def in_one(cases: list[Case]) -> Case:
    """Lay cases side by side, so that one query answers them all."""
    cases = apart(cases)
    names = cases[0].tables if cases else {}
    tables = {name: [row for case in cases for row in case.tables[name]] for name in names}
    return Case([row for case in cases for row in case.spine], tables, START)


def expect_each(cases: list[Case], lookups: list[FeatureLookup]) -> list[Row]:
    """Oracle for cases that are laid in one."""
    return [row for case in apart(cases) for row in expect(case.spine, case.tables, lookups)]


def fill(case: Case) -> Case:
    """Put a value in the place of each null feature."""

    def full(row: Row) -> Row:
        names = {"minutes", "calls", "sum", "plan"} & row.keys()
        return row | {name: -1 for name in names if row[name] is None}

    tables = {name: [full(row) for row in table] for name, table in case.tables.items()}
    return replace(case, tables=tables)


CUSTOMERS = ("ann", "ann", "bob", None)
REGIONS = (1, 1, 2, None)
DAYS = (*range(7), *range(7), None)
VALUES = (None, 1, 2, 3, *range(10, 16))


def make_case(random: Random) -> Case:
    """Draw ties, gaps, null keys, null times, late arrivals, forecasts and rows that are alike."""

    def draw(most: int, **menus: tuple[Any, ...]) -> list[Row]:
        return [
            {name: random.choice(menu) for name, menu in menus.items()}
            for _ in range(random.randint(0, most))
        ]

    days = tuple(map(day, DAYS))
    tables = {
        "usage": draw(
            16, customer=CUSTOMERS, at=days, known_at=days, minutes=VALUES, calls=VALUES, id=(-1,)
        ),
        "bills": draw(12, payer=CUSTOMERS, area=REGIONS, billed_at=days, sum=VALUES),
        # A key twice in a table without history is what another tool may leave behind.
        "plans": draw(4, owner=CUSTOMERS, plan=VALUES, region=(9,)),
    }
    rows = draw(8, id=(0, 1), customer=CUSTOMERS, region=REGIONS, at=days)
    return Case(rows, tables, days[random.randint(1, 5)])


@cache
def draw_cases(number: int) -> list[Case]:
    """Draw random cases, the same ones each time."""
    random = Random(7)  # noqa: S311 (no secret)
    return [make_case(random) for _ in range(number)]


cases = st.randoms(use_true_random=False).map(make_case)
