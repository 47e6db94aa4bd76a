"""A registered model where this library is not installed: its folder carries what it needs."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
import yaml
from packaging.requirements import Requirement
from tests.servers import _free_port
from tests.small_models import make_model
from tests.spark_session import open_session, open_sockets

from fullcircle.core.evaluation.calibration import CalibratedClassifier
from fullcircle.core.models.model import Model
from fullcircle.core.models.prediction import as_inputs
from fullcircle.core.preparation import PreparationSettings, diagnose_columns
from fullcircle.core.training.estimators import assemble, fit
from fullcircle.tracking.registry.carried_code import write_code
from fullcircle.tracking.registry.estimator_walk import list_modules
from fullcircle.tracking.registry.lookup import find_version
from fullcircle.tracking.registry.model_files import fetch_version
from fullcircle.tracking.registry.operations import Registry
from fullcircle.tracking.registry.requirements import list_requirements

NAME = "catalog.schema.model"
MLFLOW = (sys.executable, "-W", "ignore", "-m", "mlflow", "models")
URI = f"models:/{NAME}@champion"


def make_rich_model() -> Model:
    """Fit a calibrated XGBoost on numbers, categories of few and many values, and free text."""
    rng = np.random.default_rng(0)
    words = ["late", "broken", "friendly", "cheap", "again", "never", "blue", "heavy"]
    frame = pd.DataFrame(
        {
            "size": rng.normal(size=300),
            "colour": rng.choice(["r", "b"], 300),
            "city": rng.choice([f"city {n}" for n in range(60)], 300),
            "remark": [" ".join(rng.choice(words, 6)) + f" {n}" for n in range(300)],
        }
    )
    label = pd.Series((frame["size"] + rng.normal(size=300) > 0).astype(int), name="y")
    features, settings = list(frame.columns), PreparationSettings()
    inputs = as_inputs(frame, features)
    plan = diagnose_columns(inputs, label, "binary", settings)
    estimator = fit(assemble("xgboost", "binary", 1, {}, plan, settings), inputs, label)
    calibrated = CalibratedClassifier(estimator, "sigmoid", {"slope": 0.9, "intercept": 0.1})
    return replace(make_model(), estimator=calibrated, features=features, example=inputs.head(40))


@dataclass
class Portable:
    """A champion of the registry, its checked files, and an environment without this library."""

    model: Model
    files: Path
    environments: Path
    python: Path

    @property
    def variables(self) -> dict[str, str]:
        """The environment of a process that knows nothing of this project."""
        kept = {n: v for n, v in os.environ.items() if not n.startswith(("PYTHON", "COV"))}
        return {
            **kept,
            "MLFLOW_ENV_ROOT": str(self.environments),
            "MLFLOW_TRACKING_URI": mlflow.get_tracking_uri(),
        }


@pytest.fixture(scope="module")
def portable(tmp_path_factory: pytest.TempPathFactory, database: Path) -> Iterator[Portable]:
    """Crown a model, and let uv make the environment that its own requirements ask for."""
    uv = shutil.which("uv")
    if uv is None:
        pytest.skip("uv makes the environment, and there is no uv on the path")
    place = tmp_path_factory.mktemp("portable")
    shutil.copy(database, place)
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{place}/mlflow.db")
    mlflow.set_experiment(
        experiment_id=mlflow.create_experiment("test", artifact_location=(place / "art").as_uri())
    )
    registry = Registry(NAME)
    with mlflow.start_run():
        model = make_rich_model()
        registry.register(model, "challenger")
    registry.judge("1", None, True, {})
    registry.promote("1")
    files = fetch_version(find_version(URI), str(place / "files"))
    whole = Portable(model, files, place / "envs", place)
    address = mlflow.get_tracking_uri()
    made = subprocess.run(
        [*MLFLOW, "prepare-env", "-m", str(files), "--env-manager", "uv"],
        env={**whole.variables, "PATH": f"{Path(uv).parent}:{os.environ['PATH']}"},
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
    )
    mlflow.set_tracking_uri(address)
    if made.returncode and re.search("network|fetch|download", made.stderr, re.IGNORECASE):
        pytest.skip("neither this Python nor a package index can be reached")
    assert made.returncode == 0, made.stderr
    [whole.python] = (place / "envs").glob("*/bin/python")
    yield whole
    while mlflow.active_run():
        mlflow.end_run()
    mlflow.set_tracking_uri(before)


LOAD = """
import importlib.util, json, sys
import mlflow, pandas as pd

