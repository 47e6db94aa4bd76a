"""One grammar of dates: what the first look recognises, Python, DuckDB and Spark read alike."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import ibis
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.parsing.moment_cases import MOMENTS
from tests.spark_session import open_session, open_sockets

from fullcircle.core.errors import ConfigurationError
from fullcircle.core.parsing.date_layouts import find_layout, find_moments
from fullcircle.core.parsing.timestamps import as_moment, is_local_hour_odd, read_moment
from fullcircle.engines.engine import connect

LAYOUTS = sorted({layout for layout, _, _ in MOMENTS})
# Python's reader strips nothing; tables do before they read.
STRIPPED = [each for each in MOMENTS if each[1] == each[1].strip()]


def meant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(("layout", "text", "wanted"), MOMENTS)
def test_python_reads_each_moment(layout: str, text: str, wanted: str | None) -> None:
    """Each text is the moment that it means, or none."""
    assert read_moment(text, layout) == meant(wanted)


def find_wrong(
    connection: Any, layouts: list[str] = LAYOUTS
) -> list[tuple[str, str, Any, str | None]]:
    """Return what an engine reads otherwise than it is meant, of some layouts in one query."""
    rows = {each: [row for row in STRIPPED if row[0] == each] for each in layouts}
    texts = {f"x{n}": pd.Series([row[1] for row in rows[each]]) for n, each in enumerate(layouts)}
    table = ibis.memtable(pd.DataFrame(texts).assign(n=lambda frame: range(len(frame))))
    read = {
        f"x{n}": as_moment(table[f"x{n}"], each).cast("string") for n, each in enumerate(layouts)
    }
    found = connection.execute(table.select("n", **read).order_by("n"))
    return [
        (layout, text, value, wanted)
        for n, each in enumerate(layouts)
        for (layout, text, wanted), value in zip(rows[each], found[f"x{n}"], strict=False)
        if as_utc(value) != meant(wanted)
    ]


def as_utc(written: Any) -> datetime | None:
    """Return a moment as an engine writes it; they are set to UTC."""
    return None if pd.isna(written) else datetime.fromisoformat(written[:26]).replace(tzinfo=UTC)


def test_duckdb_reads_each_moment() -> None:
    """DuckDB reads each text of the table as it is meant."""
    connection = connect()
    assert [wrong for each in LAYOUTS for wrong in find_wrong(connection, [each])] == []


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    with open_sockets():
        yield ibis.pyspark.connect(session=open_session())


@pytest.mark.filterwarnings("ignore:The copy keyword is deprecated")
def test_spark_reads_each_moment(spark: Any) -> None:
    """Spark reads each text of the table as it is meant."""
    assert find_wrong(spark) == []


# Layouts that no single text shows: they are said, or told by the whole column.
TOLD = {"%m/%d/%Y", "%y-%m-%d", "%Y %m", "%q/%Y", "%Y%m", "%Y.%m", "excel"}


@pytest.mark.parametrize(("layout", "text", "wanted"), MOMENTS)
def test_what_the_look_recognises_is_read(layout: str, text: str, wanted: str | None) -> None:
    """The layout that the look finds for a text reads it, and as it is meant."""
    own = layout.split(" local:", maxsplit=1)[0].split(" since:", maxsplit=1)[0]
    if wanted is None or own in TOLD or own.startswith("epoch") or "|" in own:
        return
    found = find_layout(text)
    assert found is not None
    if own == layout:
        assert read_moment(text, found) == meant(wanted)


PLACES = ("Europe/Berlin", "America/New_York", "Europe/London", "Australia/Lord_Howe", "Asia/Tokyo")


@settings(max_examples=200, deadline=None)
@given(
    moment=st.datetimes(datetime(1975, 1, 1), datetime(2055, 1, 1)), place=st.sampled_from(PLACES)
)
def test_local_clocks_are_those_of_the_place(moment: datetime, place: str) -> None:
    """A local clock gives the moment that the zone's own rules give, first occurrence first."""
    from zoneinfo import ZoneInfo

    text = moment.replace(microsecond=0).isoformat(sep=" ")
    wanted = moment.replace(microsecond=0, tzinfo=ZoneInfo(place)).astimezone(UTC)
    assert read_moment(text, f"ISO local:{place}") == wanted


@pytest.mark.parametrize(
    ("text", "place", "wanted"),
    [
        ("2024-10-27 02:30", "Europe/Berlin", "twice"),
        ("2024-10-27 01:59", "Europe/Berlin", ""),
        ("2024-10-27 03:00", "Europe/Berlin", ""),
        ("2024-03-31 02:30", "Europe/Berlin", "never"),
        ("2024-03-31 01:30", "Europe/London", "never"),
        ("2024-10-27 01:30", "Europe/London", "twice"),
        ("2024-10-27 02:30+01:00", "Europe/Berlin", ""),
        ("2024-06-01 02:30", "Asia/Tokyo", ""),
    ],
)
def test_hours_that_occur_twice_or_never_are_named(text: str, place: str, wanted: str) -> None:
    """The hour that repeats and the one that is left out are told apart from all others."""
    assert is_local_hour_odd(text, f"ISO local:{place}") == wanted


def test_an_unknown_zone_is_named() -> None:
    """A zone that does not exist is refused with the nearest one."""
    with pytest.raises(ConfigurationError, match="nearest: 'Europe/Berlin'"):
        read_moment("2024-01-01", "ISO local:Europe/Berlim")


TODAY = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("years", "wanted"),
    [
        (range(1995, 2025), (1995, 2024)),
        (range(1930, 2011), (1930, 2010)),  # births
        (range(2024, 2041), (2024, 2040)),  # ends of contracts
        (range(1901, 1950), (1901, 1949)),
        (range(1950, 1990), (1950, 1989)),
    ],
)
def test_two_digits_mean_years_that_keep_together(years: range, wanted: tuple[int, int]) -> None:
    """The century follows from the span of the column, not from a fixed year."""
    texts = [f"{n % 28 + 1:02d}.0{n % 9 + 1}.{year % 100:02d}" for n, year in enumerate(years)] * 2
    found = find_moments(texts, TODAY)
    assert found is not None
    read = [read_moment(text, found.layout) for text in texts]
    known = [each.year for each in read if each is not None]
    assert len(known) == len(texts)
    assert (min(known), max(known)) == wanted
