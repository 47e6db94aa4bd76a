"""Models that were logged by hand: adopted with every check, or refused in words."""

import warnings
from pathlib import Path
from typing import Any

import lightgbm
import mlflow
import numpy as np
import pandas as pd
import pytest
import xgboost
from mlflow.models import infer_signature
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from fullcircle.core.contract import ProblemSpec
from fullcircle.core.errors import DataError, ModelError
from fullcircle.core.models.adopted import AdoptedEstimator
from fullcircle.core.models.model import Model
from fullcircle.core.training.adoption import (
    AdoptionClaims,
    check_claims,
    check_columns,
    describe_adopted,
)
from fullcircle.core.training.settings import TrainingSettings
from fullcircle.tracking.registry.adoption import adopt
from fullcircle.tracking.registry.lookup import find_version
from fullcircle.tracking.registry.model_files import read_model
from fullcircle.tracking.registry.operations import Registry

NAME = "catalog.schema.model"
PROBLEM = ProblemSpec.model_validate(
    {
        "name": "small",
        "task": "binary",
        "row_id": "id",
        "entity_keys": ["id"],
        "label": "y",
        "request_columns": ["size", "weight"],
        "primary_metric": "roc_auc",
        "threshold": {"value": 0.5},
        "split": {"by": "key", "train": 0.4, "selection": 0.2, "gate": 0.2, "scoring": 0.2},
    }
)
TRAINING = TrainingSettings.model_validate(
    {
        "candidates": ["baseline"],
        "search": {"trials": 1},
        "bootstrap_resamples": 100,
        "confidence": 0.95,
        "seed": 1,
    }
)
CLAIMS = AdoptionClaims("by hand", "", None, "made on other rows", "2025-01-01")

pytestmark = pytest.mark.usefixtures("tracked")


def make_rows(seed: int, rows: int = 120) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"size": rng.normal(size=rows), "weight": rng.integers(0, 9, rows)})
    frame["y"] = (frame["size"] + rng.normal(size=rows) > 0).astype(int)
    return frame.assign(id=[f"r{n}" for n in range(rows)])


TRAIN, SELECTION = make_rows(0), make_rows(1)
INPUTS = TRAIN[["size", "weight"]]


def sign(frame: pd.DataFrame) -> Any:
    """Infer a signature as MLflow does, which warns of whole numbers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return infer_signature(frame, np.array([0.5]))


def log(flavour: str) -> str:
    """Log a model by hand, as a user of MLflow would, and give its address."""
    options: dict[str, Any] = {"name": "m", "signature": sign(INPUTS), "pip_requirements": []}
    label = TRAIN["y"]
    with mlflow.start_run():
        if flavour.startswith("sklearn"):
            form = "skops" if flavour == "sklearn" else "cloudpickle"
            model = LogisticRegression().fit(INPUTS, label)
            return str(
                mlflow.sklearn.log_model(model, serialization_format=form, **options).model_uri
            )
        if flavour == "xgboost":
            boosted = xgboost.XGBClassifier(n_estimators=5).fit(INPUTS, label)
            return str(mlflow.xgboost.log_model(boosted, **options).model_uri)
        if flavour == "xgboost booster":
            matrix = xgboost.DMatrix(INPUTS, label)
            booster = xgboost.train({"objective": "binary:logistic"}, matrix, 5)
            return str(mlflow.xgboost.log_model(booster, **options).model_uri)
        if flavour == "lightgbm":
            data = lightgbm.Dataset(INPUTS, label)
            trained = lightgbm.train({"objective": "binary", "verbosity": -1}, data, 5)
            return str(mlflow.lightgbm.log_model(trained, **options).model_uri)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # MLflow misses an example
            return str(mlflow.pyfunc.log_model(python_model=ask_by_hand, **options).model_uri)


def ask_by_hand(model_input: pd.DataFrame) -> Any:
    """A model that is a function."""
    return 1 / (1 + np.exp(-model_input["size"].to_numpy()))


def describe(estimator: AdoptedEstimator, flavour: str) -> Model:
    check_columns(estimator.columns, PROBLEM)
    claims = AdoptionClaims("by hand", flavour, None, "made on other rows", "2025-01-01")
    return describe_adopted(estimator, TRAIN, SELECTION, PROBLEM, TRAINING, claims)


def take(uri: str, **options: Any) -> str:
    experiment = mlflow.get_experiment_by_name("test").experiment_id
    return adopt(Registry(NAME), uri, PROBLEM.features, describe, experiment, **options)


def ask_itself(uri: str) -> np.ndarray:
    """What MLflow's own loader predicts for class 1."""
    found = np.asarray(mlflow.pyfunc.load_model(uri).predict(INPUTS), dtype=float)
    return found[:, 1] if found.ndim == 2 else found


@pytest.mark.parametrize("flavour", ["xgboost booster", "lightgbm"])
def test_an_adopted_model_predicts_as_it_did(flavour: str) -> None:
    """A model of a format without code is a challenger with digests, and predicts the same."""
    uri = log(flavour)
    assert take(uri, why="best by hand") == "1"
    version = find_version(f"models:/{NAME}@challenger")
    model = read_model(version)
    assert (model.predict(INPUTS) == ask_itself(uri)).all()
    assert model.predict(model.example).tolist() == model.expected
    assert model.threshold == 0.5
    assert 0.5 < model.scores["roc_auc"]["low"] < 1
    assert version.tags["adopted_from"] == uri
    [entry] = [each for each in Registry(NAME).history() if each.act == "adopt"]
    assert (entry.why, entry.evidence["digest"]) == ("best by hand", version.tags["digest"])


