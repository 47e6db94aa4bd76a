"""Merge a batch into a feature table, beside a bare Delta merge of the same batch.

Run: python tests/benchmarks/bench_merge.py [--table-rows 10000000] [--batch-rows 1000000]
Prints seconds, rows per second and peak memory of each, and the ratio ours to bare. Each runs in a
process of its own, on a copy of the same table.
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from deltalake import DeltaTable, write_deltalake

from fullcircle.datasets import FeatureTableDataset
from fullcircle.engines.engine import connect

FEATURES = 10


def make_rows(start: int, rows: int, seed: int) -> pa.Table:
    """Rows of one key each, at one of thirty moments, with ten numbers."""
    rng = np.random.default_rng(seed)
    keys = np.arange(start, start + rows)
    moments = 1_700_000_000_000_000 + (keys % 30) * 86_400_000_000
    columns = {f"f{n}": rng.normal(size=rows) for n in range(FEATURES)}
    at = pa.array(moments, pa.timestamp("us", tz="UTC"))
    return pa.table({"key": keys, "at": at, **columns})


def prepare(folder: Path, table_rows: int, batch_rows: int) -> None:
    """Write the table in ten commits, and a batch of which half updates and half adds."""
    for number in range(10):
        part = table_rows // 10
        write_deltalake(folder / "table", make_rows(number * part, part, number), mode="append")
    batch = make_rows(table_rows - batch_rows // 2, batch_rows, 99)
    pa.parquet.write_table(batch, folder / "batch.parquet")


def merge_ours(folder: Path) -> None:
    """Merge with every check of a feature table."""
    table = FeatureTableDataset(
        name="bench.merge.table",
        filepath=str(folder / "table"),
        keys=["key"],
        event_time="at",
        mode="merge",
    )
    table.save(connect().read_parquet(str(folder / "batch.parquet")))


def merge_bare(folder: Path) -> None:
    """Merge with nothing but the library's own call."""
    batch = pa.parquet.ParquetFile(folder / "batch.parquet")
    reader = pa.RecordBatchReader.from_batches(batch.schema_arrow, batch.iter_batches())
    merger = DeltaTable(folder / "table").merge(
        reader, "old.key = new.key AND old.at = new.at", source_alias="new", target_alias="old"
    )
    merger.when_matched_update_all().when_not_matched_insert_all().execute()


def measure(which: str, folder: Path) -> dict[str, float]:
    """Run one merge in a process of its own, on a fresh copy of the table."""
    copy = folder.parent / which
    shutil.copytree(folder, copy)
    answer = subprocess.run(
        [sys.executable, __file__, "--only", which, "--folder", str(copy)],
        capture_output=True,
        text=True,
        check=True,
    )
    shutil.rmtree(copy)
    return json.loads(answer.stdout.splitlines()[-1])


def main() -> None:
    """Measure both, or one where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table-rows", type=int, default=10_000_000)
    parser.add_argument("--batch-rows", type=int, default=1_000_000)
    parser.add_argument("--only", choices=["ours", "bare"])
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    if given.only:
        start = time.perf_counter()
        (merge_ours if given.only == "ours" else merge_bare)(given.folder)
        seconds = time.perf_counter() - start
        peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(json.dumps({"seconds": seconds, "peak_gb": peak_gb}))
        return
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder) / "made", given.table_rows, given.batch_rows)
        found = {name: measure(name, Path(folder) / "made") for name in ("bare", "ours")}
    for name, figures in found.items():
        rate = given.batch_rows / figures["seconds"]
        print(
            f"merge {given.batch_rows:,} into {given.table_rows:,} rows, {name}: "
            f"{figures['seconds']:.1f} s, {rate:,.0f} rows/s, {figures['peak_gb']:.2f} GB"
        )
    print(f"ratio ours/bare: {found['ours']['seconds'] / found['bare']['seconds']:.2f}")


if __name__ == "__main__":
    main()
