"""Tests of setting rows aside."""

from typing import Any

import ibis
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fullcircle.core.errors import DataError
from fullcircle.core.validation.row_validation import (
    REASON,
    SOURCE_ROW,
    IntakeSettings,
    as_number,
    as_text,
    reject,
    reject_repeated,
    stop_if_too_many,
    summarise_intake,
    unless,
)


def evaluate(column: list[Any], function: Any) -> list[Any]:
    table = ibis.memtable(pa.table({"x": pa.array(column, pa.string())}))
    return table.select(y=function(table.x)).to_pyarrow()["y"].to_pylist()


def test_blanks_are_null_and_text_is_stripped() -> None:
    """Text loses its outer blanks, and nothing but blanks is null."""
    assert evaluate([" a b ", "", "   ", "\t", None], as_text) == ["a b", None, None, None, None]


def test_only_numbers_are_numbers() -> None:
    """Text that is no number becomes null, never zero and never an error."""
    given = ["1", " 2.50 ", "-3", "1e2", "", "ten", "1,5", "0x10", None]
    assert evaluate(given, as_number) == [1.0, 2.5, -3.0, 100.0] + [None] * 5


def test_an_unknown_condition_does_not_hold() -> None:
    """A reason is given where the condition is false or null, with the value quoted."""
    table = ibis.memtable(
        pa.table(
            {"fine": pa.array([True, False, None]), "x": pa.array(["1", "2", None], pa.string())}
        )
    )
    said = table.select(
        plain=unless(table.fine, "x is bad"), quoted=unless(table.fine, "x is bad", table.x)
    )
    assert said.to_pyarrow().to_pydict() == {
        "plain": [None, "x is bad", "x is bad"],
        "quoted": [None, "x is bad: 2", "x is bad: (blank)"],
    }


def test_the_first_reason_counts() -> None:
    """A row with several faults carries the first one; a good row carries null."""
    table = ibis.memtable(pa.table({"a": [1, -1, 1, -1], "b": [1, 1, -1, -1]}))
    judged = reject(table, unless(table.a > 0, "a"), unless(table.b > 0, "b"))
    assert judged.to_pyarrow()[REASON].to_pylist() == [None, "a", "b", "a"]
    assert reject(table).to_pyarrow()[REASON].to_pylist() == [None] * 4


rows_of_ids = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c", None]), st.sampled_from([None, "bad"])), max_size=12
)


@given(rows=rows_of_ids, order=st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_of_repeated_rows_the_first_good_one_stays(rows: list[Any], order: Any) -> None:
    """Exactly the first good row of an id stays, whatever the order in which rows arrive.

    Rows that were bad already keep their reason and never push a good row out.
    """
    numbered = [(number, *row) for number, row in enumerate(rows, start=1)]
    expected: dict[int, str | None] = {}
    first: dict[str | None, int] = {}
    for number, row_id, reason in numbered:
        if reason is None and row_id in first:
            reason = f"same row id as row {first[row_id]}"  # noqa: PLW2901
        elif reason is None:
            first[row_id] = number
        expected[number] = reason
    order.shuffle(numbered)
    columns = list(zip(*numbered, strict=True)) or [(), (), ()]
    table = pa.table(
        {
            SOURCE_ROW: pa.array(columns[0], pa.int64()),
            "id": pa.array(columns[1], pa.string()),
            REASON: pa.array(columns[2], pa.string()),
        }
    )
    judged = reject_repeated(ibis.memtable(table), "id").to_pyarrow().to_pylist()
    assert len(judged) == len(rows)
    assert {row[SOURCE_ROW]: row[REASON] for row in judged} == expected


def test_the_summary_counts_every_row_once() -> None:
    """Kept and rejected rows add up to the rows read; the commonest reason leads, ties by name."""
    report = summarise_intake(10, {"b": 1, "a": 1, "c": 2})
    assert report == {
        "rows_read": 10,
        "rows_kept": 6,
        "rows_rejected": 4,
        "rejected_share": 0.4,
        "reasons": {"c": 2, "a": 1, "b": 1},
    }
    assert list(report["reasons"]) == ["c", "a", "b"]
    assert summarise_intake(0, {})["rejected_share"] == 0.0


@pytest.mark.parametrize(
    ("rows", "bad", "limit", "stops"),
    [
        (100, 0, 0.0, False),
        (100, 1, 0.0, True),
        (100, 10, 0.1, False),
        (100, 11, 0.1, True),
        (100, 100, 1.0, True),
        (0, 0, 1.0, True),
    ],
    ids=["clean", "one too many", "at the limit", "past it", "nothing left", "nothing came"],
)
def test_the_run_stops_past_the_limit(rows: int, bad: int, limit: float, *, stops: bool) -> None:
    """A run goes on up to the declared share, and never on no rows at all."""
    report = summarise_intake(rows, {"odd": bad} if bad else {})
    settings = IntakeSettings(max_rejected_share=limit)
    if not stops:
        stop_if_too_many(report, settings, [])
        return
    with pytest.raises(DataError):
        stop_if_too_many(report, settings, ["row 3: odd"])


def test_the_stop_says_how_many_and_where_to_look() -> None:
    """The error gives the counts, the limit that was passed and the first bad rows."""
    report = summarise_intake(200, {"odd": 50})
    with pytest.raises(DataError) as error:
        stop_if_too_many(report, IntakeSettings(max_rejected_share=0.05), ["row 3: odd", "row 9"])
    assert str(error.value) == (
        "50 of 200 rows were set aside (25.0%; intake.max_rejected_share allows 5.0%). "
        "First: row 3: odd; row 9."
    )


@pytest.mark.parametrize("text", ["nan", "inf", "-Infinity", "1_000", "0x10", "1e", "12,5", "1 2"])
def test_text_that_only_looks_like_a_number_is_none(text: str) -> None:
    """Not-a-number, infinities and other spellings that an engine may accept are not numbers."""
    table = ibis.memtable({"text": [text, "1.5e2", "-.5", "7."]})
    read = table.select(number=as_number(table.text)).to_pandas()["number"]
    assert read.isna().tolist() == [True, False, False, False]
    assert read.tolist()[1:] == [150.0, -0.5, 7.0]
