"""The point-in-time join, beside a hand-written ASOF query, Polars and pandas.

Run: python tests/benchmarks/bench_point_in_time.py [--rows 1000000] [--feature-rows 5000000]
        [--keys 100000] [--repeats 3] [--only ours limit] [--memory-limit 8GB] [--folder DIR]
Parquet files to Arrow batches, 10 features, 30-day window. Prints the median seconds, the peak
memory and the ratio to the hand-written query of each. Each runs in a process of its own, in
turns; a process that finds other features than the hand-written query fails the run. The two that
know when a row became known answer a harder question, so they are compared with each other alone.
"""

import argparse
import importlib
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

FEATURES = [f"f{number}" for number in range(10)]
WINDOW_DAYS = 30
HISTORY_DAYS = 180
DAY = 86_400_000_000
START = 1_700_000_000_000_000
CHUNK = 5_000_000
Batches = Iterable[pa.RecordBatch]


def _moments(microseconds: np.ndarray) -> pa.Array:
    return pa.array(START + microseconds, pa.timestamp("us", "UTC"))


def prepare(folder: Path, rows: int, feature_rows: int, keys: int) -> None:
    """Write the spine, and features each of which becomes known up to five days late."""
    rng = np.random.default_rng(7)
    customers, moments = rng.integers(0, keys, rows), rng.integers(0, HISTORY_DAYS * DAY, rows)
    spine = {"id": np.arange(rows), "customer": customers, "at": _moments(moments)}
    pq.write_table(pa.table(spine), folder / "spine.parquet")
    writer = None
    for first in range(0, feature_rows, CHUNK):
        size = min(CHUNK, feature_rows - first)
        described = rng.integers(0, HISTORY_DAYS * DAY, size)
        columns = {
            "customer": rng.integers(0, keys, size),
            "described_at": _moments(described),
            "known_at": _moments(described + rng.integers(0, 5 * DAY, size)),
        }
        part = pa.table(columns | {name: rng.random(size) for name in FEATURES})
        writer = writer or pq.ParquetWriter(folder / "features.parquet", part.schema)
        writer.write_table(part)
    if writer:
        writer.close()


def connect(folder: Path, memory_limit: str | None) -> Any:
    """Give a DuckDB connection that spills beside the files, so that a limit can hold."""
    import ibis

    connection = ibis.duckdb.connect(temp_directory=str(folder / "spill"))
    if memory_limit:
        connection.raw_sql(f"SET memory_limit = '{memory_limit}'")
    return connection


def join_ours(folder: Path, memory_limit: str | None, known_time: str | None = None) -> Batches:
    """Join as the project does."""
    from fullcircle.core.contract import FeatureLookup, FeatureTable
    from fullcircle.core.features.point_in_time import KeyedTable, join_features

    connection = connect(folder, memory_limit)
    declared = FeatureTable(keys=["customer"], event_time="described_at", known_time=known_time)
    table = KeyedTable(connection.read_parquet(folder / "features.parquet"), declared)
    lookup = FeatureLookup(
        table="usage", keys=["customer"], columns=FEATURES, max_age_days=WINDOW_DAYS
    )
    spine = connection.read_parquet(folder / "spine.parquet")
    return join_features(spine, {"usage": table}, [lookup], "at").to_pyarrow_batches()


def join_ours_late(folder: Path, memory_limit: str | None) -> Batches:
    """Join as the project does where rows become known late."""
    return join_ours(folder, memory_limit, known_time="known_at")


def _query_asof(folder: Path, memory_limit: str | None, features: str, known: str) -> Batches:
    fresh = f"f.described_at >= s.at - INTERVAL {WINDOW_DAYS} DAY"
    columns = ", ".join(f"CASE WHEN {fresh} THEN f.{name} END AS {name}" for name in FEATURES)
    query = f"""
        SELECT s.*, {columns} FROM '{folder}/spine.parquet' AS s
        ASOF LEFT JOIN ({features}) AS f ON s.customer = f.customer AND s.at >= f.{known}
    """  # noqa: S608 (own words)
    connection = connect(folder, memory_limit).con
    return connection.sql(query).to_arrow_reader(1_000_000)


def join_limit(folder: Path, memory_limit: str | None) -> Batches:
    """Join by the shortest query that a person would write."""
    features = f"FROM '{folder}/features.parquet'"
    return _query_asof(folder, memory_limit, features, "described_at")


def join_limit_late(folder: Path, memory_limit: str | None) -> Batches:
    """Join by the shortest query that does not let old news replace newer."""
    features = f"""
        FROM (SELECT *, max(described_at) OVER (PARTITION BY customer ORDER BY known_at) AS newest
              FROM '{folder}/features.parquet') WHERE described_at = newest
    """  # noqa: S608 (own words)
    return _query_asof(folder, memory_limit, features, "known_at")


