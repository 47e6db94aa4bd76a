"""``kedro stream``: score what arrives, once or for as long as it is let."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import click

from fullcircle.cli.command import Command, answer, json_option
from fullcircle.cli.model.options import ProjectLocation, location_options
from fullcircle.cli.parameters import read_clock
from fullcircle.console import as_facts


@click.command(
    cls=Command,
    example="kedro stream --folder arrivals --once",
    then="kedro run --pipeline monitoring  # watches what was predicted",
)
@click.option("--once", is_flag=True, help="Score what is there now, then stop.")
@click.option("--every", type=click.FloatRange(min=0.01), help="Seconds between looks.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    help="Folder of .csv, .jsonl or .parquet files, instead of the catalog's stream_source.",
)
@click.option("--pattern", help="Which files of the folder: '*.csv'.")
@click.option(
    "--table",
    type=click.Path(path_type=Path),
    help="Delta table whose inserted rows arrive, instead of the catalog's stream_source.",
)
@click.option("--topic", help="Topic of a Kafka-compatible broker, instead of stream_source.")
@click.option("--broker", help="The topic's broker: localhost:9092.")
@click.option("--as-of", help="The clock; by default the moment of each batch.")
@click.option("--spark", is_flag=True, help="Let Spark Structured Streaming bring the files.")
@click.option("--checkpoint", type=click.Path(path_type=Path), help="Spark's checkpoint folder.")
@location_options
@json_option
def stream(
    once: bool,
    every: float | None,
    as_of: str | None,
    spark: bool,
    checkpoint: Path | None,
    place: ProjectLocation,
    as_json: bool,
    **named: Any,
) -> None:
    """Score records as they arrive, each exactly once; Ctrl-C ends after the batch under way."""
    from fullcircle.hooks.progress import show_work
    from fullcircle.streaming.setup import open_stream

    if checkpoint is not None and not spark:
        raise click.UsageError("--checkpoint is Spark's; give --spark with it.")
    source = _choose_source(**named)
    changes = {} if every is None else {"poll_seconds": every}
    clock = read_clock(as_of)
    opening = open_stream(place.context, source, clock, changes, spark=spark)
    with opening as opened, show_work(), stopping() as stop:
        summary = opened.run(stop, once=once, checkpoint=checkpoint)
    facts = {"run_id": opened.run_id, **summary.as_dict(), "tables": opened.table_versions()}
    shown = {name: value for name, value in facts.items() if value not in ([], {})}
    answer(facts, as_json=as_json, show=lambda _: as_facts(shown))


def _choose_source(
    folder: Path | None,
    pattern: str | None,
    table: Path | None,
    topic: str | None,
    broker: str | None,
) -> Any:
    """Give the source that the options name; None where that is the catalog's business."""
    from fullcircle.datasets import RecordFolderDataset, RecordTableDataset, RecordTopicDataset

    if [folder, table, topic].count(None) < 2:
        raise click.UsageError("Give one of --folder, --table and --topic.")
    if pattern is not None and folder is None:
        raise click.UsageError("--pattern says which files of --folder; give both.")
    if (topic is None) != (broker is None):
        raise click.UsageError("Give --topic and --broker together.")
    if topic is not None:
        return RecordTopicDataset(broker=str(broker), topic=topic)
    if table is not None:
        return RecordTableDataset(filepath=str(table))
    if folder is not None:
        return RecordFolderDataset(filepath=str(folder), pattern=pattern or "*")
    return None


@contextmanager
def stopping() -> Iterator[Event]:
    """Let the first Ctrl-C or SIGTERM set an event, and a second one interrupt at once."""
    stop = Event()

    def note(number: int, frame: Any) -> None:  # noqa: ARG001 - Python's signature
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {one: signal.signal(one, note) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
