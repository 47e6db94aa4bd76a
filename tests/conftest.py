"""Fixtures that tests share: a project in a folder of its own, and the publishers' real files."""

import atexit
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from traceback import walk_stack
from types import SimpleNamespace
from typing import Any

# Processes beside each other share the cores already: threads in each would only wait for one
# another. The libraries read this when they are first imported.
if "PYTEST_XDIST_WORKER" in os.environ:
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import pytest
from click.testing import CliRunner, Result
from hypothesis import Phase, settings
from tests.audit import belongs

from fullcircle.log_config import quiet_libraries

quiet_libraries()

# For docs/development/mutation.md: the same examples each time, and none made smaller.
settings.register_profile(
    "mutation", settings.get_profile("ci"), phases=[Phase.explicit, Phase.generate]
)

ROOT = Path(__file__).resolve().parents[1]
# The first is the one whose circle is turned for tests of what is shared.
EXAMPLES = ("telco_churn", "nyc_taxi", "diabetes")
SWITCHES = ("PROBLEM", "DATA_SOURCE", "ENGINE", "RAW_DIR", "KEDRO_ENV")
ADDRESSES = (
    "FULLCIRCLE_ARTIFACTS",
    "FULLCIRCLE_DATA_DIR",
    "FULLCIRCLE_ONLINE_STORE",
    "MLFLOW_TRACKING_PASSWORD",
    "MLFLOW_TRACKING_URI",
    "MLFLOW_TRACKING_USERNAME",
)

SMALL_SIMULATION = """
raw:
  type: fullcircle.datasets.SimulatedDataset
  simulator: fullcircle.problems.telco_churn.simulator.ChurnSimulator
  filepath: data/01_raw/telco_churn/simulated
  settings:
    seed: 7
    first_month: "2024-08-01"
    months: 11
    rows_per_month: 800
    drift_from: "2025-04-01"
"""

# All families, and longer searches, are tested on small frames, and all that is the default by CI's
# first command. No test depends on how busy the machine is.
SHORT_SEARCH = """
training:
  candidates: [baseline, logistic_regression, ridge, xgboost]
  search: {trials: 4}
  bootstrap_resamples: 300
gate: {max_latency_ms: null}
"""


@dataclass
class Project:
    """A copy of this project's configuration in a folder of its own."""

    path: Path

    def run(self, *pipelines: str, **params: Any) -> dict[str, Any]:
        """Run pipelines in this process, as a notebook would."""
        from kedro.framework.session import KedroSession

        with KedroSession.create(self.path, runtime_params=params) as session:
            return session.run(pipeline_names=list(pipelines) or None)

    def command(self, *arguments: str) -> Result:
        """Run ``kedro run`` with arguments, as a terminal would."""
        from fullcircle.cli.main import run

        before = Path.cwd()
        os.chdir(self.path)
        try:
            return CliRunner().invoke(run, list(arguments))
        finally:
            os.chdir(before)

    def catalog(self) -> Any:
        """Give the project's catalog, its tracking set up."""
        from kedro.framework.session import KedroSession

        with KedroSession.create(self.path) as session:
            return session.load_context().catalog


@cache
def empty_database() -> Path:
    """Make an MLflow database with its tables, once for all tests, since that takes seconds."""
    from mlflow import MlflowClient

    path = Path(tempfile.mkdtemp(prefix="fullcircle-")) / "mlflow.db"
    atexit.register(shutil.rmtree, path.parent, ignore_errors=True)
    MlflowClient(tracking_uri=f"sqlite:///{path}").search_experiments()
    return path


def make_project(path: Path, *, simulation: str | None = SMALL_SIMULATION) -> Project:
    """Copy the configuration to a folder, with a small simulation, and tell Kedro of it."""
    from kedro.framework.startup import bootstrap_project

    shutil.copytree(ROOT / "conf", path / "conf")
    for name in ("pyproject.toml", ".telemetry"):
        shutil.copy(ROOT / name, path)
    (path / "src").mkdir()
    shutil.copy(empty_database(), path)
    (path / "conf" / "local" / "parameters.yml").write_text(SHORT_SEARCH, encoding="utf-8")
    if simulation is not None:
        (path / "conf" / "local" / "catalog.yml").write_text(simulation, encoding="utf-8")
    bootstrap_project(path)
    return Project(path)