assert importlib.util.find_spec("fullcircle") is None and importlib.util.find_spec("kedro") is None
model = mlflow.pyfunc.load_model(sys.argv[1])
rows = pd.read_json(sys.argv[2], orient="split")
print(json.dumps([float(each).hex() for each in model.predict(rows)[:, 1]]))
"""


def write_rows(model: Model, place: Path) -> Path:
    path = place / "rows.json"
    path.write_text(model.example.to_json(orient="split", double_precision=15), encoding="utf-8")
    return path


def read_rows(path: Path) -> pd.DataFrame:
    return pd.read_json(path, orient="split")


def load_and_predict(portable: Portable, python: Path, uri: str, rows: Path) -> list[float]:
    """Predict rows in a process of another environment, with nothing but MLflow's loader."""
    answer = subprocess.run(
        [python, "-W", "ignore", "-c", LOAD, uri, rows],
        env=portable.variables,
        cwd=rows.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return [float.fromhex(text) for text in json.loads(answer.stdout.splitlines()[-1])]


def test_a_bare_environment_predicts_to_the_last_bit(portable: Portable, tmp_path: Path) -> None:
    """With the model's own requirements alone, MLflow loads the champion and predicts the same."""
    rows = write_rows(portable.model, tmp_path)
    there = load_and_predict(portable, portable.python, URI, rows)
    assert there == portable.model.predict(read_rows(rows)).tolist()
    # What MLflow and Python leave behind in a local store is no tampering.
    assert fetch_version(find_version(URI), str(tmp_path / "again")).is_dir()


def test_mlflow_serves_it_in_an_environment_of_its_own(portable: Portable, tmp_path: Path) -> None:
    """`mlflow models serve` with an environment manager answers the same to the last bit."""
    rows = write_rows(portable.model, tmp_path)
    served = serve_and_predict(portable, "uv", portable.variables, rows)
    assert served == portable.model.predict(read_rows(rows)).tolist()


def test_virtualenv_makes_an_environment_as_well(portable: Portable, tmp_path: Path) -> None:
    """An environment by virtualenv and pyenv loads and serves the same to the last bit."""
    if lacking := [name for name in ("pyenv", "virtualenv") if shutil.which(name) is None]:
        pytest.skip(f"MLflow makes it with pyenv and virtualenv; not on the path: {lacking}")
    variables = {**portable.variables, "MLFLOW_ENV_ROOT": str(tmp_path / "envs")}
    rows = write_rows(portable.model, tmp_path)
    served = serve_and_predict(portable, "virtualenv", variables, rows, seconds=600)
    [python] = (tmp_path / "envs").glob("**/bin/python")
    there = load_and_predict(portable, python, URI, rows)
    assert there == served == portable.model.predict(read_rows(rows)).tolist()


def serve_and_predict(
    portable: Portable, manager: str, variables: dict[str, str], rows: Path, seconds: float = 60
) -> list[float]:
    """Have `mlflow models serve` make an environment and answer rows."""
    port = _free_port()
    command = [*MLFLOW, "serve", "-m", str(portable.files), "--env-manager", manager]
    command += ["-p", str(port), "-w", "1"]
    log = rows.with_name("serve.log")
    with (
        log.open("wb") as said,
        subprocess.Popen(
            command,
            env=variables,
            cwd=rows.parent,
            stdout=said,
            stderr=said,
            start_new_session=True,
        ) as server,
    ):
        try:
            wait_for(f"http://127.0.0.1:{port}/ping", server, log, seconds)
            body = json.dumps({"dataframe_split": json.loads(rows.read_text("utf-8"))}).encode()
            request = urllib.request.Request(
                f"http://127.0.0.1:{port}/invocations",
                data=body,
                headers={"Content-Type": "application/json"},
            )
            with urllib.request.urlopen(request) as response:  # noqa: S310 - loopback
                answered = json.load(response)["predictions"]
        finally:
            os.killpg(server.pid, 15)
    return [row[1] for row in answered]


def wait_for(address: str, server: subprocess.Popen[bytes], log: Path, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text("utf-8")
        try:
            urllib.request.urlopen(address).close()  # noqa: S310 - loopback
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"{address} does not answer: {log.read_text('utf-8')}")


def test_spark_scores_it_in_an_environment_of_its_own(
    portable: Portable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`spark_udf` with an environment manager gives the same to the last bit."""
    rows = read_rows(write_rows(portable.model, tmp_path))
    monkeypatch.setenv("MLFLOW_ENV_ROOT", str(portable.environments))
    with open_sockets():
        spark = open_session()
        udf = mlflow.pyfunc.spark_udf(
            spark, str(portable.files), env_manager="uv", result_type="array<double>"
        )
        frame = spark.createDataFrame(rows.astype(object).where(rows.notna(), None))
        found = [row.p[1] for row in frame.select(udf(*rows.columns).alias("p")).collect()]
    assert found == portable.model.predict(rows).tolist()


def test_the_context_of_an_image_is_whole(portable: Portable, tmp_path: Path) -> None:
    """What `mlflow models generate-dockerfile` writes holds all files, and installs from them."""
    subprocess.run(
        [*MLFLOW, "generate-dockerfile", "-m", str(portable.files), "-d", str(tmp_path / "image")],
        env=portable.variables,
        capture_output=True,
        check=True,
    )
    copied = tmp_path / "image" / "model_dir" / portable.files.name
    assert (copied / "code" / "fullcircle" / "core" / "preparation" / "reader.py").is_file()
    assert "model_dir" in (tmp_path / "image" / "Dockerfile").read_text("utf-8")
    rows = write_rows(portable.model, tmp_path)
    there = load_and_predict(portable, portable.python, str(copied), rows)
    assert there == portable.model.predict(read_rows(rows)).tolist()


def test_an_installed_library_goes_before_a_carried_one(tmp_path: Path) -> None:
    """A model loaded by MLflow does not hide the library's other modules from its notebook."""
    code = write_code({"fullcircle.core.preparation.reader"}, tmp_path)
    source = Path(__file__).parents[3] / "src"
    script = (
        f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(source)!r}]\n"
        "import fullcircle.tracking.registry.rules, fullcircle.core.preparation.reader as reader\n"
        "print(reader.__file__)"
    )
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert Path(found.stdout.strip()).is_relative_to(source)
    assert code == tmp_path / "fullcircle"


