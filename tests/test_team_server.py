"""The same project against a team's server: MLflow on PostgreSQL, with users and passwords.

PostgreSQL and the server are really started, by the statements and files of docs/team-server.md.
"""

import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import mlflow
import pytest
from click.testing import CliRunner
from mlflow import MlflowClient
from tests.servers import DATABASE_PASSWORD, PAGE, Server, start_mlflow, start_postgres

from fullcircle.cli.model import model
from fullcircle.tracking.registry.actors import identify_actor
from fullcircle.tracking.registry.operations import Registry

MODEL = "fullcircle.telco_churn.simulated_model"
QUICK = "training: {candidates: [baseline, logistic_regression], search: {trials: 0}}\n"
ADMIN, NEW_ADMIN, ADA, BEN = (secrets.token_hex(8) for _ in range(4))


@dataclass
class Team:
    """A running server, and a project in which ada has turned the circle against it."""

    server: Server
    project: Any
    said: str


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Give a server that only its administrator knows."""
    with start_postgres() as database:
        folder = tmp_path_factory.mktemp("server")
        with start_mlflow(folder, database, admin_password=ADMIN) as started:
            yield started


@pytest.fixture(scope="module")
def team(server: Server, make: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """Give the server after ada's first run."""
    project = make(tmp_path_factory.mktemp("ada") / "project")
    (project.path / "mlflow.db").unlink()
    (project.path / "conf" / "local" / "parameters.yml").write_text(QUICK, encoding="utf-8")
    with pytest.MonkeyPatch.context() as shell:
        sign_in(shell, server, "admin", ADMIN)
        administer(
            server,
            {
                "her-first-password": ADA,
                "his-first-password": BEN,
                "the-first-one": ADMIN,
                "a-new-admin-password": NEW_ADMIN,
            },
        )
        sign_in(shell, server, "ada", ADA)
        result = project.command()
    assert result.exit_code == 0, result.output
    yield Team(server, project, result.output)
    mlflow.set_tracking_uri(None)


@pytest.fixture
def ada(team: Team, monkeypatch: pytest.MonkeyPatch) -> Team:
    """Give the team as ada's shell sees it."""
    sign_in(monkeypatch, team.server, "ada", ADA)
    mlflow.set_tracking_uri(team.server.address)
    return team


def sign_in(shell: pytest.MonkeyPatch, server: Server, user: str, password: str) -> None:
    """Set the three variables that the page names."""
    shell.setenv("MLFLOW_TRACKING_URI", server.address)
    shell.setenv("MLFLOW_TRACKING_USERNAME", user)
    shell.setenv("MLFLOW_TRACKING_PASSWORD", password)


def administer(server: Server, passwords: dict[str, str] | None = None) -> None:
    """Do what the page tells the administrator, in a process of its own: add users, or grant."""
    first, second = PAGE.block("python", "Users"), PAGE.block("python", "Users", 1)
    code = first if passwords else "\n".join([*first.splitlines()[:3], second])
    for shown, meant in {"https://mlflow.example.org": server.address, **(passwords or {})}.items():
        assert shown in code
        code = code.replace(shown, meant)
    subprocess.run([sys.executable, "-W", "ignore", "-"], input=code.encode(), check=True)


def rank(project: Any, monkeypatch: pytest.MonkeyPatch, *options: str) -> Any:
    monkeypatch.chdir(project.path)
    return CliRunner().invoke(model, ["best", "--json", *options])


def one_line(result: Any) -> str:
    """Give the one line that a failed command said, having checked that it is one line."""
    assert result.exit_code != 0
    errors = [line for line in result.output.splitlines() if not line.startswith("INFO")]
    assert len(errors) == 1, result.output
    return errors[0]


def count_runs(server: Server, user: str, password: str) -> int:
    """Count the runs on the server, as a user sees them."""
    with pytest.MonkeyPatch.context() as shell:
        sign_in(shell, server, user, password)
        client = MlflowClient(tracking_uri=server.address)
        experiments = [e.experiment_id for e in client.search_experiments()]
        return len(client.search_runs(experiments, max_results=1000))


def test_the_champion_is_on_the_server_and_scores(ada: Team) -> None:
    """A run by address, user and password promotes a champion there that comes back and scores."""
    version = MlflowClient(ada.server.address).get_model_version_by_alias(MODEL, "champion")
    champion = ada.project.catalog().load("champion")
    assert str(champion.registration.version) == str(version.version)
    assert ((scores := champion.predict(champion.example)) >= 0).all()
    assert (scores <= 1).all()


