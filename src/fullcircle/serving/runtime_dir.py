"""The endpoint's folder: where supervisor, workers and commands meet."""

import fcntl
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from fullcircle.core.errors import FullCircleError, StorageError

Read = TypeVar("Read")
OWNER_ONLY, OWNER_ONLY_DIR, OWNER_ONLY_UMASK = 0o600, 0o700, 0o077


@dataclass(frozen=True)
class RuntimeDir:
    """Names of what lies in an endpoint's folder.

    Attributes:
        path: The folder.
    """

    path: Path

    @property
    def plan(self) -> Path:
        """What workers must know, written once at the start."""
        return self.path / "plan.json"

    @property
    def secrets(self) -> Path:
        """Addresses of the plan that hold a password."""
        return self.path / "secrets.json"

    @property
    def roles(self) -> Path:
        """Which version has which role, and where its files lie: the supervisor's word."""
        return self.path / "roles.json"

    @property
    def traffic(self) -> Path:
        """Which share of the requests the challenger answers: people's word, or a fall-back's."""
        return self.path / "traffic.json"

    @property
    def tokens(self) -> Path:
        """Hashes of the tokens that may enter."""
        return self.path / "tokens.json"

    @property
    def models(self) -> Path:
        """Files of the versions that were fetched, a folder each."""
        return self.path / "models"

    @property
    def journal(self) -> Path:
        """What was answered and is not yet in the log."""
        return self.path / "journal"

    @property
    def reserve(self) -> Path:
        """Room on the disk that is given up for the journal when there is no other."""
        return self.path / "reserve.bin"

    @property
    def published(self) -> Path:
        """Names of the feature tables that the online store has held."""
        return self.path / "published.json"

    @property
    def workers(self) -> Path:
        """What each worker says of itself, a file each."""
        return self.path / "workers"

    @property
    def metrics(self) -> Path:
        """Counters that the workers share."""
        return self.path / "metrics"

    @property
    def limits(self) -> Path:
        """Rate limits that the workers share."""
        return self.path / "limits.bin"

    @property
    def lock(self) -> Path:
        """Held by the one supervisor."""
        return self.path / "supervisor.lock"

    @property
    def status(self) -> Path:
        """What the supervisor says of itself: address, process, log."""
        return self.path / "status.json"

    @property
    def uptime(self) -> Path:
        """When the endpoint was up."""
        return self.path / "uptime.json"


def make_private_dir(path: Path) -> None:
    """Create a folder that its owner alone may enter; one that exists is closed to others."""
    path.mkdir(mode=OWNER_ONLY_DIR, parents=True, exist_ok=True)
    if path.stat().st_mode & 0o077 and path.stat().st_uid == os.geteuid():
        path.chmod(OWNER_ONLY_DIR)


def write_json(path: Path, content: Any) -> None:
    """Replace a file at once: who reads it sees the old content or the new, and is its owner.

    Raises:
        StorageError: The folder cannot be written to.
    """
    name = ""
    try:
        make_private_dir(path.parent)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=1)
        Path(name).replace(path)
    except OSError as error:
        if name:  # a full disk must not collect halves
            Path(name).unlink(missing_ok=True)
        raise StorageError(f"{path} cannot be written: {error.strerror}.") from error


def read_json(path: Path) -> Any:
    """Read a file; None where there is none, and nowhere else.

    Raises:
        StorageError: It is no JSON, or ``null``.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise StorageError(f"{path} cannot be read: {error}.") from error
    if content is None:
        raise StorageError(f"{path} holds null.")
    return content


def keep_reserve(path: Path, size: int) -> bool:
    """Keep room on the disk for the journal; say whether it is there."""
    try:
        if path.exists() and path.stat().st_size >= size:
            return True
        make_private_dir(path.parent)
        free = os.statvfs(path.parent)
        if free.f_bavail * free.f_frsize < 2 * size:
            return False  # what little there is, is for the journal itself
        handle = os.open(path, os.O_RDWR | os.O_CREAT, OWNER_ONLY)
        try:
            allocate(handle, size)
        finally:
            os.close(handle)
    except OSError:
        return False
    return True


def allocate(handle: int, size: int) -> None:
    """Have the disk give a file its room now, and not when it is written to."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(handle, 0, size)
        return
    for _ in range(0, size, 2**20):  # macOS
        os.write(handle, b"\0" * 2**20)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a file's lock while it is read and replaced, so that no other writer's work is lost.

    Raises:
        StorageError: The folder cannot be written to.
    """
    try:
        make_private_dir(path.parent)
        handle = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, OWNER_ONLY)
    except OSError as error:
        raise StorageError(f"{path.parent} cannot be written to: {error.strerror}.") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


class WatchedFile(Generic[Read]):
    """A file's content, read again when the file was replaced.

    Whatever the file holds, watching goes on: what cannot be read becomes a value of its own.

    Attributes:
        value: What was read last.
        trouble: Why the file cannot be read; None where it can.
    """

    def __init__(self, path: Path, parse: Callable[[Any], Read], broken: Callable[[], Read]):
        """Read the file.

        Args:
            path: The file.
            parse: Makes sense of its JSON, or of None where there is no file.
            broken: Gives the value that holds while the file cannot be read.
        """
        self._path, self._parse, self._broken = path, parse, broken
        self._stamp: tuple[int, ...] | None = None
        self.trouble: str | None = None
        self.value: Read
        self._read()

    @property
    def present(self) -> bool:
        """Whether there was a file when it was read last."""
        return self._stamp is not None

    def changed(self) -> bool:
        """Read the file again if it was replaced or could not be read; say whether it was."""
        if self.trouble is None and self._look() == self._stamp:
            return False
        before = self.trouble
        self._read()
        return before is None or self.trouble is None

    def _read(self) -> None:
        try:
            self._stamp = self._look()
            self.value, self.trouble = self._parse(read_json(self._path)), None
        except Exception as error:  # whatever stands in the file
            self.value, self.trouble = self._broken(), describe_trouble(self._path, error)

    def _look(self) -> tuple[int, ...] | None:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        return found.st_mtime_ns, found.st_ino, found.st_size


def describe_trouble(path: Path, error: Exception) -> str:
    """Return one line that says why a file cannot be used."""
    if isinstance(error, FullCircleError):
        return str(error)
    return f"{path} cannot be read: {type(error).__name__}."
