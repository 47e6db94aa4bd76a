"""Tests that Spark counts and measures a window as DuckDB does."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.spark_session import open_session, open_sockets

from fullcircle.core.drift import DriftSettings, measure_drift
from fullcircle.core.profile import PREDICTION, build_profile, profile_window

# PySpark hands rows over by ways that pandas 3 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:The copy keyword is deprecated")

NAMES = ["x", "t", "flag", "whole"]


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    with open_sockets():
        yield ibis.pyspark.connect(session=open_session())


def draw(rows: int) -> pd.DataFrame:
    """Columns of each kind, with missing values, long fractions, quotes and an empty text."""
    rng = np.random.default_rng(0)
    texts = np.array(["a", "it's", "", 'say "é"', None], dtype=object)
    return pd.DataFrame(
        {
            "x": np.where(rng.random(rows) < 0.1, np.nan, rng.normal(size=rows)),
            "t": texts[rng.integers(0, 5, rows)],
            "flag": rng.random(rows) < 0.3,
            "whole": rng.integers(0, 4, rows) * (0.1 + 0.2),
            PREDICTION: rng.random(rows),
        }
    )


def test_spark_profiles_a_window_as_duckdb_does(spark: Any, tmp_path: Path) -> None:
    """Counts, range and missing values are the same, sums to the last digits; so is the report."""
    rows = draw(500)
    profile = build_profile(rows[NAMES], rows[PREDICTION].to_numpy())
    start = datetime(2024, 1, 1, tzinfo=UTC)
    moments = pa.array([start + timedelta(hours=n) for n in range(400)], pa.timestamp("us", "UTC"))
    window = pa.Table.from_pandas(draw(900).tail(400), preserve_index=False)
    path = tmp_path / "window.parquet"
    pq.write_table(window.append_column("at", moments), path)
    tables = [engine.read_parquet(path) for engine in (spark, ibis.duckdb.connect())]
    one, other = (profile_window(table, profile["columns"], "at") for table in tables)
    assert one["rows"] == other["rows"] == 400
    assert one["newest"].replace(tzinfo=UTC) == other["newest"].astimezone(UTC)
    for name, column in other["columns"].items():
        assert one["columns"][name]["counts"] == column["counts"], name
        for fact, value in column.get("moments", {}).items():
            assert one["columns"][name]["moments"][fact] == pytest.approx(value), (name, fact)
    settings = DriftSettings(false_alarm_rate=0.01, min_psi=0.1, min_rows=100)
    reports = [measure_drift(table, profile, settings) for table in tables]
    psi = [{each["name"]: each["psi"] for each in report["columns"]} for report in reports]
    assert psi[0] == psi[1]
