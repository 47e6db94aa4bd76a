"""What commands find out about an endpoint that runs, or does not."""

import fcntl
from typing import Any

from fullcircle.core.errors import StorageError
from fullcircle.serving.folder import EndpointFolder, read_json


def is_running(folder: EndpointFolder) -> bool:
    """Whether a supervisor holds the folder."""
    try:
        with folder.lock.open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def refuse_second(folder: EndpointFolder) -> None:
    """Refuse to begin where an endpoint runs already.

    Raises:
        StorageError: Says where it is reached.
    """
    if is_running(folder):
        address = (read_json(folder.status) or {}).get("address")
        raise StorageError(
            f"An endpoint of this problem runs already, at {address}. "
            "Stop it first: kedro endpoint stop."
        )


def read_workers(folder: EndpointFolder) -> list[dict[str, Any]]:
    """Give what each worker says of itself."""
    found = [read_json(path) for path in sorted(folder.workers.glob("*.json"))]
    return [said for said in found if said]
