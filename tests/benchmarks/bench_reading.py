"""Reading text as people have it: the Pollock benchmark, and tables written in random ways.

Pollock (Vitagliano et al., VLDB 2023) holds real and polluted files, their clean versions and its
own measures; fetch it beside the project (github HPI-Information-Systems/Pollock), it is not part
of it. Each system reads by itself, told nothing of a file. A refusal scores nothing.

    pip install clevercsv price-parser multiset joblib chardet python-dateutil
    python tests/benchmarks/bench_reading.py pollock --folder path/to/Pollock
    python tests/benchmarks/bench_reading.py tables --count 10000
"""

import argparse
import csv
import importlib
import json
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from fullcircle.core.errors import FullCircleError
from fullcircle.ingestion import ReadOptions, open_source

MEASURES = ("header", "record", "cell")
Row = Iterable[Any]
# The line of names, None where the system says that there is none, and the rows.
Table = tuple[list[Any] | None, Iterable[Row]]


def read_ours(path: Path) -> Table:
    """Read a file as ``kedro problem new`` does."""
    source = open_source(str(path), ReadOptions())
    rows = [list(row.values()) for batch in source.batches() for row in batch.to_pylist()]
    source.row_counts.raise_if_too_many()
    # Names as the file states them: that a repeated one gets a number is told.
    return _name(list(source.stated), "column_", 1), rows


def read_duckdb(path: Path) -> Table:
    """Read a file with DuckDB's sniffer, told to be as lenient as the benchmark's authors do."""
    import duckdb

    lenient = "strict_mode := false, ignore_errors := true, null_padding := true, parallel := false"
    found = duckdb.connect().execute(f"FROM read_csv('{path}', all_varchar := true, {lenient})")
    names = [each[0] for each in found.description]
    return _name(names, "column", 0), found.fetchall()


def read_pandas(path: Path) -> Table:
    """Read a file with pandas, the separator told by Python's sniffer."""
    frame = pd.read_csv(path, sep=None, engine="python", dtype=object, on_bad_lines="skip")
    frame = frame.astype(object).where(frame.notna(), "")
    return list(frame.columns), frame.to_numpy().tolist()


def read_clevercsv(path: Path) -> Table:
    """Read a file with clevercsv."""
    import clevercsv

    with path.open(newline="", encoding="utf-8") as file:
        text = file.read(500_000)
        file.seek(0)
        sniffer = clevercsv.Sniffer()
        rows = list(clevercsv.reader(file, sniffer.sniff(text)))
    try:
        has_header = sniffer.has_header(text)
    except Exception:  # it cannot say
        has_header = True
    return (rows[0], rows[1:]) if rows and has_header else (None, rows)


READERS: dict[str, Callable[[Path], Table]] = {
    "fullcircle": read_ours,
    "duckdb": read_duckdb,
    "pandas": read_pandas,
    "clevercsv": read_clevercsv,
}


def _name(names: list[str], prefix: str, first: int) -> list[str] | None:
    """Return the line of names, or None where the file does not name its columns."""
    made = [f"{prefix}{place}" for place in range(first, first + len(names))]
    padded = [f"{prefix}{place:02d}" for place in range(first, first + len(names))]
    if list(names) in (made, padded):
        return None
    # Only its place names a column that the file does not name.
    return ["" if name == mark else name for name, mark in zip(names, made, strict=True)]


def score_file(name: str, system: str, folder: Path, dataset: str) -> dict[str, Any]:
    """Read one file and measure it against its clean version, with the benchmark's own code."""
    sys.path.insert(0, str(folder))
    metrics = importlib.import_module("pollock.metrics")
    path, clean = folder / dataset / "csv" / name, folder / dataset / "clean" / name
    told = (folder / dataset / "parameters" / f"{name}_parameters.json").read_text("utf-8")
    made_up = json.loads(told)["column_names"]
    measure = partial(_measure, metrics, clean)
    try:
        names, rows = READERS[system](path)
        rows = [["" if cell is None else cell for cell in row] for row in rows]
        values, succeeded, said = measure(names, rows), 1.0, ""
        named = measure(made_up, rows) if names is None and made_up else values
    except (FullCircleError, Exception) as error:
        right = float(not clean.stat().st_size)
        values = named = [right] * 9
        succeeded, said = right, str(error)
    columns = [f"{what}_{how}" for what in MEASURES for how in ("p", "r", "f1")]
    return {
        "file": name,
        "system": system,
        "said": said,
        "success": succeeded,
        **dict(zip(columns, values, strict=True)),
        "score": succeeded + sum(values),
        "named": succeeded + sum(named),
    }


