"""Development, staging and production share code and nothing else."""

import json
import time
from pathlib import Path
from typing import Any

import mlflow
import pytest
from click.testing import CliRunner
from kedro.config import OmegaConfigLoader
from mlflow import MlflowClient
from tests.conftest import SMALL_SIMULATION, Project

from fullcircle.cli.features import features
from fullcircle.cli.project import open_project
from fullcircle.hooks.addresses import hide_password, resolve_addresses
from fullcircle.settings import CONFIG_LOADER_ARGS

ENVIRONMENTS = (None, "staging", "production")
VARIABLES = {
    "data_dir": ("FULLCIRCLE_DATA_DIR", "elsewhere"),
    "online_store": ("FULLCIRCLE_ONLINE_STORE", "redis://127.0.0.1:6379/3"),
    "tracking_uri": ("MLFLOW_TRACKING_URI", "https://user:word@mlflow.example.org"),
    "artifacts": ("FULLCIRCLE_ARTIFACTS", "s3://bucket"),
}
QUICK = "training: {candidates: [baseline, logistic_regression], search: {trials: 0}}\n"


def settings(project: Project, env: str | None, kind: str = "globals") -> Any:
    """Read the configuration of an environment, as Kedro does."""
    loader = OmegaConfigLoader(str(project.path / "conf"), env=env, **CONFIG_LOADER_ARGS)
    return loader[kind]


