"""False alarms on quiet windows and alarms on shifted ones, in worlds whose drift is known.

Each quiet window has a world and a past of its own, so windows are independent and the interval is
exact (Clopper and Pearson). Beside it the plain rule (p < 0.05 on any column: Kolmogorov-Smirnov
for numbers, chi-square for texts) and Evidently's preset on the same windows. Evidently pins old
libraries and lives in an environment of its own:

    python -m venv evidently && evidently/bin/pip install "evidently==0.7.23" "pandas<3" pyarrow

A shift is found when the column that was moved is named. The last shifts are as large as the
report of a quiet window says that it would see.

Run: python tests/benchmarks/bench_drift_alarms.py [--windows 1000] [--shifted 200]
     [--worlds iid weekday ...] [--evidently evidently/bin/python] [--evidently-windows 100]
"""

import argparse
import json
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pandas as pd
from scipy import stats

sys.path.insert(0, str(Path(__file__).parent))
from drift_worlds import GAP_DAYS, KINDS, PAST_DAYS, PERIOD_DAYS, START, Shift, World

from fullcircle.core.drift import ArrivedRows, DriftSettings, Period, measure_drift
from fullcircle.core.profile import build_profile

SETTINGS = DriftSettings(false_alarm_rate=0.01, min_psi=0.1, min_rows=100)
BARE = SETTINGS.model_copy(update={"min_psi": 0.0, "min_share": 0.0})
SHIFTS = {
    "a number by 0.5 deviations": Shift("mean", "n0", 0.5),
    "a number by 1 deviation": Shift("mean", "n0", 1.0),
    "a varying number by 2 deviations": Shift("mean", "n3", 2.0),
    "odds of a text by 0.7": Shift("odds", "t2", 0.7),
    "5 % missing": Shift("missing", "n4", 0.05),
    "5 % a new category": Shift("unseen", "t6", 0.05),
    "predictions by 0.3": Shift("mean", "predicted", 0.3),
    "a number, as said to be visible": Shift("mean", "n0", np.nan),
    "another number, as said to be visible": Shift("mean", "n4", np.nan),
}
_BARS = {"distribution": SETTINGS.min_psi, "volume": 0.0, "silence": 0.0}
_DELAYS = 4

EVIDENTLY = """
import json, sys, warnings
warnings.simplefilter("ignore")
import pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset

for line in sys.stdin:
    reference, window = (pd.read_parquet(path) for path in json.loads(line))
    found = Report([DataDriftPreset()]).run(window, reference).dict()["metrics"]
    named = [m["config"] | {"value": m["value"]} for m in found if "column" in m["config"]]
    # A p-value is small where there is drift, a distance large.
    drifted = [
        m["column"] for m in named
        if (m["value"] < m["threshold"]) == m["method"].endswith("p_value")
    ]
    print(json.dumps({"drifted": drifted, "columns": len(named)}), flush=True)
"""


class Evidently:
    """Evidently's preset in a process of its own."""

    def __init__(self, python: str) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.process = subprocess.Popen(
            [python, "-W", "ignore", "-c", EVIDENTLY],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip

    def judge(self, reference: pd.DataFrame, window: pd.DataFrame) -> dict[str, Any]:
        """Name the columns that it calls drifted."""
        paths = [f"{self.folder.name}/{name}.parquet" for name in ("reference", "window")]
        for path, rows in zip(paths, (reference, window), strict=True):
            rows.drop(columns="at").to_parquet(path)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(paths) + "\n")
        self.process.stdin.flush()
        while not (line := self.process.stdout.readline()).startswith("{"):
            if self.process.poll() is not None:
                raise SystemExit("Evidently's process ended; does its environment work?")
        found: dict[str, Any] = json.loads(line)
        return found


def profile_past(past: pd.DataFrame, *, history: bool = True) -> dict[str, Any]:
    """Profile the past as training does."""
    inputs = past.drop(columns=["predicted", "at"])
    moments = past["at"] if history else None
    return build_profile(inputs, past["predicted"].to_numpy(), moments, period_days=PERIOD_DAYS)


def judge(
    profile: dict[str, Any], window: pd.DataFrame, first_day: int, settings: DriftSettings
) -> dict[str, Any]:
    """Report on one window."""
    rng = np.random.default_rng(first_day)
    before = [ArrivedRows(int(rng.poisson(len(window))), rng.exponential(0.01)) for _ in range(10)]
    start = (START + pd.Timedelta(days=first_day)).to_pydatetime()
    period = Period("at", start, start + timedelta(days=PERIOD_DAYS), before)
    return measure_drift(ibis.memtable(window), profile, settings, period=period)


def plain_rule(past: pd.DataFrame, window: pd.DataFrame) -> set[str]:
    """Name the columns that have p < 0.05 by the usual tests."""
    found = set()
    for name in past.columns.drop("at"):
        before, now = past[name].dropna(), window[name].dropna()
        if before.dtype == object or str(before.dtype) == "str":
            table = [s.value_counts() for s in (before, now)]
            counts = pd.concat(table, axis=1).fillna(0).to_numpy()
            p_value = stats.chi2_contingency(counts).pvalue
        else:
            p_value = stats.ks_2samp(before, now, method="asymp").pvalue
        if p_value < 0.05:
            found.add(name)
    return found