def join_polars(folder: Path, _: str | None) -> Batches:
    """Join with Polars."""
    import polars as pl

    spine = pl.scan_parquet(folder / "spine.parquet").sort("at")
    features = pl.scan_parquet(folder / "features.parquet").drop("known_at").sort("described_at")
    joined = spine.join_asof(
        features,
        left_on="at",
        right_on="described_at",
        by="customer",
        tolerance=f"{WINDOW_DAYS}d",
        check_sortedness=False,
    )
    return joined.collect().to_arrow().to_batches()


def join_pandas(folder: Path, _: str | None) -> Batches:
    """Join with pandas."""
    import pandas as pd

    spine = pd.read_parquet(folder / "spine.parquet").sort_values("at")
    features = pd.read_parquet(folder / "features.parquet").drop(columns="known_at")
    joined = pd.merge_asof(
        spine,
        features.sort_values("described_at"),
        left_on="at",
        right_on="described_at",
        by="customer",
        tolerance=pd.Timedelta(days=WINDOW_DAYS),
    )
    return pa.Table.from_pandas(joined, preserve_index=False).to_batches()


JOINS: dict[str, Callable[[Path, str | None], Batches]] = {
    "limit": join_limit,
    "ours": join_ours,
    "polars": join_polars,
    "pandas": join_pandas,
    "limit_late": join_limit_late,
    "ours_late": join_ours_late,
}

OTHERS = ("polars", "pandas")


def measure(name: str, folder: Path, memory_limit: str | None) -> dict[str, float]:
    """Join once in this process; importing the libraries is not counted."""
    own = ("ibis.backends.duckdb", "fullcircle.core.features.point_in_time")
    for library in (name,) if name in OTHERS else own:
        importlib.import_module(library)
    start, rows, found, total = time.perf_counter(), 0, 0, 0.0
    for batch in JOINS[name](folder, memory_limit):
        rows += batch.num_rows
        found += batch.num_rows - batch["f0"].null_count
        total += pc.sum(batch["f0"]).as_py() or 0.0
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return {"seconds": seconds, "gb": peak, "rows": rows, "found": found, "total": total}


def run(name: str, folder: Path, memory_limit: str | None) -> dict[str, float]:
    """Join once in a process of its own."""
    command = [sys.executable, "-W", "ignore", __file__, "--measure", name, "--folder", folder]
    limited = ["--memory-limit", memory_limit] if memory_limit else []
    done = subprocess.run([*map(str, command), *limited], check=True, stdout=subprocess.PIPE)
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def compare(folder: Path, names: list[str], repeats: int, memory_limit: str | None) -> None:
    """Print a line for each join, and stop where answers differ."""
    runs = {name: [] for name in names}
    for _ in range(repeats):
        for name in names:
            runs[name].append(run(name, folder, memory_limit))
    for name, measured in runs.items():
        seconds, peak = (statistics.median(m[what] for m in measured) for what in ("seconds", "gb"))
        line = f"{name:<10} {seconds:7.2f} s {peak:6.2f} GB {measured[0]['rows']:>11,.0f} rows"
        reference = runs.get("limit_late" if name.endswith("_late") else "limit")
        if reference:
            ratios = [m["seconds"] / r["seconds"] for m, r in zip(measured, reference, strict=True)]
            line += f"   {statistics.median(ratios):5.2f} x the limit"
            _refuse_other_answers(name, measured[0], reference[0])
        print(line, flush=True)


def _refuse_other_answers(name: str, one: dict[str, float], other: dict[str, float]) -> None:
    same = one["rows"] == other["rows"] and one["found"] == other["found"]
    if not (same and np.isclose(one["total"], other["total"], rtol=1e-9)):
        raise SystemExit(f"{name} found other features than the limit: {one}, {other}")


def main() -> None:
    """Read the options, write the files and compare; or measure one join."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--feature-rows", type=int, default=5_000_000)
    parser.add_argument("--keys", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=JOINS)
    parser.add_argument("--memory-limit", help="what DuckDB may use, as in 8GB; the rest is spilt")
    parser.add_argument("--folder", type=Path, help="where to put the files; default temporary")
    parser.add_argument("--measure", choices=JOINS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure(given.measure, given.folder, given.memory_limit)))
        return
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        prepare(Path(folder), given.rows, given.feature_rows, given.keys)
        absent = {name for name in OTHERS if find_spec(name) is None}
        names = given.only or [name for name in JOINS if name not in absent]
        compare(Path(folder), names, given.repeats, given.memory_limit)


if __name__ == "__main__":
    main()
