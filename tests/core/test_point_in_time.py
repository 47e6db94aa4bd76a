"""Tests of the point-in-time join against a slow and obvious second implementation."""

from datetime import UTC, datetime, timedelta
from typing import Any

import ibis
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fullcircle.core.contract import FeatureLookup, FeatureTable
from fullcircle.core.errors import DataError
from fullcircle.core.point_in_time import KeyedTable, join_features

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
BILLS = pa.schema(
    [("payer", pa.string()), ("area", pa.int64()), ("billed_at", TIME), ("sum", pa.int64())]
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


def usage_lookup(max_age_days: float | None = None) -> FeatureLookup:
    # One new name equals the other column's old name: renaming must not read its own result.
    columns = {"minutes": "calls", "calls": "minutes"}
    return FeatureLookup(
        table="usage", keys=["customer"], columns=columns, max_age_days=max_age_days
    )


def day(number: float | None) -> datetime | None:
    return None if number is None else START + timedelta(days=number)


def usage(*rows: tuple[Any, ...]) -> list[dict[str, Any]]:
    """Usage rows from (customer, day described, day known, minutes)."""
    return [
        {"customer": c, "at": day(at), "known_at": day(known), "minutes": m, "calls": m, "id": -1}
        for c, at, known, m in rows
    ]


def spine(*rows: tuple[Any, ...]) -> list[dict[str, Any]]:
    """Spine rows from (customer, region, day)."""
    return [
        {"id": number, "customer": c, "region": r, "at": day(at)}
        for number, (c, r, at) in enumerate(rows)
    ]


def join(
    rows: list[dict[str, Any]],
    tables: dict[str, list[dict[str, Any]]],
    lookups: list[FeatureLookup],
    event_time: str | None = "at",
) -> list[dict[str, Any]]:
    keyed = {
        name: KeyedTable(ibis.memtable(pa.Table.from_pylist(table, SCHEMAS[name])), DECLARED[name])
        for name, table in tables.items()
    }
    left = ibis.memtable(pa.Table.from_pylist(rows, SPINE))
    joined = join_features(left, keyed, lookups, event_time).to_pyarrow().to_pylist()
    return sorted(joined, key=lambda row: row["id"])


def known_from(row: dict[str, Any], declared: FeatureTable) -> Any:
    """Moment from which a feature row may be seen: not before it happened, nor before known."""
    described = row[declared.event_time]
    return max(described, row[declared.known_time]) if declared.known_time else described


def acceptable(
    row: dict[str, Any], table: list[dict[str, Any]], lookup: FeatureLookup
) -> list[dict[str, Any]]:
    """Oracle: every answer that one row of the spine may get; more than one only for exact ties."""
    declared = DECLARED[lookup.table]
    unknown = dict.fromkeys(lookup.renaming.values())
    matching = [
        other
        for other in table
        if all(
            row[mine] is not None and row[mine] == other[theirs]
            for mine, theirs in lookup.key_mapping.items()
        )
    ]
    if declared.event_time is not None:
        matching = [
            other
            for other in matching
            if other[declared.event_time] is not None
            and row["at"] is not None
            and known_from(other, declared) <= row["at"]
        ]
        ranks = [(other[declared.event_time], known_from(other, declared)) for other in matching]
        matching = [m for m, rank in zip(matching, ranks, strict=True) if rank == max(ranks)]
        if lookup.max_age_days is not None:
            oldest = timedelta(days=lookup.max_age_days)
            matching = [m for m in matching if row["at"] - m[declared.event_time] <= oldest]
    if not matching:
        return [unknown]
    return [{new: other[old] for old, new in lookup.renaming.items()} for other in matching]


customers = st.sampled_from(["ann", "bob", "cy", None])
regions = st.sampled_from([1, 2, None])
days = st.integers(0, 6)
maybe_days = st.one_of(days, days, days, st.none())
values = st.one_of(st.none(), st.integers(0, 10**6))
spines = st.lists(st.tuples(customers, regions, maybe_days), max_size=8).map(
    lambda rows: spine(*rows)
)


@st.composite
def usages(draw: Any, *, unique: bool = False) -> list[dict[str, Any]]:
    """Usage with ties, gaps, null keys, null times, late arrivals and forecasts."""
    drawn = draw(
        st.lists(
            st.tuples(customers, maybe_days, days, values, values),
            max_size=14,
            unique_by=(lambda row: (row[0], row[1], max(row[1] or 0, row[2]))) if unique else None,
        )
    )
    return [
        {"customer": c, "at": day(at), "known_at": day(known), "minutes": m, "calls": n, "id": -1}
        for c, at, known, m, n in drawn
    ]


bills = st.lists(st.tuples(customers, regions, maybe_days, values), max_size=10).map(
    lambda rows: [
        {"payer": c, "area": r, "billed_at": day(at), "sum": value} for c, r, at, value in rows
    ]
)
plans = st.lists(st.tuples(customers, values), max_size=4, unique_by=lambda row: row[0]).map(
    lambda rows: [{"owner": c, "plan": value, "region": 9} for c, value in rows]
)


@given(
    rows=spines,
    tables=st.fixed_dictionaries({"usage": usages(), "bills": bills, "plans": plans}),
    max_age_days=st.sampled_from([None, 1, 3]),
)
@settings(max_examples=60, deadline=None)
def test_the_join_equals_brute_force(
    rows: list[dict[str, Any]],
    tables: dict[str, list[dict[str, Any]]],
    max_age_days: float | None,
) -> None:
    """Several lookups together give each row what a row-by-row search gives it.

    No row of the spine is lost or doubled, and its own columns stay as they were.
    """
    lookups = [usage_lookup(max_age_days), BILL_LOOKUP, PLAN_LOOKUP]
    joined = join(rows, tables, lookups)
    assert [{name: row[name] for name in SPINE.names} for row in joined] == rows
    for row, answer in zip(rows, joined, strict=True):
        for lookup in lookups:
            found = {name: answer[name] for name in lookup.renaming.values()}
            assert found in acceptable(row, tables[lookup.table], lookup)
        assert list(answer) == [*SPINE.names, "calls", "minutes", "minutes_billed", "plan"]


@given(rows=spines, table=usages(unique=True), now=days)
@settings(max_examples=30, deadline=None)
def test_the_future_changes_nothing(
    rows: list[dict[str, Any]], table: list[dict[str, Any]], now: int
) -> None:
    """Deleting every feature row known after a moment changes no row of the spine up to it."""
    past = [
        row
        for row in table
        if row["at"] is not None and known_from(row, DECLARED["usage"]) <= day(now)
    ]
    until_now = [row for row in rows if row["at"] is not None and row["at"] <= day(now)]
    lookups = [usage_lookup()]
    assert join(until_now, {"usage": table}, lookups) == join(until_now, {"usage": past}, lookups)


@given(rows=spines, table=usages(unique=True), order=st.randoms(use_true_random=False))
@settings(max_examples=20, deadline=None)
def test_the_order_of_rows_means_nothing(
    rows: list[dict[str, Any]], table: list[dict[str, Any]], order: Any
) -> None:
    """Shuffling the spine and the feature table gives the same answer."""
    before = join(rows, {"usage": table}, [usage_lookup()])
    order.shuffle(rows)
    order.shuffle(table)
    assert join(rows, {"usage": table}, [usage_lookup()]) == before


@pytest.mark.parametrize(
    ("moment", "seen"),
    [(0.99, None), (1, 10), (2.99, 10), (3, 20), (5, 20), (6, 20), (8, 40)],
    ids=["before", "at once", "late one unknown", "known now", "stale news", "still", "correction"],
)
def test_a_row_is_seen_from_the_moment_it_was_known(moment: float, seen: int | None) -> None:
    """A late row is hidden until known, old news never replaces newer, a correction does."""
    table = usage(
        ("ann", 1, 1, 10),
        ("ann", 2, 3, 20),  # describes day 2, known a day later
        ("ann", 1.5, 5, 30),  # known last, but describes an older moment
        ("ann", 2, 7, 40),  # corrects day 2
    )
    [row] = join(spine(("ann", 1, moment)), {"usage": table}, [usage_lookup()])
    assert row["calls"] == seen


def test_a_forecast_is_not_seen_before_its_moment() -> None:
    """A row known before the moment that it describes is seen from that moment on."""
    rows = spine(("ann", 1, 3.9), ("ann", 1, 4))
    joined = join(rows, {"usage": usage(("ann", 4, 0, 10))}, [usage_lookup()])
    assert [row["calls"] for row in joined] == [None, 10]


@pytest.mark.parametrize(("moment", "seen"), [(4, 10), (4.001, None)], ids=["just", "too old"])
def test_age_counts_from_the_moment_described(moment: float, seen: int | None) -> None:
    """Age counts from what a row describes, not from when it became known; the limit is kept."""
    table = usage(("ann", 1, 3, 10))
    [row] = join(spine(("ann", 1, moment)), {"usage": table}, [usage_lookup(3)])
    assert row["calls"] == seen


def test_the_newest_row_counts_even_where_it_is_null() -> None:
    """A null in the newest row is never filled from an older row."""
    table = usage(("ann", 1, 1, 10), ("ann", 2, 2, None))
    [row] = join(spine(("ann", 1, 3)), {"usage": table}, [usage_lookup()])
    assert row["calls"] is None


def test_a_snapshot_sees_tables_without_history() -> None:
    """Without a moment of its own, a row takes what the table says now."""
    table = [{"owner": "ann", "plan": 7, "region": 9}]
    joined = join(spine(("ann", 1, None), ("bob", 1, None)), {"plans": table}, [PLAN_LOOKUP], None)
    assert [row["plan"] for row in joined] == [7, None]


def test_a_snapshot_may_not_see_a_history() -> None:
    """Rows without a moment are refused a table with a history."""
    with pytest.raises(DataError, match=r"'usage' has a history, but events have no event_time"):
        join(spine(("ann", 1, 1)), {"usage": []}, [usage_lookup()], None)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"table": "usages"}, r"unknown table 'usages' \(nearest: 'usage'\)"),
        ({"columns": ["minute"]}, r"'usage' lacks the column 'minute' \(nearest: 'minutes'\)"),
        ({"keys": {"customer": "payer"}}, "'usage' lacks the column 'payer'"),
        ({"keys": {"client": "customer"}}, "events lacks the column 'client'"),
    ],
    ids=["table", "column", "key of the table", "key of the row"],
)
def test_a_lookup_of_what_is_not_there_is_refused(change: dict[str, Any], said: str) -> None:
    """A table, column or key that does not exist is named, with its nearest."""
    given = {"table": "usage", "keys": ["customer"], "columns": ["minutes"], **change}
    with pytest.raises(DataError, match=said):
        join(spine(("ann", 1, 1)), {"usage": []}, [FeatureLookup.model_validate(given)])
