"""What a run says of itself in MLflow, also when it is interrupted."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import mlflow
import pytest
from kedro.io import DataCatalog, MemoryDataset

from fullcircle.hooks.tracking import read_note, was_interrupted
from fullcircle.tracking.provenance import describe_environment, describe_hardware

SLOW = """
from time import sleep
from kedro.io import AbstractDataset

class SlowDataset(AbstractDataset):
    def load(self):
        print("LOADING", flush=True)
        sleep(60)
    def save(self, data): ...
    def _describe(self): return {}
"""


@pytest.mark.parametrize(
    ("given", "note"), [("more trees", "more trees"), (5, "5"), ("  ", None), (None, None)]
)
def test_note_is_the_runs_description_and_a_tag(given: Any, note: str | None) -> None:
    """A note is kept where MLflow shows it and where searches find it; none leaves nothing."""
    catalog = DataCatalog({"params:note": MemoryDataset(given)})
    wanted = {"mlflow.note.content": note, "note": note} if note else {}
    assert read_note(catalog) == wanted
    assert read_note(DataCatalog()) == {}


def test_run_tells_note_source_hardware_and_packages(new_project: Any) -> None:
    """A note fails no pipeline for being no input; the run holds it, its source and its machine."""
    new_project().run("data_processing", note="what if")
    run = mlflow.search_runs(output_format="list")[0]
    assert run.data.tags["mlflow.note.content"] == "what if"
    assert run.data.tags["note"] == "what if"
    assert run.data.tags["data_source"] == "simulated"
    assert run.data.params["intake.max_rejected_share"] == "0.05"
    told = mlflow.artifacts.load_dict(f"runs:/{run.info.run_id}/environment.json")
    surroundings = {**describe_environment(), **describe_hardware()}
    assert surroundings.items() <= run.data.tags.items()
    assert surroundings.items() <= told.items()
    assert told["packages"]["mlflow"] == mlflow.__version__


@pytest.fixture
def _listen_to_interrupts() -> Iterator[None]:
    """Let Ctrl-C arrive even where the tests run in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_hardware_is_told_in_numbers() -> None:
    """CPU, cores and memory are known on any machine."""
    told = describe_hardware()
    assert told["hardware.cpu"]
    assert 1 <= int(told["hardware.cores_usable"]) <= int(told["hardware.cores"])
    assert float(told["hardware.memory_gib"]) > 0


@pytest.mark.usefixtures("_listen_to_interrupts")
def test_interrupted_query_counts_as_an_interrupt() -> None:
    """Ctrl-C within DuckDB arrives as an error of DuckDB's, and is told from other errors."""
    query = "select sum(a.range * b.range) from range(9000000) a, range(9000000) b"
    threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    connection = duckdb.connect()
    try:
        connection.sql(query).fetchall()
    except BaseException as interrupt:
        wrapped = ValueError("wrapped")
        wrapped.__cause__ = interrupt
    finally:
        connection.interrupt()  # or a core may work on at it for days
    assert was_interrupted(wrapped)
    assert was_interrupted(KeyboardInterrupt())
    assert not was_interrupted(ValueError("no"))


@pytest.mark.usefixtures("_listen_to_interrupts")
def test_interrupt_kills_the_run_in_mlflow(new_project: Any, tmp_path: Path) -> None:
    """Ctrl-C in the middle of a run leaves it KILLED, not RUNNING, and no traceback."""
    project = new_project(simulation="raw: {type: slow.SlowDataset}\n")
    (tmp_path / "slow.py").write_text(SLOW, encoding="utf-8")
    source = Path(__file__).resolve().parents[2] / "src"
    process = subprocess.Popen(
        [sys.executable, "-m", "kedro", "run", "--pipelines=data_processing"],
        cwd=project.path,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{source}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        for line in process.stdout or []:
            if "LOADING" in line:
                process.send_signal(signal.SIGINT)
        said = (process.stderr.read() if process.stderr else "").strip()
    client = mlflow.MlflowClient(f"sqlite:///{project.path}/mlflow.db")
    identities = [experiment.experiment_id for experiment in client.search_experiments()]
    assert [run.info.status for run in client.search_runs(identities)] == ["KILLED"]
    assert process.returncode == 130
    assert said.splitlines()[-1].startswith("Interrupted.")
    assert "Traceback" not in said
