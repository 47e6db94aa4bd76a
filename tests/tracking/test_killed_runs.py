"""Runs whose process is gone are ended by the next run, and no others."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import psutil
import pytest
from tests.conftest import empty_database

from fullcircle.tracking.killed_runs import (
    HOST,
    PID,
    SPACE,
    STARTED,
    describe_process,
    end_dead_runs,
    is_gone,
)

OPEN_A_RUN = """
import sys, time
from fullcircle.tracking.killed_runs import describe_process
print(*describe_process().values(), sep="|", flush=True)
time.sleep(600)
"""


@pytest.fixture
def client(tmp_path: Path) -> Iterator[mlflow.MlflowClient]:
    """Give a client of a database of its own."""
    shutil.copy(empty_database(), tmp_path)
    return mlflow.MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")


@pytest.fixture
def child() -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """Give a process that lives, and the tags by which it describes itself."""
    with subprocess.Popen(
        [sys.executable, "-c", OPEN_A_RUN], stdout=subprocess.PIPE, text=True
    ) as process:
        told = (process.stdout.readline() if process.stdout else "").strip().split("|")
        yield process, dict(zip((HOST, SPACE, PID, STARTED), told, strict=True))
        process.kill()


def begin(client: mlflow.MlflowClient, tags: dict[str, str]) -> str:
    return str(client.create_run("0", tags=tags).info.run_id)


def status(client: mlflow.MlflowClient, run_id: str) -> str:
    return str(client.get_run(run_id).info.status)


def test_run_of_a_killed_process_is_ended_and_that_of_a_live_one_is_not(
    client: mlflow.MlflowClient, child: Any
) -> None:
    """Before kill -9 the run stays RUNNING; after it, unreaped and reaped, it is KILLED."""
    process, tags = child
    first, second = begin(client, tags), begin(client, describe_process())
    assert end_dead_runs(client, "0") == []
    process.send_signal(signal.SIGKILL)
    while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
        pass
    assert end_dead_runs(client, "0") == [first]
    process.wait()
    third = begin(client, tags)
    assert end_dead_runs(client, "0") == [third]
    assert [status(client, run) for run in (first, second)] == ["KILLED", "RUNNING"]
    assert "found gone" in client.get_run(first).data.tags["process.end"]


@pytest.mark.parametrize(
    "other", [{HOST: "elsewhere"}, {SPACE: "another"}, {PID: "none"}, {STARTED: "?"}]
)
def test_what_is_not_surely_of_this_machine_is_left(
    client: mlflow.MlflowClient, other: dict[str, str]
) -> None:
    """Another host or container, or tags that say nothing, leave a run RUNNING."""
    dead = {**describe_process(), PID: str(_find_free_pid())}
    run = begin(client, {**dead, **other})
    begin(client, {})
    assert end_dead_runs(client, "0") == []
    assert status(client, run) == "RUNNING"
    assert is_gone(dead)


def test_number_that_another_process_took_since_is_no_sign_of_life() -> None:
    """A process that began long after the run did is another one of the same number."""
    here = describe_process()
    assert is_gone({**here, STARTED: str(float(here[STARTED]) - 10_000)})
    assert not is_gone({**here, STARTED: str(float(here[STARTED]) - 2)})


def test_run_that_ended_is_left_and_a_refusal_stops_nobody(
    client: mlflow.MlflowClient, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    """A finished run keeps its status; where the server refuses, one line says so."""
    dead = {**describe_process(), PID: str(_find_free_pid())}
    done, left = begin(client, dead), begin(client, dead)
    client.set_terminated(done, "FINISHED")

    def refuse(*_: Any) -> None:
        raise mlflow.MlflowException("Permission denied")

    monkeypatch.setattr(client, "set_terminated", refuse)
    assert end_dead_runs(client, "0") == []
    assert f"Run {left} stays RUNNING: Permission denied" in caplog.text
    assert [status(client, run) for run in (done, left)] == ["FINISHED", "RUNNING"]


def test_next_run_of_kedro_ends_the_dead_one(new_project: Any) -> None:
    """A run says which process it is of, and marks the dead one of its experiment, once begun."""
    project = new_project()
    project.catalog()
    client, experiment = mlflow.MlflowClient(), mlflow.get_experiment_by_name("telco_churn")
    tags = {**describe_process(), PID: str(_find_free_pid())}
    assert experiment is not None
    dead = str(client.create_run(experiment.experiment_id, tags=tags).info.run_id)
    project.run("data_processing")
    runs = {run.info.run_id: run for run in mlflow.search_runs(output_format="list")}
    assert runs.pop(dead).info.status == "KILLED"
    (mine,) = runs.values()
    assert describe_process().items() <= mine.data.tags.items()
    assert mine.info.status == "FINISHED"


def _find_free_pid() -> int:
    """Give a number that no process has."""
    return next(pid for pid in range(os.getpid() + 10_000, 4_000_000) if not psutil.pid_exists(pid))
