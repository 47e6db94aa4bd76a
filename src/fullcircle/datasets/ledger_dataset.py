"""A ledger: plain values, a line each, added and never changed."""

from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

from fullcircle.storage.delta_tables import clear_storage_errors
from fullcircle.storage.row_files import append_lines, read_lines
from fullcircle.tracking.provenance import active_run_id


class LedgerDataset(AbstractDataset[dict[str, Any], list[dict[str, Any]]]):
    """Adds a line per save, with the run that made it, and reads all lines.

    With a key, only the last word on each value of it is read, in the order of the values: a rerun
    replaces what it said before, and the file still tells both.

    Example:
        ```yaml
        retrainings:
          type: fullcircle.datasets.LedgerDataset
          filepath: data/06_models/telco_churn/retrainings.jsonl
          key: as_of
        ```
    """

    spans_clocks = True

    def __init__(
        self, *, filepath: str, key: str | None = None, metadata: dict[str, Any] | None = None
    ) -> None:
        """Declare the file.

        Args:
            filepath: The file, one JSON object per line.
            key: Field of which each value counts once; None keeps every line.
            metadata: Free facts for kedro-viz and other plugins.
        """
        self._path = Path(filepath)
        self._key = key
        self.metadata = metadata

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    def load(self) -> list[dict[str, Any]]:
        """Read the lines; none before the first."""
        lines = read_lines(self._path)
        if self._key is None:
            return lines
        newest = {str(line[self._key]): line for line in lines if self._key in line}
        return [newest[value] for value in sorted(newest)]

    def save(self, data: dict[str, Any]) -> None:
        """Add a line, durable once this returns."""
        with clear_storage_errors(self._path.parent):
            append_lines(self._path, [{"run_id": active_run_id(), **data}])

    def _exists(self) -> bool:
        return self._path.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path), "key": self._key}
