"""Bodies and values: whatever is sent is read as it was meant, or refused in one line."""

import json
import time
import tracemalloc
from contextlib import suppress
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fullcircle.core.errors import DataError
from fullcircle.core.scoring.values import MOMENT, as_column, read_values
from fullcircle.serving.bodies import Body, BodyLimits, BodyReader
from fullcircle.serving.schemas import InputSchema, read_values_of

JSON = "application/json"


def read_body(content: bytes, kind: str, features: list[str], max_rows: int) -> Body:
    """Read a body for a model that knows its features alone."""
    reader = BodyReader(features, frozenset(features), BodyLimits(max_rows=max_rows))
    return reader.read(content, kind)


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


def spell(content: Any) -> bytes:
    """Spell JSON without blanks."""
    return json.dumps(content, separators=(",", ":")).encode()


def _repeat(piece: str, size: int) -> str:
    return piece * (size // len(piece))


# Bodies of about so many bytes, each as costly for its size as somebody may have meant it.
COSTLY: dict[str, Any] = {
    "split, names": lambda n: spell(
        {"dataframe_split": {"columns": [f"c{i}" for i in range(n // 8)], "data": [[1]]}}
    ),
    "split, one name": lambda n: spell(
        {"dataframe_split": {"columns": ["a"] * (n // 4), "data": [[1]]}}
    ),
    "split, empty rows": lambda n: spell(
        {"dataframe_split": {"columns": [], "data": [[]] * (n // 3)}}
    ),
    "records, other keys each": lambda n: spell(
        {"dataframe_records": [{f"k{i}": 1} for i in range(n // 12)]}
    ),
    "records, empty": lambda n: spell({"dataframe_records": [{}] * (n // 3)}),
    "records, one wide": lambda n: spell(
        {
            "dataframe_records": [
                {f"f{i}": 1 for i in range(n // 20)},
                *[{} for _ in range(n // 6)],
            ]
        }
    ),
    "records, near names": lambda n: spell(
        {"dataframe_records": [{"f" * 30 + str(i): 1 for i in range(n // 40)}]}
    ),
    "instances, lists": lambda n: spell({"instances": [[1, 2]] * (n // 6)}),
    "instances, empty lists": lambda n: spell({"instances": [[]] * (n // 3)}),
    "inputs, many": lambda n: spell({"inputs": {f"k{i}": [1] for i in range(n // 12)}}),
    "inputs, one long": lambda n: spell({"inputs": {"f1": [1] * (n // 2)}}),
    "inputs, nested": lambda n: spell({"inputs": {"f1": [[[[]]]] * (n // 7)}}),
    "deep": lambda n: b'{"instances":[' + (b"[" * 500 + b"]" * 500 + b",") * (n // 1001) + b"[]]}",
    "params": lambda n: spell(
        {"instances": [[1, 2]], "params": {f"p{i}": 1 for i in range(n // 10)}}
    ),
    "csv, names": lambda n: ",".join(f"c{i}" for i in range(n // 8)).encode(),
    "csv, one name": lambda n: _repeat("a,", n).encode() + b"a",
    "csv, rows": lambda n: b"f1,f2\n" + _repeat("1,2\n", n).encode(),
    "csv, blank lines": lambda n: b"f1,f2\n" + _repeat("\n", n).encode() + b"1,2\n",
    "csv, quotes": lambda n: b'f1\n"' + _repeat('""', n).encode() + b'"\n',
}
SMALL, LARGE = 2**15, 2**18


def try_to_read(content: bytes, kind: str) -> None:
    """Read a body for a wide model, and find what it needs, as the endpoint does."""
    features = [f"f{i}" for i in range(40)]
    reader = BodyReader(features, frozenset(features))
    form = InputSchema(dict.fromkeys(features, pa.float64()), features, [], None, frozenset())
    with suppress(DataError):
        body = reader.read(content, kind)
        form.needed_lookups(body.columns, body.others)


def measure_time(content: bytes, kind: str) -> float:
    """Processor's time, the least of several tries."""
    taken = []
    for _ in range(3):
        began = time.process_time()
        try_to_read(content, kind)
        taken.append(time.process_time() - began)
    return min(taken)


@pytest.mark.parametrize("name", COSTLY)
def test_time_and_memory_grow_no_faster_than_the_body(name: str) -> None:
    """Eight times the bytes take about eight times the work at most, whatever the form."""
    kind = "text/csv" if name.startswith("csv") else JSON
    small, large = COSTLY[name](SMALL), COSTLY[name](LARGE)
    assert 6 < len(large) / len(small) < 10
    tracemalloc.start()
    try_to_read(large, kind)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100 * len(large)
    assert measure_time(large, kind) < 30 * max(measure_time(small, kind), 2e-4)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.dictionaries(st.sampled_from(["f1", "f2", "x", "y"]), st.integers(0, 9), max_size=4),
        min_size=1,
        max_size=5,
    )
)
def test_columns_that_no_model_knows_are_left_out(records: list[dict[str, int]]) -> None:
    """What is kept is what models know, as it came; the names of the others are remembered."""
    reader = BodyReader(["f1", "f2"], frozenset(["f1", "f2"]))
    body = reader.read(spell({"dataframe_records": records}), JSON)
    present = {name for record in records for name in record}
    assert set(body.columns) == present & {"f1", "f2"}
    assert set(body.others) == present - {"f1", "f2"}
    for name, values in body.columns.items():
        assert values == [record.get(name) for record in records]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"instances": [{"f1": 1}, {"f2": 1}, {"f1": 2}]}, "3 rows of 2 columns; at most 5"),
        ({"inputs": {"f1": [1, 2, 3], "f2": [1, 2, 3]}}, "3 rows of 2 columns; at most 5"),
        ({"inputs": {"a": [1], "b": [1], "c": [1], "d": [1]}}, "4 columns or more; at most 3"),
        ({"instances": [{"a": 1, "b": 1}, {"c": 1, "d": 1}]}, "4 columns or more; at most 3"),
    ],
)
def test_limits_hold_before_values_are_set_out(content: Any, said: str) -> None:
    """Too many columns or values are refused by their number, however few bytes spell them."""
    reader = BodyReader(["f1", "f2"], frozenset(["f1", "f2"]), BodyLimits(10, 3, 5))
    with pytest.raises(DataError, match=said):
        reader.read(spell(content), JSON)


def test_brackets_in_texts_are_no_lists() -> None:
    """However many brackets a text holds, it is a text."""
    text = '[{"\\' * 10_000
    reader = BodyReader(["f1"], frozenset(["f1"]))
    assert reader.read(spell({"instances": [{"f1": text}]}), JSON).columns == {"f1": [text]}
