"""A Delta table as a catalog entry."""

from collections.abc import Iterator
from itertools import chain, groupby
from pathlib import Path
from typing import Any, Literal

import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa
from deltalake import DeltaTable
from kedro.io import AbstractDataset
from kedro_datasets._typing import TablePreview

from fullcircle.core.errors import ConfigurationError, StorageError
from fullcircle.engines.engine import get_embedded
from fullcircle.storage.delta_tables import (
    UPKEEP,
    Rows,
    as_batches,
    clear_storage_errors,
    delta_version,
    is_delta,
    open_delta,
    read_delta,
    read_frame,
    read_writer,
    repeat_overwrite,
    write_version,
)
from fullcircle.tracking.made_by import MadeBy


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
            if commit["version"] <= version and commit["operation"] not in UPKEEP:
                return None if commit.get("run_id") in (None, "none") else str(commit["run_id"])
        return None

    def made_by(self) -> MadeBy | None:
        """Run that wrote the rows as they are now; None where that is not known."""
        return read_writer(self._path)

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
