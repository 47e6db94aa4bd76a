"""A model's way into the registry and back: files with digests, trusted types, and its papers."""

import json
import tempfile
from pathlib import Path
from typing import Any

from fullcircle.core.errors import ModelError
from fullcircle.core.models.model import Model, Registration
from fullcircle.tracking.registry.audit_log import AuditLog
from fullcircle.tracking.registry.carried_code import write_code
from fullcircle.tracking.registry.digests import (
    MANIFEST,
    digest_files,
    find_tampering,
    remove_byproducts,
    seal_files,
)
from fullcircle.tracking.registry.estimator_walk import list_modules
from fullcircle.tracking.registry.flavours import (
    ADOPTED,
    CodeRefusedError,
    is_allowed,
    load_adopted,
    load_pickled,
)
from fullcircle.tracking.registry.requirements import list_requirements
from fullcircle.tracking.registry.trusted_types import list_trusted, load_skops
from fullcircle.tracking.registry.verification import refuse_forged

DESCRIPTION, EXAMPLE = "fullcircle.json", "input_example.json"
SEAL = "digest"  # tag of a version: one digest for all its files
_SKOPS = "model.skops"


def log_model(model: Model) -> Any:
    """Log the model to the current run, with all that loads it where nothing else is installed.

    That is the signature, an input example, pinned requirements, and the code of our own that the
    estimator is made of.
    """
    modules = list_modules(model.estimator)
    with tempfile.TemporaryDirectory() as folder:
        code = write_code(modules, Path(folder))
        return _log_files(model, code, list_requirements(modules))


def _log_files(model: Model, code: Path | None, requirements: list[str]) -> Any:
    import mlflow
    from mlflow import MlflowClient
    from mlflow.models import infer_signature

    info = mlflow.sklearn.log_model(
        model.estimator,
        name=model.candidate,
        serialization_format="skops",
        skops_trusted_types=list_trusted(),
        signature=infer_signature(model.example, model.predict(model.example)),
        input_example=model.example,
        pip_requirements=requirements,
        code_paths=None if code is None else [str(code)],
        pyfunc_predict_fn="predict" if model.task == "regression" else "predict_proba",
        metadata={
            "features": model.features,
            "feature_lookups": [lookup.model_dump(mode="json") for lookup in model.lookups],
        },
    )
    with tempfile.TemporaryDirectory() as folder:
        description = Path(folder) / DESCRIPTION
        description.write_text(json.dumps(model.describe(), indent=1), encoding="utf-8")
        MlflowClient().log_model_artifact(info.model_id, str(description))
    return info


def seal_model(info: Any) -> str:
    """Write the digests of a logged model's files beside them, and give one digest for all."""
    from mlflow import MlflowClient

    with tempfile.TemporaryDirectory() as folder:
        digests = digest_files(fetch_files(info.model_uri, folder))
        manifest = Path(folder) / MANIFEST
        manifest.write_text(json.dumps(digests, indent=1, sort_keys=True), encoding="utf-8")
        MlflowClient().log_model_artifact(info.model_id, str(manifest))
    return seal_files(digests)


def enter_version(
    name: str, logged: Any, run_id: str, tags: dict[str, str], description: str | None
) -> Registration:
    """Enter a logged model into the registry as the next version of a name."""
    from mlflow import MlflowClient, MlflowException

    client = MlflowClient()
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    version = client.create_model_version(
        name,
        source=f"models:/{logged.model_id}",
        run_id=run_id,
        model_id=logged.model_id,
        tags=tags,
        description=description,
    )
    return Registration(name, str(version.version), run_id)


def read_model(version: Any, *, allow_code: bool = False) -> Model:
    """Fetch a registered version's files, check them, and rebuild the model.

    Args:
        version: MLflow's model version.
        allow_code: Whether a pickle may be loaded, which runs whatever code is in it.

    Raises:
        ModelError: The files are not those that were registered, or cannot be read, or would run
            code.
    """
    with tempfile.TemporaryDirectory() as place:
        folder = fetch_version(version, place)
        return rebuild_model(folder, _name(version), allow_code=allow_code)


def fetch_version(version: Any, place: str) -> Path:
    """Download a version's files and check them against its digest, and that against the log.

    Raises:
        ModelError: The files are gone, or a file is not what was registered: it is named. Or the
            digest is not the one that the log names.
    """
    folder = check_files(version, place)
    refuse_forged(AuditLog(version.name), version)
    return folder


def check_files(version: Any, place: str) -> Path:
    """Download a version's files and check them against the digest that its tag names.

    Raises:
        ModelError: As ``fetch_version``, but for the log.
    """
    registration = _name(version)
    try:
        folder = fetch_files(f"models:/{version.name}/{version.version}", place)
    except Exception as error:
        raise ModelError(f"{registration} cannot be loaded: {_first_line(error)}") from error
    sealed = version.tags.get(SEAL)
    if sealed is None:
        raise ModelError(f"{registration} has no digest: it was not registered by this project.")
    if tampering := find_tampering(folder, sealed):
        raise ModelError(f"{registration} is not what was registered: {tampering}.")
    return folder


def fetch_files(uri: str, place: str) -> Path:
    """Download a model's files, without what MLflow adds, into a folder of its own in a place."""
    import mlflow

    folder = Path(mlflow.artifacts.download_artifacts(uri, dst_path=place))
    remove_byproducts(folder)
    return folder


def rebuild_model(folder: Path, registration: Registration, *, allow_code: bool = False) -> Model:
    """Rebuild a model from its files, which somebody has checked.

    Args:
        folder: The files, as ``fetch_version`` brings them.
        registration: Whose they are.
        allow_code: Whether a pickle may be loaded, which runs whatever code is in it.

    Raises:
        ModelError: The files cannot be read, or would run code.
    """
    import pandas as pd

    try:
        description = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        example = json.loads((folder / EXAMPLE).read_text(encoding="utf-8"))
        estimator = _load_estimator(folder, description, registration, allow_code=allow_code)
        frame = pd.DataFrame(example["data"], columns=example["columns"])
        model = Model.from_description(description, estimator, frame)
    except CodeRefusedError:
        raise
    except Exception as error:
        raise ModelError(f"{registration} cannot be loaded: {_first_line(error)}") from error
    return model.registered_as(registration)


def _load_estimator(
    folder: Path, description: dict[str, Any], registration: Registration, *, allow_code: bool
) -> Any:
    """Load the estimator from a format that holds data alone, or from another where allowed."""
    allowed = allow_code or is_allowed(registration.facts.get(SEAL))
    if (adopted := description["settings"].get(ADOPTED)) is not None:
        return load_adopted(folder, adopted["columns"], name=str(registration), allow_code=allowed)
    if (folder / _SKOPS).is_file():
        return load_skops(folder / _SKOPS)
    return load_pickled(folder, name=str(registration), allow_code=allowed)


def _name(version: Any) -> Registration:
    return Registration(
        version.name, str(version.version), str(version.run_id), dict(version.tags or {})
    )


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
