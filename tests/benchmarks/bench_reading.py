"""Reading text as people have it: the Pollock benchmark.

Pollock (Vitagliano et al., VLDB 2023) holds real and polluted files, their clean versions and its
own measures; fetch it beside the project (github HPI-Information-Systems/Pollock), it is not part
of it. Each system reads by itself, told nothing of a file. A refusal scores nothing.

    pip install clevercsv price-parser multiset joblib chardet python-dateutil
    python tests/benchmarks/bench_reading.py pollock --folder path/to/Pollock
"""

import argparse
import csv
import importlib
import json
import sys
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from fullcircle.core.errors import FullCircleError
from fullcircle.ingestion import ReadOptions, open_source

MEASURES = ("header", "record", "cell")
Table = Iterable[Iterable[Any]]


def read_ours(path: Path) -> Table:
    """Read a file as ``kedro problem new`` does."""
    source = open_source(str(path), ReadOptions())
    rows = [list(row.values()) for batch in source.batches() for row in batch.to_pylist()]
    source.row_counts.raise_if_too_many()
    # Names as the file states them: that a repeated one gets a number is told.
    return [*_name(list(source.stated), "column_", 1), *rows]


def read_duckdb(path: Path) -> Table:
    """Read a file with DuckDB's sniffer."""
    import duckdb

    found = duckdb.connect().execute(f"FROM read_csv('{path}', all_varchar := true)")
    names = [each[0] for each in found.description]
    return [*_name(names, "column", 0), *found.fetchall()]


def read_pandas(path: Path) -> Table:
    """Read a file with pandas, the separator told by Python's sniffer."""
    frame = pd.read_csv(path, sep=None, engine="python", dtype=object, on_bad_lines="skip")
    frame = frame.astype(object).where(frame.notna(), "")
    return [list(frame.columns), *frame.to_numpy().tolist()]


def read_clevercsv(path: Path) -> Table:
    """Read a file with clevercsv."""
    import clevercsv

    with path.open(newline="", encoding="utf-8") as file:
        dialect = clevercsv.Sniffer().sniff(file.read(500_000))
        file.seek(0)
        return list(clevercsv.reader(file, dialect))


READERS: dict[str, Callable[[Path], Table]] = {
    "fullcircle": read_ours,
    "duckdb": read_duckdb,
    "pandas": read_pandas,
    "clevercsv": read_clevercsv,
}


def _name(names: list[str], prefix: str, first: int) -> list[list[str]]:
    """Return the line of names, or no line where the file does not name its columns."""
    made = [f"{prefix}{place}" for place in range(first, first + len(names))]
    padded = [f"{prefix}{place:02d}" for place in range(first, first + len(names))]
    if list(names) in (made, padded):
        return []
    # Only its place names a column that the file does not name.
    return [["" if name == mark else name for name, mark in zip(names, made, strict=True)]]


def score_file(name: str, system: str, folder: Path, dataset: str) -> dict[str, Any]:
    """Read one file and measure it against its clean version, with the benchmark's own code."""
    sys.path.insert(0, str(folder))
    metrics = importlib.import_module("pollock.metrics")
    path, clean = folder / dataset / "csv" / name, folder / dataset / "clean" / name
    with tempfile.TemporaryDirectory() as place:
        out = Path(place) / "out.csv"
        try:
            rows = READERS[system](path)
            with out.open("w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows([["" if c is None else c for c in r] for r in rows])
            values = metrics.header_record_cell_measures_csv(clean, out)
            succeeded, said = 1.0, ""
        except (FullCircleError, Exception) as error:
            values, succeeded, said = (0.0,) * 9, 0.0, str(error)
    names = [f"{what}_{how}" for what in MEASURES for how in ("p", "r", "f1")]
    return {
        "file": name,
        "system": system,
        "said": said,
        "success": succeeded,
        **dict(zip(names, map(float, values), strict=True)),
    }


def run_pollock(folder: Path, dataset: str, systems: list[str], every: int) -> pd.DataFrame:
    """Score systems on a part of Pollock; the score is the sum of ten measures."""
    names = sorted(path.name for path in (folder / dataset / "csv").iterdir())[::every]
    found = []
    with ProcessPoolExecutor(2) as pool:
        for system in systems:
            score = partial(score_file, system=system, folder=folder, dataset=dataset)
            found += list(pool.map(score, names, chunksize=8))
    frame = pd.DataFrame(found)
    numbers = frame.select_dtypes("number")
    frame["score"] = numbers.sum(axis=1)
    return frame


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
            refused = int((part["success"] == 0).sum())
            print(f"{told}  {len(part)} files, {refused} refused")
        if options.out:
            frame.to_csv(options.out / f"pollock_{dataset}.csv", index=False)


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
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