@pytest.mark.parametrize("flavour", ["sklearn", "xgboost"])
def test_probabilities_of_an_estimator_are_asked_for(flavour: str) -> None:
    """Where MLflow would give classes, the estimator gives probabilities."""
    take(log(flavour))
    predicted = read_model(find_version(f"models:/{NAME}@challenger")).predict(INPUTS)
    assert len(np.unique(predicted)) > 2
    assert ((predicted > 0) & (predicted < 1)).all()


@pytest.mark.parametrize("flavour", ["sklearn pickle", "pyfunc"])
def test_code_runs_only_where_the_environment_allows_these_files(
    flavour: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A format that runs code needs a person at adoption, and its digest wherever it is loaded."""
    uri = log(flavour)
    with pytest.raises(ModelError, match="runs code when it is loaded, which is refused"):
        take(uri)
    take(uri, allow_code=True)
    version = find_version(f"models:/{NAME}@challenger")
    with pytest.raises(ModelError, match="runs code when it is loaded, which is refused"):
        read_model(version)
    for wrong in ("1", "0" * 64, version.tags["digest"][:8]):
        monkeypatch.setenv("ALLOW_MODEL_CODE", wrong)
        with pytest.raises(ModelError, match="runs code when it is loaded, which is refused"):
            read_model(version)
    monkeypatch.setenv("ALLOW_MODEL_CODE", f"{'0' * 64}, {version.tags['digest'][:16]}")
    model = read_model(version)
    if flavour == "pyfunc":
        assert (model.predict(INPUTS) == ask_itself(uri)).all()
    assert model.predict(model.example).tolist() == model.expected


def test_what_the_contract_does_not_offer_is_refused() -> None:
    """A model that asks for a column of its own is refused by the column's name."""
    with mlflow.start_run():
        frame = INPUTS.rename(columns={"weight": "wait"})
        model = LogisticRegression().fit(frame, TRAIN["y"])
        uri = mlflow.sklearn.log_model(
            model,
            name="m",
            serialization_format="skops",
            signature=sign(frame),
            pip_requirements=[],
        ).model_uri
    with pytest.raises(DataError, match=r"asks for 'wait' \(nearest: 'weight'\), which the"):
        take(uri)
    assert Registry(NAME).history() == []


@pytest.mark.parametrize(
    ("inner", "said"),
    [
        (SVC().fit(INPUTS, TRAIN["y"]), "gives classes, not probabilities"),
        (LogisticRegression().fit(INPUTS, 1 + TRAIN["y"]), r"classes are \[1, 2\]"),
        (LogisticRegression().fit(INPUTS[["size"]], TRAIN["y"]), "cannot predict the selection"),
    ],
    ids=["no probabilities", "other classes", "other columns"],
)
def test_a_model_that_cannot_serve_the_contract_is_refused(inner: Any, said: str) -> None:
    """What gives no finite probabilities of the contract's classes is not described at all."""
    estimator = AdoptedEstimator(inner, {"size": "double", "weight": "long"}, "estimator")
    with pytest.raises(ModelError, match=said):
        describe(estimator, "sklearn")


def test_classes_are_no_probabilities() -> None:
    """A function whose answers are all 0 or 1 is told from one that gives probabilities."""

    class Decides:
        def predict(self, frame: pd.DataFrame) -> Any:
            return (frame["size"] > 0).astype(int)

    estimator = AdoptedEstimator(Decides(), {"size": "double", "weight": "long"}, "pyfunc")
    with pytest.raises(ModelError, match="pyfunc_predict_fn='predict_proba'"):
        describe(estimator, "pyfunc")


def test_nobody_is_adopted_without_a_word_on_its_training_rows() -> None:
    """The gate must know that its rows are new to the model: a person says so, or it is refused."""
    with pytest.raises(DataError, match="Give --held-out"):
        check_claims(AdoptionClaims("u", "", "2025-01-01", None, "2025-01-01"), PROBLEM)
    check_claims(CLAIMS, PROBLEM)


def test_a_changed_model_is_not_adopted(tracked: Path) -> None:
    """A registered version with a digest is adopted only as it was registered."""
    take(log("lightgbm"))
    version = find_version(f"models:/{NAME}/1")
    folder = Path(mlflow.artifacts.download_artifacts(version.source))
    (folder / "model.lgb").write_text("other", encoding="utf-8")
    with pytest.raises(ModelError, match=r"is not what was registered: changed: model\.lgb"):
        take(f"models:/{NAME}/1")


def test_an_adopted_estimator_that_reads_files_is_refused(tracked: Path) -> None:
    """scikit-learn's estimators may be in an adopted model, but none that opens files."""
    (tracked / "a.txt").write_text("one two", encoding="utf-8")
    files = [str(tracked / "a.txt")] * 20
    reader = make_pipeline(CountVectorizer(input="filename"), LogisticRegression())
    reader.fit(files, [0, 1] * 10)
    with mlflow.start_run():
        uri = mlflow.sklearn.log_model(
            reader,
            name="m",
            serialization_format="skops",
            signature=sign(INPUTS),
            pip_requirements=[],
        ).model_uri
    with pytest.raises(ModelError, match="CountVectorizer has input='filename'"):
        take(uri)
