"""The head of the log, kept out of reach of those who can write to the registry's store.

A chain of hashes shows a line that is missing or changed between others. It cannot show that the
newest lines were cut off or rewritten, for nothing follows them. So each machine that acts on a
registry keeps the newest entry that it has seen; anyone can export it to a place of their own.
"""

import hashlib
import hmac
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from fullcircle.core.audit_log.chain import Entry, Kept
from fullcircle.core.errors import StorageError

SIGNING_KEY = "FULLCIRCLE_LOG_KEY"  # a secret by which heads are signed, where it is set


def locate_head(model: str, tracking_uri: str) -> Path:
    """Return this machine's file with the newest entry that it has seen of a model's log."""
    state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    name = hashlib.sha256(f"{tracking_uri}\n{model}".encode()).hexdigest()[:32]
    return Path(state) / "fullcircle" / "registry" / f"{name}.json"


def describe_head(kept: Sequence[Kept], model: str) -> dict[str, Any] | None:
    """Describe the newest entry of a log; None of an empty one."""
    entries = [(Entry.from_json(each.text), each.seal) for each in kept]
    if not entries:
        return None
    newest, seal = max(entries, key=lambda pair: (pair[0].number, pair[0].at))
    head = {"model": model, "number": newest.number, "at": newest.at, "seal": seal}
    return head if (signature := _sign(head)) is None else {**head, "signature": signature}


def write_head(path: Path, head: dict[str, Any]) -> None:
    """Write a head to a file.

    Raises:
        StorageError: The file cannot be written.
    """
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside.write_text(json.dumps(head, indent=1), encoding="utf-8")
        os.replace(beside, path)
    except OSError as error:
        raise StorageError(f"{path} cannot be written to: {error.strerror}.") from error


def save_head(path: Path, entry: Entry) -> None:
    """Keep an entry as the newest that was seen here, unless a newer one is kept.

    Where the file cannot be written, or is damaged, the act goes on: verification says so.
    """
    with suppress(StorageError, ValueError, TypeError, KeyError):
        if path.is_file() and _read(path)["number"] > entry.number:
            return
        head = describe_head([Kept(entry.as_json(), entry.seal, "done", "")], entry.model)
        if head is not None:
            write_head(path, head)


def find_head_faults(path: Path, kept: Sequence[Kept], *, needed: bool = False) -> list[str]:
    """Say what a log lacks of the head that was kept outside of it.

    Args:
        path: File with the head.
        kept: Every entry of the log.
        needed: Whether it is a fault that there is no such file.
    """
    if not path.is_file():
        return [f"There is no head of the log at {path}."] if needed else []
    try:
        head = _read(path)
        named = f"Entry {int(head['number'])} of {head['at']}, the newest that {path} knows"
        signed = _is_signed(head)
    except (StorageError, ValueError, TypeError, KeyError):
        return [f"{path} holds no head of a log."]
    if not signed:
        return [f"The head at {path} does not bear the signature of {SIGNING_KEY}."]
    if head["seal"] in {each.seal for each in kept}:
        return []
    return [
        f"{named}, is missing or was rewritten. (Of a registry that was set up anew, delete the "
        "file.)"
    ]


def _read(path: Path) -> dict[str, Any]:
    try:
        head = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}.") from error
    if not isinstance(head, dict):
        raise ValueError("no mapping")
    return head


def _sign(head: dict[str, Any]) -> str | None:
    key = os.environ.get(SIGNING_KEY)
    text = json.dumps({name: head[name] for name in ("model", "number", "at", "seal")})
    return key and hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


def _is_signed(head: dict[str, Any]) -> bool:
    """Tell whether a head is signed as it should be; without a key here, none need be."""
    wanted = _sign(head)
    return wanted is None or hmac.compare_digest(wanted, str(head.get("signature", "")))
