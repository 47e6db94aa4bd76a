"""Drift of 20 columns, rows against rows: seconds and peak memory, beside Evidently's preset.

The reference is profiled once, at training; each report after that reads the window alone. Both are
measured, each in a process of its own, without the time to import libraries. Evidently pins old
libraries and lives in an environment of its own:

    python -m venv evidently
    evidently/bin/pip install "evidently==0.7.23" "pandas<3" pyarrow

Run: python tests/benchmarks/bench_drift.py [--rows 1000000] [--window-rows 1000000] [--repeats 3]
     [--memory-limit 400MB] [--threads 2] [--evidently evidently/bin/python]

A hundred million rows, in a tenth of their room on the disk:
python tests/benchmarks/bench_drift.py --window-rows 100000000 --copies 10 --repeats 1
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

_NUMBERS, _TEXTS = 13, 6
_PIECE_ROWS = 500_000

EVIDENTLY = """
import json, resource, sys, time, warnings
warnings.simplefilter("ignore")
started = time.perf_counter()
import pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset

imported = time.perf_counter()
reference, window = (pd.read_parquet(path) for path in sys.argv[1:])
Report([DataDriftPreset()]).run(window, reference).dict()
seconds = time.perf_counter() - imported
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
print(json.dumps({"seconds": seconds, "gb": peak, "import": imported - started}))
"""


def write(path: Path, rows: int, seed: int) -> None:
    """Write rows of 13 numbers, 6 texts and predictions."""
    rng = np.random.default_rng(seed)
    texts = np.array(["Rome", "Oslo", "Lima", "Bern", "Cairo"])
    with pq.ParquetWriter(path, _draw(rng, 1, texts).schema) as writer:
        for start in range(0, rows, _PIECE_ROWS):
            writer.write_table(_draw(rng, min(_PIECE_ROWS, rows - start), texts))


def _draw(rng: np.random.Generator, rows: int, texts: np.ndarray) -> pa.Table:
    columns = {f"number_{n}": rng.normal(n, 1 + n, rows) for n in range(_NUMBERS)}
    columns |= {f"text_{n}": texts[rng.integers(0, 5, rows)] for n in range(_TEXTS)}
    return pa.table({**columns, "predicted": rng.random(rows)})


def profile(folder: Path, _: argparse.Namespace) -> dict[str, Any]:
    """Profile the reference as training does, from a frame in memory."""
    import pandas as pd

    from fullcircle.core.profile import build_profile

    rows = pd.read_parquet(folder / "reference.parquet")
    moments = pd.Series(pd.date_range("2024-01-01", "2024-06-30", periods=len(rows), tz="UTC"))
    started = time.perf_counter()
    inputs = rows.drop(columns="predicted")
    taken = build_profile(inputs, rows["predicted"].to_numpy(), moments, period_days=7)
    seconds = time.perf_counter() - started
    text = json.dumps(taken)
    (folder / "profile.json").write_text(text, encoding="utf-8")
    return {"seconds": seconds, "kb": len(text) / 1e3}


def report(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Report on the window, from its file."""
    import ibis

    from fullcircle.core.drift import DriftSettings, measure_drift

    settings = DriftSettings(false_alarm_rate=0.01, min_psi=0.1, min_rows=100)
    connection = ibis.duckdb.connect()
    connection.raw_sql(f"SET threads = {given.threads}")
    connection.raw_sql("SET enable_external_file_cache = false")  # as the project's engine has it
    if given.memory_limit:
        connection.raw_sql(f"SET memory_limit = '{given.memory_limit}'")
    reference = json.loads((folder / "profile.json").read_text("utf-8"))
    started = time.perf_counter()
    found = measure_drift(connection.read_parquet(folder / "window*.parquet"), reference, settings)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "alarms": len(found["alarms"])}


def run(what: str, folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Measure one piece of work in a process of its own."""
    if what == "evidently":
        paths = [str(folder / f"{name}.parquet") for name in ("reference", "window")]
        command = [given.evidently, "-W", "ignore", "-c", EVIDENTLY, *paths]
    else:
        command = [sys.executable, "-W", "ignore", __file__, "--measure", what]
        command += ["--folder", str(folder), "--threads", str(given.threads)]
        command += ["--memory-limit", given.memory_limit] if given.memory_limit else []
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def compare(folder: Path, given: argparse.Namespace) -> None:
    """Write the files and print a line for each piece of work."""
    write(folder / "reference.parquet", given.rows, 0)
    write(folder / "window.parquet", given.window_rows // given.copies, 1)
    for copy in range(1, given.copies):
        (folder / f"window_{copy}.parquet").hardlink_to(folder / "window.parquet")
    rows = {"profile": given.rows, "report": given.window_rows, "evidently": given.rows}
    for what in ("profile", "report", *(["evidently"] if given.evidently else [])):
        repeats = 1 if what == "evidently" else given.repeats
        found = [run(what, folder, given) for _ in range(repeats)]
        middle = {key: statistics.median(each[key] for each in found) for key in found[0]}
        more = ", ".join(
            f"{key} {value:,.1f}" for key, value in middle.items() if key not in ("seconds", "gb")
        )
        print(
            f"{what:<10} {rows[what]:>12,} rows {middle['seconds']:8.2f} s "
            f"{middle['gb']:6.2f} GB   {more}",
            flush=True,
        )


def main() -> None:
    """Read the options and compare; or measure one piece of work."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--window-rows", type=int, default=1_000_000)
    parser.add_argument("--copies", type=int, default=1, help="files of the same rows, by links")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory-limit", help="what DuckDB may use, as in 400MB")
    parser.add_argument("--evidently", help="python of Evidently's environment; none leaves it out")
    parser.add_argument("--folder", type=Path, help="where to put the files; default temporary")
    parser.add_argument("--measure", choices=["profile", "report"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        before = time.process_time()
        found = {"profile": profile, "report": report}[given.measure](given.folder, given)
        found["with reading, on one core"] = time.process_time() - before
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(json.dumps({**found, "gb": peak}))
        return
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        compare(Path(folder), given)


if __name__ == "__main__":
    main()
