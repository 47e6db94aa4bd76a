"""Tests of the point-in-time join against a slow and obvious second implementation."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any

import ibis
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.point_in_time_cases import (
    BILL_LOOKUP,
    DECLARED,
    LOOKUPS,
    PLAN_LOOKUP,
    SCHEMAS,
    SPINE,
    TIME,
    Case,
    Row,
    cases,
    count,
    day,
    draw_cases,
    expect,
    expect_each,
    fill,
    forget_the_future,
    in_one,
    spine,
    until_now,
    usage,
    usage_lookup,
)

from fullcircle.core.contract import Clock, FeatureLookup, ProblemSpec
from fullcircle.core.errors import DataError
from fullcircle.core.features import point_in_time
from fullcircle.core.features.point_in_time import KeyedTable, join_features
from fullcircle.pipelines.feature_store.nodes import build_training_set

EVENTS = SPINE.append(pa.field("returned", pa.int64())).append(pa.field("returned_known_at", TIME))
connect = cache(ibis.duckdb.connect)
# DuckDB joins few rows in a loop and many by sorting.
WAYS = ("loop", "sort")


@contextmanager
def answered_by(way: str) -> Iterator[None]:
    """Make DuckDB join one of its ways, however few the rows."""
    connect().raw_sql(f"SET asof_loop_join_threshold = {10**6 if way == 'loop' else 0}")
    yield
    connect().raw_sql("RESET asof_loop_join_threshold")


def lay(table: list[Row], schema: pa.Schema) -> Any:
    return ibis.memtable(pa.Table.from_pylist(table, schema))


def key(tables: Mapping[str, list[Row]]) -> dict[str, KeyedTable]:
    return {
        name: KeyedTable(lay(table, SCHEMAS[name]), DECLARED[name])
        for name, table in tables.items()
    }


def join(
    rows: list[Row],
    tables: Mapping[str, list[Row]],
    lookups: list[FeatureLookup],
    event_time: str | None = "at",
) -> list[Row]:
    joined = join_features(lay(rows, SPINE), key(tables), lookups, event_time)
    answer: list[Row] = connect().to_pyarrow(joined).to_pylist()
    return sorted(answer, key=lambda row: row["id"])


@pytest.mark.untraced
@given(case=cases, way=st.sampled_from(WAYS))
@settings(max_examples=30, deadline=None)
def test_the_join_equals_brute_force(case: Case, way: str) -> None:
    """Several lookups together give each row what a row-by-row search gives it.

    No row of the spine is lost or doubled, and its own columns stay as they were.
    """
    with answered_by(way):
        joined = join(case.spine, case.tables, LOOKUPS)
    assert count(joined) == count(expect(case.spine, case.tables, LOOKUPS))


@pytest.mark.parametrize("way", WAYS)
def test_the_join_equals_brute_force_many_times(way: str) -> None:
    """Hundreds of cases side by side in one query each get their own answer."""
    drawn = draw_cases(300)
    case = in_one(drawn)
    with answered_by(way):
        joined = join(case.spine, case.tables, LOOKUPS)
    assert count(joined) == count(expect_each(drawn, LOOKUPS))


@pytest.fixture
def without_asof(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the ASOF join away, as on Spark."""
    monkeypatch.setattr(point_in_time, "_WITH_ASOF", set())


@pytest.mark.usefixtures("without_asof")
def test_the_join_without_asof_equals_brute_force() -> None:
    """The plan for Spark gives the same rows; DuckDB orders nulls otherwise, so there are none."""
    drawn = [fill(case) for case in draw_cases(300)]
    case = in_one(drawn)
    assert count(join(case.spine, case.tables, LOOKUPS)) == count(expect_each(drawn, LOOKUPS))


@pytest.mark.parametrize("way", WAYS)
def test_the_future_changes_nothing(way: str) -> None:
    """Deleting every feature row known after a moment changes no row of the spine up to it."""
    whole = [until_now(case) for case in draw_cases(300)]
    before, after = in_one(whole), in_one([forget_the_future(case) for case in whole])
    with answered_by(way):
        expected = join(before.spine, before.tables, LOOKUPS)
        assert count(join(after.spine, after.tables, LOOKUPS)) == count(expected)


@pytest.mark.parametrize("way", WAYS)
def test_the_order_of_rows_means_nothing(way: str) -> None:
    """Turning the spine and the feature tables around gives the same answer, ties or not."""
    case = in_one(draw_cases(300))
    tables = {name: table[::-1] for name, table in case.tables.items()}
    with answered_by(way):
        expected = join(case.spine, case.tables, LOOKUPS)
        assert count(join(case.spine[::-1], tables, LOOKUPS)) == count(expected)


