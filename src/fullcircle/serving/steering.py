"""What commands find out about an endpoint that runs, or does not."""

import fcntl
from datetime import UTC, datetime
from typing import Any

from fullcircle.core.errors import StorageError
from fullcircle.serving.doors import is_loopback
from fullcircle.serving.folder import EndpointFolder, read_json
from fullcircle.serving.tokens import load_tokens


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


def describe_access(folder: EndpointFolder) -> str:
    """Return one line that says who may enter now."""
    tokens = load_tokens(folder)
    now = datetime.now(UTC)
    valid = sum(not token.expired(now) for token in tokens.values())
    if valid:
        return f"{valid} valid token{'s' * (valid > 1)} remain{'s' * (valid == 1)}."
    if tokens:
        return "Every token that remains has expired: each request gets 401."
    host = ((read_json(folder.plan) or {}).get("settings") or {}).get("host", "127.0.0.1")
    again = "Make one: kedro endpoint token create --name NAME."
    if is_loopback(host):
        return (
            f"It was the last one. At {host} every process of this machine is answered without a "
            f"token now; a socket that other machines reach gets 401 for all. {again}"
        )
    return f"It was the last one: at {host} every request gets 401 now. {again}"
