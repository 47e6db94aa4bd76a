"""A file of JSON lines that another part of the project grows."""

import json
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

from fullcircle.core.errors import StorageError


class JsonLinesDataset(AbstractDataset[Any, list[dict[str, Any]]]):
    """Reads the objects in a file of JSON lines, oldest first; none where there is no file.

    A line that is cut short or no object, as a killed writer leaves it, is passed over.

    Example:
        ```yaml
        alert_log:
          type: fullcircle.datasets.JsonLinesDataset
          filepath: data/08_reporting/telco_churn/alerts/alerts.jsonl
        ```
    """

    spans_clocks = True

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        """Declare the file.

        Args:
            filepath: The file.
            metadata: Free facts for kedro-viz and other plugins.
        """
        self._path = Path(filepath)
        self.metadata = metadata

    def load(self) -> list[dict[str, Any]]:
        """Read the objects."""
        if not self._path.is_file():
            return []
        lines = self._path.read_text(encoding="utf-8", errors="replace").splitlines()
        return [found for line in lines if (found := _parse(line)) is not None]

    def save(self, data: Any) -> None:  # noqa: ARG002 - Kedro's signature
        """Refuse to write: the file is another's.

        Raises:
            StorageError: Always.
        """
        raise StorageError(f"The file {self._path} is only read here; another part writes it.")

    def _exists(self) -> bool:
        return self._path.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}


def _parse(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
