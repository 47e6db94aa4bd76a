"""Tests that Spark gives the very rows of the point-in-time join that DuckDB gives."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count as numbers
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.core.point_in_time_cases import (
    DECLARED,
    LOOKUPS,
    PLAN_LOOKUP,
    SCHEMAS,
    SPINE,
    Case,
    Row,
    count,
    draw_cases,
    expect_each,
    forget_the_future,
    in_one,
    until_now,
)
from tests.spark_session import open_session, open_sockets

from fullcircle.core.features.point_in_time import KeyedTable, join_features


@pytest.fixture(scope="module")
def spark() -> Any:
    """Give the one connection to an embedded Spark that all tests share."""
    with open_sockets():
        return ibis.pyspark.connect(session=open_session())


@pytest.fixture
def join(spark: Any, tmp_path: Path) -> Callable[..., list[Row]]:
    """Give the function that joins on Spark what lies in Parquet files."""
    files = (tmp_path / f"{number}.parquet" for number in numbers())

    def lay(rows: list[Row], schema: pa.Schema) -> Any:
        path = next(files)
        pq.write_table(pa.Table.from_pylist(rows, schema), path)
        return spark.read_parquet(path)

    def run(case: Case, lookups: list[Any] = LOOKUPS, event_time: str | None = "at") -> list[Row]:
        tables = {
            name: KeyedTable(lay(rows, SCHEMAS[name]), DECLARED[name])
            for name, rows in case.tables.items()
        }
        joined = join_features(lay(case.spine, SPINE), tables, lookups, event_time)
        # Ibis itself would go through pandas, which knows no integer that may be null.
        with open_sockets():
            rows: list[Row] = spark.raw_sql(spark.compile(joined)).toArrow().to_pylist()
        return rows

    return run


@pytest.mark.untraced
def test_the_join_equals_brute_force(join: Callable[..., list[Row]]) -> None:
    """Hundreds of random cases in one query each get what a row-by-row search gives them."""
    drawn = draw_cases(200)
    assert count(join(in_one(drawn))) == count(expect_each(drawn, LOOKUPS))


@pytest.mark.untraced
def test_the_future_changes_nothing(join: Callable[..., list[Row]]) -> None:
    """Deleting every feature row known after a moment changes no row of the spine up to it."""
    whole = [until_now(case) for case in draw_cases(200)]
    after = in_one([forget_the_future(case) for case in whole])
    assert count(join(in_one(whole))) == count(join(after))


def test_a_snapshot_sees_tables_without_history(join: Callable[..., list[Row]]) -> None:
    """Without a moment of its own, a row takes what the table says now, once."""
    drawn = [replace(c, tables={"plans": c.tables["plans"]}) for c in draw_cases(200)]
    assert count(join(in_one(drawn), [PLAN_LOOKUP], None)) == count(
        expect_each(drawn, [PLAN_LOOKUP])
    )
