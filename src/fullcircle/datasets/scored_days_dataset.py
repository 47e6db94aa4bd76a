"""Which days are scored, by what, and how long it took."""

import json
import os
from pathlib import Path
from typing import Any

from deltalake import DeltaTable
from kedro.io import AbstractDataset

from fullcircle.core.scoring.days import ScoredDay
from fullcircle.core.scoring.requests import DAY
from fullcircle.storage.delta_tables import clear_storage_errors, is_delta


class ScoredDaysDataset(AbstractDataset[ScoredDay, dict[str, dict[str, Any]]]):
    """Adds a line per scored day to a file, and reads the last word on each day.

    A line counts only while the table of predictions holds that day and has not been put back to
    an older version, so that a table which was moved away is scored anew.

    Example:
        ```yaml
        scored_days:
          type: fullcircle.datasets.ScoredDaysDataset
          filepath: data/07_model_output/telco_churn/scored_days.jsonl
          predictions:
            filepath: data/07_model_output/telco_churn/predictions
        ```
    """

    spans_clocks = True

    def __init__(
        self,
        *,
        filepath: str,
        predictions: dict[str, str],
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Declare the file.

        Args:
            filepath: The file, one JSON object per line.
            predictions: ``filepath`` of the table of predictions (Kedro makes it absolute).
            metadata: Free facts for kedro-viz and other plugins.
        """
        self._path = Path(filepath)
        self._predictions = Path(predictions["filepath"])
        self.metadata = metadata

    def load(self) -> dict[str, dict[str, Any]]:
        """Give what is known of each scored day, in the order of days; empty before the first."""
        if not self._path.is_file() or not is_delta(self._predictions):
            return {}
        table = DeltaTable(self._predictions)
        there = {partition[DAY] for partition in table.partitions()}
        known = {}
        for line in self._path.read_text(encoding="utf-8").splitlines():
            entry = _parse(line)
            if entry and entry["day"] in there and entry["version"] <= table.version():
                known[entry["day"]] = entry
        return dict(sorted(known.items()))

    def save(self, data: ScoredDay) -> None:
        """Add a line for a day that has been written, durable once this returns."""
        version = DeltaTable(self._predictions).version()
        line = json.dumps({**data.facts(), "version": version}) + "\n"
        with clear_storage_errors(self._path.parent), self._path.open("a+b") as file:
            if file.tell() and not _ends_whole(file):
                file.write(b"\n")  # a kill left half a line
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())

    def _exists(self) -> bool:
        return self._path.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path), "predictions": str(self._predictions)}


def _ends_whole(file: Any) -> bool:
    file.seek(-1, os.SEEK_END)
    return bool(file.read(1) == b"\n")


def _parse(line: str) -> dict[str, Any] | None:
    """Read a line; None for one that a kill tore."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and {"day", "version"} <= entry.keys() else None
