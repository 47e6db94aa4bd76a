"""``kedro replay`` on a small simulated history with a known day of drift."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from kedro.framework.project import pipelines
from kedro.framework.startup import bootstrap_project
from mlflow import MlflowClient

from fullcircle.backtest.historical_data import HistoricalData, gather_world
from fullcircle.backtest.results import BacktestFolder
from fullcircle.backtest.setup import assemble
from fullcircle.cli.main import cli

QUICK = """
training:
  candidates: [baseline, logistic_regression]
  search: {trials: 0, max_rows: 2000}
  select_features: false
  bootstrap_resamples: 100
performance: {bootstrap_resamples: 100}
gate: {max_latency_ms: null, bootstrap_resamples: 200}
"""
SPAN = ("--from", "2025-02-01", "--to", "2025-06-01", "--every", "1m", "--trials", "0")
PLACE = "data/08_reporting/telco_churn/simulated/replay"


@pytest.fixture(scope="module")
def project(make: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Give a project in which nothing has run yet."""
    made = make(tmp_path_factory.mktemp("replay") / "project")
    (made.path / "conf" / "local" / "parameters.yml").write_text(QUICK, encoding="utf-8")
    return made


@pytest.fixture
def ask(project: Any) -> Callable[..., Result]:
    """Run ``kedro replay`` in the project."""
    return lambda *words: run(project.path, *words)


def run(path: Path, *words: str) -> Result:
    before = Path.cwd()
    os.chdir(path)
    bootstrap_project(path)
    try:
        return CliRunner(env={"COLUMNS": "200"}).invoke(cli, ["replay", *words])
    finally:
        os.chdir(before)


@pytest.fixture(scope="module")
def whole(project: Any) -> dict[str, Any]:
    """Give the report of a replay over four months, the last two of them drifted."""
    result = run(project.path, *SPAN, "--name", "whole", "--json")
    assert result.exit_code == 0, result.output
    report: dict[str, Any] = json.loads(result.stdout)
    return report


def said(result: Result) -> str:
    """What a refusal says, which must be one line."""
    assert result.exit_code != 0, result.output
    assert "Traceback" not in result.output
    return result.output.strip().splitlines()[-1]


def without_seconds(lines: Any) -> list[dict[str, Any]]:
    return [{name: v for name, v in line.items() if name != "seconds"} for line in lines]


@pytest.mark.untraced
def test_replay_tells_the_story_of_the_known_drift(whole: dict[str, Any]) -> None:
    """Quiet windows are quiet; from the day of drift on, the moved columns are named and told."""
    drifted = {line["window"]: line["drifted_columns"] for line in whole["windows"]}
    assert drifted["2025-04-01"] == drifted["2025-05-01"] == ["monthly_charges", "payment_method"]
    assert drifted["2025-02-01"] == drifted["2025-03-01"] == []
    quiet, first = whole["windows"][:2], whole["windows"][2]
    assert all(not line["notices"] and not line["asked"] for line in quiet)
    assert {n["what"] for n in first["notices"]} >= {"monthly_charges drifted"}
    assert first["retrained"]["as_of"].startswith("2025-05-01")
    assert any("when the window from 2025-04-01 was over" in told for told in whole["story"])


def test_policies_are_what_their_names_say(whole: dict[str, Any]) -> None:
    """Never keeps the first model, always has one per window, and all see the same rows."""
    assert {line["scored_by"]["never"] for line in whole["windows"]} == {1}
    assert [line["scored_by"]["always"] for line in whole["windows"]] == [1, 2, 3, 4]
    assert whole["trainings"]["always"] == {"trainings": 3, "models": 4}
    assert whole["rows"] == 4 * 800
    unmoved = [line for line in whole["windows"] if line["scored_by"]["rules"] == 1]
    assert all(line["gains"]["rules over never"]["value"] == 0 for line in unmoved)


def test_replay_leaves_the_project_alone(project: Any, whole: dict[str, Any]) -> None:
    """No model is registered, nothing is predicted or reported, and no run is tracked."""
    project.catalog()
    assert MlflowClient().search_registered_models() == []
    experiments = [each.experiment_id for each in MlflowClient().search_experiments()]
    assert list(MlflowClient().search_runs(experiments)) == []
    made = {path.relative_to(project.path).parts[1] for path in project.path.glob("data/*/*")}
    assert made == {"01_raw", "08_reporting"}
    assert [path.name for path in (project.path / PLACE).parent.iterdir()] == ["replay"]