@cache
def find_removed_examples(file: Path) -> list[str]:
    """Name the examples that a test file needs and that ``kedro problem remove`` took away."""
    from fullcircle.config_resolvers import list_problems

    text = file.read_text("utf-8")
    makes_one = "make(" in text and "simulation=None" not in text
    needs_default = makes_one or re.search(r"\b(circle|new_project)\b[:,(]", text)
    needed = {name for name in EXAMPLES if re.search(rf"\b{name}\b", text)}
    needed |= {EXAMPLES[0]} if needs_default else set()
    return sorted(needed - set(list_problems()))


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out the tests of an example that was removed, and those that turn its circle."""
    is_test = collection_path.name.startswith("test_") and collection_path.suffix == ".py"
    return True if is_test and find_removed_examples(collection_path) else None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep the tests of a file in one process, and all that use the circle in one as well."""
    from xdist.scheduler import LoadScopeScheduling

    config.option.loadscopereorder = False  # the order is that of the collection

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return "circle" if uses_circle(ROOT / file) else file

    return Scheduling(config, log)


@cache
def uses_circle(file: Path) -> bool:
    """Tell whether a test file takes the circle, which takes a minute to turn."""
    return "(circle:" in file.read_text("utf-8") or " circle:" in file.read_text("utf-8")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, so that no process is left alone with it at the end.

    The tests of the audit get its mark first.
    """
    for item in items:
        if belongs(item.path, getattr(item, "originalname", item.name)):
            item.add_marker("audit")
    items.sort(key=lambda item: not takes_long(item.path))


@cache
def takes_long(file: Path) -> bool:
    """Tell whether a test file turns circles, reads whole real files, or starts processes."""
    signs = r"\b(circle|new_project|make|real_data|open_session|served|subprocess|automl)\b"
    return file.parent == ROOT / "tests" or bool(re.search(signs, file.read_text("utf-8")))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Trace no lines in tests of the whole project, and in those that are marked ``untraced``."""
    whole = item.path.parent == ROOT / "tests" or item.get_closest_marker("untraced")
    with untraced() if whole else nullcontext():
        return (yield)


@contextmanager
def untraced() -> Iterator[None]:
    """Count no lines for as long as the block lasts, nor in blocks within.

    Tracing makes Python code take up to twice as long; what runs here is traced where the rooms
    have tests of their own. In a process of pytest-xdist two count, the one begun first for
    nothing, which stays stopped.
    """
    from coverage import Coverage

    last = tracing = Coverage.current()
    while tracing is not None:
        tracing.stop()
        tracing = Coverage.current()
    try:
        yield
    finally:
        if last is not None:
            last.start()


@pytest.fixture(scope="session", autouse=True)
def _no_switch_from_outside() -> Iterator[None]:
    """Keep the switches of the calling shell out of the tests."""
    kept = {n: os.environ.pop(n) for n in (*SWITCHES, *ADDRESSES) if n in os.environ}
    yield
    os.environ.update(kept)


@pytest.fixture(scope="session", autouse=True)
def _configuration_is_resolved_once() -> Iterator[None]:
    """Resolve a configuration once for all sessions that would read the very same.

    Kedro resolves it anew for each, which takes as long as all else that many a test does.
    """
    from kedro.config import OmegaConfigLoader

    resolve = OmegaConfigLoader.__getitem__
    known: dict[str, dict[str, Any]] = {}

    def resolve_once(loader: Any, key: str) -> dict[str, Any]:
        folder = Path(loader.conf_source)
        if key in loader or not folder.is_dir():
            return resolve(loader, key)
        texts = read_texts(folder)
        read = repr((key, describe_surroundings(loader, texts), texts))
        if read not in known:
            known[read] = resolve(loader, key)
        return deepcopy(known[read])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OmegaConfigLoader, "__getitem__", resolve_once)
        yield


def describe_surroundings(loader: Any, texts: list[tuple[str, bytes]]) -> list[Any]:
    """Give all that a configuration depends on beside its files, of which it names variables."""
    from fullcircle.config_resolvers import list_problems, list_sources

    text = b"".join(content for _, content in texts)
    variables = {n: v for n, v in os.environ.items() if n.encode() in text}
    sources = {name: list_sources(name) for name in list_problems()}
    settings = [loader.env, loader.base_env, loader.default_run_env, loader.runtime_params]
    switched = vars(loader).get("_globals")  # as they were when the loader was made
    return [variables, sources, switched, *settings, loader.config_patterns, loader.merge_strategy]


