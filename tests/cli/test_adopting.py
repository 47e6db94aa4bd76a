"""Models that were made elsewhere, after ``kedro model adopt``: used in every way that ours are."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
import xgboost
from click.testing import CliRunner
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from mlflow.models import infer_signature
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from tests.serving.stage import HTTP, Client, served

from fullcircle.api import score_batch
from fullcircle.cli.main import cli
from fullcircle.serving.model_files import Fetcher
from fullcircle.serving.runtime_dir import RuntimeDir
from fullcircle.serving.setup import set_up
from fullcircle.serving.worker import build_endpoint
from fullcircle.tracking.registry.lookup import find_version, list_aliases
from fullcircle.tracking.registry.model_files import read_model

MODEL = "fullcircle.telco_churn.simulated_model"
NUMBERS = ["tenure_months", "monthly_charges", "total_charges"]
TOLERANT = """
training: {search: {trials: 4}}
gate: {comparison: non_inferiority, margin: 0.3, slice_margin: 0.5, max_latency_ms: null}
"""


class Place:
    """A copy of the circle's project, asked as a terminal would."""

    def __init__(self, project: Any) -> None:
        self.project = project

    def ask(self, *words: str, json_too: bool = True) -> Any:
        """Run a command of Kedro that must succeed, and give its answer."""
        result = self.fail(*words, *(["--json"] if json_too else []), code=0)
        return json.loads(result.stdout) if json_too else result.output

    def fail(self, *words: str, code: int = 1) -> Any:
        before = Path.cwd()
        os.chdir(self.project.path)
        try:
            result = CliRunner(env={"COLUMNS": "200"}).invoke(cli, list(words))
        finally:
            os.chdir(before)
        assert result.exit_code == code, result.output
        assert "Traceback" not in result.output
        return result

    def rows(self, name: str) -> pd.DataFrame:
        return self.project.catalog().load(name)


