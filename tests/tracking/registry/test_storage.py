"""Models of the registry: what comes back is what was registered, or nothing does."""

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
from kedro.io import DatasetError
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC
from tests.small_models import make_model

from fullcircle.core.errors import ModelError, StorageError
from fullcircle.core.training.candidates import CANDIDATES
from fullcircle.datasets import ModelDataset
from fullcircle.tracking.registry.copying import export_files
from fullcircle.tracking.registry.lookup import find_named, find_version
from fullcircle.tracking.registry.model_files import read_model
from fullcircle.tracking.registry.operations import Registry
from fullcircle.tracking.registry.trusted_types import TRUSTED_TYPES

pytestmark = pytest.mark.usefixtures("tracked")
NAME = "catalog.schema.model"


def dataset(alias: str, *, optional: bool = False) -> ModelDataset:
    return ModelDataset(model_name=NAME, alias=alias, optional=optional)


@pytest.mark.parametrize(
    ("candidate", "task"),
    [
        (name, task)
        for name, family in CANDIDATES.items()
        for task in ("binary", "multiclass", "regression")
        if family.fits(task, ordered=True)
    ],
)
def test_registered_model_predicts_as_before(candidate: str, task: str) -> None:
    """A model loaded back from the registry gives the very same predictions and facts."""
    original = make_model(candidate, task)
    with mlflow.start_run():
        dataset("challenger").save(original)
    loaded = dataset("challenger").load()
    frame = original.example
    assert (loaded.predict(frame) == original.predict(frame)).all()
    assert loaded.describe() == original.describe()
    assert loaded.registration.version == "1"
    assert dataset("challenger").data_version() == f"{NAME} v1"


def test_a_model_knows_what_its_version_is_tagged_with() -> None:
    """A loaded model carries its version's tags, of code and data, and equals itself without."""
    with mlflow.start_run():
        mlflow.set_tags({"git_commit": "abc", "data.train_set": "delta v4"})
        dataset("challenger").save(make_model())
    placed = dataset("challenger").load().registration
    assert placed.facts["git_commit"] == "abc"
    assert placed.facts["data.train_set"] == "delta v4"
    assert placed == replace(placed, facts={})


def test_saving_a_registered_model_moves_the_alias_only() -> None:
    """Another role makes no new version."""
    with mlflow.start_run():
        dataset("challenger").save(make_model())
        dataset("challenger").save(make_model())
    dataset("shadow").save(dataset("challenger").load())
    client = mlflow.MlflowClient()
    assert len(client.search_model_versions(f"name = '{NAME}'")) == 2
    assert int(client.get_model_version_by_alias(NAME, "shadow").version) == 2


def test_nobody_is_champion_without_the_gate() -> None:
    """A model that the gate has not judged, new or registered, gets no role that scores."""
    with mlflow.start_run():
        with pytest.raises(DatasetError, match="moves by the gate alone"):
            dataset("champion").save(make_model())
        dataset("challenger").save(make_model())
        with pytest.raises(DatasetError, match="the gate has not judged it yet"):
            dataset("champion").save(dataset("challenger").load())
    assert dataset("champion", optional=True).load() is None


def test_absent_alias_is_none_or_an_error() -> None:
    """Where no version has the alias, an optional entry is None and a needed one says so."""
    assert dataset("champion", optional=True).load() is None
    assert not dataset("champion")._exists()
    with pytest.raises(DatasetError, match=f"no champion of {NAME}"):
        dataset("champion").load()


