"""The three ways of changing a Delta table, each one commit, repeated when writers collide."""

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ibis.expr.types as ir
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError

from fullcircle.core.errors import StorageError
from fullcircle.engines.engine import stream_rows
from fullcircle.tracking.provenance import describe_writer

_ATTEMPTS = 12
_FIRST_WAIT_SECONDS = 0.1
_LONGEST_WAIT_SECONDS = 3.0


def replace_rows(path: Path, rows: ir.Table, partition_by: list[str]) -> None:
    """Replace the whole table, schema included."""
    stamp = _stamp(rows)

    def replace() -> None:
        write_deltalake(
            path,
            stream_rows(rows),
            mode="overwrite",
            schema_mode="overwrite",
            partition_by=partition_by or None,
            commit_properties=stamp,
        )

    retry_commit(path, replace)


def append_rows(
    path: Path, rows: ir.Table, partition_by: list[str], check: Callable[[DeltaTable], None]
) -> None:
    """Add rows; whatever is there stays.

    Args:
        path: Folder of the table.
        rows: The rows.
        partition_by: Columns that divide a new table.
        check: Refuses the rows where they do not go with those of a version. The rows join that
            version alone: two appends at once collide, and the later one is checked again.
    """
    stamp = _stamp(rows)
    _create_if_absent(path, rows, partition_by)

    def append() -> None:
        table = DeltaTable(path)
        check(table)
        stamp.app_transactions = [Transaction("append", table.version() + 1)]
        write_deltalake(table, stream_rows(rows), mode="append", commit_properties=stamp)

    retry_commit(path, append)


def merge_rows(path: Path, rows: ir.Table, identity: list[str], partition_by: list[str]) -> None:
    """Update the rows whose identity is there already, and add the others."""
    stamp = _stamp(rows)
    _create_if_absent(path, rows, partition_by)
    predicate = " AND ".join(f"old.{column} = new.{column}" for column in identity)

    def merge() -> None:
        merger = DeltaTable(path).merge(
            stream_rows(rows),
            predicate,
            source_alias="new",
            target_alias="old",
            commit_properties=stamp,
        )
        merger.when_matched_update_all().when_not_matched_insert_all().execute()

    retry_commit(path, merge)


def _stamp(rows: ir.Table) -> CommitProperties:
    """Say who writes how many rows.

    To be asked for before the rows are streamed: a connection of DuckDB that answers another query
    ends its stream.
    """
    return CommitProperties(
        custom_metadata={**describe_writer(), "rows": str(rows.count().execute())}
    )


def _create_if_absent(path: Path, rows: ir.Table, partition_by: list[str]) -> None:
    """Make an empty table of the rows' schema, unless another writer has made it."""
    schema = pa.schema(rows.schema().to_pyarrow())
    DeltaTable.create(str(path), schema, mode="ignore", partition_by=partition_by or None)


def retry_commit(path: Path, write: Callable[[], Any], *, attempts: int = _ATTEMPTS) -> None:
    """Write again when another writer was faster, waiting longer each time.

    Raises:
        StorageError: Other writers were faster every time.
    """
    wait_seconds = _FIRST_WAIT_SECONDS
    for _ in range(attempts):
        try:
            write()
        except CommitFailedError:
            time.sleep(wait_seconds * random.uniform(0.5, 1.5))  # noqa: S311 - spreads writers
            wait_seconds = min(2 * wait_seconds, _LONGEST_WAIT_SECONDS)
        else:
            return
    times = "the only attempt" if attempts == 1 else f"each of {attempts} attempts"
    raise StorageError(
        f"Other writers changed {path} during {times}; nothing of this batch "
        "was written. Run again when they are done."
    )
