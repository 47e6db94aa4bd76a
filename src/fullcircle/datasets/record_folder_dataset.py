"""A folder into which others put files of records."""

import os
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pyarrow as pa
from kedro.io import AbstractDataset, DatasetError

from fullcircle.core.errors import StorageError
from fullcircle.storage.record_blocks import NOT_OPENED, BadRecord, Block
from fullcircle.storage.record_files import read_blocks
from fullcircle.storage.record_sources import AvailableParts, SourcePart

_PAUSES_SECONDS = (0.1, 0.4, 1.6)
_UNFINISHED = (".tmp", ".unfinished", ".part", ".crdownload")


class RecordFolderDataset(AbstractDataset[None, list[SourcePart]]):
    """Lists the files of a folder that are whole, and reads them block by block.

    A file counts as whole once its size and its moment of change have stayed for
    ``stable_seconds``. Names that begin with a dot or an underscore, or end in ``.tmp``,
    ``.unfinished``, ``.part`` or ``.crdownload``, are passed over: write under such a name and
    rename, and no file is ever read half.

    Example:
        ```yaml
        stream_source:
          type: fullcircle.datasets.RecordFolderDataset
          filepath: data/05_model_input/telco_churn/stream
          pattern: "*.csv"
        ```
    """

    def __init__(
        self,
        *,
        filepath: str,
        pattern: str = "*",
        stable_seconds: float = 2.0,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Declare the folder.

        Args:
            filepath: The folder; files in folders below it count too.
            pattern: Which names count: ``*.csv``.
            stable_seconds: For how long a file must have stayed as it is.
            metadata: Free facts for kedro-viz and other plugins.
        """
        self._path = Path(filepath)
        self.pattern = pattern
        self._settle_seconds = stable_seconds
        self._seen: dict[str, tuple[SourcePart, float]] = {}
        self.metadata = metadata

    @property
    def address(self) -> str:
        """The folder."""
        return str(self._path)

    @property
    def stable_seconds(self) -> float:
        """For how long a file must have stayed as it is."""
        return self._settle_seconds

    def load(self) -> list[SourcePart]:
        """List the whole files, the oldest first."""
        return self.look({}).pieces

    def look(self, known: Mapping[str, SourcePart]) -> AvailableParts:  # noqa: ARG002 - of the protocol
        """List the files: those that are whole, and those that may still be being written.

        Raises:
            StorageError: There is no such folder, or it cannot be read.
        """
        pieces, unsettled, now = [], [], time.time()
        for name, path in self._list_files():
            try:
                found = path.stat()
            except FileNotFoundError:
                continue  # taken away meanwhile
            changed_at = datetime.fromtimestamp(found.st_mtime_ns // 10**6 / 1e3, UTC)
            piece = SourcePart(name, found.st_size, changed_at)
            if self._is_settled(piece, now):
                pieces.append(piece)
            else:
                unsettled.append(name)
        return AvailableParts(
            sorted(pieces, key=lambda piece: (piece.changed_at, piece.name)), unsettled
        )

    def _is_settled(self, piece: SourcePart, now: float) -> bool:
        """Whether a file has stayed as it is, by its own moment or, if that lies ahead, by ours."""
        if now - piece.changed_at.timestamp() >= self._settle_seconds:
            self._seen.pop(piece.name, None)
            return True
        before, since = self._seen.get(piece.name, (None, now))
        if before != piece:
            self._seen[piece.name] = (piece, now)
            return self._settle_seconds <= 0
        return now - since >= self._settle_seconds

    def _list_files(self) -> Iterator[tuple[str, Path]]:
        if not self._path.is_dir():
            raise StorageError(
                f"There is no folder {self._path} to take records from. Make it, or name another "
                "one with --folder."
            )
        for folder, folders, names in os.walk(self._path, onerror=_refuse):
            folders[:] = sorted(name for name in folders if not is_hidden(name))
            for name in sorted(names):
                path = Path(folder, name)
                if not is_hidden(name) and fnmatch(name, self.pattern):
                    yield path.relative_to(self._path).as_posix(), path

    def read(self, piece: SourcePart, schema: pa.Schema) -> Iterator[Block]:
        """Read a file; one that cannot be opened, tried again and again, leaves that as its reason.

        Such a file is none that was read: a stream plans it again.
        """
        try:
            file = _open_patiently(self._path / piece.name)
        except OSError as error:
            reason = f"{NOT_OPENED}: {error.strerror or error}"
            nothing = pa.array([], pa.int64())
            yield Block(schema.empty_table(), nothing, [BadRecord(None, reason)])
            return
        with file:
            yield from read_blocks(file, piece.name, schema)

    def save(self, data: None) -> None:  # noqa: ARG002 - Kedro's signature
        """Refuse: others put the files there."""
        raise DatasetError(f"Files are put into {self._path} by others.")

    def _exists(self) -> bool:
        return self._path.is_dir()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path), "pattern": self.pattern}


def _open_patiently(path: Path) -> Any:
    """Open a file, again and again where it may be a moment's trouble of disk or network.

    Raises:
        OSError: The last try's.
    """
    for pause in _PAUSES_SECONDS:
        try:
            return pa.OSFile(str(path))
        except FileNotFoundError:
            raise
        except OSError:
            time.sleep(pause)
    return pa.OSFile(str(path))


def is_hidden(name: str) -> bool:
    """Whether a name says that a file is nobody's business, or not whole yet."""
    return name.startswith((".", "_")) or name.endswith(_UNFINISHED)


def _refuse(error: OSError) -> None:
    raise StorageError(f"The folder {error.filename} cannot be read: {error.strerror}.") from error
