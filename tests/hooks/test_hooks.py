"""What happens around a run: summary, timing, tracking addresses, progress."""

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from fullcircle.config_resolvers import list_problems, read_switch, read_variable
from fullcircle.error_messages import explain_error
from fullcircle.hooks import ProgressHook, RunTimer
from fullcircle.hooks.addresses import anchor_sqlite
from fullcircle.hooks.summary import (
    format_alerts,
    format_decision,
    format_drift,
    format_ingestion,
    format_leaderboard,
    format_performance,
    format_retraining,
)
from fullcircle.hooks.timing import describe_seconds


def shown(text: Any) -> str:
    """Render as a terminal of 100 columns would."""
    console = Console(width=100)
    with console.capture() as capture:
        console.print(text)
    return capture.get()


def test_summary_says_what_came_in_and_why_rows_left() -> None:
    """The intake's counts and reasons are told."""
    report = {"rows_read": 1200, "rows_kept": 1199, "rows_rejected": 1, "reasons": {"bad age": 1}}
    assert "1,200 rows read, 1,199 kept, 1 set aside" in shown(format_ingestion(report))
    assert "1: bad age" in shown(format_ingestion(report))


def test_summary_shows_the_leaderboard_with_intervals() -> None:
    """Each candidate is told with its score and interval."""
    row = {"candidate": "a", "metric": "rmse", "value": 2.0, "low": 1.5, "high": 2.5}
    facts = {"confidence": 0.9, "cv_score": 2.1, "standard_error": 0.2}
    facts["train_scores"] = {"rmse": 1.25}
    best = {**row, **facts, "chosen": False, "shortlisted": True, "ties": True, "behind": 0.0}
    chosen = {**best, "candidate": "b", "chosen": True, "behind": 0.05}
    text = shown(format_leaderboard([best, chosen], {"failures": []}))
    assert "rmse" in text
    assert "90% interval" in text
    assert "1.5000 to 2.5000" in text
    assert "1.2500" in text  # on the train rows
    assert "b ties with the best and is simpler: 0.0500 ± 0.2000" in text


@pytest.mark.parametrize(
    ("promote", "wanted"), [(True, "promoted m v2"), (False, "refused m v2, kept m v1")]
)
def test_summary_tells_the_gates_decision_and_reasons(promote: bool, wanted: str) -> None:
    """The decision comes with its evidence."""
    decision = {
        "promote": promote,
        "challenger": "m v2",
        "incumbent": "m v1",
        "metric": "rmse",
        "gate_rows": 9,
        "score": {"value": 1.0, "low": 0.5, "high": 1.5, "confidence": 0.95},
        "reasons": ["better_than_baseline: because", "within_size: small"],
        "checks": [{}, {}],
    }
    text = shown(format_decision(decision))
    assert wanted in text
    assert "- better_than_baseline: because" in text
    assert ("all 2 checks passed" in text) is promote
    assert ("within_size" in text) is not promote
    assert "95% interval 0.5000 to 1.5000" in text
    assert wanted in shown(format_decision({**decision, "score": None}))


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"judged": False}, "too few to judge"),
        ({}, "no drift in 1 column"),
        ({"drifted": ["a"]}, "drifted: a"),
        ({"prediction_drifted": True}, "drifted: the predictions"),
        ({"alarms": [{"column": None, "told": "9 rows came"}]}, "9 rows came"),
        ({"judged": False, "problems": [{"told": "'a' is missing"}]}, "'a' is missing"),
    ],
)
def test_summary_tells_drift(change: dict[str, Any], wanted: str) -> None:
    """What drifted or is wrong is named, and too few rows are not called quiet."""
    report = {
        "judged": True,
        "rows": 5,
        "drifted": [],
        "prediction_drifted": False,
        "alarms": [],
        "problems": [],
    }
    assert wanted in shown(format_drift({**report, "columns": [{}], **change}))


