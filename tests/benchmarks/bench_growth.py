"""How a project's storage grows over simulated days, with and without weekly maintenance.

    python tests/benchmarks/bench_growth.py --days 364

Each day takes new rows in, scores and monitors; each seventh trains up to the gate. What the folder
holds is printed by week. Ages cannot be simulated, for files bear real moments: maintenance keeps
nothing but the newest versions and what named model versions need, which is less than its defaults.
"""

import argparse
import tempfile
from datetime import date, timedelta
from pathlib import Path

from click.testing import CliRunner
from tests.conftest import make_project

from fullcircle.cli.maintain import format_bytes, maintain
from fullcircle.maintenance.steps import measure_files

FIRST = date(2025, 1, 1)
SIMULATION = """
raw:
  type: fullcircle.datasets.SimulatedDataset
  simulator: fullcircle.problems.telco_churn.simulator.ChurnSimulator
  filepath: data/01_raw/telco_churn/simulated
  settings: {{seed: 7, first_month: "2024-08-01", months: 24, rows_per_month: {rows}}}
"""
SETTINGS = """
training:
  candidates: [baseline, logistic_regression, xgboost]
  search: {trials: 4}
  bootstrap_resamples: 100
gate: {max_latency_ms: null}
"""
NOTHING_OLD = """
version_days: 0
trial_days: 0
deleted_days: 0
artifact_days: {"plots/*.html": 0}
"""


def measure(days: int, rows: int, *, maintained: bool) -> list[tuple[int, int, int]]:
    """Run day by day; give day, files and bytes at the end of each week."""
    path = Path(tempfile.mkdtemp(prefix="fullcircle-growth-")) / "project"
    project = make_project(path, simulation=SIMULATION.format(rows=rows))
    (path / "conf/local/parameters.yml").write_text(SETTINGS, encoding="utf-8")
    (path / "conf/base/maintenance.yml").write_text(NOTHING_OLD, encoding="utf-8")
    sizes = []
    for day in range(days):
        as_of = (FIRST + timedelta(days=day)).isoformat()
        data = ["data_processing", "feature_store"]
        project.run(*data, *(["training", "registry"] if day % 7 == 0 else []), as_of=as_of)
        project.run("scoring", "monitoring", as_of=as_of)
        if day % 7 == 6:
            if maintained:
                clean(path)
            files, size = measure_files([path / "data", path / "mlruns", path / "mlflow.db"])
            sizes.append((day + 1, files, size))
            kind = "maintained" if maintained else "left alone"
            print(f"day {day + 1:>3}  {kind}  {files:>6,} files  {format_bytes(size)}", flush=True)
    return sizes


def clean(path: Path) -> None:
    """Maintain the project; twice, since what is deleted first loses its files afterwards."""
    import os

    before = Path.cwd()
    os.chdir(path)
    try:
        for _ in range(2):
            result = CliRunner().invoke(maintain, ["--apply"])
            assert result.exit_code == 0, result.output
    finally:
        os.chdir(before)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=364)
    parser.add_argument("--rows", type=int, default=2000, help="of a month")
    chosen = parser.parse_args()
    for maintained in (False, True):
        found = measure(chosen.days, chosen.rows, maintained=maintained)
        (first, _, small), (last, _, large) = found[0], found[-1]
        grown = (large - small) / max(last - first, 1)
        print(f"per day after the first week: {format_bytes(grown)}")
