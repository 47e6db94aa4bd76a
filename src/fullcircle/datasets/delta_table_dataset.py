"""A Delta table as a catalog entry."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain, groupby
from pathlib import Path
from typing import Any, Literal, TypeAlias

import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, write_deltalake
from deltalake.exceptions import DeltaError, TableNotFoundError
from kedro.io import AbstractDataset
from kedro_datasets._typing import TablePreview

from fullcircle.core.errors import ConfigurationError, StorageError
from fullcircle.engines.engine import get_embedded, get_engine, stream_rows
from fullcircle.tracking.provenance import describe_writer

Rows: TypeAlias = ir.Table | pd.DataFrame | pa.Table | pa.RecordBatchReader

# Commits of maintenance, which change no row.
_UPKEEP = ("OPTIMIZE", "VACUUM START", "VACUUM END", "SET TBLPROPERTIES")
# Delta forgets versions after 30 days, but a model may have to be reproduced from one.
KEEP_LOG = {"delta.enableExpiredLogCleanup": "false"}


class DeltaTableDataset(AbstractDataset[Rows, Any]):
    """Reads a Delta table lazily and writes rows to it in batches, one atomic version per commit.

    A table that is being replaced stays readable, and whole, until the new version is committed.

    Example:
        ```yaml
        events:
          type: fullcircle.datasets.DeltaTableDataset
          filepath: data/03_primary/telco_churn/events

        gate_set:
          type: fullcircle.datasets.DeltaTableDataset
          filepath: data/05_model_input/telco_churn/gate_set
          load_as: pandas
        ```
    """

    def __init__(
        self,
        *,
        filepath: str,
        replace_by: str | None = None,
        load_as: Literal["ibis", "pandas"] = "ibis",
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Declare the table.

        Args:
            filepath: Folder of the table.
            replace_by: Column to partition by; a save replaces only the partitions that it brings,
                one commit each, and expects rows sorted by it. None replaces the whole table.
            load_as: ``ibis`` for a lazy table, ``pandas`` for a frame in memory.
            metadata: Free facts for kedro-viz and other plugins.
        """
        if load_as not in ("ibis", "pandas"):
            raise ConfigurationError(f"load_as={load_as!r} is not one of: ibis, pandas.")
        self._path = Path(filepath)
        self._replace_by = replace_by
        self._load_as = load_as
        self.metadata = metadata

    def load(self) -> ir.Table | pd.DataFrame:
        """Read the newest version.

        Raises:
            StorageError: There is no table yet.
        """
        if self._load_as == "pandas":
            return read_frame(self._path)
        return read_delta(self._path)

    def load_version(self, version: int) -> pd.DataFrame:
        """Read the table as it was.

        Raises:
            StorageError: There is no such version, or its files were vacuumed.
        """
        try:
            return read_frame(self._path, version)
        except FileNotFoundError as error:
            raise StorageError(
                f"The files of version {version} of {self._path} are gone; they were vacuumed."
            ) from error

    def save(self, data: Rows) -> None:
        """Write rows, batch by batch."""
        with clear_storage_errors(self._path):
            if self._replace_by is None:
                repeat_overwrite(self._path, data, lambda rows: write_version(self._path, rows))
            else:
                self._replace_partitions(as_batches(data), self._replace_by)

    def _replace_partitions(self, reader: pa.RecordBatchReader, column: str) -> None:
        for value, batches in groupby(
            _split_by(reader, column), key=lambda b: b[column][0].as_py()
        ):
            part = pa.RecordBatchReader.from_batches(reader.schema, batches)
            predicate = f"{column} = '{value}'" if is_delta(self._path) else None
            write_version(self._path, part, partition_by=[column], predicate=predicate)

    def data_version(self) -> str | None:
        """Version of the table as it is now, for lineage; None where there is no table."""
        return f"delta v{delta_version(self._path)}" if is_delta(self._path) else None

    def preview(self, nrows: int = 5) -> TablePreview:
        """Give the first rows, for kedro-viz."""
        return preview_rows(get_embedded().read_delta(open_delta(self._path)), nrows)

    def written_by(self, version: int) -> str | None:
        """Id of the run that wrote a version's rows, for lineage; None where it is not known."""
        for commit in DeltaTable(self._path).history() if is_delta(self._path) else []:
            if commit["version"] <= version and commit["operation"] not in _UPKEEP:
                return None if commit.get("run_id") in (None, "none") else str(commit["run_id"])
        return None

    def _exists(self) -> bool:
        return is_delta(self._path)

    def _describe(self) -> dict[str, Any]:
        return {
            "filepath": str(self._path),
            "replace_by": self._replace_by,
            "load_as": self._load_as,
        }


def preview_rows(rows: ir.Table, number: int) -> TablePreview:
    """Give the first rows in the form that kedro-viz draws as a table."""
    frame = rows.limit(number).to_pandas().astype(str)
    return TablePreview(frame.to_dict(orient="split"))


def is_delta(path: Path) -> bool:
    """Whether a Delta table lies in the folder."""
    return bool(DeltaTable.is_deltatable(str(path)))


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


def _split_by(reader: pa.RecordBatchReader, column: str) -> Iterator[pa.RecordBatch]:
    """Cut batches so that each holds one value of the column."""

    def cut(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        values = batch[column].to_pylist()
        start = 0
        for _, run in groupby(values):
            length = sum(1 for _ in run)
            yield batch.slice(start, length)
            start += length

    return chain.from_iterable(cut(batch) for batch in reader if batch.num_rows)


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
        raise _cannot_write(path, error.strerror or str(error)) from error
    except DeltaError as error:
        if "LocalFileSystem" not in str(error) and "os error" not in str(error):
            raise
        raise _cannot_write(path, str(error).splitlines()[0]) from error


def _cannot_write(path: Path, reason: str) -> StorageError:
    return StorageError(
        f"Cannot write to {path}: {reason}. "
        "Check the folder's permissions and free space; what was there before is whole."
    )