def register() -> Path:
    """Register a model and give the folder that its files lie in."""
    with mlflow.start_run():
        dataset("challenger").save(make_model())
    source = find_version(f"models:/{NAME}/1").source
    return Path(mlflow.artifacts.download_artifacts(source))


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (lambda f: (f / "model.skops").write_bytes(b"none"), "changed: model.skops"),
        (
            lambda f: (f / "fullcircle.json").write_text("{}", encoding="utf-8"),
            "changed: fullcircle.json",
        ),
        (lambda f: (f / "MLmodel").unlink(), "MLmodel"),
        (lambda f: (f / "input_example.json").unlink(), "missing: input_example.json"),
        (lambda f: (f / "code.py").write_text("import os", encoding="utf-8"), "added: code.py"),
        (lambda f: (f / "model.pkl").write_bytes(b"cos"), "added: model.pkl"),
        (
            lambda f: [
                (f / n).write_text("{}", encoding="utf-8")
                for n in ("digests.json", "fullcircle.json")
            ],
            "digests.json was changed",
        ),
        (shutil.rmtree, "digests.json cannot be read"),
    ],
    ids=["model", "papers", "MLmodel", "missing", "code", "pickle", "manifest", "all gone"],
)
def test_a_tampered_file_is_named(tamper: Callable[[Path], object], said: str) -> None:
    """Whatever is changed, added or taken away, the model is not loaded and the file is named."""
    tamper(register())
    with pytest.raises(DatasetError, match=f"{NAME} v1 .*{said}"):
        dataset("challenger").load()


@pytest.mark.parametrize(
    "name",
    ["x__pycache__.py", "__pycache__/evil.pyc", "code/__pycache__/evil.py", "code/evil.pyc"],
)
def test_no_name_escapes_the_digests(name: str) -> None:
    """A file with any name, such as Python gives to compiled code, is found beside the model."""
    place = register() / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(b"planted")
    with pytest.raises(DatasetError, match=f"added: {name}"):
        dataset("challenger").load()


def test_what_mlflow_and_python_leave_behind_is_not_taken_along(tmp_path: Path) -> None:
    """A planted note of MLflow or compiled code is no fault, and never reaches a checked copy."""
    folder = register()
    (folder / "registered_model_meta").write_text("planted", encoding="utf-8")
    compiled = folder / "code" / "fullcircle" / "__pycache__" / "__init__.cpython-311.pyc"
    compiled.parent.mkdir()
    compiled.write_bytes(b"planted")
    copied = tmp_path / "copy"
    written = export_files(find_version(f"models:/{NAME}/1"), copied)
    assert "model.skops" in written
    assert not any(file.read_bytes() == b"planted" for file in copied.rglob("*") if file.is_file())


def test_an_export_is_checked_and_overwrites_nothing(tmp_path: Path) -> None:
    """Files that were changed are not exported, and a folder that holds something is refused."""
    folder = register()
    version = find_version(f"models:/{NAME}/1")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(StorageError, match="full is not empty"):
        export_files(version, tmp_path / "full")
    (folder / "model.skops").write_bytes(b"none")
    with pytest.raises(ModelError, match=r"changed: model\.skops"):
        export_files(version, tmp_path / "new")
    assert not list((tmp_path / "new").iterdir())


def test_types_of_a_model_s_own_are_refused() -> None:
    """Types outside our own list are not loaded, even where the digests agree."""
    import skops.io
    from sklearn.preprocessing import FunctionTransformer

    with mlflow.start_run():
        model = replace(make_model(), estimator=make_model().estimator)
        registry = Registry(NAME)
        registry.register(model, "challenger")
    folder = Path(mlflow.artifacts.download_artifacts(find_version(f"models:/{NAME}/1").source))
    skops.io.dump(FunctionTransformer(np.polyfit), folder / "model.skops")
    seal_again(folder)
    with pytest.raises(ModelError, match="cannot be loaded"):
        read_model(find_version(f"models:/{NAME}/1"))


def seal_again(folder: Path, *, log_too: bool = True) -> None:
    """Give files that were changed the digests of files that were not, and the log's entry too."""
    import json

    from fullcircle.tracking.registry.digests import (
        MANIFEST,
        digest_files,
        remove_byproducts,
        seal_files,
    )

    remove_byproducts(folder)
    digests = digest_files(folder)
    (folder / MANIFEST).write_text(json.dumps(digests), encoding="utf-8")
    client = mlflow.MlflowClient()
    client.set_model_version_tag(NAME, "1", "digest", seal_files(digests))
    if log_too:
        experiment = client.get_experiment_by_name(f"{NAME} log").experiment_id
        [run] = client.search_runs([experiment])
        entry = json.loads(run.data.tags["entry"])
        entry["evidence"]["digest"] = seal_files(digests)
        client.set_tag(run.info.run_id, "entry", json.dumps(entry, sort_keys=True))
        text = json.dumps(entry, sort_keys=True)
        client.set_tag(run.info.run_id, "seal", hashlib.sha256(text.encode()).hexdigest())


