"""Tests of what scoring on Spark does with rows, without Spark."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from fullcircle.core.scoring import spark
from fullcircle.core.scoring.days import DayCounts
from fullcircle.core.scoring.lookups import STALE
from fullcircle.core.scoring.requests import DAY

DAYS = st.lists(st.lists(st.sampled_from("abc"), max_size=6), max_size=4)


def batch_of(days: list[str], first: int) -> pa.RecordBatch:
    row = pa.array(range(first, first + len(days)), pa.int64())
    return pa.RecordBatch.from_arrays([pa.array(days, pa.string()), row], names=[DAY, "row"])


@given(DAYS)
def test_batches_are_cut_where_the_day_changes(days: list[list[str]]) -> None:
    """Every row comes once, in order, in a piece that is named by its day and holds no other."""
    firsts = [sum(map(len, days[:place])) for place in range(len(days))]
    batches = [batch_of(each, first) for each, first in zip(days, firsts, strict=True)]
    pieces = list(spark._split_by_day(iter(batches)))
    assert [row for _, piece in pieces for row in piece["row"].to_pylist()] == list(
        range(sum(map(len, days)))
    )
    assert all(set(piece[DAY].to_pylist()) == {day} for day, piece in pieces)


def test_rows_are_counted_as_they_pass() -> None:
    """The tally holds the rows of all pieces, those with stale features apart."""
    stale = pa.RecordBatch.from_arrays([pa.array([0, 2, 1])], names=[STALE])
    tally = DayCounts()
    passed = list(spark._count(iter([("a", stale), ("a", stale.slice(0, 2))]), tally))
    assert [batch.num_rows for batch in passed] == [3, 2]
    assert (tally.rows, tally.stale_rows) == (5, 3)


def test_spark_gets_texts_for_codes() -> None:
    """Columns of codes become the texts that they stand for; the others stay as they are."""
    coded = pa.array(["x", None, "x"]).dictionary_encode()
    given = pa.RecordBatch.from_arrays([coded, pa.array([1, 2, 3])], names=["text", "number"])
    plain = spark._plain(given)
    assert plain.schema.types == [pa.string(), pa.int64()]
    assert plain.to_pydict() == {"text": ["x", None, "x"], "number": [1, 2, 3]}
    empty = spark._no_rows(given.schema)
    assert (empty.schema, empty.num_rows) == (given.schema, 0)
