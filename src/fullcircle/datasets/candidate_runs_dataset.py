"""One nested MLflow run per candidate."""

from typing import Any

from kedro.io import AbstractDataset, DatasetError

from fullcircle.core.contract import flatten


class CandidateRunsDataset(AbstractDataset[dict[str, dict[str, Any]], Any]):
    """Logs each candidate's parameters and scores in a run below the current one.

    Example:
        ```yaml
        candidate_runs:
          type: fullcircle.datasets.CandidateRunsDataset
        ```
    """

    def __init__(self, metadata: dict[str, Any] | None = None) -> None:
        """Declare the entry; it needs no address, since the runs belong to the current one."""
        self.metadata = metadata

    def save(self, data: dict[str, dict[str, Any]]) -> None:
        """Write a nested run for each ``{candidate: {"parameters", "metrics"}}``."""
        import mlflow

        for candidate, record in data.items():
            with mlflow.start_run(run_name=candidate, nested=True, tags={"candidate": candidate}):
                mlflow.log_params(flatten(record["parameters"]))
                mlflow.log_metrics(record["metrics"])

    def load(self) -> Any:
        """Refuse: nested runs are read in MLflow."""
        raise DatasetError("Candidate runs are read in MLflow, below the run that trained them.")

    def _describe(self) -> dict[str, Any]:
        return {}
