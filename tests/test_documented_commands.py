"""Every command of a page is run as the page has it, or a list says why it is not."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, chdir
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from tests.conftest import EXAMPLES
from tests.serving.stage import free_port
from tests.test_documentation import PAGES, Mention, mentions, program

ROOT = Path(__file__).resolve().parents[1]

# Where a command is run whole by another test, with the same words or with a folder of the test's.
ELSEWHERE = {
    "alerts test": "tests/cli/test_alerts.py",
    "automl": "tests/cli/test_automl.py",
    "endpoint compare": "tests/serving/test_server.py",
    "endpoint costs": "tests/serving/test_clients.py",
    "endpoint status": "tests/serving/test_server.py",
    "endpoint traffic": "tests/serving/test_server.py",
    "features publish": "tests/cli/test_features.py",
    "model adopt": "tests/tracking/registry/test_adoption.py",
    "model copy": "tests/cli/test_model_acts.py",
    "model reproduce": "tests/test_reproduction.py",
    "new": "tests/cli/test_rename.py",
    "package": "tests/test_package.py",
    "problem": "tests/cli/test_problem.py",
    "rename": "tests/cli/test_rename.py",
    "replay": "tests/backtest/test_replay.py",
    "retrain": "tests/cli/test_retrain.py",
    "schedule run": "tests/cli/test_jobs.py",
    "serve": "tests/serving/test_server.py",
    "stream": "tests/streaming/test_command.py",
}
# What cannot be run by a test, and why.
NOT_RUN = {
    "airflow create": "needs the extra airflow, whose package this environment may lack",
    "ipython": "is a dialogue",
    "server": "is named as what the project does not use",
}
SERVERS = {
    "mlflow ui": "/health",
    "kedro viz run": "/api/version",
    "kedro jupyter lab notebooks": "/lab",
    "kedro mlflow ui --env staging": "/health",
}
# A refusal that is the right answer here: what it asks for is not so in this project.
REFUSED = {
    "endpoint stop": "No endpoint of this problem runs here",
    "endpoint token revoke ID": "There is no token 'ID'",
    "endpoint unit": "should not run as root",
    "features lineage": "Give either --table",
    "model approve 1": "has no fullcircle_production.* yet",
    "model promote": "has no fullcircle_production.* yet|failed|refused",
    "model retire": "no terminal to ask at",
    "model rollback": "no previous champion",
}


def find_command(words: list[str]) -> tuple[click.Command, list[str], str]:
    """Return a command of the program, the words that are left for it, and its name."""
    command: click.Command = program()
    name: list[str] = []
    while isinstance(command, click.Group) and words:
        found = command.get_command(click.Context(command), words[0])
        assert found is not None, words
        name.append(words[0])
        command, words = found, words[1:]
    return command, words, " ".join(name)


def list_documented() -> list[str]:
    """Return the commands of all pages, each once, without those that only name a group."""
    found = []
    for page in PAGES:
        if page.name == "CHANGELOG.md":
            continue
        for mention in mentions(page):
            command, _, _ = find_command(list(mention.words))
            bare = isinstance(command, click.Group) or is_only_named(mention)
            if not bare:
                found.append(shlex.join(mention.words))
    return list(dict.fromkeys(found))


def is_only_named(mention: Mention) -> bool:
    """Return whether a sentence speaks of a command without the words that it needs."""
    command, left, _ = find_command(list(mention.words))
    needed = [p for p in command.params if p.required]
    return not mention.whole and not left and bool(needed)


def find_listed(words: str, listed: dict[str, str]) -> str | None:
    """Return what a list says of a command, by the longest beginning that it names."""
    names = [name for name in listed if words == name or words.startswith(f"{name} ")]
    return listed[max(names, key=len)] if names else None


_HIGHEST_PORT = 49151  # Kedro-Viz takes no higher one
DOCUMENTED = list_documented()
RUN_HERE = [
    words
    for words in DOCUMENTED
    if find_listed(words, {**ELSEWHERE, **NOT_RUN}) is None and f"kedro {words}" not in SERVERS
]


@pytest.fixture(scope="module")
def project(make: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Give a project in which the documented first command has run, with four versions."""
    made = make(tmp_path_factory.mktemp("documented") / "project")
    shutil.copytree(ROOT / "notebooks", made.path / "notebooks")
    result = made.command()
    assert result.exit_code == 0, result.output
    for seed in (1, 2, 3):
        few = {"seed": seed, "candidates": ["baseline", "logistic_regression"]}
        made.run("training", "registry", training=few)
    return made


def call(project: Any, words: str) -> Result:
    """Run a command of the program in the project, as a terminal would."""
    from kedro.framework.startup import bootstrap_project

    command, left, _ = find_command(shlex.split(words))
    with chdir(project.path):
        metadata = bootstrap_project(project.path)
        return CliRunner().invoke(command, left, obj=metadata, input="y\n")


@pytest.mark.parametrize("words", [w for w in RUN_HERE if not w.startswith("run")])
def test_documented_command_runs(project: Any, words: str) -> None:
    """A command of a page does what it says, or refuses in one line what this project lacks."""
    result = call(project, words)
    refused = find_listed(words, REFUSED)
    if result.exit_code != 0 and refused is not None:
        assert re.search(refused, result.output), result.output
        assert "Traceback" not in result.output
        return
    assert result.exit_code == 0, result.output


