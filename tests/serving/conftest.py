"""Stages shared by the tests of the endpoint."""

import copy
import shutil
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest
from tests.serving.stage import Client, Stage, opened

from fullcircle.serving.folder import EndpointFolder, read_json, write_json


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
    stage = copy.copy(house)
    stage.path, stage.folder = tmp_path, EndpointFolder(tmp_path / "endpoint")
    stage.plan()
    write_json(stage.folder.roles, read_json(house.folder.roles))
    return stage


@pytest.fixture(scope="module")
def client(house: Stage) -> Iterator[Client]:
    """An endpoint in this process, shared by a module's tests."""
    with opened(house) as client:
        yield client