def test_summary_tells_performance_and_retraining() -> None:
    """Labelled periods are told with their score, others as waiting."""
    window = {"as_of": "2024", "model_version": "1", "unlabelled_share": 0.5}
    score = {"value": 0.8, "low": 0.7, "high": 0.9}
    report = {
        "metric": "roc_auc",
        "windows": [{**window, "score": score}, {**window, "score": None}],
    }
    text = shown(format_performance(report))
    assert "50% labelled, roc_auc 0.8000 (0.7000 to 0.9000)" in text
    assert "waits for labels" in text
    assert "no predictions yet" in shown(format_performance({"windows": []}))
    assert "yes: old" in shown(format_retraining({"retrain": True, "reasons": ["old"]}))


def test_seconds_add_up() -> None:
    """The parts of a run's time add up to the whole."""
    timer = RunTimer()
    stock = timer.measure_phases()
    total = stock.pop("total")
    assert sum(stock.values()) == pytest.approx(total)
    assert "start up" in describe_seconds({"total": total, **stock})


def test_later_run_in_a_process_does_not_count_its_start() -> None:
    """Start-up of the process belongs to its first run alone."""
    timer = RunTimer()
    timer.measure_phases()
    timer.after_context_created()
    timer.before_pipeline_run()
    assert timer.measure_phases()["total"] < 5


@pytest.mark.parametrize(
    ("address", "anchored"),
    [
        ("sqlite:///mlflow.db", "sqlite:////project/mlflow.db"),
        ("sqlite:////elsewhere/mlflow.db", "sqlite:////elsewhere/mlflow.db"),
        ("https://tracking.example", "https://tracking.example"),
        (None, None),
    ],
)
def test_relative_sqlite_is_anchored_at_the_project(
    address: str | None, anchored: str | None
) -> None:
    """A relative database lies at the project's root whatever the working directory."""
    assert anchor_sqlite(address, Path("/project")) == anchored


def test_progress_bar_shows_only_to_a_person(monkeypatch: Any, circle: Any) -> None:
    """At a terminal a bar counts nodes; it is taken away at the end and after an error."""
    from kedro.framework.project import pipelines

    monkeypatch.setenv("FORCE_COLOR", "1")
    hook, pipeline = ProgressHook(RunTimer()), pipelines["scoring"]
    hook.before_pipeline_run(pipeline)
    progress = hook._progress
    hook.before_node_run(pipeline.nodes[0])
    hook.after_node_run(pipeline.nodes[0])
    assert progress.tasks[0].completed == 1
    assert progress.tasks[0].description == "select_requests"
    hook.on_pipeline_error()
    assert hook._progress is None
    hook.after_pipeline_run()


def test_switches_read_the_environment(monkeypatch: Any) -> None:
    """An unset or empty variable means the default; a set one counts."""
    monkeypatch.setenv("DATA_SOURCE", "")
    assert read_switch("DATA_SOURCE", "simulated", ["simulated"]) == "simulated"
    assert read_variable("NO_SUCH_VARIABLE", "default") == "default"
    monkeypatch.setenv("RAW_DIR", "somewhere")
    assert read_variable("RAW_DIR") == "somewhere"
    assert "telco_churn" in list_problems()


def test_unexpected_error_is_one_line_that_says_how_to_see_more() -> None:
    """An error that nobody foresaw is still one line."""
    assert explain_error(KeyError("x\ny")) == "KeyError: 'x\\ny' (--traceback shows where)"
    assert explain_error(ValueError()) == "ValueError: ValueError (--traceback shows where)"
    assert explain_error(PermissionError(13, "no", "file")) == "Permission denied: file."


def test_the_summary_lists_all_that_is_open() -> None:
    """What is open and was told before stands beside what was sent now; nothing is left unsaid."""
    facts = {"severity": "warning", "since": "2025-04-01", "what": "age drifted"}
    sent = [{**facts, "key": "a", "state": "new"}, {**facts, "key": "gone", "state": "over"}]
    still = [{**facts, "key": f"b{n}", "what": f"b{n} drifted"} for n in range(2)]
    report = {"dry_run": False, "sent": sent, "open": [sent[0], *still], "channels": {}}
    said = shown(format_alerts(report))
    assert "2 sent, 3 open" in said
    assert [f"still open: b{n} drifted" in said for n in range(2)] == [True, True]
    assert said.count("age drifted") == 2
    many = [{**facts, "key": f"c{n}"} for n in range(30)]
    assert "and 20 more: kedro alerts list" in shown(
        format_alerts({**report, "sent": [], "open": many})
    )
