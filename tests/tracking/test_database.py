"""The tracking database: who finds it locked waits, and in the end is told so."""

import shutil
import sqlite3
import threading
from pathlib import Path

import mlflow
import pytest
from sqlalchemy import create_engine, text
from tests.conftest import empty_database

from fullcircle.error_messages import explain_error
from fullcircle.tracking import database
from fullcircle.tracking.database import LOCK_SECONDS, wait_for_locks


def test_every_connection_waits_a_minute(tmp_path: Path) -> None:
    """A connection to a file, made by MLflow or by anyone, waits as long as is said."""
    wait_for_locks()
    with create_engine(f"sqlite:///{tmp_path}/a.db").connect() as connection:
        assert connection.execute(text("PRAGMA busy_timeout")).scalar() == LOCK_SECONDS * 1000


def test_run_is_created_when_the_lock_is_let_go(tmp_path: Path) -> None:
    """While another program writes, MLflow waits, and then writes what it had to."""
    wait_for_locks()
    shutil.copy(empty_database(), tmp_path)
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    client.get_experiment("0")
    other = sqlite3.connect(tmp_path / "mlflow.db", check_same_thread=False)
    other.execute("BEGIN EXCLUSIVE")
    threading.Timer(0.5, other.rollback).start()
    assert client.create_run("0").info.status == "RUNNING"
    other.close()


def test_lock_that_stays_is_said_to_be_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock that is never let go is told from damage, in one line."""
    monkeypatch.setattr(database, "LOCK_SECONDS", 0)
    shutil.copy(empty_database(), tmp_path)
    wait_for_locks()
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    other = sqlite3.connect(tmp_path / "mlflow.db")
    other.execute("BEGIN EXCLUSIVE")
    try:
        client.create_run("0")
    except Exception as error:
        said = explain_error(error)
    other.close()
    assert said.startswith("The tracking database is busy")
    assert "damaged" in said
