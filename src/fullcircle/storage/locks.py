"""Locks between processes that end with the process: a kill leaves none behind."""

import json
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from fullcircle.core.errors import StorageError

_POLL_SECONDS = 0.1
# Windows locks bytes for readers as well: one far behind the text leaves the text readable.
_FAR_BYTE = 1 << 30


class LockedError(StorageError):
    """Another process holds the lock."""


@contextmanager
def hold_lock(
    path: Path,
    purpose: str,
    *,
    wait_seconds: float | None = 0.0,
    on_wait: Callable[[str], None] | None = None,
) -> Iterator[None]:
    """Hold a lock for as long as the block lasts.

    The operating system lets it go when the process ends, however it ends. The file stays, and
    says who holds it, or held it last.

    Args:
        path: The lock's file; its folder is made.
        purpose: What it is held for, for those who wait.
        wait_seconds: How long to wait for it; None waits for as long as it takes.
        on_wait: Called once with who holds it, before the wait begins.

    Raises:
        LockedError: Another process still holds it.
        StorageError: The file cannot be written.
    """
    with _open(path) as file:
        _acquire(file, path, wait_seconds, on_wait)
        _describe_holder(file, purpose)
        try:
            yield
        finally:
            _unlock(file)


def describe_holder(path: Path) -> str:
    """Return who holds a lock: purpose, process, machine and since when."""
    with suppress(OSError, ValueError, TypeError):
        found = json.loads(path.read_text(encoding="utf-8"))
        return (
            f"{found['purpose']} (process {found['pid']} on {found['host']}, "
            f"since {found['since'][:19]} UTC)"
        )
    return "another process"


def _open(path: Path) -> IO[str]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o644), "r+", encoding="utf-8")
    except OSError as error:
        raise StorageError(
            f"Cannot write to {path}: {error.strerror}. Check the folder's permissions and free "
            "space."
        ) from error


def _acquire(
    file: IO[str],
    path: Path,
    wait_seconds: float | None,
    on_wait: Callable[[str], None] | None,
) -> None:
    began = time.monotonic()
    waited = False
    while not _try_lock(file):
        if wait_seconds is not None and time.monotonic() - began >= wait_seconds:
            raise LockedError(describe_holder(path))
        if on_wait is not None and not waited:
            on_wait(describe_holder(path))
        waited = True
        time.sleep(_POLL_SECONDS)


def _describe_holder(file: IO[str], purpose: str) -> None:
    since = datetime.now(UTC).isoformat()
    facts = {"purpose": purpose, "pid": os.getpid(), "host": socket.gethostname(), "since": since}
    file.seek(0)
    file.truncate()
    json.dump(facts, file)
    file.flush()


if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: IO[str]) -> bool:
        file.seek(_FAR_BYTE)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(file: IO[str]) -> None:
        file.seek(_FAR_BYTE)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _try_lock(file: IO[str]) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def _unlock(file: IO[str]) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)
