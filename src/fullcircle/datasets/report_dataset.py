"""A report as a JSON file, as an MLflow artifact, and its numbers as MLflow metrics."""

import json
import os
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

from fullcircle.core.contract import flatten
from fullcircle.core.errors import StorageError
from fullcircle.datasets.delta_table_dataset import clear_storage_errors
from fullcircle.datasets.provenance import active_run_id


class ReportDataset(AbstractDataset[Any, Any]):
    """Writes plain values to a JSON file in one step and, inside a run, to MLflow.

    Example:
        ```yaml
        intake_report:
          type: fullcircle.datasets.ReportDataset
          filepath: data/08_reporting/telco_churn/intake_report.json
          metrics: [rows_read, rows_rejected]
        ```
    """

    def __init__(
        self,
        *,
        filepath: str,
        metrics: list[str] | None = None,
        artifact_folder: str | None = None,
        optional: bool = False,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Declare the report.

        Args:
            filepath: The JSON file.
            metrics: Dotted paths of numbers in the report that become MLflow metrics; one that ends
                in ``.*`` means all numbers below it.
            artifact_folder: Folder among the run's artifacts; None for their root.
            optional: Whether None is read, instead of an error, while there is no report.
            metadata: Free facts for kedro-viz and other plugins.
        """
        self._path = Path(filepath)
        self._metrics = metrics or []
        self._artifact_folder = artifact_folder
        self._optional = optional
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
        with clear_storage_errors(self._path.parent):
            beside.write_text(json.dumps(data, indent=1, default=str), encoding="utf-8")
            os.replace(beside, self._path)
        if active_run_id():
            self._log(data)

    def _log(self, data: Any) -> None:
        import mlflow

        mlflow.log_artifact(str(self._path), self._artifact_folder)
        flat = flatten(data) if isinstance(data, dict) else {}
        numbers = {
            f"{self._path.stem}.{name}": float(value)
            for name, value in flat.items()
            if isinstance(value, int | float) and self._is_metric(name)
        }
        mlflow.log_metrics(numbers)

    def _is_metric(self, name: str) -> bool:
        whole = (each.removesuffix("*") for each in self._metrics if each.endswith(".*"))
        return name in self._metrics or name.startswith(tuple(whole))

    def _exists(self) -> bool:
        return self._path.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path), "metrics": self._metrics}
