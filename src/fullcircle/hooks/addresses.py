"""Where runs are tracked: the address settled, and a server asked before it is needed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fullcircle.core.errors import StorageError
from fullcircle.tracking.registry.relocation import describe_displacement, find_displacement

_SQLITE = "sqlite:///"
_ADDRESS = "MLFLOW_TRACKING_URI"
_PATIENCE_SECONDS = 5


def resolve_addresses(config: dict[str, Any], project_path: Path) -> dict[str, Any]:
    """Anchor a relative database in the project, and leave artifacts to a server that has one.

    Args:
        config: What ``mlflow.yml`` says.
        project_path: The project's root.

    Returns:
        The same with an absolute address; for a server, without a local artifact folder, which
        the server could neither write nor show.
    """
    settled = deepcopy(config)
    server = settled.setdefault("server", {})
    address = anchor_sqlite(server.get("mlflow_tracking_uri"), project_path)
    server["mlflow_tracking_uri"] = address
    creation = settled.get("tracking", {}).get("experiment", {}).get("create_experiment_kwargs", {})
    if is_server(address) and not urlsplit(str(creation.get("artifact_location"))).scheme:
        creation.pop("artifact_location", None)
    return settled


def anchor_sqlite(address: str | None, project_path: Path) -> str | None:
    """Make a relative sqlite address absolute from the project's root; leave others alone."""
    if not address or not address.startswith(_SQLITE):
        return address
    return f"{_SQLITE}{(project_path / address.removeprefix(_SQLITE)).as_posix()}"


def find_database(address: str | None, project_path: Path) -> Path | None:
    """Return the sqlite file that an address names; None for any other."""
    anchored = anchor_sqlite(address, project_path)
    if not anchored or not anchored.startswith(_SQLITE):
        return None
    return Path(anchored.removeprefix(_SQLITE))


def require_own_folder(address: str | None, project_path: Path, artifacts: str | None) -> None:
    """See that the database of a project that was moved or copied means this folder.

    Raises:
        StorageError: It means another, and names the command that rewrites it.
    """
    database = find_database(address, project_path)
    if database and (found := find_displacement(database, project_path, artifacts)):
        raise StorageError(describe_displacement(found))


def is_server(address: str | None) -> bool:
    """Tell whether an address is that of a tracking server rather than of a database."""
    return str(address).startswith(("http://", "https://"))


def require_tracking(address: str | None) -> None:
    """Look whether runs can be tracked at an address, before MLflow tries.

    Raises:
        StorageError: No server answers there, or no database can be made there.
    """
    if is_server(address):
        _require_server(str(address))
    elif address and address.startswith(_SQLITE):
        _require_folder(Path(address.removeprefix(_SQLITE)))


def _require_folder(database: Path) -> None:
    nearest = next(path for path in (database, *database.parents) if path.exists())
    if nearest != database and not (nearest.is_dir() and os.access(nearest, os.W_OK)):
        raise StorageError(
            f"The tracking database {database} cannot be made: {nearest} is no folder that can be "
            f"written to. Correct {_ADDRESS}, or unset it."
        )


def _require_server(address: str) -> None:
    """Ask once; MLflow would ask again and again."""
    from mlflow.exceptions import MlflowException
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request

    try:
        http_request(
            get_default_host_creds(address),
            "/health",
            "GET",
            max_retries=0,
            timeout=_PATIENCE_SECONDS,
            raise_on_status=False,
        )
    except MlflowException as error:
        raise StorageError(
            f"No tracking server answers at {hide_password(address)}. Start it, correct "
            f"{_ADDRESS}, or unset it to track in a file of this project."
        ) from error


def hide_password(address: str) -> str:
    """Give an address without the user and password that it may hold."""
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


@contextmanager
def address_variable_kept() -> Iterator[None]:
    """Take back what MLflow writes to the variable for the address.

    MLflow tells its subprocesses the address by the variable that we read. Left there, the next
    session in this process, of another project or environment, would track in this one's place.
    """
    before = os.environ.get(_ADDRESS)
    try:
        yield
    finally:
        os.environ.pop(_ADDRESS, None)
        if before is not None:
            os.environ[_ADDRESS] = before
