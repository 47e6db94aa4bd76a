"""Ways to run: two at once with different clocks, other runners, and parts of a pipeline."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from deltalake import DeltaTable

from fullcircle.core.errors import ConfigurationError, DataError
from fullcircle.datasets import DeltaTableDataset

QUICK = """
training:
  candidates: [logistic_regression]
  search: {trials: 0}
  select_features: false
  bootstrap_resamples: 100
gate: {max_latency_ms: null}
"""
CLOCKS = {"2025-04-01": ("2025-04-01", "2025-05-01"), "2025-05-01": ("2025-05-01", "2025-06-01")}


@pytest.fixture(scope="module")
def trained(make: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Give a project with a champion."""
    project = make(tmp_path_factory.mktemp("two") / "project")
    (project.path / "conf/local/parameters.yml").write_text(QUICK, encoding="utf-8")
    project.run("data_processing", "feature_store", "training", "registry", as_of="2025-04-01")
    return project


def start_run(project: Any, as_of: str, *names: str, **variables: str) -> "subprocess.Popen[str]":
    words = ["run", "--pipelines", ",".join(names), "--params", f"as_of={as_of}"]
    return subprocess.Popen(
        [sys.executable, "-m", "kedro", *words],
        cwd=project.path,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def read_scored(project: Any) -> pd.DataFrame:
    path = project.path / "data/07_model_output/telco_churn/simulated/predictions"
    return DeltaTable(path).to_pandas()


@pytest.mark.parametrize("seconds", [0.15, 0.9])
def test_runs_with_different_clocks_keep_their_rows_apart(trained: Any, seconds: float) -> None:
    """Started a moment apart, each run scores all rows of its own period, and stamps them so."""
    names = ("data_processing", "feature_store", "scoring")
    processes = []
    for as_of in CLOCKS:
        processes.append(start_run(trained, as_of, *names))
        time.sleep(seconds)
    outputs = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert sum("Waiting for the run of" in output for output in outputs) == 1
    scored = read_scored(trained)
    for as_of, (first, end) in CLOCKS.items():
        own = scored[scored["as_of"].str.startswith(as_of)]
        assert len(own) == 800
        assert own["scored_on"].between(first, end, inclusive="left").all()


def test_run_that_may_not_wait_is_refused_and_a_kill_blocks_nobody(trained: Any) -> None:
    """With no time to wait, one line names the run that works; killed, it blocks nobody."""
    folder = trained.path / "data/.locks/telco_churn.simulated.lock"
    first = start_run(trained, "2025-04-01", "data_processing", "feature_store", "scoring")
    while f'"pid": {first.pid}' not in folder.read_text("utf-8"):
        assert first.poll() is None
        time.sleep(0.02)
    first.send_signal(19)  # SIGSTOP: it holds the lock for as long as this test wants
    second = start_run(trained, "2025-05-01", "scoring", FULLCIRCLE_RUN_WAIT_MINUTES="0")
    said = second.communicate()[0]
    assert second.returncode == 1
    assert "Error: Not started: the run of" in said
    first.kill()
    first.communicate()
    trained.run("data_processing", "feature_store", "scoring", as_of="2025-04-01")


def test_rows_of_another_clock_are_refused(trained: Any) -> None:
    """Requests, or a plan, of a run with another clock are refused, and nothing is stamped."""
    trained.run("data_processing", "feature_store", "scoring", as_of="2025-04-01")
    before = read_scored(trained)
    for nodes in (["plan_scoring"], ["score_requests"]):
        with pytest.raises(DataError, match="another clock"):
            run_nodes(trained, nodes, as_of="2025-05-01")
    assert len(read_scored(trained)) == len(before)


def run_nodes(project: Any, nodes: list[str], **params: Any) -> None:
    """Run nodes as a user's own program may, without the checks that a session makes."""
    from kedro.framework.project import pipelines
    from kedro.framework.session import KedroSession
    from kedro.runner import SequentialRunner

    with KedroSession.create(project.path, runtime_params=params) as session:
        catalog = session.load_context().catalog
    SequentialRunner().run(
        pipelines["scoring"].only_nodes(*(f"scoring.{n}" for n in nodes)), catalog
    )


def test_overwrites_that_collide_are_repeated(tmp_path: Path) -> None:
    """Two processes that overwrite one table again and again both end well; the last rows stay."""
    program = (
        "import sys, pandas as pd\n"
        "from fullcircle.datasets import DeltaTableDataset\n"
        "for k in range(15):\n"
        "    rows = pd.DataFrame({'a': [k] * 50_000, 'who': sys.argv[2]})\n"
        "    DeltaTableDataset(filepath=sys.argv[1]).save(rows)\n"
    )
    words = [sys.executable, "-c", program, str(tmp_path / "t")]
    DeltaTableDataset(filepath=str(tmp_path / "t")).save(pd.DataFrame({"a": [0], "who": ["x"]}))
    processes = [
        subprocess.Popen([*words, who], stderr=subprocess.PIPE, text=True) for who in "xyz"
    ]
    errors = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], errors
    rows = DeltaTable(tmp_path / "t").to_pandas()
    assert (len(rows), rows["a"].nunique(), rows["who"].nunique()) == (50_000, 1, 1)
    assert DeltaTable(tmp_path / "t").version() >= 45


