"""How the texts of a column are read: by the survey, and by the problem that it writes."""

import keyword
from datetime import UTC, datetime

import ibis
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fullcircle.core.parsing.column_parser import ISO, ColumnParser, as_class, as_moment, name_rows
from fullcircle.core.validation.row_validation import SOURCE_ROW
from fullcircle.engines.engine import connect
from fullcircle.ingestion.inference.column_kinds import (
    find_decimal,
    find_sentinels,
    name_columns,
    read_number_texts,
    recognise,
)

LAYOUTS = ["%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d-%m-%Y", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%y"]
FIRST, LAST = datetime(2001, 1, 1), datetime(2068, 12, 31)  # what %y means alike everywhere


def compute(values: list[str | None], read: object) -> list[object]:
    """Read texts as an expression of one column says, in the engine."""
    frame = pd.DataFrame({"x": pd.Series(values, dtype="str"), SOURCE_ROW: range(len(values))})
    table = ibis.memtable(frame)
    result = table.select(SOURCE_ROW, y=read(table)).order_by(SOURCE_ROW)
    return connect().execute(result)["y"].tolist()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text("0123456789.,+-eE x", max_size=8), min_size=1, max_size=20))
@pytest.mark.parametrize("decimal", [".", ","])
def test_survey_and_problem_read_the_same_numbers(decimal: str, texts: list[str]) -> None:
    """Whatever the survey takes for a number, the problem reads as that number, and no other."""
    stripped = [text.strip() or None for text in texts]
    reading = ColumnParser(numbers={"x": "x"}, decimal=decimal)
    seen = read_number_texts(pd.Series(stripped, dtype=object), decimal)
    read = compute(stripped, lambda table: reading.columns(table)["x"])
    pd.testing.assert_series_equal(
        pd.Series(read, dtype="float64"), seen, check_names=False, rtol=1e-15
    )


@settings(max_examples=5, deadline=None)  # each is a query, so that few of many moments are quick
@given(st.lists(st.datetimes(FIRST, LAST), min_size=40, max_size=80))
@pytest.mark.parametrize("layout", [*LAYOUTS, ISO])
@pytest.mark.parametrize("clock", ["", " %H:%M", " %H:%M:%S"])
def test_moments_are_read_as_they_were_written(
    clock: str, layout: str, moments: list[datetime]
) -> None:
    """Every moment comes back from every layout, down to what was written of it."""
    written_as = ("%Y-%m-%d" if layout == ISO else layout) + clock
    texts = [moment.strftime(written_as) for moment in moments]
    wanted = [datetime.strptime(text, written_as).replace(tzinfo=UTC) for text in texts]
    assert compute(texts, lambda table: as_moment(table.x, layout)) == wanted


@pytest.mark.parametrize("text", ["31.02.2024", "2024-13-01", "yesterday", "1.2", "", "12.2024"])
def test_what_is_no_date_becomes_null(text: str) -> None:
    """A text that is no date of the layout is null, never a wrong date."""
    for layout in [*LAYOUTS, ISO]:
        [read] = compute([text], lambda table, layout=layout: as_moment(table.x, layout))
        assert pd.isna(read), layout


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(max_size=12), min_size=1, max_size=12, unique=True))
def test_columns_get_names_that_python_and_yaml_take(sources: list[str]) -> None:
    """Whatever columns are called, their names are different small identifiers."""
    names = list(name_columns(sources).values())
    assert len(set(names)) == len(sources)
    assert all(n.isidentifier() and n == n.lower() and not keyword.iskeyword(n) for n in names)


@pytest.mark.parametrize(
    ("texts", "kind", "layout"),
    [
        (["1", "2.5", "-3e4"], "number", ISO),
        (["00123", "00456"], "text", ISO),
        (["2024-01-31", "2024-02-01 12:30"], "moment", ISO),
        (["31.01.2024", "01.02.2024"], "moment", "%d.%m.%Y"),
        (["01/31/2024", "02/01/2024"], "moment", "%m/%d/%Y"),
        (["31/01/24 12:30", "01/02/24 08:00"], "moment", "%d/%m/%y"),
        (["2024/01/31", "2024/02/01"], "moment", "%Y/%m/%d"),
        (["Jan 3 2024", "Feb 4 2024"], "moment", "%b %d %Y"),
        (["red", "blue"], "text", ISO),
        ([None, None], "text", ISO),
        (["1"] * 49 + ["C17"], "text", ISO),
        (["1"] * 49 + ["many"], "number", ISO),
    ],
)
def test_kind_is_told_by_the_values(texts: list[str | None], kind: str, layout: str) -> None:
    """Numbers, codes with zeros in front, dates by their layout and texts are told apart."""
    column = recognise("x", pd.Series(texts, dtype=object, name="X"), ".")
    assert (column.kind, column.layout) == (kind, layout)


