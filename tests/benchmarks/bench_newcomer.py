"""From a file to a champion: minutes and edits for tables that no one prepared for.

Each table is brought in by ``kedro problem new`` and turned by ``kedro run``, as a newcomer would,
in a copy of the project. An edit counts if the tool named it; any other would be a failure.

    python tests/benchmarks/bench_newcomer.py --data path/to/files --only bikes wine
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sklearn.datasets import load_breast_cancer, load_digits, load_wine

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Table:
    """A table and what a newcomer says of it."""

    options: tuple[str, ...]
    prepare: Callable[[Path, Path], str]


def _write_cancer(_: Path, folder: Path) -> str:
    frame = load_breast_cancer(as_frame=True).frame
    frame["target"] = frame["target"].map({0: "malignant", 1: "benign"})
    frame.to_csv(folder / "cancer.csv", index=False)
    return str(folder / "cancer.csv")


def _write_wine(_: Path, folder: Path) -> str:
    frame = load_wine(as_frame=True).frame.sample(frac=1, random_state=0)
    frame.to_csv(folder / "wine.csv", index=False, sep=";", decimal=",")
    return str(folder / "wine.csv")


def _write_digits(_: Path, folder: Path) -> str:
    frame = load_digits(as_frame=True).frame
    frame.to_parquet(folder / "digits.parquet", index=False)
    return str(folder / "digits.parquet")


TABLES = {
    "cancer": Table(("--target", "target"), _write_cancer),
    "wine": Table(("--target", "target"), _write_wine),
    "digits": Table(("--target", "target"), _write_digits),
    "bikes": Table(("--target", "cnt"), lambda data, _: str(data / "bike_sharing_hour.csv")),
    "retail": Table(("--target", "UnitPrice"), lambda data, _: str(data / "online_retail/*.csv")),
}


def copy_project(folder: Path) -> Path:
    """Copy what git keeps into a folder."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, check=True)
    for name in listed.stdout.decode().splitlines():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    return folder


def call(project: Path, *words: str, **variables: str) -> tuple[float, str]:
    """Run a command of the project; give its seconds and what it said."""
    environment = {**os.environ, "PYTHONPATH": str(project / "src"), "COLUMNS": "200", **variables}
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "kedro", *words],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"kedro {words[0]}: {done.stderr.strip().splitlines()[-1]}")
    return time.perf_counter() - start, done.stdout + done.stderr


def edit_as_told(project: Path, name: str, said: str) -> int:
    """Make the edits that the tool named; give their number."""
    told = re.findall(r"Before the first run: set (\w+): (\S+)", said)
    path = project / "conf" / "base" / "problems" / name / "parameters.yml"
    for setting, value in told:
        text = path.read_text("utf-8")
        path.write_text(re.sub(rf"{setting}: \S+", f"{setting}: {value}", text), encoding="utf-8")
    return len(told)


def bring_in(project: Path, data: Path, name: str) -> str:
    """Bring a table from its file to a champion; give a line of what it took."""
    table = TABLES[name]
    address = table.prepare(data, project.parent)
    wanted = ("--file", address, *table.options, "--yes")
    made, said = call(project, "problem", "new", name, *wanted)
    edits = edit_as_told(project, name, said)
    ran, _ = call(project, "run", PROBLEM=name)
    reports = project / "data" / "06_models" / name / "real"
    decision = json.loads((reports / "promotion_decision.json").read_text("utf-8"))
    board = json.loads((reports / "leaderboard.json").read_text("utf-8"))
    score = decision["score"]
    return (
        f"{name}: {(made + ran) / 60:.1f} min ({made:.0f} s new, {ran:.0f} s run), {edits} edits, "
        f"promoted {decision['promote']}, {board[0]['metric']} {score['value']:.4f} "
        f"[{score['low']:.4f}, {score['high']:.4f}]"
    )


def main() -> None:
    """Bring each table from its file to a champion, and print a line of what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--only", nargs="*", default=list(TABLES))
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        project = copy_project(Path(folder) / "project")
        for name in chosen.only:
            try:
                print(bring_in(project, chosen.data, name), flush=True)
            except RuntimeError as error:
                print(f"{name}: no champion: {error}", flush=True)


if __name__ == "__main__":
    main()