# Runs that take seconds: they end as the page says, in a project that has run.
WHOLE_RUNS = (
    "run --pipeline scoring",
    "run --pipeline scoring --params since=last",
    "run --pipeline monitoring",
    "run --pipeline monitoring --params alerts.dry_run=true",
    "run --pipeline monitoring --params alerts.at_least=critical",
    "run --pipeline training",
    "run --traceback",
    "run --params note=shorter-history",
    "run --nodes report_scoring",
)


@pytest.mark.parametrize("words", WHOLE_RUNS)
def test_documented_run_ends(project: Any, words: str) -> None:
    """A documented run of a cheap pipeline runs whole, and its words stand on a page."""
    assert words in RUN_HERE
    result = call(project, words)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("words", [w for w in RUN_HERE if w.startswith("run")])
def test_documented_run_begins(project: Any, words: str) -> None:
    """A documented run, its environment, pipelines and parameters are ones that can be begun."""
    from kedro.framework.session import KedroSession

    command, left, _ = find_command(shlex.split(words))
    given = command.make_context("run", left).params
    names = given["pipelines"] or given["pipeline"]
    with (
        chdir(project.path),
        KedroSession.create(
            project.path, env=given["env"], runtime_params=given["params"] or {}
        ) as session,
    ):
        context = session.load_context()
        assert context.catalog
        assert context.params["problem"].name in EXAMPLES
        from kedro.framework.project import pipelines

        assert all(pipelines[name].nodes for name in (names or "__default__").split(","))


def test_each_list_names_documented_commands_and_real_tests() -> None:
    """No list keeps what no page names any more, and each test that it names exists."""
    for name, test in ELSEWHERE.items():
        assert (ROOT / test).is_file(), test
        assert name.split()[0] in (ROOT / test).read_text("utf-8"), name
    words = " ".join(path.read_text("utf-8") for path in PAGES)
    assert [name for name in (*ELSEWHERE, *NOT_RUN) if f"kedro {name}" not in words] == []
    assert len(RUN_HERE) > 40


@pytest.fixture(scope="module")
def servers(project: Any) -> Iterator[dict[str, tuple[int, Any]]]:
    """Start the documented servers beside each other, and stop them after the tests."""
    settings = {**os.environ, "JUPYTER_DATA_DIR": str(project.path / "jupyter")}
    settings["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{settings['PATH']}"
    with ExitStack() as stack:
        started = {}
        for command in filter(is_installed, SERVERS):
            port = next(port for port in iter(free_port, None) if port <= _HIGHEST_PORT)
            words = [*shlex.split(command), "--port", str(port), *OPTIONS.get(command, ())]
            process = subprocess.Popen(
                words,
                cwd=project.path,
                env=settings,
                stdout=stack.enter_context(
                    (project.path / f"{port}.log").open("w", encoding="utf-8")
                ),
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            stack.callback(stop, process)
            started[command] = (port, process)
        yield started


def is_installed(command: str) -> bool:
    """Return whether the package of a documented server is there: JupyterLab is an extra."""
    return "jupyter" not in command or find_spec("jupyterlab") is not None


OPTIONS = {
    "kedro viz run": ("--no-browser",),
    "kedro jupyter lab notebooks": ("--no-browser", "--allow-root", "--IdentityProvider.token="),
}


def stop(process: Any) -> None:
    """End a server and what it started, if it has not ended by itself."""
    if process.poll() is not None:
        return
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.parametrize("command", SERVERS)
def test_documented_server_answers(
    servers: dict[str, tuple[int, Any]], project: Any, command: str
) -> None:
    """A server that a page names answers at its address until it is stopped."""
    if command not in servers:
        pytest.skip("JupyterLab is not installed: pip install -e '.[notebook]'")
    port, process = servers[command]
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail((project.path / f"{port}.log").read_text("utf-8")[-2000:])
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{port}{SERVERS[command]}", timeout=5
            ) as answer:
                assert answer.status == 200
                return
        except OSError:
            time.sleep(0.5)
    pytest.fail(f"{command} did not answer")


@pytest.mark.parametrize(
    ("words", "absent", "wanted"),
    [
        ("jupyter lab notebooks", "jupyterlab", "kedro lab needs jupyterlab"),
        ("ipython", "IPython", "kedro ipython needs IPython"),
    ],
)
def test_absent_package_is_one_line(
    monkeypatch: pytest.MonkeyPatch, words: str, absent: str, wanted: str
) -> None:
    """Where the package of a command is absent, one line says what to install."""
    from fullcircle.cli import extras

    there = extras.find_spec
    monkeypatch.setattr(extras, "find_spec", lambda n: None if n == absent else there(n))
    from fullcircle.cli.main import cli

    result = CliRunner().invoke(cli, shlex.split(words), obj=None)
    assert result.exit_code == 1
    assert result.output == f"Error: {wanted}: pip install -e '.[notebook]'.\n"


def test_a_command_of_an_absent_package_stands_in() -> None:
    """A command whose package is absent is one line as well, not an unknown command."""
    from fullcircle.cli.extras import find_absent

    assert find_absent({"viz": ("viz", "sys")}) == {}
    [command] = find_absent({"viz": ("viz", "no_such_module")}).values()
    result = CliRunner().invoke(command, ["run", "--port", "1"])
    assert result.exit_code == 1
    assert result.output == "Error: kedro viz needs no_such_module: pip install -e '.[viz]'.\n"
