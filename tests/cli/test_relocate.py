"""``kedro relocate`` on whole projects: copied, moved, and read again."""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import pytest
from click.testing import CliRunner, Result
from kedro.framework.startup import bootstrap_project

from fullcircle.cli.main import cli, run
from fullcircle.tracking.registry.lookup import find_version
from fullcircle.tracking.registry.model_files import read_model

CHAMPION = "models:/fullcircle.telco_churn.simulated_model@champion"


def digest(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def ask(folder: Path, command: Any, *words: str) -> Result:
    before = Path.cwd()
    os.chdir(folder)
    try:
        bootstrap_project(folder)
        return CliRunner(env={"COLUMNS": "300"}).invoke(command, list(words))
    finally:
        os.chdir(before)


def refused(result: Result) -> str:
    """What a refusal says, which must be one line."""
    assert result.exit_code == 1, result.output
    assert result.output.count("\n") == 1
    return result.output


def test_a_copy_of_a_project_writes_nothing_into_the_original(circle: Any, tmp_path: Path) -> None:
    """A copy refuses to run until it is relocated, then runs, and the original stays as it was."""
    before, copy = digest(circle.path), tmp_path / "copy"
    shutil.copytree(circle.path, copy)
    for command, words in ((run, ["--pipeline", "scoring"]), (cli, ["model", "list"])):
        said = refused(ask(copy, command, *words))
        assert f"This project is a copy of {circle.path}" in said
        assert "Run kedro relocate first." in said
    told = ask(copy, cli, "relocate")
    assert told.exit_code == 0, told.output
    assert f"from {circle.path} to {copy}" in told.output
    assert "1 in experiments" in told.output or "in experiments" in told.output
    done = ask(copy, run, "--pipeline", "scoring")
    assert done.exit_code == 0, done.output
    assert digest(circle.path) == before
    assert "Nothing to do" in ask(copy, cli, "relocate").output


def test_a_moved_project_finds_its_models_and_its_log(circle: Any, tmp_path: Path) -> None:
    """Moved and relocated, the champion loads, the log verifies, and it is rebuilt alike."""
    first, moved = tmp_path / "first", tmp_path / "moved"
    shutil.copytree(circle.path, first)
    assert ask(first, cli, "relocate").exit_code == 0
    first.rename(moved)
    assert f"was moved from {first}" in refused(ask(moved, cli, "model", "list"))
    assert ask(moved, cli, "relocate").exit_code == 0
    verified = ask(moved, cli, "model", "history", "--verify")
    assert verified.exit_code == 0, verified.output
    again = ask(moved, cli, "model", "reproduce", "champion", "--any-code")
    assert again.exit_code == 0, again.output
    assert "identical           True" in again.output
    mlflow.set_tracking_uri(f"sqlite:///{moved}/mlflow.db")
    assert read_model(find_version(CHAMPION)).candidate
    assert not first.exists()


def test_a_project_that_is_not_recognised_is_told_where_it_was(
    new_project: Callable[..., Any], tmp_path: Path
) -> None:
    """``--from`` names a folder that the project cannot find out, and JSON says what was done."""
    project = new_project()
    mlflow.set_tracking_uri(f"sqlite:///{project.path}/mlflow.db")
    mlflow.create_experiment("other", artifact_location="/old/place/elsewhere/7")
    assert "Nothing to do" in ask(project.path, cli, "relocate").output
    told = ask(project.path, cli, "relocate", "--from", "/old/place", "--json")
    assert told.exit_code == 0, told.output
    location = mlflow.get_experiment_by_name("other").artifact_location
    assert location == f"{project.path}/elsewhere/7"
    assert '"experiments": 1' in told.output


@pytest.fixture(autouse=True)
def _tracking_is_put_back(circle: Any) -> Any:
    """Leave the circle's project as the one that Kedro knows."""
    yield
    bootstrap_project(circle.path)
