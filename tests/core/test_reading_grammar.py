"""Raw texts mean the same to every reader: DuckDB, Spark, and the one without an engine."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import ibis
import pandas as pd
import pytest
from tests.core.reading_cases import (
    LAYOUTS,
    MISSING,
    MOMENT_TEXTS,
    MOMENTS,
    NUMBER_TEXTS,
    NUMBERS,
    UNREADABLE,
    Case,
    declare_all,
    name_column,
)
from tests.spark_session import open_session, open_sockets

from fullcircle.core.parsing.column_parser import ColumnParser
from fullcircle.core.parsing.raw_schema import RawSchema
from fullcircle.core.parsing.value_parser import UNREADABLE as NOT_READ
from fullcircle.core.parsing.value_parser import ValueParser
from fullcircle.core.validation.row_validation import SOURCE_ROW

pytestmark = pytest.mark.filterwarnings("ignore:The copy keyword is deprecated")
READING = declare_all()
TEXTS = list(dict.fromkeys([*NUMBER_TEXTS, *MOMENT_TEXTS]))
FLAGGED = ("n0", "n2", "m0", "m1")
FEW = tuple(
    f"m{LAYOUTS.index(each)}"
    for each in ("ISO", "%d.%m.%Y", "%m/%d/%Y", "%d %b %Y", "epoch ms", "excel")
)
Meanings = dict[tuple[str, str], Any]


@pytest.fixture(scope="module", params=["no engine", "duckdb", "spark"])
def meanings(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Meanings]:
    """What every text means in every column, to one reader."""
    if request.param == "no engine":
        yield read_plainly(READING)
    elif request.param == "duckdb":
        yield read_by_engine(READING, ibis.duckdb.connect())
    else:
        from fullcircle.engines.spark_backend import SparkBackend

        with open_sockets():
            backend = SparkBackend()
            backend.do_connect(open_session(), folder=tmp_path_factory.mktemp("spark"))
            yield read_by_engine(_keep_few(READING), backend)


def _keep_few(reading: ColumnParser) -> ColumnParser:
    """Leave out columns that differ from others by their pattern alone: Spark plans slowly."""
    moments = {name: reading.moments[name] for name in FEW if name in reading.moments}
    return replace(reading, moments=moments)


def read_plainly(reading: ColumnParser) -> Meanings:
    """Read every text without an engine, by the schema as a model's folder keeps it."""
    schema = RawSchema.from_dict(reading.schema().as_dict())
    assert schema == reading.schema()
    return {
        (name, text): as_meaning(ValueParser(column).parse(text))
        for name, column in schema.columns.items()
        for text in TEXTS
    }


def as_meaning(value: Any) -> Any:
    if value is NOT_READ:
        return UNREADABLE
    if value is None:
        return MISSING
    return write(value) if isinstance(value, datetime) else value


def write(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat()


def read_by_engine(reading: ColumnParser, backend: Any) -> Meanings:
    """Read every text in every column by the expressions that a run uses."""
    sources = dict.fromkeys(reading.sources, TEXTS)
    frame = pd.DataFrame({SOURCE_ROW: range(len(TEXTS)), **sources})
    raw = backend.create_view("reading_cases", ibis.memtable(frame), overwrite=True)
    columns = reading.columns(raw)
    read = raw.select(SOURCE_ROW, **columns).order_by(SOURCE_ROW).to_pyarrow().to_pylist()
    # Of most columns only whether there is a value: to ask for all flags takes half a minute.
    others = [name for name in columns if name not in FLAGGED]
    told = raw.select(SOURCE_ROW, unread=reading.unreadable_cells(raw, *others))
    unread = told.order_by(SOURCE_ROW).to_pyarrow()["unread"].to_pylist()
    flags = [set((each or "").split("; ")) for each in unread]
    return {
        (name, text): _meaning_of(row[name], name, text, flagged)
        for text, row, flagged in zip(TEXTS, read, flags, strict=True)
        for name in columns
    }


def _meaning_of(value: Any, name: str, text: str, flagged: set[str]) -> Any:
    if value is None and name not in FLAGGED:
        return PLAIN[name, text] if PLAIN[name, text] == UNREADABLE else MISSING
    return UNREADABLE if name in flagged else as_meaning(value)


PLAIN = read_plainly(READING)


def test_parts_that_stand_apart_are_read_together() -> None:
    """A month or a clock in a column of its own belongs to the date, and is no unreadable cell."""
    reading = ColumnParser(
        moments={"at": ("day", "%Y%m%d"), "from": ("year", "%Y %m")},
        clocks={"at": "time", "from": "month"},
        missing=("?",),
    )
    rows = [
        ("20240105", "07.30.00", "2024", "2"),
        ("20240105", "?", "2024", None),
        ("20240105", "late", "2024", "13"),
        ("?", "07.30.00", None, "2"),
    ]
    names = ["day", "time", "year", "month"]
    raw = ibis.memtable(pd.DataFrame(rows, columns=names).assign(**{SOURCE_ROW: range(4)}))
    table = raw.select(SOURCE_ROW, **reading.columns(raw), bad=reading.unreadable_cells(raw))
    read = table.order_by(SOURCE_ROW).to_pyarrow().to_pydict()
    assert read["bad"] == [None, "from; ", "at; from; ", None]
    columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    for name, schema in reading.schema().columns.items():
        parsed = ValueParser(schema).parse_all(columns[schema.source], columns[schema.clock])
        assert parsed.meanings == read[name]
        assert parsed.unreadable == [n for n, bad in enumerate(read["bad"]) if name in (bad or "")]


@pytest.mark.parametrize("case", [*NUMBERS, *MOMENTS], ids=lambda c: f"{c.form}:{c.text!r}")
def test_a_text_means_what_the_table_says(meanings: Meanings, case: Case) -> None:
    """Each reader gives each text of the table the value that stands beside it."""
    name = name_column(case)
    if (name, case.text) in meanings:
        assert meanings[name, case.text] == case.value


def test_all_readers_agree_on_every_text_in_every_column(meanings: Meanings) -> None:
    """Whatever the column, no reader takes a text otherwise than the one without an engine."""
    different = {key: (PLAIN[key], found) for key, found in meanings.items() if PLAIN[key] != found}
    assert len(meanings) >= len(TEXTS) * (len(READING.numbers) + len(FEW))
    assert not different
