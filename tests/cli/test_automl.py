"""Tests of ``kedro automl``: a file in, a model, its board and its notebook out."""

import json
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from fullcircle.cli.automl import automl

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a small file in a working directory of its own."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    size = rng.normal(size=200)
    frame = pd.DataFrame({"size": size, "kind": rng.choice(["a", "b"], 200)})
    frame["sold"] = np.where(size + rng.normal(size=200) > 0, "yes", "no")
    frame.to_csv(tmp_path / "rows.csv", index=False)
    return tmp_path / "rows.csv"


def run(*arguments: str) -> Any:
    return CliRunner().invoke(automl, list(arguments))


def test_a_file_gives_a_board_a_run_and_a_notebook(file: Path, database: Path) -> None:
    """The answer names a score with its interval, a run that is finished, and a notebook."""
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{file.parent}/mlflow.db")
    try:
        done = run(
            "--file", str(file), "--target", "sold", "--trials", "0", "--note", "why", "--json"
        )
        found = json.loads(done.stdout)
        tracked = mlflow.get_run(found["run_id"])
    finally:
        mlflow.set_tracking_uri(before)
    assert found["classes"] == ["no", "yes"]
    assert found["score"]["low"] < found["score"]["value"] < found["score"]["high"]
    assert sum(row["chosen"] for row in found["leaderboard"]) == 1
    assert tracked.info.status == "FINISHED"
    assert tracked.data.tags["note"] == "why"
    [chosen] = [row for row in found["leaderboard"] if row["chosen"]]
    assert tracked.data.metrics["roc_auc"] == chosen["value"]
    notebook = json.loads(Path(found["notebook"]).read_text("utf-8"))
    assert notebook["nbformat"] == 4


def test_the_notebook_arrives_at_the_same_score(file: Path) -> None:
    """Its code, run where it lies, recomputes the score of the rows that chose nothing."""
    from fullcircle.automl import classify

    result = classify(pd.read_csv(file), "sold", seconds=None, trials=0, track=False)
    assert result.notebook is not None
    cells = json.loads(result.notebook.read_text("utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    space: dict[str, Any] = {}
    for cell in code[: next(n for n, each in enumerate(code) if "gate_score =" in each) + 1]:
        exec(cell, space)  # noqa: S102 - our own notebook
    assert space["gate_score"] == result.score


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--file", "none.csv", "--target", "sold"],
            "There is no file 'none.csv' (nearest: 'rows.csv') in the current folder (",
        ),
        (
            ["--file", "rows.xyz", "--target", "sold"],
            "There is no file 'rows.xyz' (nearest: 'rows.csv')",
        ),
        (["--file", "rows.csv", "--target", "solt"], "lacks the column 'solt' (nearest: 'sold')"),
        (["--file", "rows.csv", "--target", "sold", "--metric", "speed"], "metric"),
        (
            ["--file", "rows.csv", "--target", "kind", "--task", "regress"],
            "needs numbers, but 200 rows hold a 'kind'",
        ),
        (["--file", "rows.csv", "--target", "sold", "--time", "size"], "size"),
    ],
    ids=["no file", "other kind", "no column", "no metric", "text as number", "no date"],
)
def test_what_cannot_be_meant_is_one_line(file: Path, arguments: list[str], said: str) -> None:
    """Each likely mistake is one line that names it, and nothing is written."""
    done = run(*arguments, "--trials", "0")
    assert done.exit_code == 1
    assert said in done.output
    assert done.output.count("\n") == 1
    assert [path.name for path in file.parent.iterdir()] == ["rows.csv"]


def test_columns_and_candidates_are_chosen_by_options(file: Path) -> None:
    """--exclude and --candidates take names with commas between; --metric takes any metric."""
    pd.read_csv(file).assign(**{"a, b": 1.5}).to_csv(file, index=False)
    done = run(
        *("--file", str(file), "--target", "sold", "--trials", "0", "--json", "--metric"),
        *("accuracy", "--exclude", '"a, b",kind', "--candidates", "baseline, logistic_regression"),
    )
    found = json.loads(done.stdout)
    assert found["metric"] == "accuracy"
    assert {row["candidate"] for row in found["leaderboard"]} <= {
        *("baseline", "logistic_regression", "blend")
    }
    assert [column["column"] for column in found["columns"]] == ["size"]
    assert found["scores"]["accuracy"] == found["score"]


def test_the_command_is_there_outside_of_any_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kedro finds it by an entry point where there is no project; a project brings its own."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    [address] = declared["project"]["entry-points"]["kedro.global_commands"].values()
    module, _, name = address.partition(":")
    group = getattr(import_module(module), name)
    monkeypatch.chdir(tmp_path)
    assert group.list_commands(None) == ["automl"]
    done = CliRunner().invoke(group, ["automl", "--file", "none.csv", "--target", "y"])
    assert "There is no file 'none.csv'" in done.output
    monkeypatch.chdir(ROOT)
    assert group.list_commands(None) == []
    assert group.get_command(None, "automl") is None


@pytest.mark.parametrize(
    ("name", "write", "separator"),
    [
        ("rows.csv", lambda f, p: f.to_csv(p, index=False, sep=";", decimal=","), None),
        ("rows.txt", lambda f, p: f.to_csv(p, index=False, sep="\t", encoding="utf-16"), None),
        ("rows.csv", lambda f, p: f.to_csv(p, index=False, sep=":"), ":"),
        ("rows.json", lambda f, p: f.to_json(p, orient="records", indent=1), None),
    ],
    ids=["semicolon and comma", "utf-16 and tabs", "another sign", "json"],
)
def test_automl_reads_what_problem_new_reads(
    tmp_path: Path, name: str, write: Any, separator: str | None
) -> None:
    """However a table is written, the same rows give the same model, and what was read is said."""
    from fullcircle.cli.problem.messages import resolve_options
    from fullcircle.ingestion import ReadOptions
    from fullcircle.ingestion.decisions import Decider
    from fullcircle.ingestion.typed_rows import read_typed_rows

    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {"size": rng.normal(size=120).round(3), "kind": rng.choice(["ä", "b"], 120)}
    )
    frame["sold"] = rng.choice(["yes", "no"], 120)
    written = tmp_path / name
    write(frame, written)
    reading = ReadOptions(separator=separator)
    said = resolve_options("automl", {"target": "sold", "snapshot": True, "no_key": True})
    rows = read_typed_rows(str(written), said, reading, Decider())
    found = rows.frame[["size", "kind", "sold"]]
    pd.testing.assert_frame_equal(found, frame, check_dtype=False)
    assert rows.is_class
    assert not {finding.what for finding in rows.findings} & {"split", "clock", "row id"}


def test_labels_are_read_as_problem_new_reads_them(file: Path) -> None:
    """Spellings are joined, frequent words stay classes, and a rare class is asked about."""
    frame = pd.read_csv(file)
    frame.loc[:20, "sold"] = frame["sold"].str.upper()
    frame.loc[100:102, "sold"] = "maybe"
    frame.to_csv(file, index=False)
    words = ["--file", str(file), "--target", "sold", "--trials", "0", "--json"]
    assert "Say which: --rare leave-out" in run(*words).output
    done = run(*words, "--rare", "leave-out", "--candidates", "baseline,logistic_regression")
    found = json.loads(done.stdout)
    assert found["classes"] == ["no", "yes"]
    assert found["set_aside"] == 3
