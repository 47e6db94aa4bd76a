"""Tests that Spark gives the very rows of the point-in-time join that DuckDB gives."""

import shutil
from collections.abc import Callable, Iterator
from itertools import count as numbers
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fullcircle.core.point_in_time import KeyedTable, join_features
from tests.core.point_in_time_cases import (
    DECLARED,
    LOOKUPS,
    PLAN_LOOKUP,
    SCHEMAS,
    SPINE,
    TIME,
    Case,
    Row,
    count,
    draw_cases,
    expect,
    forget_the_future,
    in_one,
    until_now,
)

SETTINGS = {
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.memory": "1g",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.shuffle.partitions": "2",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Give the one connection to an embedded Spark that all tests share."""
    if not shutil.which("java"):
        pytest.skip("Spark needs Java, and there is no java on the path")
    session_type = pytest.importorskip("pyspark.sql", reason="pyspark is not installed")
    import ibis

    builder = session_type.SparkSession.builder.master("local[2]").appName("fullcircle-tests")
    for name, value in SETTINGS.items():
        builder = builder.config(name, value)
    home = tmp_path_factory.mktemp("spark")
    session = builder.config("spark.sql.warehouse.dir", str(home)).getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    yield ibis.pyspark.connect(session)
    session.stop()


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
        joined = join_features(lay(case.spine, SPINE), tables, lookups, event_time).to_pyarrow()
        # Ibis gives Spark's moments without their zone.
        at = joined.schema.get_field_index("at")
        rows: list[Row] = joined.set_column(at, "at", joined["at"].cast(TIME)).to_pylist()
        return rows

    return run


def test_the_join_equals_brute_force(join: Callable[..., list[Row]]) -> None:
    """Hundreds of random cases in one query each get what a row-by-row search gives them."""
    case = in_one(draw_cases(400))
    assert count(join(case)) == count(expect(case.spine, case.tables, LOOKUPS))


def test_the_future_changes_nothing(join: Callable[..., list[Row]]) -> None:
    """Deleting every feature row known after a moment changes no row of the spine up to it."""
    whole = [until_now(case) for case in draw_cases(400)]
    after = in_one([forget_the_future(case) for case in whole])
    assert count(join(in_one(whole))) == count(join(after))


def test_a_snapshot_sees_tables_without_history(join: Callable[..., list[Row]]) -> None:
    """Without a moment of its own, a row takes what the table says now, once."""
    case = in_one(draw_cases(400))
    plans = Case(case.spine, {"plans": case.tables["plans"]}, case.now)
    expected = expect(plans.spine, plans.tables, [PLAN_LOOKUP])
    assert count(join(plans, [PLAN_LOOKUP], None)) == count(expected)
