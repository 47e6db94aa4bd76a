"""Tests of judging records: which can be scored, as what, and why the others cannot."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fullcircle.core.scoring.records import (
    Bounds,
    RecordSchema,
    find_watermark,
    validate_records,
)
from fullcircle.core.scoring.values import MOMENT, as_column, read_values

FORM = RecordSchema(
    {
        "id": pa.string(),
        "key": pa.int64(),
        "at": MOMENT,
        "size": pa.float64(),
        "colour": pa.string(),
    },
    frozenset({"id"}),
    ["id", "key", "at"],
    "id",
    "at",
)
GOOD = {"id": "a", "key": 7, "at": "2024-05-01T10:00:00", "size": 1.5, "colour": "red"}


def judge_one(bounds: Bounds = Bounds(), **changes: Any) -> tuple[Any, str | None]:  # noqa: B008
    record = {**GOOD, **changes}
    table = pa.table({name: as_column([value]) for name, value in record.items()})
    judged = validate_records(table, FORM, bounds)
    return (judged.good.to_pylist() or [None])[0], judged.reasons[0].as_py()


@pytest.mark.parametrize(
    ("name", "given", "read"),
    [
        ("key", "7", 7),
        ("key", " 7.0 ", 7),
        ("key", "+7", 7),
        ("key", 7.0, 7),
        ("key", Decimal("7"), 7),
        ("key", -9_007_199_254_740_993, -9_007_199_254_740_993),
        ("key", "9007199254740993", 9_007_199_254_740_993),
        ("size", "-.5e1", -5.0),
        ("size", True, 1.0),
        ("size", None, None),
        ("size", "  ", None),
        ("size", float("nan"), None),
        ("size", 3, 3.0),
        ("colour", None, None),
        ("colour", "  red ", "red"),
        ("id", 12, "12"),
        ("at", "2024-05-01", datetime(2024, 5, 1, tzinfo=UTC)),
        ("at", "2024-05-01T12:00:00+02:00", datetime(2024, 5, 1, 10, tzinfo=UTC)),
        ("at", "2024-05-01 10:00:00.000001", datetime(2024, 5, 1, 10, 0, 0, 1, tzinfo=UTC)),
        ("at", datetime(2024, 5, 1, 10), datetime(2024, 5, 1, 10, tzinfo=UTC)),
        ("at", date(2024, 5, 1), datetime(2024, 5, 1, tzinfo=UTC)),
    ],
)
def test_what_means_the_same_is_read_the_same(name: str, given: Any, read: Any) -> None:
    """A value is read as its column's type from whatever form says the same."""
    row, reason = judge_one(**{name: given})
    assert (reason, row and row[name]) == (None, read)


