"""Bringing the very same bytes of a model from one registry to another."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fullcircle.core.errors import ModelError, StorageError
from fullcircle.tracking.killed_runs import describe_process
from fullcircle.tracking.registry.digests import MANIFEST, digest_files
from fullcircle.tracking.registry.lookup import find_by_number, list_aliases, list_versions
from fullcircle.tracking.registry.model_files import SEAL, check_files, enter_version, fetch_version
from fullcircle.tracking.registry.operations import Registry
from fullcircle.tracking.registry.rules import CHALLENGER, OWN_TAGS

_COPIED_FROM = "copied_from"


@contextmanager
def fetched(version: Any) -> Iterator[Path]:
    """Hold a version's files, checked against its digest, for as long as the block lasts."""
    with tempfile.TemporaryDirectory() as place:
        yield fetch_version(version, place)


def export_files(version: Any, target: Path) -> list[str]:
    """Write a version's files, checked against its digest, to a folder of one's own.

    MLflow's loaders check no digest and run the code that a model brings. Given such a copy, they
    run what was registered and nothing else.

    Returns:
        The files, by their paths below the folder.

    Raises:
        StorageError: The folder is not empty, or cannot be written to.
        ModelError: The files are not those that were registered.
    """
    try:
        target.mkdir(parents=True, exist_ok=True)
        if any(target.iterdir()):
            raise StorageError(f"{target} is not empty. Name a folder that is not there yet.")
        with fetched(version) as files:
            shutil.copytree(files, target, dirs_exist_ok=True)
    except OSError as error:
        raise StorageError(f"{target} cannot be written to: {error.strerror}.") from error
    return sorted(digest_files(target))


def find_changed_files(registry: Registry) -> list[str]:
    """Say which versions that have a role hold other files than were registered."""
    faults = []
    for number in sorted(set(list_aliases(registry.model).values()), key=int):
        try:
            with fetched(find_by_number(registry.model, number)):
                pass
        except ModelError as error:
            faults.append(str(error))
    return faults


def find_copy(registry: Registry, version: Any) -> Any:
    """Find a version here that holds the same files; None where there is none."""
    same = [v for v in list_versions(registry.model) if v.tags.get(SEAL) == version.tags.get(SEAL)]
    return next(iter(same), None)


def enter_copy(
    registry: Registry,
    version: Any,
    files: Path,
    experiment_id: str,
    origin: str,
    why: str,
    trainer: dict[str, Any] | None = None,
) -> str:
    """Register files that were fetched elsewhere as a challenger here, and give its version.

    Args:
        registry: Where the copy goes; MLflow's current server must be its server.
        version: The version that was fetched.
        files: Its files.
        experiment_id: Experiment that the run which notes the copy belongs to.
        origin: Name of the environment that it comes from.
        why: Reason, for the log.
        trainer: Who trained it there, and how that is known.

    Raises:
        ModelError: What arrived is not what was sent.
    """
    import mlflow
    from mlflow import MlflowClient

    client = MlflowClient()
    name = f"copy of {version.name} v{version.version}"
    who = {"act": "copy", **describe_process()}
    with mlflow.start_run(experiment_id=experiment_id, run_name=name, tags=who) as run:
        kept = {tag: value for tag, value in version.tags.items() if tag not in OWN_TAGS}
        logged = client.create_logged_model(
            experiment_id, version.tags.get("candidate", "model"), run.info.run_id
        )
        client.log_model_artifacts(logged.model_id, str(files))
        client.finalize_logged_model(logged.model_id, "READY")
        copied = f"{version.name} v{version.version} ({origin})"
        tags = {**kept, _COPIED_FROM: copied, SEAL: version.tags[SEAL]}
        told = version.description
        number = enter_version(registry.model, logged, run.info.run_id, tags, told).version
    _check_arrival(registry.model, number)
    evidence = {SEAL: version.tags[SEAL], "from": copied, "trained_by": trainer}
    registry.assign_role(number, CHALLENGER, "copy", why, evidence)
    return number


def _check_arrival(model: str, number: str) -> None:
    with tempfile.TemporaryDirectory() as place:
        files = check_files(find_by_number(model, number), place)
        if not (files / MANIFEST).is_file():
            raise ModelError(f"{model} v{number} arrived without {MANIFEST}.")


def find_experiment(name: str) -> str:
    """Give the id of an experiment that the project's context has made."""
    from mlflow import MlflowClient

    return str(MlflowClient().get_experiment_by_name(name).experiment_id)
