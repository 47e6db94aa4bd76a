"""One stream as one MLflow run, with the metrics of each batch as its steps."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fullcircle.core.contract import flatten
from fullcircle.streaming.batches import BatchStats
from fullcircle.streaming.runner import StreamSummary
from fullcircle.tracking.killed_runs import describe_process
from fullcircle.tracking.provenance import describe_code, describe_environment, describe_hardware

_progress = logging.getLogger("fullcircle.progress")


@contextmanager
def track_stream(
    experiment: str,
    problem: str,
    folder: Path,
    tags: Mapping[str, str],
    parameters: Mapping[str, Any],
) -> Iterator[str]:
    """Keep a run open while a stream is scored.

    Args:
        experiment: Where the run goes.
        problem: Name of the problem.
        folder: The project, whose commit is recorded.
        tags: What to tell of the stream.
        parameters: How it is scored.

    Yields:
        The run's id.
    """
    import mlflow

    mlflow.set_experiment(experiment)
    name = f"{problem} stream {datetime.now(UTC):%Y-%m-%dT%H:%M}"
    surroundings = {**describe_environment(), **describe_hardware(), **describe_code(folder)}
    given = {"problem": problem, "pipelines": "stream", **describe_process(), **tags}
    with mlflow.start_run(run_name=name, tags={**surroundings, **given}) as run:
        mlflow.log_params(flatten(parameters))
        yield run.info.run_id


def log_batch(row_counts: BatchStats) -> None:
    """Log a batch's metrics, and say in a line how it went."""
    import mlflow

    metrics = {
        "rows": row_counts.rows,
        "rejected": row_counts.rejected,
        "pieces": row_counts.pieces,
        "stale_rows": row_counts.stale_rows,
        "seconds": row_counts.seconds,
        "rows_per_second": row_counts.rows_per_second,
    }
    for name, lag in (("event", row_counts.since_event), ("arrival", row_counts.since_arrival)):
        if lag is not None:
            metrics[f"{name}_lag_seconds.mean"] = lag.mean_seconds
            metrics[f"{name}_lag_seconds.max"] = lag.max_seconds
    mlflow.log_metrics({k: float(v) for k, v in metrics.items()}, step=row_counts.number)
    waited = (
        ""
        if row_counts.since_arrival is None
        else f", {row_counts.since_arrival.max_seconds:,.1f} s old"
    )
    _progress.info(
        "batch %s: %s rows, %s set aside, %s rows/s%s",
        row_counts.number,
        f"{row_counts.rows:,}",
        f"{row_counts.rejected:,}",
        f"{row_counts.rows_per_second:,.0f}",
        waited,
    )


def log_summary(summary: StreamSummary) -> None:
    """Log what the stream did, all in all."""
    import mlflow

    told = summary.as_dict()
    totals = ("batches", "pieces", "rows", "rejected", "rows_per_second", "seconds")
    mlflow.log_metrics({f"total.{name}": float(told[name]) for name in totals})
    mlflow.log_dict(told, "stream_summary.json")