def _measure(
    metrics: Any, clean: Path, names: list[Any] | None, rows: list[list[Any]]
) -> list[float]:
    with tempfile.TemporaryDirectory() as place:
        out = Path(place) / "out.csv"
        with out.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows if names is None else [names, *rows])
        return list(map(float, metrics.header_record_cell_measures_csv(clean, out)))


def run_pollock(folder: Path, dataset: str, systems: list[str], every: int) -> pd.DataFrame:
    """Score systems on a part of Pollock; the score is the sum of ten measures."""
    names = sorted(path.name for path in (folder / dataset / "csv").iterdir())[::every]
    found = []
    with ProcessPoolExecutor(2) as pool:
        for system in systems:
            score = partial(score_file, system=system, folder=folder, dataset=dataset)
            found += list(pool.map(score, names, chunksize=8))
    return pd.DataFrame(found)


def main_pollock(options: argparse.Namespace) -> None:
    """Print the scores of each system, simple and weighted."""
    weights = json.loads((options.folder / "pollock_weights.json").read_text("utf-8"))
    for dataset in options.datasets:
        frame = run_pollock(options.folder, dataset, options.systems, options.every)
        weight = frame["file"].map(weights).astype(float)
        for system, part in frame.groupby("system", sort=False):
            told = f"{dataset:15} {system:11} simple {part['score'].mean():6.3f}"
            if dataset == "polluted_files":
                share = weight[part.index]
                told += f"  weighted {(part['score'] * share).sum() / share.sum():6.3f}"
            else:
                told += f"  named {part['named'].mean():6.3f}"
            refused = int((part["said"] != "").sum())
            print(f"{told}  {len(part)} files, {refused} refused", flush=True)
        if options.out:
            frame.to_csv(options.out / f"pollock_{dataset}.csv", index=False)


def read_random_table(seed: int) -> tuple[int, str, str]:
    """Draw, write and read one table; return its seed, how that ended, and what was said."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    tables = importlib.import_module("tests.ingestion.random_tables")
    back = importlib.import_module("tests.ingestion.reading_back")
    with tempfile.TemporaryDirectory() as folder:
        written = tables.draw_table(random.Random(seed))  # noqa: S311
        outcome = back.read_back(written, Path(folder) / "table.csv")
    return seed, outcome.end, outcome.said


def main_tables(options: argparse.Namespace) -> None:
    """Print how reading random tables ended, and each that was neither equal nor asked about."""
    seeds = range(options.first, options.first + options.count)
    ends: Counter[str] = Counter()
    with ProcessPoolExecutor(2) as pool:
        for seed, end, said in pool.map(read_random_table, seeds, chunksize=8):
            ends[end] += 1
            if end not in ("equal", "asked"):
                print(f"{seed} {end}: {said[:200]!r}", flush=True)
    print(f"{ends.total():,} tables: {dict(ends)}")


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    pollock = commands.add_parser("pollock")
    pollock.add_argument("--folder", type=Path, required=True)
    pollock.add_argument("--datasets", nargs="+", default=["survey_sample", "polluted_files"])
    pollock.add_argument("--systems", nargs="+", default=list(READERS))
    pollock.add_argument("--every", type=int, default=1, help="only each n-th file")
    pollock.add_argument("--out", type=Path, help="a folder for the scores of each file")
    pollock.set_defaults(run=main_pollock)
    tables = commands.add_parser("tables")
    tables.add_argument("--count", type=int, default=10_000)
    tables.add_argument("--first", type=int, default=0, help="the first seed")
    tables.set_defaults(run=main_tables)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