@pytest.mark.parametrize("candidate", ["logistic_regression", "random_forest", "xgboost"])
def test_a_model_asks_only_for_what_it_uses(candidate: str) -> None:
    """Requirements are pinned, name no library beside inference, and fit each system."""
    lines = list_requirements(list_modules(make_model(candidate).estimator))
    parsed = [Requirement(line) for line in lines]
    assert all(str(each.specifier).startswith("==") for each in parsed)
    for system, wanted in (
        ("linux", "xgboost-cpu"),
        ("darwin", "xgboost"),
        ("win32", "xgboost-cpu"),
    ):
        named = {
            each.name
            for each in parsed
            if each.marker is None or each.marker.evaluate({"sys_platform": system})
        }
        assert {"numpy", "pandas", "scikit-learn", "skops", "mlflow"} <= named
        assert not named & {"kedro", "duckdb", "optuna", "skrub", "deltalake", "fullcircle"}
        boosters = {name for name in named if name.startswith("xgboost")}
        assert boosters == ({wanted} if candidate == "xgboost" else set())


def test_files_of_an_environment_agree(portable: Portable) -> None:
    """requirements.txt, conda.yaml and python_env.yaml ask for the same; the folder stays small."""
    pinned = (portable.files / "requirements.txt").read_text("utf-8").split("\n")
    conda = yaml.safe_load((portable.files / "conda.yaml").read_text("utf-8"))
    [pip] = [each["pip"] for each in conda["dependencies"] if isinstance(each, dict)]
    assert pip == pinned
    environment: Any = yaml.safe_load((portable.files / "python_env.yaml").read_text("utf-8"))
    assert environment["dependencies"] == ["-r requirements.txt"]
    code = list((portable.files / "code").rglob("*.py"))
    assert 10 < len(code) < 40
    assert sum(file.stat().st_size for file in code) < 150_000