@pytest.mark.parametrize("now", [1, 3, 5])
def test_the_future_changes_no_training_set(
    make_problem: Callable[..., ProblemSpec], now: int
) -> None:
    """Deleting every event and feature row known after the clock leaves the training set."""
    problem = make_problem(
        row_id="id",
        entity_keys=["customer"],
        event_time="at",
        request_columns=["region"],
        feature_lookups=[*LOOKUPS[:2], PLAN_LOOKUP],
    )
    case = replace(in_one(draw_cases(300)), now=day(now))
    events = [
        row | {"returned": n % 2, "returned_known_at": row["at"] + timedelta(days=n % 3)}
        for n, row in enumerate(case.spine)
        if row["at"] is not None
    ]

    def train(events: list[Row], tables: Mapping[str, list[Row]]) -> list[Row]:
        rows = build_training_set(lay(events, EVENTS), key(tables), problem, Clock(case.now))
        return list(connect().to_pyarrow(rows).to_pylist())

    expected = train(events, case.tables)
    known = [event for event in events if event["returned_known_at"] <= case.now]
    assert count(train(known, forget_the_future(case).tables)) == count(expected)
    assert 0 < len(expected) < len(events)


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
        ({"keys": {"id": "customer"}}, "'id' is int64 in events, but 'customer' is string in the"),
        ({"keys": {"id": "id"}}, r"keys match \(id\), but the table's keys are \(customer\)"),
        ({"columns": {"minutes": "region"}}, "events has a column 'region' already"),
    ],
    ids=["table", "column", "key of the table", "key of the row", "type", "keys", "taken name"],
)
def test_a_lookup_that_cannot_be_meant_is_refused(change: dict[str, Any], said: str) -> None:
    """A table, column or key that does not exist or fit is named, with its nearest or its types."""
    given = {"table": "usage", "keys": ["customer"], "columns": ["minutes"], **change}
    with pytest.raises(DataError, match=said):
        join(spine(("ann", 1, 1)), {"usage": []}, [FeatureLookup.model_validate(given)])


def test_a_feature_is_not_taken_twice() -> None:
    """Two lookups may not give the same name to what they find."""
    with pytest.raises(DataError, match="'usage': events has a column 'calls' already"):
        join(spine(("ann", 1, 1)), {"usage": []}, [usage_lookup(), usage_lookup(1)])


@pytest.mark.parametrize(
    ("local", "said"),
    [("at", "events: 'at' is timestamp"), ("known_at", "Feature table 'usage': 'known_at' is")],
    ids=["row", "table"],
)
def test_a_local_time_is_refused(local: str, said: str) -> None:
    """A time without a zone means no moment, in the spine or in a table; the rule is named."""
    left, right = lay([], SPINE), lay([], SCHEMAS["usage"])
    if local == "at":
        left = left.mutate(at=left.at.cast("timestamp"))
    else:
        right = right.mutate(known_at=right.known_at.cast("timestamp"))
    tables = {"usage": KeyedTable(right, DECLARED["usage"])}
    with pytest.raises(DataError, match=said + ".* Moments must be timestamps in UTC"):
        join_features(left, tables, [usage_lookup()], "at")


def test_a_lookup_may_take_its_key_from_an_earlier_one() -> None:
    """What one lookup finds may be the key of the next; the check knows its type."""
    plans = [{"owner": "ann", "plan": 2, "region": 9}]
    by_plan = FeatureLookup(
        table="bills", keys={"customer": "payer", "plan": "area"}, columns={"sum": "billed"}
    )
    bills = [{"payer": "ann", "area": 2, "billed_at": day(1), "sum": 30}]
    rows = spine(("ann", None, 1), ("bob", None, 1))
    joined = join(rows, {"plans": plans, "bills": bills}, [PLAN_LOOKUP, by_plan])
    assert [row["billed"] for row in joined] == [30, None]


@pytest.mark.usefixtures("without_asof")
def test_columns_that_are_never_null_join_as_others() -> None:
    """A column declared without nulls, and a key of another width, are the same key."""
    rows = spine(("ann", 1, 1))
    left = lay(rows, pa.schema([field.with_nullable(False) for field in SPINE]))
    bill = {"payer": "ann", "area": 1, "billed_at": day(1), "sum": 30}
    joined = join_features(left, key({"bills": [bill]}), [BILL_LOOKUP], "at")
    assert connect().to_pyarrow(joined).to_pylist() == [rows[0] | {"minutes_billed": 30}]


@pytest.mark.parametrize("name", ["usage", "plans"], ids=["history", "no history"])
def test_work_grows_as_the_lookups_do(name: str) -> None:
    """Each lookup adds a few steps to DuckDB's plan, and none is computed over and over."""
    case, database = in_one(draw_cases(300)), ibis.duckdb.connect()
    left = database.create_table("spine", pa.Table.from_pylist(case.spine, SPINE))
    table = pa.Table.from_pylist(case.tables[name], SCHEMAS[name])
    tables = {name: KeyedTable(database.create_table(name, table), DECLARED[name])}

    def steps(lookups: int) -> int:
        keys = {"customer": DECLARED[name].keys[0]}
        columns = [{SCHEMAS[name].names[-2]: f"new_{number}"} for number in range(lookups)]
        given = [FeatureLookup(table=name, keys=keys, columns=new) for new in columns]
        query = database.compile(join_features(left, tables, given, "at"))
        [[_, plan]] = database.raw_sql(f"EXPLAIN (FORMAT json) {query}").fetchall()
        return str(plan).count('"name"')

    assert steps(6) <= 4 * steps(2)