def test_the_page_needs_no_network(project: Any, whole: dict[str, Any]) -> None:
    """The page holds story, table and pictures, and asks for nothing from elsewhere."""
    page = (project.path / PLACE / "whole" / "replay.html").read_text(encoding="utf-8")
    assert whole["story"][0] in page
    assert "Plotly.newPlot" in page
    tags = re.sub(r"(?s)(<script[^>]*>).*?</script>", r"\1", page)
    assert "http" not in tags
    assert "src=" not in tags


def test_a_finished_replay_is_told_again_at_once(ask: Any, whole: dict[str, Any]) -> None:
    """The same request again turns nothing and gives the same report, as a table too."""
    again = json.loads(ask(*SPAN, "--name", "whole", "--json").stdout)
    assert without_seconds(again["windows"]) == without_seconds(whole["windows"])
    assert again["windows"][0]["seconds"] == whole["windows"][0]["seconds"]
    table = ask(*SPAN, "--name", "whole").output
    assert "2025-04-01" in table
    assert "Retraining by the rules instead of never" in table


@pytest.mark.untraced
def test_a_killed_replay_goes_on_with_the_first_missing_window(
    project: Any, whole: dict[str, Any]
) -> None:
    """After kill -9 in the middle, it ends as an undisturbed replay does, to the digit."""
    ledger = project.path / PLACE / "killed" / "windows.jsonl"
    command = [sys.executable, "-m", "kedro", "replay", *SPAN, "--name", "killed"]
    source = str(Path(__file__).resolve().parents[2] / "src")
    environment = {**os.environ, "PYTHONPATH": source}
    with subprocess.Popen(
        command,
        cwd=project.path,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        while not ledger.is_file() or not ledger.read_text("utf-8").count("\n"):
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    done = ledger.read_text("utf-8").count("\n")
    assert 1 <= done < 4
    with ledger.open("a", encoding="utf-8") as file:
        file.write('{"number": 99, "torn')
    result = run(project.path, *SPAN, "--name", "killed", "--json")
    assert result.exit_code == 0, result.output
    assert ledger.read_text("utf-8").count("\n") == 4 + 1  # the torn line stays, on its own
    report = json.loads(result.stdout.replace("replay.killed", "replay.whole"))
    assert without_seconds(report["windows"]) == without_seconds(whole["windows"])
    assert report["gains"] == whole["gains"]


def poison(history: HistoricalData, moment: str) -> HistoricalData:
    """Spoil all that happened or became known from a moment on."""
    problem, spoilt = history.problem, pd.Timestamp(moment, tz="UTC")
    events = history.events.to_pandas()
    later = events[str(problem.event_time)] >= spoilt
    unknown = events[str(problem.label_time)] > spoilt
    assert (unknown & ~later).any(), "labels of earlier rows must be among what is spoilt"
    events.loc[unknown, problem.label] = 1 - events.loc[unknown, problem.label]
    events.loc[later, "tenure_months"] = 999
    tables = {}
    for name, table in history.tables.items():
        rows = table.rows.to_pandas()
        after = rows[str(table.declared.event_time)] >= spoilt
        keys = {*table.declared.keys, table.declared.event_time}
        for column in rows.columns.difference(list(keys)):
            rows.loc[after, column] = None
        tables[name] = replace(table, rows=ibis.memtable(rows, schema=table.rows.schema()))
    return replace(
        history, events=ibis.memtable(events, schema=history.events.schema()), tables=tables
    )


@pytest.mark.untraced
def test_nothing_of_the_future_reaches_an_earlier_window(project: Any, tmp_path: Path) -> None:
    """Spoiling every row and label after a clock changes nothing in the windows over by then.

    Neither what was predicted, found, decided and told there, nor the models trained by then.
    """
    from fullcircle.backtest.setup import BacktestRequest, _declare
    from fullcircle.core.backtest import make_windows

    bootstrap_project(project.path)
    catalog = project.catalog()
    windows = make_windows("2025-02-01", "2025-04-26", "28d")
    history = gather_world(catalog, pipelines, tmp_path / "data")
    declared = _declare(catalog, BacktestRequest("", "", "", trials=0), windows[0])
    replays = {}
    for name, seen in {"true": history, "spoilt": poison(history, "2025-04-26")}.items():
        folder = BacktestFolder(tmp_path / name / "same")
        replays[name] = assemble(seen, windows, folder, catalog, pipelines, declared)
    lines = {name: each.run(lambda done, what: None) for name, each in replays.items()}
    expected, found = (without_seconds(lines[name]) for name in ("true", "spoilt"))
    assert json.dumps(found) == json.dumps(expected)
    assert expected[2]["drifted_columns"] == ["monthly_charges", "payment_method"]
    for window in windows:
        rows = [
            each.scorer.read([window]).order_by(history.problem.row_id).to_pandas()
            for each in replays.values()
        ]
        pd.testing.assert_frame_equal(*rows)
    clock = windows[-1].end
    trained = [each.trainer.train(each.history.at(clock), clock, 9) for each in replays.values()]
    assert trained[0].model.expected == trained[1].model.expected
    pd.testing.assert_frame_equal(trained[0].gate_set, trained[1].gate_set)
    assert trained[0].gate_set[history.problem.label_time].max() <= pd.Timestamp(clock)


@pytest.mark.parametrize(
    ("words", "words_said"),
    [
        (("--from", "2025-05-01", "--to", "2025-01-01"), "a replay goes forward"),
        (("--from", "2031-01-01", "--to", "2031-03-01"), "No event lies between 2031-01-01"),
        (
            ("--from", "2025-01-01", "--to", "2025-03-01", "--every", "fortnight"),
            "'fortnight' is no length",
        ),
        (("--from", "2025-01-01", "--to", "2025-03-01", "--name", "a/b"), "may hold only letters"),
        (
            ("--from", "2024-08-01", "--to", "2024-10-01", "--every", "1m"),
            "No label was known at as_of=2024-08-01",
        ),
        (
            ("--problem", "diabetes", "--from", "2025-01-01", "--to", "2025-03-01"),
            "diabetes is a snapshot without event_time: it has no history to replay",
        ),
    ],
)
def test_what_cannot_be_replayed_is_said_in_one_line(
    ask: Any, words: tuple[str, ...], words_said: str
) -> None:
    """A wrong span, a wrong name, no history: one line that says what is wrong."""
    assert words_said in said(ask(*words))


def test_other_settings_do_not_go_on_where_others_stopped(ask: Any, whole: dict[str, Any]) -> None:
    """A name that was begun with another span or another parameter is refused, and says which."""
    other = said(ask(*SPAN[:4], "--every", "2m", "--name", "whole"))
    assert "was begun with other settings: every 1m, now 2m" in other
    changed = said(ask(*SPAN, "--name", "whole", "--params", "retraining.cool_down_days=3"))
    assert "retraining.cool_down_days 7.0, now 3.0" in changed


def test_a_folder_that_cannot_be_written_to_is_named(project: Any, ask: Any) -> None:
    """Where a file lies in the folder's place, one line says so."""
    blocked = project.path / PLACE / "blocked"
    blocked.parent.mkdir(parents=True, exist_ok=True)
    blocked.write_text("in the way", encoding="utf-8")
    try:
        assert f"Cannot write to {blocked}" in said(ask(*SPAN, "--name", "blocked"))
    finally:
        blocked.unlink()


@pytest.mark.untraced
def test_a_window_without_rows_is_told_and_passed_over(ask: Any) -> None:
    """Of ten-day windows of monthly reviews the empty one says so, and trains nothing."""
    words = ("--from", "2025-02-01", "--to", "2025-02-21", "--every", "10d", "--trials", "0")
    result = ask(*words, "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert [line["rows"] for line in report["windows"]] == [800, 0]
    assert report["windows"][1]["after"] == report["windows"][0]["after"]
    assert "1 window without any row" in report["story"][0]
    assert "no rows" in ask(*words).output
