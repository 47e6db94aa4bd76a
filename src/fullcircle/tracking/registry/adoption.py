"""Taking a model into the registry that was logged elsewhere, by any of MLflow's flavours."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fullcircle.core.errors import ModelError
from fullcircle.core.models.adopted import AdoptedEstimator
from fullcircle.core.models.model import Model
from fullcircle.tracking.killed_runs import describe_process
from fullcircle.tracking.registry.digests import MANIFEST, digest_files, find_tampering, seal_files
from fullcircle.tracking.registry.flavours import load_adopted, read_metadata
from fullcircle.tracking.registry.model_files import (
    DESCRIPTION,
    EXAMPLE,
    SEAL,
    enter_version,
    fetch_files,
)
from fullcircle.tracking.registry.operations import Registry
from fullcircle.tracking.registry.rules import CHALLENGER
from fullcircle.tracking.registry.version_description import collect_metadata, describe_version

_NO_FRAMEWORK = ("python_function", "pyfunc")
_DATA_TYPES = ("double", "float", "long", "integer", "boolean", "string", "datetime")

Describe = Callable[[AdoptedEstimator, str], Model]


def adopt(
    registry: Registry,
    uri: str,
    features: list[str],
    describe: Describe,
    experiment_id: str,
    *,
    allow_code: bool = False,
    why: str = "",
) -> str:
    """Check a foreign model, register it as a challenger here, and give its version.

    Args:
        registry: Where it goes.
        uri: Any address of MLflow: ``models:/name/1``, ``models:/name@alias``, ``runs:/id/path``.
        features: The contract's features: the inputs of a model that was logged without signature.
        describe: Gives the model with all that ours know of themselves, from the estimator and the
            name of its flavour.
        experiment_id: Experiment that the run which notes the adoption belongs to.
        allow_code: Whether a format that runs code may be loaded here and now.
        why: Reason, for the log.

    Raises:
        ModelError: It cannot be fetched, loaded or used, or would run code.
    """
    with tempfile.TemporaryDirectory() as place:
        files = _fetch(uri, place)
        metadata = read_metadata(files)
        columns = _read_columns(metadata, features)
        try:
            estimator = load_adopted(files, columns, name=uri, allow_code=allow_code)
        except ImportError as error:
            raise ModelError(f"{uri} needs a library that is not installed: {error}") from error
        flavour = name_flavour(metadata)
        model = describe(estimator, flavour)
        _complete(files, metadata, model)
        return _enter(registry, model, files, uri, experiment_id, flavour, why)


def _fetch(uri: str, place: str) -> Path:
    """Download a model; one that has a digest in a registry must have it still."""
    from fullcircle.tracking.registry.lookup import find_version

    sealed = None
    try:
        files = fetch_files(uri, place)
    except Exception as error:  # whatever a store raises
        said = str(error).partition("\n")[0]
        raise ModelError(f"{uri} cannot be fetched: {said}") from error
    if uri.startswith("models:/") and not uri.startswith("models:/m-"):
        sealed = find_version(uri).tags.get(SEAL)
    if sealed and (tampering := find_tampering(files, sealed)):
        raise ModelError(f"{uri} is not what was registered: {tampering}.")
    return files


def _read_columns(metadata: Any, features: list[str]) -> dict[str, str]:
    """Give the type by input column; a model without a signature takes all features as they are."""
    if metadata.signature is None or metadata.signature.inputs is None:
        return dict.fromkeys(features, "any")
    inputs = metadata.signature.inputs
    if not inputs.has_input_names():
        raise ModelError("its signature names no columns. Log it with a frame as input example")
    types = {str(each.name): getattr(each.type, "name", "any") for each in inputs.inputs}
    if odd := [name for name, kind in types.items() if kind not in (*_DATA_TYPES, "any")]:
        raise ModelError(f"its columns {', '.join(odd)} hold neither numbers, texts nor moments")
    return types


def name_flavour(metadata: Any) -> str:
    """Name the library that made a model, as MLflow does."""
    named = [name for name in metadata.flavors if name not in _NO_FRAMEWORK]
    return named[0] if named else "pyfunc"


def _complete(files: Path, metadata: Any, model: Model) -> None:
    """Write beside a foreign model what ours have: description, example, signature, digests."""
    from mlflow.models import infer_signature

    description = json.dumps(model.describe(), indent=1)
    (files / DESCRIPTION).write_text(description, encoding="utf-8")
    rows = model.example.astype(object).where(model.example.notna(), None)
    example = json.dumps(rows.to_dict(orient="split", index=False))  # each float to the last bit
    (files / EXAMPLE).write_text(example, encoding="utf-8")
    if metadata.signature is None:
        metadata.signature = infer_signature(model.example, model.predict(model.example))
        metadata.save(str(files / "MLmodel"))
    (files / MANIFEST).unlink(missing_ok=True)
    manifest = json.dumps(digest_files(files), indent=1, sort_keys=True)
    (files / MANIFEST).write_text(manifest, encoding="utf-8")


def _enter(
    registry: Registry,
    model: Model,
    files: Path,
    uri: str,
    experiment_id: str,
    flavour: str,
    why: str,
) -> str:
    import mlflow
    from mlflow import MlflowClient

    client, sealed = MlflowClient(), seal_files(digest_files(files))
    name, tags = f"adoption of {uri}", {"act": "adopt", **describe_process()}
    with mlflow.start_run(experiment_id=experiment_id, run_name=name, tags=tags) as run:
        logged = client.create_logged_model(experiment_id, f"adopted_{flavour}", run.info.run_id)
        client.log_model_artifacts(logged.model_id, str(files))
        client.finalize_logged_model(logged.model_id, "READY")
        tags = {
            **collect_metadata(model, run.info.run_id),
            "framework": flavour,
            "adopted_from": uri,
            SEAL: sealed,
        }
        number = enter_version(
            registry.model, logged, run.info.run_id, tags, describe_version(model)
        ).version
    evidence = {SEAL: sealed, "from": uri, "flavour": flavour}
    registry.assign_role(number, CHALLENGER, "adopt", why, evidence)
    return number
