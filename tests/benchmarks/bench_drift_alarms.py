"""False alarms on quiet windows and alarms on shifted ones, in worlds whose drift is known.

Each quiet window has a world and a past of its own, so windows are independent and the interval is
exact (Clopper and Pearson). Beside it the plain rule (p < 0.05 on any column: Kolmogorov-Smirnov
for numbers, chi-square for texts) and Evidently's preset, which pins old libraries and lives in an
environment of its own:

    python -m venv evidently && evidently/bin/pip install "evidently==0.7.23" "pandas<3" pyarrow

Run: python tests/benchmarks/bench_drift_alarms.py [--windows 1000] [--shifted 200]
     [--worlds iid weekday ...] [--evidently evidently/bin/python] [--evidently-windows 50]
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

from fullcircle.core.drift import Arrivals, DriftSettings, Period, measure_drift
from fullcircle.core.profile import take_profile

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
}
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
    [total] = [m["value"] for m in found if "DriftedColumnsCount" in m["metric_name"]]
    print(json.dumps({"count": total["count"], "share": total["share"]}), flush=True)
"""


class Evidently:
    """Evidently's preset in a process of its own."""

    def __init__(self, python: str) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.process = subprocess.Popen(
            [python, "-W", "ignore", "-c", EVIDENTLY],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip

    def judge(self, reference: pd.DataFrame, window: pd.DataFrame) -> dict[str, float]:
        """Count the columns that it calls drifted."""
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
        found: dict[str, float] = json.loads(line)
        return found


def profile_past(past: pd.DataFrame, *, history: bool = True) -> dict[str, Any]:
    """Profile the past as training does."""
    inputs = past.drop(columns=["predicted", "at"])
    moments = past["at"] if history else None
    return take_profile(inputs, past["predicted"].to_numpy(), moments, period_days=PERIOD_DAYS)


def judge(
    profile: dict[str, Any], window: pd.DataFrame, first_day: int, settings: DriftSettings
) -> dict[str, Any]:
    """Report on one window."""
    rng = np.random.default_rng(first_day)
    before = [Arrivals(int(rng.poisson(len(window))), rng.exponential(0.01)) for _ in range(10)]
    start = (START + pd.Timedelta(days=first_day)).to_pydatetime()
    period = Period("at", start, start + timedelta(days=PERIOD_DAYS), before)
    return measure_drift(ibis.memtable(window), profile, settings, period=period)


def plain_rule(past: pd.DataFrame, window: pd.DataFrame) -> bool:
    """Whether any column has p < 0.05 by the usual tests."""
    for name in past.columns.drop("at"):
        before, now = past[name].dropna(), window[name].dropna()
        if before.dtype == object or str(before.dtype) == "str":
            table = [s.value_counts() for s in (before, now)]
            counts = pd.concat(table, axis=1).fillna(0).to_numpy()
            p_value = stats.chi2_contingency(counts).pvalue
        else:
            p_value = stats.ks_2samp(before, now, method="asymp").pvalue
        if p_value < 0.05:
            return True
    return False


def share(found: int, of: int) -> str:
    """Write a share with its interval."""
    low, high = stats.binomtest(found, of).proportion_ci(method="exact")
    return f"{found / of:7.2%} ({low:.2%} to {high:.2%})"


def count_false_alarms(kind: str, given: argparse.Namespace, other: Evidently | None) -> None:
    """Print how many quiet windows raise an alarm, by each rule."""
    ours = bare = iid = plain = theirs = dataset = 0
    for seed in range(given.windows):
        world = World(kind, seed)
        past = world.draw(0, PAST_DAYS)
        first = PAST_DAYS + GAP_DAYS
        window = world.draw(first, PERIOD_DAYS)
        profile = profile_past(past)
        ours += bool(judge(profile, window, first, SETTINGS)["alarms"])
        bare += bool(judge(profile, window, first, BARE)["alarms"])
        iid += bool(judge(profile_past(past, history=False), window, first, BARE)["alarms"])
        plain += plain_rule(past, window)
        if other and seed < given.evidently_windows:
            found = other.judge(past, window)
            theirs += found["count"] > 0
            dataset += found["share"] >= 0.5
    print(f"\n{kind}: false alarms on {given.windows} quiet windows of 840 rows, 21 columns")
    print(f"  ours, declared at most 1 %        {share(ours, given.windows)}")
    print(f"  ours, however small the shift     {share(bare, given.windows)}")
    print(f"  the same, as if rows independent  {share(iid, given.windows)}")
    print(f"  plain rule, p < 0.05 on any       {share(plain, given.windows)}")
    if other:
        number = min(given.evidently_windows, given.windows)
        print(f"  Evidently, any column             {share(theirs, number)}")
        print(f"  Evidently, half of the columns    {share(dataset, number)}", flush=True)


def count_finds(kind: str, given: argparse.Namespace, other: Evidently | None) -> None:
    """Print how many shifts are found at once, and after how many windows."""
    for name, shift in SHIFTS.items():
        found, delays, seen, theirs = 0, [], [], 0
        for seed in range(given.shifted):
            world = World(kind, 10_000 + seed)
            past = world.draw(0, PAST_DAYS)
            profile = profile_past(past)
            for delay in range(_DELAYS):
                first = PAST_DAYS + GAP_DAYS + delay * PERIOD_DAYS
                window = world.draw(first, PERIOD_DAYS, shift)
                report = judge(profile, window, first, SETTINGS)
                if delay == 0:
                    [column] = [c for c in report["columns"] if c["name"] == shift.column]
                    seen.append(column["smallest_seen"]["psi"] or np.inf)
                if delay == 0 and other and seed < given.evidently_windows // 5:
                    theirs += other.judge(past, window)["share"] >= 0.5
                if shift.column in {alarm["column"] for alarm in report["alarms"]}:
                    found += delay == 0
                    delays.append(delay)
                    break
        late = f"mean delay {np.mean(delays):.2f} windows" if delays else "never"
        beside = ""
        if other:
            beside = f"; Evidently {theirs / max(given.evidently_windows // 5, 1):.0%}"
        print(
            f"  {name:<33} {share(found, given.shifted)}, {late}, missed for {_DELAYS}: "
            f"{given.shifted - len(delays)}; smallest visible PSI {np.median(seen):.2f}{beside}",
            flush=True,
        )


def main() -> None:
    """Read the options and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--windows", type=int, default=1000, help="quiet windows a world")
    parser.add_argument("--shifted", type=int, default=200, help="shifted windows a shift")
    parser.add_argument("--worlds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--evidently", help="python of Evidently's environment; none leaves it out")
    parser.add_argument("--evidently-windows", type=int, default=50)
    given = parser.parse_args()
    other = Evidently(given.evidently) if given.evidently else None
    for kind in given.worlds:
        if given.windows:
            count_false_alarms(kind, given, other)
        if given.shifted:
            print(f"{kind}: found at once, of {given.shifted} shifted windows")
            count_finds(kind, given, other)


if __name__ == "__main__":
    main()