def share(found: int, of: int) -> str:
    """Write a share with its interval."""
    if not of:
        return "none"
    low, high = stats.binomtest(found, of).proportion_ci(method="exact")
    return f"{found / of:.1%} ({low:.1%} to {high:.1%})"


def row(*cells: object) -> None:
    """Print a row of a table."""
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def count_false_alarms(kind: str, given: argparse.Namespace, other: Evidently | None) -> None:
    """Print how many quiet windows raise an alarm, by each rule."""
    ours = bare = iid = plain = theirs = dataset = 0
    few = min(given.evidently_windows, given.windows)
    for seed in range(given.windows):
        world = World(kind, seed)
        past = world.draw(0, PAST_DAYS)
        first = PAST_DAYS + GAP_DAYS
        window = world.draw(first, PERIOD_DAYS)
        # What is proven does not depend on the size from which it is worth an alarm.
        alarms = judge(profile_past(past), window, first, BARE)["alarms"]
        bare += bool(alarms)
        ours += any(a["effect"] >= _BARS.get(a["what"], SETTINGS.min_share) for a in alarms)
        plain += bool(plain_rule(past, window))
        if seed < few:
            iid += bool(judge(profile_past(past, history=False), window, first, BARE)["alarms"])
        if other and seed < few:
            found = other.judge(past, window)
            theirs += bool(found["drifted"])
            dataset += len(found["drifted"]) >= found["columns"] / 2
    cells = [share(n, given.windows) for n in (ours, bare, plain)]
    beside = [share(n, few if other else 0) for n in (theirs, dataset)]
    row(kind, given.windows, *cells, share(iid, few), few if other else 0, *beside)


def size_shift(shift: Shift, profile: dict[str, Any], world: World) -> Shift | None:
    """Give a shift its size where a quiet report is to say it; None where it sees none."""
    if not np.isnan(shift.size):
        return shift
    first = PAST_DAYS + GAP_DAYS
    report = judge(profile, world.draw(first, PERIOD_DAYS), first, SETTINGS)
    [column] = [c for c in report["columns"] if c["name"] == shift.column]
    seen = column["smallest_seen"]["shift"]
    return None if seen is None else Shift(shift.what, shift.column, seen)


def count_finds(kind: str, given: argparse.Namespace, other: Evidently | None) -> None:
    """Print how many shifts are found at once, and after how many windows."""
    few = min(given.evidently_windows, given.shifted) if other else 0
    for name, wanted in SHIFTS.items():
        found = plain = theirs = 0
        delays, sizes = [], []
        for seed in range(given.shifted):
            world = World(kind, 10_000 + seed)
            past = world.draw(0, PAST_DAYS)
            profile = profile_past(past)
            shift = size_shift(wanted, profile, world)
            if shift is None:
                continue
            sizes.append(shift.size)
            for delay in range(_DELAYS):
                first = PAST_DAYS + GAP_DAYS + delay * PERIOD_DAYS
                window = world.draw(first, PERIOD_DAYS, shift)
                alarms = judge(profile, window, first, SETTINGS)["alarms"]
                plain += delay == 0 and shift.column in plain_rule(past, window)
                if delay == 0 and seed < few and other:
                    theirs += shift.column in other.judge(past, window)["drifted"]
                if shift.column in {alarm["column"] for alarm in alarms}:
                    found += delay == 0
                    delays.append(delay)
                    break
        size = f"{np.median(sizes):.2f}" if sizes else "none"
        late = f"{np.mean(delays):.2f}" if delays else "none"
        cells = (share(found, len(sizes)), late, len(sizes) - len(delays))
        row(kind, name, size, len(sizes), *cells, share(plain, len(sizes)), few, share(theirs, few))


def main() -> None:
    """Read the options and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--windows", type=int, default=1000, help="quiet windows a world")
    parser.add_argument("--shifted", type=int, default=200, help="shifted windows a shift")
    parser.add_argument("--worlds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--evidently", help="python of Evidently's environment; none leaves it out")
    parser.add_argument("--evidently-windows", type=int, default=100)
    given = parser.parse_args()
    other = Evidently(given.evidently) if given.evidently else None
    if given.windows:
        print("Quiet windows of 840 rows, 21 columns, declared at most 1 %: share with an alarm\n")
        row("world", "windows", "ours", "ours, however small", "plain p < 0.05",
            "ours, as if rows independent", "windows", "Evidently, any column",
            "Evidently, half of all")  # fmt: skip
        row(*["---"] * 9)
        for kind in given.worlds:
            count_false_alarms(kind, given, other)
    if given.shifted:
        print(f"\nShifted windows: share found at once, of {_DELAYS} windows\n")
        row("world", "shift", "size", "windows", "ours", "mean delay, windows", "never",
            "plain p < 0.05", "windows", "Evidently")  # fmt: skip
        row(*["---"] * 10)
        for kind in given.worlds:
            count_finds(kind, given, other)


if __name__ == "__main__":
    main()
