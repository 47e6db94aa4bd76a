"""A stream as the project declares it: source, tables, models and tracking."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import Any

import pyarrow as pa

from fullcircle.core.contract import ProblemSpec
from fullcircle.core.errors import ConfigurationError
from fullcircle.datasets.record_folder_dataset import RecordFolderDataset
from fullcircle.engines.engine import choose_engine
from fullcircle.engines.spark_session import open_session, read_options
from fullcircle.storage.record_sources import RecordSource
from fullcircle.streaming.commit_log import Tables
from fullcircle.streaming.runner import Stream, StreamSummary
from fullcircle.streaming.scorer import CatalogModelSource, Scorer
from fullcircle.streaming.settings import read_settings
from fullcircle.streaming.spark import SparkFiles, run_on_spark
from fullcircle.streaming.tracking import log_batch, log_summary, track_stream

_TABLES = ("stream_sources", "stream_predictions", "stream_rejected")


@dataclass
class OpenStream:
    """A stream that is ready to run.

    Attributes:
        stream: The stream.
        source: Where its records arrive.
        run_id: The MLflow run.
        catalog: The project's.
        spark: The Spark session, where Spark brings the records.
    """

    stream: Stream
    source: RecordSource
    run_id: str
    catalog: Any
    spark: Any = None

    def run(self, stop: Event, *, once: bool, checkpoint: Path | None = None) -> StreamSummary:
        """Score batch after batch, and log what was done.

        Args:
            stop: Ends the stream when set, after the batch under way.
            once: Whether to end when all that is there now is scored.
            checkpoint: Where Spark keeps its own notes; None for a folder beside the tables.
        """
        if isinstance(self.source, SparkFiles):
            place = checkpoint or self.catalog.get(_TABLES[0]).path.with_name("stream_checkpoint")
            summary = run_on_spark(
                self.spark, self.stream, self.source, stop, once=once, checkpoint=place
            )
        else:
            summary = self.stream.run(stop, once=once)
        log_summary(summary)
        return summary

    def table_versions(self) -> dict[str, str]:
        """Versions of the tables as they are now."""
        return {name: self.catalog.get(name).data_version() or "none yet" for name in _TABLES}


@contextmanager
def open_stream(
    context: Any,
    source: RecordSource | None,
    as_of: datetime | None,
    changes: Mapping[str, Any],
    *,
    spark: bool = False,
) -> Iterator[OpenStream]:
    """Make a stream ready, and track it while it runs.

    Args:
        context: The project's context.
        source: Where records arrive; None for the catalog's ``stream_source``.
        as_of: The clock; None for the moment of each batch.
        changes: Settings other than ``parameters_stream.yml`` has them.
        spark: Whether Spark brings the records.

    Raises:
        ConfigurationError: A parameter is not valid.
        ModelError: There is no champion, or it cannot score.
        StorageError: There is no such source, or the tables do not belong together.
    """
    catalog = context.catalog
    settings = read_settings({**context.params.get("stream", {}), **changes})
    problem: ProblemSpec = catalog.load("params:problem")
    found = catalog.get("stream_source") if source is None else source
    found.look({})  # before anything is loaded or tracked
    session, ours = _start_spark(context, found) if spark else (None, False)
    if isinstance(found, RecordFolderDataset) and session is not None:
        found = SparkFiles(found)
    choose_engine("duckdb")  # a join of few rows is quickest in this process, on any ENGINE
    known = _know_types(catalog, problem)
    share = catalog.load("params:intake").max_unreadable_share
    scorer = Scorer(
        CatalogModelSource(catalog), problem, catalog.load("params:scoring"), known, share
    )
    tables = Tables(*(catalog.get(name) for name in _TABLES))
    stream = Stream(found, tables, scorer, settings, as_of=as_of, tell=log_batch)
    tags = {
        "source": found.address,
        "data_source": str(context.config_loader["globals"]["data_source"]),
        "as_of": "now" if as_of is None else as_of.isoformat(),
    }
    experiment = context.mlflow.tracking.experiment.name
    tracked = track_stream(
        experiment, problem.name, Path(context.project_path), tags, settings.model_dump()
    )
    try:
        with tracked as run_id:
            yield OpenStream(stream, found, run_id, catalog, session)
    finally:
        if ours and session is not None:
            session.stop()


def _start_spark(context: Any, source: RecordSource) -> tuple[Any, bool]:
    """Give a Spark session, and whether it is ours to stop.

    Raises:
        ConfigurationError: PySpark or Java is missing, or the source is none of files.
        StorageError: Spark does not start.
    """
    if not isinstance(source, RecordFolderDataset):
        raise ConfigurationError(
            f"Spark brings files, and {source.address} is no folder of them. Leave --spark out."
        )
    options = dict(context.config_loader["spark"])
    folder = Path(context.project_path) / str(options.get("folder", ""))
    folder.mkdir(parents=True, exist_ok=True)
    return open_session(read_options({**options, "folder": folder}), folder / "spark.log")


def _know_types(catalog: Any, problem: ProblemSpec) -> dict[str, pa.DataType]:
    """Give the types that ids and keys have in ``events``, if there are events yet."""
    if not catalog.exists("events"):
        return {}
    schema = catalog.load("events").schema()
    return {
        name: schema[name].to_pyarrow()
        for name in (problem.row_id, *problem.entity_keys)
        if name in schema
    }