def test_dates_in_several_layouts_are_read_unless_they_contradict() -> None:
    """Ways of writing that cannot be mistaken are read together; contradicting ones are named."""
    texts = ["2024-01-05", "05.01.2024", "01/31/2024"] * 5
    column = recognise("x", pd.Series(texts, dtype=object, name="X"), ".")
    assert (column.kind, column.layout) == ("moment", "ISO|%d.%m.%Y|%m/%d/%Y")
    texts = ["13/01/2024", "01/13/2024"] * 5
    column = recognise("x", pd.Series(texts, dtype=object, name="X"), ".")
    assert column.kind == "text"
    assert set(column.layouts) == set(texts)


def test_day_and_month_that_cannot_be_told_are_marked() -> None:
    """Where no day is above 12, which of the two is the day is a guess, and is called one."""
    guess = recognise("x", pd.Series(["03/04/2024"] * 9, dtype=object, name="X"), ".")
    sure = recognise("x", pd.Series(["03/04/2024", "03/14/2024"], dtype=object, name="X"), ".")
    assert (guess.guessed, sure.guessed) == (True, False)


def test_decimal_comma_is_told_by_numbers() -> None:
    """Numbers with commas and none with points mean a decimal comma; words with commas do not."""
    assert find_decimal(pd.DataFrame({"a": ["1,5", "1.234,5"], "b": ["x", "y"]})) == ","
    assert find_decimal(pd.DataFrame({"a": ["1.5", "2.5"], "b": ["1,5", "x, y"]})) == "."


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([-999.0] * 6 + list(range(50)), (-999.0,)),
        ([9999.0] * 6 + [-999.0] * 6 + list(range(50)), (-999.0, 9999.0)),
        ([-999.0] * 4 + list(range(50)), ()),
        (list(range(1001)) * 5, ()),
        ([99.0] * 9 + list(range(90)), ()),
    ],
)
def test_sentinels_stand_apart_and_repeat(values: list[float], found: tuple[float, ...]) -> None:
    """Nines far from all other numbers, again and again, are sentinels; others are not."""
    assert find_sentinels(pd.Series(values, dtype="float64")) == found


def test_sentinels_and_words_become_null() -> None:
    """A problem reads its sentinels and words for missing as null, and other numbers as such."""
    reading = ColumnParser(numbers={"x": "x"}, missing=("?",), sentinels={"x": (-999.0,)})
    read = compute(["-999", "-999.0", "?", "7"], lambda table: reading.columns(table)["x"])
    assert pd.Series(read).isna().tolist() == [True, True, True, False]
    reasons = compute(["-999", "?", "many"], lambda table: next(reading.unreadable(table)))
    assert [None if pd.isna(r) else r for r in reasons] == [None, None, "x is no number: many"]


def test_classes_and_row_names() -> None:
    """A class is its place, any other text is null; rows are named by their place."""
    read = compute(["b", "a", "c"], lambda table: as_class(table.x, ("a", "b")))
    assert [None if pd.isna(value) else value for value in read] == [1, 0, None]
    assert compute(["b"], lambda table: name_rows(table, "row")) == ["row-000000"]


@pytest.mark.parametrize("layout", [*LAYOUTS, ISO])
def test_example_reads_well(layout: str) -> None:
    """The example row of a reading is read whole, whatever is declared."""
    reading = ColumnParser(
        texts={"t": "T"}, numbers={"n": "N"}, moments={"m": ("M", layout)}, decimal=","
    )
    table = ibis.memtable(pd.DataFrame([reading.example()]))
    row = connect().execute(table.select(**reading.columns(table))).iloc[0]
    assert (row["t"], row["n"], row["m"]) == ("a", 1.5, pd.Timestamp("2024-12-31", tz="UTC"))