@pytest.fixture(scope="module")
def place(circle: Any, copy_of: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """One project for all tests here: what each adopts is rolled back at its end."""
    folder = copy_of(circle, tmp_path_factory.mktemp("adopting") / "copy").path
    (folder / "conf" / "local" / "parameters.yml").write_text(TOLERANT, encoding="utf-8")
    bootstrap_project(folder)
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    place = Place(replace(circle, path=folder))
    place.ask("features", "publish", json_too=False)
    yield place
    mlflow.set_tracking_uri(before)


def log_automl(place: Place) -> str:
    """Search over a file in the project, as ``kedro automl`` does, and give the model's address."""
    problem, rows = place.project.catalog().load("params:problem"), place.rows("train_set")
    file = place.project.path / "rows.csv"
    rows[[*problem.features, problem.label]].to_csv(file, index=False)
    found = place.ask(
        *("automl", "--file", str(file), "--target", problem.label, "--trials", "0"),
        *("--candidates", "logistic_regression", "--no-key"),
    )
    return str(found["model_uri"])


def log_xgboost(place: Place) -> str:
    inputs, label = split(place)
    model = xgboost.XGBClassifier(n_estimators=20, max_depth=3).fit(inputs, label)
    return log(mlflow.xgboost.log_model, model, inputs)


def log_cloudpickle(place: Place) -> str:
    inputs, label = split(place)
    model = make_pipeline(SimpleImputer(), LogisticRegression(max_iter=1000)).fit(inputs, label)
    return log(mlflow.sklearn.log_model, model, inputs, serialization_format="cloudpickle")


def split(place: Place) -> tuple[pd.DataFrame, pd.Series]:
    rows = place.rows("train_set")
    return rows[NUMBERS].astype(float), rows["churned"]


def log(how: Any, model: Any, inputs: pd.DataFrame, **options: Any) -> str:
    signature = infer_signature(inputs, np.array([0.5]))
    mlflow.set_experiment("by hand")
    with mlflow.start_run():
        logged = how(model, name="m", signature=signature, pip_requirements=[], **options)
    return str(logged.model_uri)


MAKERS: dict[str, Callable[[Place], str]] = {
    "automl": log_automl,
    "xgboost": log_xgboost,
    "cloudpickle": log_cloudpickle,
}


@pytest.mark.parametrize("flavour", MAKERS)
def test_an_adopted_model_is_used_in_every_way_that_ours_are(
    flavour: str, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batch, score_batch and the endpoint give the same predictions; then it is rolled back."""
    before = list_aliases(MODEL)["champion"]
    uri = MAKERS[flavour](place)
    claim = ("--trained-until", "2024-06-01", "--why", flavour)
    if flavour == "cloudpickle":
        assert "runs code when it is loaded" in place.fail("model", "adopt", uri, *claim).output
        claim = (*claim, "--allow-code")
        monkeypatch.setenv("ALLOW_MODEL_CODE", "0" * 16)  # of another model
    adopted = place.ask("model", "adopt", uri, *claim)
    version = find_version(f"models:/{MODEL}@champion")
    assert adopted["roles"]["champion"] == f"v{version.version}" != f"v{before}"
    assert version.tags["adopted_from"] == uri
    if flavour == "cloudpickle":
        monkeypatch.setenv("ALLOW_MODEL_CODE", version.tags["digest"][:16])
    model = read_model(version)
    batch = score_whole_batch(place, str(version.version))
    expected = batch["predicted"].head(20).tolist()
    catalog = place.project.catalog()
    problem = catalog.load("params:problem")
    asked = batch[[*problem.identity, *problem.request_columns]].head(20)
    given = score_batch(f"models:/{MODEL}@champion", asked, catalog.load("feature_tables")).rows
    assert given["predicted"].tolist() == pytest.approx(expected, rel=1e-12)
    assert serve(place, model, given) == pytest.approx(expected, rel=1e-6)
    assert place.ask("model", "compare", "champion", before)["gate_rows"] > 100
    assert roll_back(place)["champion"] == f"v{before}"


def roll_back(place: Place) -> dict[str, str]:
    """Take the adopted model back, and allow its like, so that the next test may adopt another."""
    number = list_aliases(MODEL)["champion"]
    done = place.ask("model", "rollback", "--why", "tried enough")
    place.ask("model", "allow", number, "--why", "the next test")
    roles: dict[str, str] = done["roles"]
    return roles


def score_whole_batch(place: Place, version: str) -> pd.DataFrame:
    """Score the month as ``kedro run --pipeline scoring`` does, and give the model's rows."""
    place.project.run("scoring", as_of="2025-04-01")
    rows = place.rows("predictions").to_pandas()
    found = rows[rows["model_version"].astype(str) == version]
    assert len(found) > 100
    return found


def serve(place: Place, model: Any, rows: pd.DataFrame) -> list[float]:
    """Serve the champion as ``kedro serve`` would, and ask it rows that bring all features."""
    folder = prepare_endpoint(place)
    client = Client(build_endpoint(folder, 0, private=True))
    try:
        answer = client.predict(*as_records(model, rows))
        return [of_both[1] for of_both in answer["predictions"]]
    finally:
        client.close()


def prepare_endpoint(place: Place) -> RuntimeDir:
    with KedroSession.create(place.project.path) as session:
        folder = set_up(session.load_context(), {"port": 0, "workers": 1}, ())
    fetcher = Fetcher(folder, MODEL, mlflow.get_tracking_uri())
    fetcher.refresh()
    assert not fetcher.trouble
    return folder


def as_records(model: Any, rows: pd.DataFrame) -> list[dict[str, Any]]:
    frame = rows[model.features].astype(object)
    return frame.where(frame.notna(), None).to_dict("records")


OWN_TYPE = "shop_encoders.Halve"
ENCODER = """
from sklearn.base import BaseEstimator, TransformerMixin

class Halve(TransformerMixin, BaseEstimator):
    def fit(self, inputs, label=None):
        return self
    def __sklearn_is_fitted__(self):
        return True
    def transform(self, inputs):
        return inputs / 2
"""


def test_types_of_a_project_s_own_are_trusted_where_its_configuration_says_so(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refusal names type and setting; declared, the model loads here and in a worker."""
    (tmp_path / "shop_encoders.py").write_text(ENCODER, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    halve = import_module("shop_encoders").Halve()
    inputs, label = split(place)
    steps = (SimpleImputer(), halve, LogisticRegression(max_iter=1000))
    model = make_pipeline(*steps).fit(inputs, label)
    trusted = {"serialization_format": "skops", "skops_trusted_types": ["numpy.dtype", OWN_TYPE]}
    uri = log(mlflow.sklearn.log_model, model, inputs, **trusted)
    claim = ("--trained-until", "2024-06-01")
    refused = place.fail("model", "adopt", uri, *claim).output
    assert "it holds shop_encoders.Halve, which no model here may be made of" in refused
    assert "add the type to trusted_types in conf/base/globals.yml" in refused
    declared = place.project.path / "conf" / "local" / "globals.yml"
    declared.write_text("trusted_types: [shop_encoders.Halve]", encoding="utf-8")
    place.ask("model", "adopt", uri, *claim)
    adopted = read_model(find_version(f"models:/{MODEL}@champion"))
    rows = inputs.head(5)
    folder = prepare_endpoint(place)
    with served(SimpleNamespace(folder=folder, path=tmp_path), PYTHONPATH=str(tmp_path)) as found:
        body = {"dataframe_records": as_records(adopted, rows)}
        answer = HTTP.post(f"{found[0]}/invocations", json=body, timeout=60).json()
    given = [of_both[1] for of_both in answer["predictions"]]
    assert given == pytest.approx(adopted.predict(rows).tolist(), rel=1e-9)
    declared.unlink()
    assert "it holds shop_encoders.Halve" in place.fail("model", "compare", "champion", "1").output
    declared.write_text("trusted_types: [shop_encoders.Halve]", encoding="utf-8")
    roll_back(place)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("shop.encoders.Postcode", "is a list of types such as [shop.encoders.Postcode]"),
        ("[Postcode]", "These are none: 'Postcode'"),
        ("[os.system]", "os.system of Python's own library, with which a model could run any"),
    ],
)
def test_what_is_no_type_cannot_be_trusted(place: Place, given: str, said: str) -> None:
    """A setting that names no types, or types of Python itself, stops every command in words."""
    declared = place.project.path / "conf" / "local" / "globals.yml"
    before = declared.read_text("utf-8") if declared.exists() else ""
    declared.write_text(f"trusted_types: {given}", encoding="utf-8")
    assert said in " ".join(place.fail("model", "list").output.split())
    declared.write_text(before, encoding="utf-8")
