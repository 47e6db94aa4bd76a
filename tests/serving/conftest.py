"""Stages shared by the tests of the endpoint."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest
from tests.serving.stage import Client, Stage, opened


@pytest.fixture
def stage(tracked: Path) -> Stage:
    """An endpoint's folder without a champion."""
    return Stage(tracked)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, database: Path) -> Iterator[Stage]:
    """A folder with a champion, shared by a module's tests, which leave it as it is."""
    path = tmp_path_factory.mktemp("house")
    shutil.copy(database, path)
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{path}/mlflow.db")
    identity = mlflow.create_experiment("test", artifact_location=(path / "art").as_uri())
    mlflow.set_experiment(experiment_id=identity)
    stage = Stage(path)
    stage.crown()
    stage.fetch()
    yield stage
    mlflow.set_tracking_uri(before)


@pytest.fixture
def ready(house: Stage, tmp_path: Path) -> Stage:
    """A folder of a test's own, with the champion of the module's registry."""
    return house.copy(tmp_path)


@pytest.fixture(params=["alone", "below its prefix", "beside another"])
def everywhere(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ask a module's endpoints at the root, below ``/problems/shop``, and beside another problem.

    A property of one endpoint must hold wherever it is asked.
    """
    if request.param != "alone":
        monkeypatch.setattr(Client, "prefix", "/problems/shop")
    if request.param == "beside another":
        house = request.getfixturevalue("house")
        other = house.copy(tmp_path / "other", "store")
        monkeypatch.setattr(
            request.module, "opened", lambda stage, **how: opened(stage, other, **how)
        )


@pytest.fixture(scope="module")
def client(house: Stage) -> Iterator[Client]:
    """An endpoint in this process, shared by a module's tests."""
    with opened(house) as client:
        yield client