@pytest.mark.parametrize(
    ("planted", "said"),
    [
        (
            CountVectorizer(input="filename", vocabulary=["a"]),
            "holds sklearn.feature_extraction.text.CountVectorizer",
        ),
        (
            TfidfVectorizer(input="filename", vocabulary=["a"]),
            "TfidfVectorizer has input='filename', and may only have 'content'",
        ),
        (Pipeline([("a", SimpleImputer())], memory="cache"), "Pipeline has memory='cache'"),
        (FunctionTransformer(np.log), "FunctionTransformer has func=|holds numpy"),
        (SVC(), "holds sklearn.svm._classes.SVC"),
    ],
    ids=["count", "tfidf", "memory", "function", "family"],
)
def test_an_estimator_that_could_read_files_is_refused(planted: Any, said: str) -> None:
    """Where digests and log were forged too, types and parameters of our families alone load."""
    import skops.io

    folder = register()
    inner = skops.io.load(folder / "model.skops", trusted=TRUSTED_TYPES)
    inner.steps.append(("planted", planted))
    skops.io.dump(inner, folder / "model.skops")
    seal_again(folder)
    with pytest.raises(ModelError, match=said):
        read_model(find_version(f"models:/{NAME}/1"))


def test_a_rewritten_digest_is_found_at_load() -> None:
    """Files, manifest and digest tag that agree are refused where the log says otherwise."""
    folder = register()
    metadata = folder / "fullcircle.json"
    metadata.write_text(
        metadata.read_text("utf-8").replace('"threshold": 0.4', '"threshold": 0.01'),
        encoding="utf-8",
    )
    seal_again(folder, log_too=False)
    with pytest.raises(DatasetError, match=r"its tag digest says .* the log says"):
        dataset("challenger").load()
    assert any("v1: its tag digest says" in fault for fault in Registry(NAME).verify())


def test_a_pickle_is_loaded_only_where_allowed() -> None:
    """A format that runs code when it is loaded is refused, unless the entry allows it."""
    folder = register()
    expected = dataset("challenger").load().predict(make_model().example)
    pickled = folder.parent / "pickled"
    mlflow.sklearn.save_model(
        make_model().estimator,
        str(pickled),
        serialization_format="cloudpickle",
        pip_requirements=[],
    )
    (folder / "model.skops").unlink()
    for name in ("MLmodel", "model.pkl"):
        shutil.copy(pickled / name, folder)
    seal_again(folder)
    with pytest.raises(DatasetError, match="runs code when it is loaded, which is refused"):
        dataset("challenger").load()
    trusting = ModelDataset(model_name=NAME, alias="challenger", allow_code=True)
    assert (trusting.load().predict(make_model().example) == expected).all()


def test_a_version_is_found_by_what_people_call_it() -> None:
    """Alias, number, and addresses with the name all lead to the version; others are explained."""
    register()
    for address in ("challenger", "1", "v1", "latest", f"{NAME}@challenger", f"{NAME}/1"):
        assert str(find_named(address, NAME).version) == "1"
        uri = address if address.startswith("models:/") else f"models:/{NAME}/1"
        assert str(find_named(uri, NAME).version) == "1"
    for address, said in {
        "chalenger": "no version 'chalenger' \\(nearest: 'challenger'\\). Its aliases: challenger",
        "7": "no version '7'",
        "other@champion": "'other' is not the model that is meant",
        "a b": "neither an alias nor a version",
        "models:/x": "none of models:/name@alias",
    }.items():
        with pytest.raises(ModelError, match=said):
            find_named(address, NAME)
    with pytest.raises(ModelError, match=r"no x\.y\.z yet\. Train one first"):
        find_named("champion", "x.y.z")


def test_unregistered_model_is_called_so() -> None:
    """A model says of itself whether the registry knows it."""
    assert str(make_model()) == "unregistered logistic_regression"
    assert replace(make_model(), registration=None).registration is None
