"""A report as a JSON file, as an MLflow artifact, and its numbers as MLflow metrics."""

import json
import os
import re
from math import isfinite
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

from fullcircle.core.contract import flatten
from fullcircle.core.errors import StorageError
from fullcircle.storage.delta_tables import clear_storage_errors
from fullcircle.tracking.made_by import MadeBy, read_file_stamp, stamp_file
from fullcircle.tracking.provenance import active_run_id


class ReportDataset(AbstractDataset[Any, Any]):
    """Writes plain values to a JSON file in one step and, inside a run, to MLflow.

    Example:
        ```yaml
        intake_report:
          type: fullcircle.datasets.ReportDataset
          filepath: data/08_reporting/telco_churn/intake_report.json
          metrics: [rows_read, rows_rejected]
        ```

    A star stands for any part of a path, and a mapping names the metric, the star by what it found:

        ```yaml
          metrics: {train_scores.*: train.*}
        ```
    """

    def __init__(
        self,
        *,
        filepath: str,
        metrics: list[str] | dict[str, str] | None = None,
        artifact_folder: str | None = None,
        optional: bool = False,
        any_clock: bool = False,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Declare the report.

        Args:
            filepath: The JSON file.
            metrics: Dotted paths of numbers in the report that become MLflow metrics, under the
                report's name and the path, or under the name that a mapping gives each.
            artifact_folder: Folder among the run's artifacts; None for their root.
            optional: Whether None is read, instead of an error, while there is no report.
            any_clock: Whether runs at other clocks may read it; they are refused otherwise.
            metadata: Free facts for kedro-viz and other plugins.
        """
        self._path = Path(filepath)
        named = metrics if isinstance(metrics, dict) else {}
        listed = metrics if isinstance(metrics, list) else []
        self._metrics = {path: f"{self._path.stem}.{path}" for path in listed} | named
        self._artifact_folder = artifact_folder
        self._optional = optional
        self.spans_clocks = any_clock
        self.metadata = metadata

    def load(self) -> Any:
        """Read the report.

        Raises:
            StorageError: There is no such report yet.
        """
        if not self._path.is_file() and self._optional:
            return None
        if not self._path.is_file():
            raise StorageError(
                f"There is no report at {self._path} yet. Run the pipeline that makes it first; "
                "`kedro run` runs them all."
            )
        return json.loads(self._path.read_text(encoding="utf-8"))

    def save(self, data: Any) -> None:
        """Write the report beside its place and move it there, then log it."""
        beside = self._path.with_suffix(".unfinished")
        content = json.dumps(data, indent=1, default=str).encode()
        with clear_storage_errors(self._path.parent):
            beside.write_bytes(content)
            stamp_file(self._path, content)
            os.replace(beside, self._path)
        if active_run_id():
            self._log(data)

    def _log(self, data: Any) -> None:
        import mlflow

        mlflow.log_artifact(str(self._path), self._artifact_folder)
        flat = flatten(data) if isinstance(data, dict) else {}
        mlflow.log_metrics(name_numbers(flat, self._metrics))

    def made_by(self) -> MadeBy | None:
        """Run that made the report as it is now; None where that is not known."""
        return read_file_stamp(self._path)

    def _exists(self) -> bool:
        return self._path.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path), "metrics": self._metrics}


def name_numbers(flat: dict[str, Any], wanted: dict[str, str]) -> dict[str, float]:
    """Choose finite numbers by their paths, and name them.

    Args:
        flat: Values by dotted path.
        wanted: Name by path; in both a star stands for the same text.

    Example:
        >>> name_numbers({"train.f1": 0.5, "train.f2": None}, {"train.*": "in_sample.*"})
        {'in_sample.f1': 0.5}
    """
    found: dict[str, float] = {}
    for path, name in wanted.items():
        pattern = re.compile(re.escape(path).replace(r"\*", "(.+)"))
        for each, value in flat.items():
            if (hit := pattern.fullmatch(each)) and _is_number(value):
                found[name.replace("*", hit[1]) if "*" in path else name] = float(value)
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and isfinite(value)
