"""Delta tables in folders: opened, read, written as one version, and their errors in one line."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, write_deltalake
from deltalake.exceptions import DeltaError, TableNotFoundError

from fullcircle.core.errors import StorageError
from fullcircle.engines.engine import get_embedded, get_engine, stream_rows
from fullcircle.storage.disk import describe_full_disk, is_full
from fullcircle.tracking.made_by import MadeBy
from fullcircle.tracking.provenance import describe_writer

Rows: TypeAlias = ir.Table | pd.DataFrame | pa.Table | pa.RecordBatchReader

# Commits of maintenance, which change no row.
UPKEEP = ("OPTIMIZE", "VACUUM START", "VACUUM END", "SET TBLPROPERTIES")
_FEW_COMMITS = 5
# Delta forgets versions after 30 days, but a model may have to be reproduced from one.
KEEP_LOG = {"delta.enableExpiredLogCleanup": "false"}


def is_delta(path: Path) -> bool:
    """Whether a Delta table lies in the folder."""
    return bool(DeltaTable.is_deltatable(str(path)))


def read_writer(path: Path) -> MadeBy | None:
    """Return the run that wrote a table's rows last; None where that is not known."""
    table = DeltaTable(path)
    for commits in (table.history(_FEW_COMMITS), table.history()):
        for commit in commits:
            if commit["operation"] not in UPKEEP:
                by_hand = "user" in commit and commit.get("run_id") == "none"
                return MadeBy.read(commit) or (MadeBy.by_hand() if by_hand else None)
    return None


def delta_version(path: Path) -> int:
    """Newest version of the Delta table in the folder."""
    return int(DeltaTable(path).version())


def read_delta(path: Path, version: int | str | None = None) -> ir.Table:
    """Read a Delta table lazily, as of a version, of an ISO moment, or as it is now.

    Raises:
        StorageError: There is no table yet, or no such version.
    """
    return get_engine().read_delta(open_delta(path, version))


def read_frame(path: Path, version: int | str | None = None) -> pd.DataFrame:
    """Read a Delta table into memory; the frame is the same whichever engine was chosen.

    Raises:
        StorageError: There is no table yet, or no such version.
    """
    frame: pd.DataFrame = get_embedded().read_delta(open_delta(path, version)).to_pandas()
    return frame


def open_delta(path: Path, version: int | str | None = None) -> DeltaTable:
    """Find a Delta table, as of a version, of an ISO moment, or as it is now.

    Raises:
        StorageError: There is no table yet, or no such version.
    """
    try:
        table = DeltaTable(path)
        if version is not None:
            table.load_as_version(version)
    except TableNotFoundError as error:
        raise StorageError(
            f"There is no table at {path} yet. Run the pipeline that makes it first; "
            "`kedro run` runs them all."
        ) from error
    except DeltaError as error:
        raise StorageError(f"The table at {path} has no version {version!r}.") from error
    return table


def write_version(
    path: Path,
    rows: pa.RecordBatchReader,
    *,
    partition_by: list[str] | None = None,
    predicate: str | None = None,
) -> None:
    """Commit rows as one new version that replaces the table, or what the predicate matches."""
    write_deltalake(
        path,
        rows,
        mode="overwrite",
        schema_mode=None if predicate else "overwrite",
        partition_by=partition_by,
        predicate=predicate,
        configuration=None if is_delta(path) else KEEP_LOG,
        commit_properties=CommitProperties(custom_metadata=describe_writer()),
    )


def repeat_overwrite(path: Path, data: Rows, write: Callable[[pa.RecordBatchReader], None]) -> None:
    """Write rows over a table, again where another writer was faster; the last one stays.

    Raises:
        StorageError: The rows come as a stream, which cannot be read again, or other writers were
            faster every time.
    """
    from fullcircle.storage.delta_writes import retry_commit

    if isinstance(data, pa.RecordBatchReader):
        return retry_commit(path, lambda: write(data), attempts=1)
    return retry_commit(path, lambda: write(as_batches(data)))


def as_batches(data: Rows) -> pa.RecordBatchReader:
    """Give rows as a stream of record batches; text is plain, moments are UTC microseconds."""
    if isinstance(data, ir.Table):
        return stream_rows(data)
    if isinstance(data, pd.DataFrame):
        data = pa.Table.from_pandas(data, preserve_index=False)
    return data.to_reader() if isinstance(data, pa.Table) else data


@contextmanager
def clear_storage_errors(path: Path) -> Iterator[None]:
    """Say in one line that a place cannot be written to.

    Raises:
        StorageError: The folder is read-only, full or otherwise refuses.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        if not os.access(path, os.W_OK):  # delta-rs would panic and print its own traceback
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        yield
    except OSError as error:
        raise _cannot_write(path, error, error.strerror or str(error)) from error
    except DeltaError as error:
        if "LocalFileSystem" not in str(error) and "os error" not in str(error):
            raise
        raise _cannot_write(path, error, str(error).splitlines()[0]) from error


def _cannot_write(path: Path, error: Exception, reason: str) -> StorageError:
    if is_full(error):
        return StorageError(describe_full_disk(path))
    return StorageError(
        f"Cannot write to {path}: {reason}. "
        "Check the folder's permissions and free space; what was there before is whole."
    )
