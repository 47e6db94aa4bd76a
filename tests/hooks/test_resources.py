"""The curves of CPU and memory that a run leaves in MLflow."""

import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest
from tests.conftest import Project, empty_database

from fullcircle.core.errors import ConfigurationError
from fullcircle.hooks.resources import ResourceSampler, read_seconds

MEMORY = "system/process_memory_megabytes"


@pytest.fixture
def run_id(tmp_path: Path) -> Iterator[str]:
    """Open a run in a database of its own for as long as the test lasts."""
    before = mlflow.get_tracking_uri()
    shutil.copy(empty_database(), tmp_path)
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    with mlflow.start_run(experiment_id="0") as run:
        yield run.info.run_id
    mlflow.set_tracking_uri(before)


def count_samplers() -> int:
    return sum(thread.name == "SystemMetricsMonitor" for thread in threading.enumerate())


def test_curves_of_process_and_machine_are_kept(run_id: str) -> None:
    """While a run lasts its samples arrive one by one, and no thread is left when it stops."""
    sampler, client = ResourceSampler(), mlflow.MlflowClient()
    sampler.start(run_id, 0.05)
    until = time.monotonic() + 60
    while len(client.get_metric_history(run_id, MEMORY)) < 2 and time.monotonic() < until:
        time.sleep(0.05)
    sampler.stop()
    curve = client.get_metric_history(run_id, MEMORY)
    assert [point.step for point in curve] == list(range(len(curve)))
    assert len(curve) >= 2
    assert all(point.value > 1 for point in curve)
    kept = client.get_run(run_id).data.metrics
    assert {
        "system/process_cpu_utilization_percentage",
        "system/cpu_utilization_percentage",
        "system/system_memory_usage_megabytes",
    } <= kept.keys()
    assert count_samplers() == 0


def test_next_run_ends_the_sampling_of_an_interrupted_one(run_id: str) -> None:
    """Of several starts without a stop one thread is left, and none after a stop."""
    sampler = ResourceSampler()
    for _ in range(3):
        sampler.start(run_id, 100)
    assert count_samplers() == 1
    sampler.stop()
    sampler.stop()
    assert count_samplers() == 0


def test_nothing_is_sampled_twice_or_where_it_is_switched_off(
    run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With 0 seconds, or where MLflow samples by itself, no thread begins."""
    sampler = ResourceSampler()
    sampler.start(run_id, 0)
    monkeypatch.setenv("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING", "true")
    sampler.start(run_id, 100)
    assert count_samplers() == 0


@pytest.mark.parametrize("given", ["often", None, -1, 0.2, "inf", "nan"])
def test_impossible_interval_is_refused(given: Any) -> None:
    """What is no number of seconds is named, with what may stand there."""
    with pytest.raises(ConfigurationError, match=r"FULLCIRCLE_RESOURCE_SECONDS=.*at least 1, or 0"):
        read_seconds(given)


@pytest.mark.parametrize(("given", "seconds"), [("10", 10.0), (1, 1.0), ("0", 0.0)])
def test_interval_is_read(given: Any, seconds: float) -> None:
    """A number is taken as it is written, as is 0."""
    assert read_seconds(given) == seconds


def test_run_and_failed_run_are_sampled_until_they_end(
    new_project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each run of Kedro is sampled under its own id at the declared interval, and then no more."""
    started: list[tuple[str, float, int]] = []
    start = ResourceSampler.start

    def note_start(self: ResourceSampler, run_id: str, seconds: float) -> None:
        start(self, run_id, seconds)
        started.append((run_id, seconds, count_samplers()))

    monkeypatch.setattr(ResourceSampler, "start", note_start)
    monkeypatch.setenv("FULLCIRCLE_RESOURCE_SECONDS", "7")
    project: Project = new_project()
    project.run("data_processing")
    with pytest.raises(Exception, match="There is no table"):
        project.run("training")
    runs = {run.info.run_id for run in mlflow.search_runs(output_format="list")}
    assert [(seconds, count) for _, seconds, count in started] == [(7.0, 1), (7.0, 1)]
    assert {run_id for run_id, _, _ in started} == runs
    assert count_samplers() == 0
