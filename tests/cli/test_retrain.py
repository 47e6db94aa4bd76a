"""``kedro retrain``: on a circle that has turned, each in a copy of its own."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mlflow
import pytest
from click.testing import CliRunner, Result
from kedro.framework.startup import bootstrap_project

from fullcircle.cli.main import cli
from fullcircle.core.retraining.ledger import known_by
from fullcircle.storage.locks import hold_lock
from fullcircle.tracking.registry.lookup import list_aliases

MODEL = "fullcircle.telco_churn.simulated_model"
TRAINED = "fullcircle.cli.retrain.PIPELINES"


@pytest.fixture
def place(circle: Any, copy_of: Any, tmp_path: Path) -> Path:
    """A copy of the circle, whose last window drifted, its tracking set up."""
    folder = copy_of(circle, tmp_path / "copy").path
    bootstrap_project(folder)
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    return folder


@pytest.fixture
def ask(place: Path) -> Callable[..., Result]:
    """Run ``kedro retrain`` in the copy."""

    def run(*words: str) -> Result:
        before = Path.cwd()
        os.chdir(place)
        try:
            return CliRunner(env={"COLUMNS": "200"}).invoke(cli, ["retrain", *words])
        finally:
            os.chdir(before)

    return run


def said(result: Result) -> str:
    """What a refusal says, which must be one line."""
    assert result.exit_code not in (0, 3), result.output
    assert "Traceback" not in result.output
    return result.output.strip().splitlines()[-1]


def decision_file(place: Path) -> Path:
    return place / "data/08_reporting/telco_churn/simulated/retrain_decision.json"


def ledger(place: Path) -> list[dict[str, Any]]:
    path = place / "data/06_models/telco_churn/simulated/retrainings.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return [json.loads(line) for line in lines]


def change(place: Path, **changes: Any) -> None:
    """Change what the newest monitoring decided."""
    path = decision_file(place)
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **changes}), "utf-8")


@pytest.mark.untraced
def test_a_drifted_window_leads_to_one_retraining(ask: Any, place: Path) -> None:
    """What monitoring asks for is done once, gated, kept in the ledger, and then held back."""
    before = list_aliases(MODEL)
    done = ask("--json")
    assert done.exit_code == 0, done.output
    facts = json.loads(done.stdout)
    assert facts["did"].startswith("trained again")
    assert "inputs drifted: monthly_charges, payment_method" in facts["why"]
    begun, line = ledger(place)
    assert (begun["state"], line["state"], begun["id"]) == ("begun", "done", line["id"])
    assert line["as_of"].startswith("2025-04-01")
    assert line["run_id"] == facts["MLflow run"]
    after = list_aliases(MODEL)
    assert int(after["challenger"]) == int(before["challenger"]) + 1
    assert line["promoted"] is (after["champion"] == after["challenger"])
    again = ask("--json")
    assert again.exit_code == 0, again.output
    assert json.loads(again.stdout)["did"] == "nothing"
    assert "trained again at this clock already" in json.loads(again.stdout)["why"]
    assert len(ledger(place)) == 2


def test_a_dry_run_does_nothing_and_tells_a_scheduler(ask: Any, place: Path) -> None:
    """A dry run leaves no trace; with --exit-code it ends with 3 where a retraining is due."""
    before = list_aliases(MODEL)
    asked = ask("--dry-run", "--exit-code")
    assert asked.exit_code == 3
    assert "would train again (dry run)" in asked.output
    change(place, asked=False, retrain=False, reasons=["all is well"])
    quiet = ask("--dry-run", "--exit-code")
    assert quiet.exit_code == 0
    assert "all is well" in quiet.output
    assert (list_aliases(MODEL), ledger(place)) == (before, [])


def test_a_quiet_decision_trains_nothing(ask: Any, place: Path) -> None:
    """Where monitoring asks for nothing, the command does nothing and says why."""
    change(place, asked=False, retrain=False, reasons=["all is well"])
    result = ask()
    assert result.exit_code == 0
    assert "nothing" in result.output
    assert "all is well" in result.output
    assert ledger(place) == []


@pytest.mark.untraced
def test_a_person_can_force_it_with_a_reason(
    ask: Any, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--force goes over a cool-down, says over what, and keeps the person's reason."""
    monkeypatch.setattr(TRAINED, ["registry"])  # the gate alone, for the test's sake
    path = place / "data/06_models/telco_churn/simulated/retrainings.jsonl"
    act = {"as_of": "2025-03-31T00:00:00+00:00", "promoted": False}
    path.write_text(f"{json.dumps(act)}\n", "utf-8")
    held = ask()
    assert "held back: trained again on 2025-03-31, and 7 days must pass" in held.output
    assert len(ledger(place)) == 1
    forced = ask("--force", "--why", "new prices", "--json")
    assert forced.exit_code == 0, forced.output
    assert "must pass" in json.loads(forced.stdout)["over"]
    assert ledger(place)[-1] | {"forced": True, "why": "new prices"} == ledger(place)[-1]


