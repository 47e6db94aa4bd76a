"""One search as one MLflow run."""

from pathlib import Path
from typing import Any

from fullcircle.automl.options import Options
from fullcircle.core.contract import flatten
from fullcircle.core.models.model import Model
from fullcircle.pipelines.training import nodes
from fullcircle.tracking.database import wait_for_locks
from fullcircle.tracking.killed_runs import describe_process, end_dead_runs


def track_search(
    target: str,
    options: Options,
    plan: list[dict[str, Any]],
    search: dict[str, Any],
    board: list[dict[str, Any]],
    model: Model,
    scores: dict[str, dict[str, float]],
    notebook: Path | None,
) -> tuple[str, str]:
    """Log a search to MLflow: options, finalists and trials, scores, reports and the model.

    Where no tracking address was given, the runs go to ``mlflow.db`` in the working directory.

    Returns:
        The run's id, and the model's address in MLflow.
    """
    import mlflow

    from fullcircle.datasets.candidate_runs_dataset import CandidateRunsDataset
    from fullcircle.tracking.registry.model_files import log_model

    wait_for_locks()
    experiment = mlflow.set_experiment("automl")
    end_dead_runs(mlflow.MlflowClient(), experiment.experiment_id)
    note = {"mlflow.note.content": options.note, "note": options.note} if options.note else {}
    tags = {**describe_process(), **note}
    with mlflow.start_run(run_name=f"automl {target}", tags=tags) as run:
        mlflow.log_params(flatten(options.model_dump(mode="json", exclude={"raw_schema"})))
        [chosen] = [row for row in board if row["chosen"]]
        mlflow.log_metrics(
            {
                **chosen["scores"],
                **{f"train.{name}": value for name, value in chosen["train_scores"].items()},
                **{f"gate.{name}": each["value"] for name, each in scores.items()},
            }
        )
        mlflow.log_dict(plan, "preparation_report.json")
        mlflow.log_dict(search, "search_report.json")
        mlflow.log_dict(board, "leaderboard.json")
        records = nodes.record_candidates(search, board, options.settle())
        CandidateRunsDataset().save(records)
        logged = log_model(model)
        if notebook is not None:
            mlflow.log_artifact(str(notebook))
    return str(run.info.run_id), str(logged.model_uri)