def list_files(folder: Path) -> dict[str, float]:
    return {str(p.relative_to(folder)): p.stat().st_mtime for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def before() -> dict[str, float]:
    """Hold the files that lie in the project before staging runs."""
    return {}


@pytest.fixture(scope="module")
def staging(make: Any, tmp_path_factory: pytest.TempPathFactory, before: Any) -> Any:
    """Give a project in which the circle has turned in staging, and nowhere else."""
    project = make(tmp_path_factory.mktemp("environments") / "project")
    folder = project.path / "conf" / "staging"
    simulation = SMALL_SIMULATION.replace("filepath: data/", "filepath: ${globals:data_dir}/")
    (folder / "catalog.yml").write_text(simulation, encoding="utf-8")
    (folder / "parameters.yml").write_text(QUICK, encoding="utf-8")
    before.update(list_files(project.path))
    result = project.command("--env", "staging")
    assert result.exit_code == 0, result.output
    return project


def test_staging_writes_into_its_own_places_only(staging: Any, before: dict[str, float]) -> None:
    """A run in staging leaves every file of development as it was, and adds none to it."""
    after = list_files(staging.path)
    touched = {name for name, when in after.items() if before.get(name) != when}
    own = ("data/staging/", "mlruns/staging/", "mlflow-staging.db", ".viz/")
    assert {name for name in touched if not name.startswith(own)} == set()
    assert all(any(name.startswith(place) for name in touched) for place in own[:3])


def test_staging_has_names_of_its_own(staging: Any) -> None:
    """Models and experiments say their environment, so that one server can hold them all."""
    client = MlflowClient(f"sqlite:///{staging.path}/mlflow-staging.db")
    names = {found.name for found in client.search_registered_models()}
    assert "fullcircle_staging.telco_churn.simulated_model" in names
    assert all(name.startswith("fullcircle_staging.") for name in names)
    assert client.get_experiment_by_name("fullcircle_staging.telco_churn") is not None


def test_development_after_staging_sees_nothing_of_it(
    staging: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one process, a session in development after one in staging goes to its own registry."""
    monkeypatch.chdir(staging.path)
    assert open_project(env="staging").catalog.load("incumbent") is not None
    assert mlflow.get_tracking_uri().endswith("/mlflow-staging.db")
    assert staging.catalog().load("incumbent") is None
    assert mlflow.get_tracking_uri().endswith("/mlflow.db")


@pytest.mark.parametrize(("env", "computed"), [("staging", True), (None, False)])
def test_commands_obey_the_environment(
    staging: Any, monkeypatch: pytest.MonkeyPatch, env: str | None, computed: bool
) -> None:
    """``KEDRO_ENV`` tells ``kedro features`` whose tables to list."""
    monkeypatch.chdir(staging.path)
    if env is not None:
        monkeypatch.setenv("KEDRO_ENV", env)
    result = CliRunner().invoke(features, ["list", "--json"])
    tables = json.loads(result.output)
    prefix = "fullcircle_staging." if env else "fullcircle.telco_churn."
    assert all(table["table"].startswith(prefix) for table in tables)
    assert [table["rows"] > 0 for table in tables] == [computed, computed]


@pytest.mark.parametrize("name", VARIABLES)
def test_every_address_comes_from_the_environment(
    new_project: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Each address has a default per environment and a variable that moves it in all three."""
    project = new_project()
    defaults = [settings(project, env)[name] for env in ENVIRONMENTS]
    assert len(set(defaults)) == 3
    variable, value = VARIABLES[name]
    monkeypatch.setenv(variable, value)
    moved = [settings(project, env)[name] for env in ENVIRONMENTS]
    assert all(address.startswith(value) for address in moved)


@pytest.mark.parametrize("name", ["data_dir", "artifacts"])
def test_environments_that_share_a_variable_keep_their_own_folders(
    new_project: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """One variable for all environments still gives each of them a folder of its own."""
    monkeypatch.setenv(*VARIABLES[name])
    project = new_project()
    assert len({settings(project, env)[name] for env in ENVIRONMENTS}) == 3


def test_production_asks_for_an_approval(new_project: Any) -> None:
    """Only in production the gate waits for a person, and its other bars are those of the rest."""
    project = new_project()
    gates = [settings(project, env, "parameters")["gate"] for env in ENVIRONMENTS]
    assert [bool(gate.get("approval")) for gate in gates] == [False, False, True]
    assert [bool(gate.get("four_eyes")) for gate in gates] == [False, False, True]
    assert {gate["min_rows"] for gate in gates} == {200}


def test_unknown_environment_is_answered_with_those_there_are(new_project: Any) -> None:
    """An environment without a folder is refused with the nearest name and all names."""
    result = new_project().command("--env", "stagin")
    assert result.exit_code != 0
    assert result.output.strip() == (
        "Error: There is no environment 'stagin' (nearest: 'staging'). "
        "There are: base, local, production, staging."
    )


@pytest.mark.parametrize(
    ("address", "wanted"),
    [
        ("http://ada:secret@127.0.0.1:9", "No tracking server answers at http://127.0.0.1:9."),
        ("sqlite:///conf/a/b.db", "conf/a is no folder that can be written to"),
    ],
)
def test_tracking_that_cannot_be_reached_is_said_at_once(
    new_project: Any, monkeypatch: pytest.MonkeyPatch, address: str, wanted: str
) -> None:
    """No server at the address, or no such folder: one line within seconds, and nothing done."""
    project = new_project()
    (project.path / "conf" / "a").write_text("no folder", encoding="utf-8")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    begun = time.monotonic()
    result = project.command()
    assert time.monotonic() - begun < 20
    assert result.exit_code != 0
    assert len(result.output.strip().splitlines()) == 1, result.output
    assert wanted in result.output
    assert "secret" not in result.output
    assert not (project.path / "data").exists()


@pytest.mark.parametrize(
    ("address", "given", "kept"),
    [
        ("sqlite:///mlflow.db", "mlruns", "mlruns"),
        ("https://mlflow.example.org", "mlruns", None),
        ("https://mlflow.example.org", "s3://bucket/runs", "s3://bucket/runs"),
    ],
)
def test_a_server_keeps_the_artifacts(address: str, given: str, kept: str | None) -> None:
    """A local artifact folder is not told to a server, which could not write it; a bucket is."""
    creation = {"artifact_location": given}
    config = {
        "server": {"mlflow_tracking_uri": address},
        "tracking": {"experiment": {"create_experiment_kwargs": creation}},
    }
    settled = resolve_addresses(config, Path("/project"))
    found = settled["tracking"]["experiment"]["create_experiment_kwargs"]
    assert found.get("artifact_location") == kept
    assert creation == {"artifact_location": given}


def test_an_address_is_shown_without_its_password() -> None:
    """What an error shows of an address holds neither user nor password."""
    shown = hide_password("https://ada:secret@mlflow.example.org:5000/team")
    assert shown == "https://mlflow.example.org:5000/team"