def test_a_second_one_is_refused_while_the_first_trains(ask: Any, place: Path) -> None:
    """While a process trains again, another is told which one, and nothing is written."""
    lock = place / "data/06_models/telco_churn/simulated/retrainings.lock"
    with hold_lock(lock, "kedro retrain"):
        assert "Not started: kedro retrain (process" in said(ask())
    assert ledger(place) == []


@pytest.mark.untraced
def test_a_retraining_killed_after_the_gate_is_written_down_by_the_next(
    ask: Any, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line says that it began; after a kill the next command adds what the gate had decided."""
    monkeypatch.setattr(TRAINED, ["registry"])

    def be_killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("fullcircle.cli.retrain._write_end", be_killed)
        assert ask().exit_code == 130
    [begun] = ledger(place)
    assert begun["state"] == "begun"
    after = ask("--json")
    assert json.loads(after.stdout)["did"] == "nothing"
    assert "trained again at this clock already" in json.loads(after.stdout)["why"]
    done = ledger(place)[-1]
    assert (done["id"], done["state"]) == (begun["id"], "done")
    run = mlflow.get_run(done["run_id"])
    assert run.data.tags["note"].startswith(f"retraining {begun['id']}")


def test_a_retraining_that_failed_counts_for_nothing(
    ask: Any, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A training that fails is in the ledger as failed, and does not hold the next one back."""
    monkeypatch.setattr(TRAINED, ["no_such_pipeline"])
    assert "no_such_pipeline" in said(ask())
    assert [line["state"] for line in ledger(place)] == ["begun", "failed"]
    assert known_by(ledger(place), datetime.now(UTC)) == []


def test_what_cannot_be_meant_is_said_in_one_line(ask: Any, place: Path) -> None:
    """A wrong clock, another champion, a missing decision or half an option: one line each."""
    assert "is no moment: write 2025-03-01" in said(ask("--as-of", "soon"))
    assert "Give --force and --why together" in said(ask("--force"))
    assert "--exit-code belongs to --dry-run" in said(ask("--exit-code"))
    told = said(ask("--as-of", "2025-05-01"))
    assert "is of 2025-04-01, not of 2025-05-01. Monitor first" in told
    change(place, model_version="77")
    assert "is about v77, and the champion is v" in said(ask())
    decision_file(place).unlink()
    assert "There is no decision on retraining yet. Monitor first" in said(ask())


def test_without_a_champion_there_is_nothing_to_train_again(
    new_project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fresh project is told to train its first champion, forced or not."""
    project = new_project()
    monkeypatch.chdir(project.path)
    for words in ([], ["--force", "--why", "because", "--as-of", "2025-03-01"]):
        told = said(CliRunner(env={"COLUMNS": "200"}).invoke(cli, ["retrain", *words]))
        assert told.endswith(
            "There is no champion yet to train again. Train the first one: kedro run."
        )
