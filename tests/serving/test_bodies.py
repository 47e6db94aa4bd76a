"""Bodies and values: whatever is sent is read as it was meant, or refused in one line."""

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fullcircle.core.errors import DataError
from fullcircle.core.scoring.values import MOMENT, as_column, read_values
from fullcircle.serving.bodies import read_body
from fullcircle.serving.forms import read_values_of

JSON = "application/json"
plain = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from([" 1 ", "1e3", "-0", "nan", "inf", "2025-01-01", "\u00a0x", "\x1fy", ""]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(plain, min_size=1, max_size=6),
    st.sampled_from([pa.float64(), pa.string(), pa.int64(), MOMENT]),
)
@example([2**53 + 1], pa.float64())
@example([0.5, 2**53 + 1, None], pa.float64())
@example([2**1100], pa.float64())
def test_quick_reading_is_the_careful_one(values: list[Any], kind: pa.DataType) -> None:
    """Values that are read at once are read as ``read_values`` reads them, faults and all."""
    got, faults = read_values_of(values, kind)
    column, wrong = read_values(as_column(values), kind)
    wanted = [None] * len(values) if wrong is None else wrong.to_pylist()
    assert (faults or [None] * len(values)) == wanted
    if wrong is None or wrong.null_count == len(wrong):
        for one, other in zip(got, column.to_pylist(), strict=True):
            assert one == other


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([JSON, "text/csv", "text/xml", "", "\x00"]))
def test_any_bytes_are_read_or_refused(content: bytes, kind: str) -> None:
    """No bytes whatever raise anything but a refusal in one line."""
    check(content, kind)


def check(content: bytes, kind: str) -> None:
    """Read a body: it must give rows of equal length, or one line."""
    try:
        body = read_body(content, kind, ["a", "b"], 100)
    except DataError as refusal:
        said = str(refusal)
    else:
        said = ""
        assert {len(values) for values in body.columns.values()} <= {body.rows}
    assert "\n" not in said
    assert len(said) < 600


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(
            ["dataframe_records", "dataframe_split", "instances", "inputs", "params", "data"]
        ),
        anything | st.fixed_dictionaries({"columns": anything, "data": anything}),
    )
)
def test_any_json_is_read_or_refused(content: dict[str, Any]) -> None:
    """No JSON whatever raises anything but a refusal; what is read is rows of equal length."""
    check(json.dumps(content).encode(), JSON)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "no JSON"),
        ("[1]", "is a JSON list"),
        ("{}", "holds none of them"),
        ('{"instances": [], "inputs": {}}', "instances and inputs"),
        ('{"dataframe_records": []}', "no row"),
        ('{"dataframe_records": {"a": 1}}', "is a object"),
        ('{"dataframe_records": [3]}', "dataframe_records[0] is a number"),
        ('{"dataframe_split": {"columns": ["a"]}}', "'columns' and 'data'"),
        ('{"dataframe_split": {"columns": ["a", "a"], "data": []}}', "'a' more than once"),
        ('{"dataframe_split": {"columns": ["a"], "data": [[1, 2]]}}', "is 2 values; 1 values"),
        ('{"inputs": {"a": [1], "b": [1, 2]}}', "different lengths"),
        ('{"instances": [[1]]}', "is 1 values; 2 values"),
        ('{"instances": [{"a": 1}], "params": {"explian": true}}', "(nearest: 'explain')"),
        ('{"instances": [{"a": 1}], "params": {"explain": "yes"}}', "must be true or false"),
        ('{"instances": [' + ", ".join(['{"a": 1}'] * 101) + "]}", "101 rows; at most 100"),
        ("[" * 5000 + "]" * 5000, "no JSON"),
    ],
)
def test_refusals_say_what_to_send(content: str, said: str) -> None:
    """Each kind of wrong body is refused with what is wrong, where, and what is right."""
    with pytest.raises(DataError) as refusal:
        read_body(content.encode(), JSON, ["a", "b"], 100)
    assert said in str(refusal.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"a,b\n", "no row"),
        (b"a,a\n1,2\n", "'a' more than once"),
        (b"a,b\n1\n", "is 1 values; 2 values"),
        (b"\xff\xfe", "no CSV in UTF-8"),
        (b'a,b\n"1,2\n', "no CSV"),
    ],
)
def test_csv_refusals_say_what_to_send(content: bytes, said: str) -> None:
    """Each kind of wrong CSV is refused with what is wrong."""
    with pytest.raises(DataError) as refusal:
        read_body(content, "text/csv", ["a", "b"], 100)
    assert said in str(refusal.value)


def test_other_content_types_are_refused() -> None:
    """A body of another type is never guessed at: a pickle is refused by its name."""
    with pytest.raises(DataError, match="neither application/json nor text/csv"):
        read_body(b"\x80\x04N.", "application/octet-stream", ["a"], 1)
