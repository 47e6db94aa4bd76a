"""Commits of scored days: one per day, and none that another run would not have let through."""

from pathlib import Path

import pyarrow as pa
from deltalake import (
    ColumnProperties,
    CommitProperties,
    DeltaTable,
    Schema,
    Transaction,
    WriterProperties,
    write_deltalake,
)
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import AddAction, create_table_with_add_actions

from fullcircle.core.scoring.days import ScoredDay
from fullcircle.core.scoring.requests import DAY
from fullcircle.storage.delta_tables import is_delta
from fullcircle.storage.partition_files import as_stored, remove_files, write_files
from fullcircle.tracking.provenance import describe_writer

# Of the table's meaning. A table that says a higher number is not written to.
LAYOUT = 2
_LAYOUT = "predictions_layout"

# No statistics per file: taking those of features cost as much as all the rest of the writing. The
# table must say so itself, or deltalake reads a missing statistic as one that no row can meet.
_CONFIGURATION = {"delta.dataSkippingNumIndexedCols": "0"}


class CollisionError(Exception):
    """Another run changed the table meanwhile."""


def read_layout(table: DeltaTable) -> int:
    """Give the layout that the newest commit names; 0 where it names none."""
    return int(table.history(1)[0].get(_LAYOUT, 0))


def commit_day(
    table: DeltaTable | None, path: Path, data: ScoredDay, reader: pa.RecordBatchReader
) -> None:
    """Commit one day, in place of what the table holds of it.

    Args:
        table: As it was when the day's rows were asked for; None makes it.
        path: Its folder.
        data: The day.
        reader: Its rows, stamped.

    Raises:
        CollisionError: Another run changed the table meanwhile; nothing of this day is in it.
    """
    facts = {DAY: data.day, "fingerprint": data.fingerprint or "", _LAYOUT: str(LAYOUT)}
    commit = CommitProperties(
        custom_metadata={**describe_writer(), **facts},
        # Two runs that add the same day at once collide by this, also where neither replaces rows.
        app_transactions=[Transaction(f"{DAY}={data.day}", _next_version(table))],
    )
    files: list[AddAction] = []
    try:
        if _takes_bare_files(table, reader.schema):
            files = write_files(path, DAY, data.day, reader)
            _commit_files(table, path, data.day, files, reader.schema, commit)
        else:
            _write_through(table, path, data.day, reader, commit)
    except (CommitFailedError, CollisionError) as error:
        remove_files([path / file.path for file in files])
        raise CollisionError from error


def _next_version(table: DeltaTable | None) -> int:
    return 0 if table is None else table.version() + 1


def _takes_bare_files(table: DeltaTable | None, schema: pa.Schema) -> bool:
    """Whether files need nothing but their rows: no statistics, constraints or newer features."""
    if any(pa.types.is_timestamp(f.type) and f.type.tz is None for f in schema):
        return False
    if table is None:
        return True
    said = table.metadata().configuration.items()
    return bool(_CONFIGURATION.items() <= said and table.protocol().min_writer_version <= 2)


def _commit_files(
    table: DeltaTable | None,
    path: Path,
    day: str,
    files: list[AddAction],
    schema: pa.Schema,
    commit: CommitProperties,
) -> None:
    """Make files the rows of a day, in one commit."""
    stored = as_stored(schema)
    if table is not None:
        there = pa.schema(table.schema())
        joined = pa.schema([*there, *(f for f in stored if f.name not in there.names)])
        table.create_write_transaction(
            files, "overwrite", joined, [DAY], [(DAY, "=", day)], commit_properties=commit
        )
        return
    try:
        create_table_with_add_actions(
            str(path),
            Schema.from_arrow(stored),
            files,
            partition_by=[DAY],
            configuration=_CONFIGURATION,
            commit_properties=commit,
        )
    except DeltaError as error:
        if is_delta(path):
            raise CollisionError from error
        raise


def _write_through(
    table: DeltaTable | None,
    path: Path,
    day: str,
    reader: pa.RecordBatchReader,
    commit: CommitProperties,
) -> None:
    """Let deltalake write the rows, as tables of other makers may need it."""
    lean = table is None or _CONFIGURATION.items() <= table.metadata().configuration.items()
    write_deltalake(
        path if table is None else table,
        reader,
        mode="overwrite",
        schema_mode=None if table is None else "merge",
        partition_by=[DAY],
        predicate=None if table is None else f"{DAY} = '{day}'",
        configuration=_CONFIGURATION if table is None else None,
        writer_properties=_writer_properties(reader.schema, statistics=not lean),
        commit_properties=commit,
    )


def _writer_properties(schema: pa.Schema, *, statistics: bool) -> WriterProperties:
    """Dictionaries where texts repeat; of numbers and identifiers they are built in vain."""
    kind = "CHUNK" if statistics else "NONE"
    plain = [field for field in schema if not pa.types.is_dictionary(field.type)]
    return WriterProperties(
        compression="SNAPPY",
        default_column_properties=ColumnProperties(statistics_enabled=kind),
        column_properties={
            field.name: ColumnProperties(dictionary_enabled=False, statistics_enabled=kind)
            for field in plain
        },
    )
