"""How a project's storage grows over a simulated year, with and without weekly maintenance.

    python tests/benchmarks/bench_growth.py --weeks 8

Of each simulated week one day is run (new rows in, scored, monitored), and one training up to the
gate. Files and bytes are measured after each act, so that a year of daily runs and weekly trainings
is extrapolated from what one act of each kind adds in the second half of the weeks. With --weeks 52
--daily nothing is extrapolated, which takes hours. Ages cannot be simulated, for files bear real
moments: maintenance keeps nothing but the newest versions and what named model versions need, which
is less than its defaults.
"""

import argparse
import os
import tempfile
from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path
from statistics import mean
from typing import Any

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
  search: {trials: 2}
  bootstrap_resamples: 100
gate: {max_latency_ms: null}
"""
NOTHING_OLD = """
version_days: 0
trial_days: 0
deleted_days: 0
artifact_days: {"plots/*.html": 0}
"""


YEAR = {"day": 364, "training": 52}


class Growth:
    """A project whose size is measured after each act."""

    def __init__(self, rows: int) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="fullcircle-growth-")) / "project"
        self.project = make_project(self.path, simulation=SIMULATION.format(rows=rows))
        (self.path / "conf/local/parameters.yml").write_text(SETTINGS, encoding="utf-8")
        (self.path / "conf/base/maintenance.yml").write_text(NOTHING_OLD, encoding="utf-8")
        self.added: dict[str, list[tuple[int, int]]] = defaultdict(list)

    def size(self) -> tuple[int, int]:
        """Return the number of files, and their bytes."""
        return measure_files([self.path / name for name in ("data", "mlruns", "mlflow.db")])

    def run(self, act: str, names: list[str], as_of: str) -> None:
        """Run pipelines, and note what they have added."""
        files, size = self.size()
        self.project.run(*names, as_of=as_of)
        more, larger = self.size()
        self.added[act].append((more - files, larger - size))

    def settle(self, act: str) -> tuple[float, float]:
        """Return what one act adds, in files and bytes, once the first weeks are over."""
        added = self.added[act][len(self.added[act]) // 2 :]
        return mean(files for files, _ in added), mean(size for _, size in added)


def measure(given: Any, *, maintained: bool) -> Growth:
    """Run week by week, and print what is there at the end of each."""
    growth = Growth(given.rows)
    kind = "maintained" if maintained else "left alone"
    for week in range(given.weeks):
        days = [FIRST + timedelta(weeks=week, days=day) for day in range(7 if given.daily else 1)]
        for day in days:
            data = ["data_processing", "feature_store"]
            if day == days[0]:
                growth.run("training", [*data, "training", "registry"], day.isoformat())
            growth.run("day", [*data, "scoring", "monitoring"], day.isoformat())
        if maintained:
            clean(growth.path)
        files, size = growth.size()
        print(f"week {week + 1:>2}  {kind}  {files:>6,} files  {format_bytes(size)}", flush=True)
    return growth


def clean(path: Path) -> None:
    """Maintain the project; twice, since what is deleted first loses its files afterwards."""
    before = Path.cwd()
    os.chdir(path)
    try:
        for _ in range(2):
            result = CliRunner().invoke(maintain, ["--apply"])
            assert result.exit_code == 0, result.output
    finally:
        os.chdir(before)


def report(growth: Growth, first: tuple[int, int]) -> None:
    """Print what one act adds, and what a year of them would."""
    files, size = first
    for act, times in YEAR.items():
        more, larger = growth.settle(act)
        print(f"one {act:<8} adds {more:6,.0f} files and {format_bytes(round(larger))}")
        files, size = files + round(more * times), size + round(larger * times)
    print(f"a year, extrapolated: {files:,} files, {format_bytes(size)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weeks", type=int, default=8)
    parser.add_argument("--daily", action="store_true", help="run every day of a week")
    parser.add_argument("--rows", type=int, default=2000, help="of a month")
    chosen = parser.parse_args()
    report(measure(chosen, maintained=False), (0, 0))
    kept = measure(chosen, maintained=True)
    print("with maintenance, a year holds what its last week shows, and one week's growth")