def test_the_log_names_users_that_the_server_vouches_for(
    ada: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has a password on the server acts under a known name; another name is only claimed."""
    first = Registry(MODEL).history()[0]
    assert (first.who, first.evidence["actor"]["how"]) == ("ada", "server")
    assert identify_actor("bob", ada.server.address)["how"] == "claimed"
    monkeypatch.delenv("MLFLOW_TRACKING_PASSWORD")
    assert identify_actor("ada", ada.server.address)["how"] == "claimed"


def test_artifacts_lie_with_the_server(ada: Team) -> None:
    """Models and reports lie in the server's store; the client keeps no run, database or file."""
    stored = {path.name for path in ada.server.artifacts.rglob("*") if path.is_file()}
    assert {"model.skops", "model_card.md", "dashboard.html", "fullcircle.json"} <= stored
    assert not (ada.project.path / "mlruns").exists()
    assert not list(ada.project.path.glob("mlflow*.db"))


def test_best_runs_are_ranked_by_the_server(ada: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ranking of runs holds on PostgreSQL: finished, no trials, best first, with versions."""
    best = json.loads(rank(ada.project, monkeypatch).output)
    worst = json.loads(rank(ada.project, monkeypatch, "--direction", "min").output)
    values = [row["value"] for row in best]
    assert len(set(values)) > 1
    assert values == sorted(values, reverse=True)
    assert [row["value"] for row in worst] == sorted(values)
    assert any("champion" in row["aliases"] for row in best)


@pytest.mark.parametrize("password", ["wrong-" + ADA, None], ids=["wrong", "none"])
def test_without_the_right_password_nothing_happens(
    ada: Team, monkeypatch: pytest.MonkeyPatch, new_project: Any, password: str | None
) -> None:
    """A wrong password and a missing one get one clear line, no data and no run."""
    before = count_runs(ada.server, "ada", ADA)
    if password is None:
        monkeypatch.delenv("MLFLOW_TRACKING_USERNAME")
        monkeypatch.delenv("MLFLOW_TRACKING_PASSWORD")
    else:
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", password)
    project = new_project()
    line = one_line(project.command())
    assert "does not know this user and password" in line
    assert "MLFLOW_TRACKING_PASSWORD" in line
    assert "conf/local/credentials.yml" in line
    assert password is None or password not in line
    assert not (project.path / "data").exists()
    assert count_runs(ada.server, "ada", ADA) == before


def test_who_may_only_read_changes_nothing(
    ada: Team, monkeypatch: pytest.MonkeyPatch, new_project: Any
) -> None:
    """A colleague without a grant reads ranking and champion, and is refused a run in one line."""
    before = count_runs(ada.server, "ben", BEN)
    sign_in(monkeypatch, ada.server, "ben", BEN)
    project = new_project()
    line = one_line(project.command())
    assert "may not do this" in line
    assert "'ben'" in line
    assert rank(project, monkeypatch).exit_code == 0
    assert project.catalog().load("champion").registration.version == "1"
    assert count_runs(ada.server, "ben", BEN) == before


def test_a_grant_lets_a_colleague_write(ada: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """The grants that the page shows let the named colleague write runs and move an alias."""
    sign_in(monkeypatch, ada.server, "admin", NEW_ADMIN)
    administer(ada.server)
    sign_in(monkeypatch, ada.server, "ben", BEN)
    client = MlflowClient(ada.server.address)
    found = client.get_experiment_by_name("telco_churn")
    client.set_terminated(client.create_run(found.experiment_id).info.run_id)
    client.set_registered_model_alias(MODEL, "candidate", "1")
    assert client.get_model_version_by_alias(MODEL, "candidate").version == "1"


@pytest.mark.parametrize("env", [None, "production"])
def test_password_may_come_from_local_secrets(
    ada: Team, monkeypatch: pytest.MonkeyPatch, new_project: Any, env: str | None
) -> None:
    """User and password may stand in conf/local/credentials.yml, whichever environment runs."""
    from fullcircle.cli.project import open_project

    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "nobody")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "none")
    project = new_project()
    key = "tracking_server" + (f"_{env}" if env else "")
    (project.path / "conf" / "local" / "credentials.yml").write_text(
        f"{key}: {{MLFLOW_TRACKING_USERNAME: ada, MLFLOW_TRACKING_PASSWORD: '{ADA}'}}\n", "utf-8"
    )
    monkeypatch.chdir(project.path)
    name = open_project(env=env).mlflow.tracking.experiment.name
    assert name == ("fullcircle_production.telco_churn" if env else "telco_churn")
    assert MlflowClient(ada.server.address).get_experiment_by_name(name) is not None


def test_no_password_is_written_anywhere(ada: Team) -> None:
    """No password is in a file of the project or the server, nor in what a run says."""
    password = re.compile("|".join((ADA, BEN, ADMIN, NEW_ADMIN, DATABASE_PASSWORD)).encode())
    folders = (ada.project.path, ada.server.folder)
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 100
    assert [path for path in files if password.search(path.read_bytes())] == []
    assert not password.search(ada.said.encode())


def test_tables_are_upgraded_as_the_page_says(ada: Team) -> None:
    """The page's command for upgrades finds the database and leaves it as it is."""
    assert "mlflow db upgrade $MLFLOW_BACKEND_STORE_URI" in PAGE.text
    done = subprocess.run(
        [sys.executable, "-m", "mlflow", "db", "upgrade", ada.server.database],
        env={**os.environ, "PGPASSWORD": DATABASE_PASSWORD},
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