@pytest.mark.parametrize(
    ("name", "given", "reason"),
    [
        ("key", "seven", "key is no whole number: 'seven'"),
        ("key", "7.5", "key is no whole number: '7.5'"),
        ("key", 7.5, "key is no whole number: '7.5'"),
        ("key", True, "key is no whole number: 'True'"),
        ("key", "99999999999999999999", "key is out of range: '99999999999999999999'"),
        ("key", 1e300, "key is out of range: '1e+300'"),
        ("key", 2**63, "key is out of range: '9223372036854775808'"),
        ("key", 2**70, "key is out of range: '1180591620717411303424'"),
        ("key", None, "key is blank"),
        ("id", " ", "id is blank"),
        ("at", None, "at is blank"),
        ("at", "yesterday", "at is no moment: 'yesterday'"),
        ("at", "now", "at is no moment: 'now'"),
        ("at", 1_714_557_600, "at is no moment: '1714557600'"),
        ("size", "big", "size is no number: 'big'"),
        ("size", "nan", "size is no number: 'nan'"),
        ("size", "1e999", "size is no number: '1e999'"),
        ("size", float("inf"), "size is no number: 'inf'"),
        ("size", [1.0], "size is no plain value: '[1.0]'"),
        ("size", datetime(2024, 5, 1), "size is no number: '2024-05-01 00:00:00'"),
        ("colour", 5, "colour is no text: '5'"),
        ("colour", {"name": "red"}, 'colour is no plain value: \'{"name": "red"}\''),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(name: str, given: Any, reason: str) -> None:
    """A value of another kind is refused with its column, what it should be, and what it is."""
    assert judge_one(**{name: given}) == (None, reason)


@pytest.mark.parametrize(
    ("given", "kind", "read"),
    [
        (pa.array([1, 2**63, None], pa.uint64()), pa.int64(), [1, None, None]),
        (pa.array([127, 128, -128, -129]), pa.int8(), [127, None, -128, None]),
        (pa.array([0, -1, 255, 256]), pa.uint8(), [0, None, 255, None]),
        (pa.array([str(2**63 - 1), str(2**63)]), pa.int64(), [2**63 - 1, None]),
        (pa.array([2.0**53 - 1, 2.0**53]), pa.int64(), [2**53 - 1, None]),
    ],
)
def test_a_whole_number_does_not_turn_into_another(
    given: pa.Array, kind: pa.DataType, read: list[int | None]
) -> None:
    """A whole number beyond its column's type, or no longer exact, is refused, and so called."""
    values, faults = read_values(given, kind)
    assert values.to_pylist() == read
    lost = pc.and_(pc.is_valid(given), pc.is_null(values))
    assert faults.drop_null().unique().to_pylist() == ["is out of range"]
    assert pc.is_valid(faults).equals(lost)


def test_a_missing_column_is_named_with_the_nearest() -> None:
    """Records without a column are all refused, and the column that may be meant is offered."""
    table = pa.table({"id": ["a", "b"], "Key": [1, 2], "at": ["2024-01-01"] * 2, "size": [1, 2]})
    judged = validate_records(table, FORM, Bounds())
    assert set(judged.reasons.to_pylist()) == {"lacks the column 'key' (nearest: 'Key'), 'colour'"}
    assert len(judged.good) == 0


def test_moments_must_lie_between_watermark_and_clock() -> None:
    """A record before the watermark is late, and one after the clock is refused; the ends pass."""
    at = datetime(2024, 5, 1, 10, tzinfo=UTC)
    step = timedelta(microseconds=1)
    assert judge_one(Bounds(latest=at, watermark=at))[1] is None
    assert judge_one(Bounds(latest=at - step))[1] == "at lies ahead of the clock"
    late = judge_one(Bounds(watermark=at + step))[1]
    assert late == "late: at lies before the watermark 2024-05-01T10:00:00Z"
    assert find_watermark(at, 60) == at - timedelta(hours=1)
    assert find_watermark(at, None) is find_watermark(None, 60) is None


def test_only_the_first_good_one_of_equal_ids_stays() -> None:
    """Of equal ids the first that can be scored stays, unless it was scored before."""
    records = pa.table(
        {
            "id": ["a", "a", "a", "b"],
            "key": ["x", "1", "2", "3"],
            "at": ["2024-01-01"] * 4,
            "size": [1.0] * 4,
            "colour": ["red"] * 4,
        }
    )
    judged = validate_records(records, FORM, Bounds(seen=pa.chunked_array([["b"], ["c"]])))
    assert judged.reasons.to_pylist() == [
        "key is no whole number: 'x'",
        None,
        "same id as another row",
        "same id as a row scored before",
    ]
    assert judged.good["key"].to_pylist() == [1]
    assert judged.places.to_pylist() == [1]


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["7", "1.5", "2024-01-01", "2024-01-01T00:00:00Z"]),
    st.lists(st.integers(), max_size=2),
)


@settings(deadline=None, max_examples=60)
@given(st.lists(VALUES, min_size=1, max_size=6), st.sampled_from(["key", "at", "size", "colour"]))
def test_a_value_is_judged_alike_alone_and_in_company(values: list[Any], name: str) -> None:
    """Whatever else is in its column, a value is read, or refused, as it is by itself."""
    kind = FORM.kinds[name]
    plain = [json.loads(json.dumps(value)) for value in values]
    together, faults = read_values(as_column(plain), kind)
    told = [None] * len(plain) if faults is None else faults.to_pylist()
    for place, value in enumerate(plain):
        alone, fault = read_values(as_column([value]), kind)
        assert together[place] == alone[0] or together[place].as_py() == alone[0].as_py()
        if told[place] != "is out of range":
            assert told[place] == (None if fault is None else fault[0].as_py())
