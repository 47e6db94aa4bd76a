"""What a search has tried so far, so that one that was killed goes on where it stopped."""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset, DatasetError

from fullcircle.core.errors import StorageError
from fullcircle.storage.disk import describe_full_disk, is_full


class SearchJournal:
    """Finished trials of one search, a line of JSON each in a file of its own.

    A line is written by one call and flushed to the disk; a torn last line, as a kill may leave, is
    not read. The file of another search in the same folder is removed when this one begins.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / "none.jsonl"
        self._known: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()

    def open(self, fingerprint: str) -> "SearchJournal":
        """Give the journal of the search of that name, with what is known of it."""
        journal = SearchJournal(self._folder)
        journal._path = self._folder / f"{fingerprint}.jsonl"
        with _clear_errors(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            for other in self._folder.glob("*.jsonl"):
                if other != journal._path:
                    other.unlink()
            journal._known = dict(_read_lines(journal._path))
            _end_last_line(journal._path)
        return journal

    def get(self, key: str) -> dict[str, Any] | None:
        """Give what was kept under a key."""
        return self._known.get(key)

    def put(self, key: str, record: dict[str, Any]) -> None:
        """Keep a record, durable once this returns."""
        line = json.dumps([key, record]) + "\n"
        with (
            self._lock,
            _clear_errors(self._folder),
            self._path.open("a", encoding="utf-8") as file,
        ):
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        self._known[key] = record


def _read_lines(path: Path) -> Any:
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            key, record = json.loads(line)
        except ValueError:
            continue  # torn by a kill
        yield key, record


def _end_last_line(path: Path) -> None:
    """End a torn last line, so that the next record begins on its own."""
    if path.exists() and not path.read_bytes().endswith(b"\n"):
        with path.open("a", encoding="utf-8") as file:
            file.write("\n")


@contextmanager
def _clear_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise StorageError(describe_full_disk(folder)) from error
        raise StorageError(
            f"The journal of the search in {folder} cannot be written: {error.strerror}. Give the "
            "folder write permission and free space."
        ) from error


class SearchJournalDataset(AbstractDataset[Any, SearchJournal]):
    """Loads the journal of searches that lies in a folder; the search itself writes to it.

    Example:
        ```yaml
        search_journal:
          type: fullcircle.datasets.SearchJournalDataset
          filepath: data/06_models/churn/search
        ```
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        """Name the folder; it is made when a search begins."""
        self._filepath = Path(filepath)
        self.metadata = metadata

    def load(self) -> SearchJournal:
        """Give the journal."""
        return SearchJournal(self._filepath)

    def save(self, data: Any) -> None:  # noqa: ARG002 - Kedro's signature
        """Refuse: trials are written one by one, as they end."""
        raise DatasetError("A search writes its journal itself, trial by trial.")

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}