def read_texts(folder: Path) -> list[tuple[str, bytes]]:
    """Give the files of a folder, by their paths in it."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return [(str(file.relative_to(folder)), file.read_bytes()) for file in files]


@pytest.fixture(scope="session", autouse=True)
def _settings_are_found_quickly() -> Iterator[None]:
    """Spare Dynaconf the source lines of each caller, for which ``inspect`` asks every module.

    It looks for names of files alone, twice whenever Kedro is told of a project.
    """
    from dynaconf.loaders import py_loader
    from dynaconf.utils import files

    def name_callers() -> list[Any]:
        frames = [frame for frame, _ in walk_stack(sys._getframe(1))]
        return [SimpleNamespace(filename=frame.f_code.co_filename) for frame in frames]

    with pytest.MonkeyPatch.context() as patch:
        for module in (py_loader, files):
            patch.setattr(module, "inspect", SimpleNamespace(stack=name_callers))
        yield


@pytest.fixture(scope="session", autouse=True)
def _latency_is_measured_briefly() -> Iterator[None]:
    """Call a registered model a few times only, wherever its latency is but one fact of many."""
    from fullcircle.backtest import model_store
    from fullcircle.datasets import model_probe_dataset

    briefly = partial(model_probe_dataset.measure_latency, rounds=1, calls=5)
    with pytest.MonkeyPatch.context() as patch:
        for module in (model_probe_dataset, model_store):
            patch.setattr(module, "measure_latency", briefly)
        yield


@pytest.fixture(scope="session", autouse=True)
def _heads_of_logs_stay_here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what this machine remembers of registries out of the user's own folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(autouse=True)
def _no_address_from_another_test() -> Iterator[None]:
    """Forget the address that ``mlflow.set_tracking_uri`` leaves in the environment."""
    yield
    os.environ.pop("MLFLOW_TRACKING_URI", None)


def copy_project(project: Project, path: Path) -> Project:
    """Copy a project whole, as ``kedro relocate`` makes one of it that means its own folder."""
    from fullcircle.tracking.registry.relocation import relocate

    shutil.copytree(project.path, path)
    relocate(path / "mlflow.db", project.path, path)
    return Project(path)


@pytest.fixture(scope="session")
def copy_of() -> Callable[[Project, Path], Project]:
    """Give the function that copies a project to a folder."""
    return copy_project


@pytest.fixture(scope="session")
def make() -> Callable[..., Project]:
    """Give the function that makes a project in a folder."""
    return make_project


@pytest.fixture(scope="session")
def database() -> Path:
    """Give an empty MLflow database to copy."""
    return empty_database()


@pytest.fixture
def tracked(tmp_path: Path, database: Path) -> Iterator[Path]:
    """Track to a database of the test's own, and give the folder with it."""
    import mlflow

    shutil.copy(database, tmp_path)
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    identity = mlflow.create_experiment("test", artifact_location=(tmp_path / "art").as_uri())
    mlflow.set_experiment(experiment_id=identity)
    yield tmp_path
    while mlflow.active_run():
        mlflow.end_run()
    mlflow.set_tracking_uri(before)


@pytest.fixture
def new_project(tmp_path: Path) -> Callable[..., Project]:
    """Make a project in an empty folder."""
    return partial(make_project, tmp_path / "project")


@pytest.fixture(scope="session")
def circle(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Give a project in which the circle has turned three times, month by month.

    The first month is quiet, the second too, and the third is the first one with drift.
    """
    project = make_project(tmp_path_factory.mktemp("circle") / "project")
    with untraced():
        for as_of in ("2025-02-01", "2025-03-01", "2025-04-01"):
            project.run(as_of=as_of)
    return project


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Give the folder with the publishers' files, or skip."""
    folder = Path(os.environ.get("FULLCIRCLE_REAL_DATA") or ROOT.parent / "shared" / "data")
    if not (folder / "Telco-Customer-Churn.csv").is_file():
        pytest.skip(f"the publishers' files are not at {folder}; set FULLCIRCLE_REAL_DATA")
    return folder
