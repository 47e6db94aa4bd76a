"""The endpoint's folder: where supervisor, workers and commands meet."""

import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from fullcircle.core.errors import StorageError

Read = TypeVar("Read")


@dataclass(frozen=True)
class EndpointFolder:
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


def write_json(path: Path, content: Any, *, secret: bool = False) -> None:
    """Replace a file at once: who reads it sees the old content or the new.

    Raises:
        StorageError: The folder cannot be written to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=1)
        Path(name).chmod(0o600 if secret else 0o644)
        Path(name).replace(path)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}.") from error


def read_json(path: Path) -> Any:
    """Read a file; None where there is none.

    Raises:
        StorageError: It is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StorageError(f"{path} cannot be read: {error}.") from error


class Watched(Generic[Read]):
    """A file's content, read again when the file was replaced.

    Attributes:
        value: What was read last.
    """

    def __init__(self, path: Path, parse: Callable[[Any], Read]) -> None:
        """Read the file.

        Args:
            path: The file.
            parse: Makes sense of its JSON, or of None where there is no file.
        """
        self._path, self._parse = path, parse
        self._stamp = self._look()
        self.value = parse(read_json(path))

    def changed(self) -> bool:
        """Read the file again if it was replaced, and say whether it was."""
        stamp = self._look()
        if stamp == self._stamp:
            return False
        self.value = self._parse(read_json(self._path))
        self._stamp = stamp
        return True

    def _look(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        return found.st_mtime_ns, found.st_ino