TABLES = ("03_primary/{}/events", "05_model_input/{}/gate_set", "07_model_output/{}/predictions")


def read_tables(project: Any) -> list[pd.DataFrame]:
    """Read what a run made, without the stamps that differ from run to run."""
    frames = []
    for name in TABLES:
        path = project.path / "data" / name.format("telco_churn/simulated")
        frame = DeltaTable(path).to_pandas()
        frame = frame.drop(
            columns=["run_id", "scored_at", "model_version", "feature_versions"], errors="ignore"
        )
        frames.append(frame.sort_values("customer_id", ignore_index=True))
    return frames


def test_thread_runner_makes_the_same_tables(trained: Any) -> None:
    """All pipelines end under Kedro's ThreadRunner too, with the tables of the sequential run."""
    sequential = trained.command("--params", "as_of=2025-04-01")
    assert sequential.exit_code == 0, sequential.output
    wanted = read_tables(trained)
    threads = trained.command("--runner", "ThreadRunner", "--params", "as_of=2025-04-01")
    assert threads.exit_code == 0, threads.output
    for frame, other in zip(wanted, read_tables(trained), strict=True):
        pd.testing.assert_frame_equal(frame, other)


REFUSED = {
    ("--runner", "ParallelRunner"): "--runner=ParallelRunner cannot work here",
    ("--async",): "--async cannot work here",
    ("--runner-params", "is_async=true"): "--async cannot work here",
    ("--nodes", "make_challenger"): "--from-nodes fit_finalists,select_all_train_rows",
}


@pytest.mark.parametrize("words", REFUSED, ids=" ".join)
def test_way_to_run_that_cannot_work_is_refused_in_one_line(
    trained: Any, words: tuple[str, ...]
) -> None:
    """What cannot work is refused before anything is read, and the line says what works."""
    result = trained.command(*words)
    assert result.exit_code == 1
    last = result.output.strip().splitlines()[-1]
    assert last.startswith("Error: ")
    assert REFUSED[words] in last


@pytest.mark.parametrize("name", ["ThreadRunner", "ParallelRunner"])
def test_runner_of_a_notebook_is_refused_too(trained: Any, name: str) -> None:
    """A runner that Python code gives a session is looked at as well."""
    from kedro import runner
    from kedro.framework.session import KedroSession

    with (
        KedroSession.create(trained.path) as session,
        pytest.raises(ConfigurationError, match="cannot work here"),
    ):
        session.run(pipeline_names=["scoring"], runner=getattr(runner, name)())
