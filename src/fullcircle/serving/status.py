"""What commands find out about an endpoint that runs, or does not."""

import fcntl
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from fullcircle.core.errors import StorageError
from fullcircle.serving.runtime_dir import RuntimeDir, read_json
from fullcircle.serving.sockets import is_loopback
from fullcircle.serving.tokens import load_tokens


def is_running(folder: RuntimeDir) -> bool:
    """Whether a supervisor holds the folder."""
    try:
        with folder.lock.open("r+", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def refuse_second(folder: RuntimeDir) -> None:
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


def read_workers(folder: RuntimeDir) -> list[dict[str, Any]]:
    """Give what each worker says of itself."""
    found = [read_json(path) for path in sorted(folder.workers.glob("*.json"))]
    return [said for said in found if said]


def describe_end(said: Mapping[str, Any]) -> str:
    """Return one line that says what became of the answers of an endpoint that was ended.

    Args:
        said: What the supervisor said last.
    """
    if said.get("state") != "stopped":
        return "Stopped. Its last word could not be written: see what it printed."
    if unlogged := said.get("unlogged"):
        return f"Stopped. {unlogged} answers are in no log: the disk refused them."
    if said.get("log", "ok") != "ok":
        return (
            "Stopped. Some answers are in the journal and not yet in the log; the next kedro serve "
            f"brings them there. What is in the way: {said['log']}"
        )
    return "Stopped. Every answer is in the log."


def describe_access(folder: RuntimeDir) -> str:
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
