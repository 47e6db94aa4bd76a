"""A Delta table to which a stream appends each of its batches exactly once."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ibis.expr.types as ir
import pyarrow as pa
from deltalake import (
    ColumnProperties,
    CommitProperties,
    DeltaTable,
    Transaction,
    WriterProperties,
    write_deltalake,
)
from deltalake.exceptions import CommitFailedError
from kedro.io import AbstractDataset, DatasetError
from kedro_datasets._typing import TablePreview

from fullcircle.core.errors import StorageError
from fullcircle.datasets.delta_table_dataset import preview_rows
from fullcircle.storage.delta_tables import (
    clear_storage_errors,
    delta_version,
    is_delta,
    read_delta,
)
from fullcircle.tracking.provenance import describe_writer

# Statistics per file of the first column, the batch's number: those of features cost as much as all
# the rest of the writing.
_CONFIGURATION = {"delta.dataSkippingNumIndexedCols": "1"}


class StreamTableDataset(AbstractDataset[None, ir.Table | None]):
    """Appends batches, each in one commit that carries the stream's name and the batch's number.

    Which batches are there is read from the table itself (Delta's application transactions): of
    two writers of one batch, one is refused.

    Example:
        ```yaml
        stream_predictions:
          type: fullcircle.datasets.StreamTableDataset
          filepath: data/07_model_output/telco_churn/stream_predictions
          partition_by: [scored_on]
        ```
    """

    def __init__(
        self,
        *,
        filepath: str,
        partition_by: list[str] | None = None,
        optional: bool = False,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Declare the table.

        Args:
            filepath: Folder of the table.
            partition_by: Columns that divide its files.
            optional: Whether None is read, instead of an error, while there is no table.
            metadata: Free facts for kedro-viz and other plugins.
        """
        self._path = Path(filepath)
        self._partition_by = partition_by
        self._optional = optional
        self.metadata = metadata

    @property
    def path(self) -> Path:
        """Folder of the table."""
        return self._path

    def load(self) -> ir.Table | None:
        """Read the newest version lazily.

        Raises:
            StorageError: There is no table yet, and it is not optional.
        """
        if self._optional and not self._exists():
            return None
        return read_delta(self._path)

    def save(self, data: None) -> None:  # noqa: ARG002 - Kedro's signature
        """Refuse: a batch needs a number."""
        raise DatasetError("Batches are appended by `kedro stream`.")

    def last_batch(self, stream: str) -> int:
        """Number of the newest batch of a stream; 0 before the first."""
        if not is_delta(self._path):
            return 0
        return int(DeltaTable(self._path).transaction_version(stream) or 0)

    def select(self, columns: list[str], where: list[tuple[str, str, Any]] | Any) -> pa.Table:
        """Read columns of the rows that meet all conditions; no rows before the first batch.

        Args:
            columns: Their names.
            where: Conditions on columns, or an expression of PyArrow.
        """
        if not is_delta(self._path):
            return pa.table({name: pa.array([], pa.null()) for name in columns})
        table = DeltaTable(self._path)
        known = {field.name for field in table.schema().fields}
        found = table.to_pyarrow_table(
            columns=[name for name in columns if name in known],
            filters=None if isinstance(where, list) and not where else where,
        )
        for name in columns:
            if name not in known:
                found = found.append_column(name, pa.nulls(len(found)))
        return found.select(columns)

    def append(
        self, rows: pa.RecordBatchReader, stream: str, number: int, facts: Mapping[str, str]
    ) -> None:
        """Append a batch in one commit.

        Args:
            rows: Its rows, maybe none.
            stream: Name of the stream.
            number: The batch's number; that of each commit is higher than the one before.
            facts: What the commit says of the batch beside.

        Raises:
            StorageError: Another writer has written the batch, or the folder or table refuses.
        """
        with clear_storage_errors(self._path):
            schema = _as_stored(rows.schema)
            table = self._open_or_create(schema)
            if (table.transaction_version(stream) or 0) >= number:
                raise self._another_writer(number)
            _refuse_other_types(self._path, table, schema)
            try:
                write_deltalake(
                    table,
                    rows,
                    mode="append",
                    schema_mode="merge",
                    writer_properties=_writer_properties(rows.schema),
                    commit_properties=CommitProperties(
                        custom_metadata={**describe_writer(), **facts, "batch": str(number)},
                        app_transactions=[Transaction(stream, number)],
                    ),
                )
            except CommitFailedError as error:
                raise self._another_writer(number) from error

    def _open_or_create(self, schema: pa.Schema) -> DeltaTable:
        if not is_delta(self._path):
            DeltaTable.create(
                str(self._path),
                schema,
                mode="ignore",
                partition_by=self._partition_by,
                configuration=_CONFIGURATION,
            )
        return DeltaTable(self._path)

    def _another_writer(self, number: int) -> StorageError:
        return StorageError(
            f"Another stream has written batch {number} to {self._path}; nothing was written "
            "twice. Let one `kedro stream` run at a time."
        )

    def preview(self, nrows: int = 5) -> TablePreview:
        """Give the first rows, for kedro-viz."""
        return preview_rows(read_delta(self._path), nrows)

    def data_version(self) -> str | None:
        """Version of the table as it is now, for lineage; None where there is no table."""
        return f"delta v{delta_version(self._path)}" if self._exists() else None

    def _exists(self) -> bool:
        return is_delta(self._path)

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path), "partition_by": self._partition_by}


def _writer_properties(schema: pa.Schema) -> WriterProperties:
    """Statistics of the first column alone, and dictionaries where texts repeat."""
    plain = [field.name for field in schema if not pa.types.is_dictionary(field.type)]
    return WriterProperties(
        compression="SNAPPY",
        default_column_properties=ColumnProperties(statistics_enabled="NONE"),
        column_properties={
            name: ColumnProperties(
                dictionary_enabled=False,
                statistics_enabled="CHUNK" if name == schema.names[0] else "NONE",
            )
            for name in plain
        },
    )


def _as_stored(schema: pa.Schema) -> pa.Schema:
    """Give the types that a Delta table keeps: texts plain."""
    return pa.schema(
        [f.with_type(f.type.value_type) if pa.types.is_dictionary(f.type) else f for f in schema]
    )


def _refuse_other_types(path: Path, table: DeltaTable, schema: pa.Schema) -> None:
    there = pa.schema(table.schema())
    others = [
        f"{field.name} is {field.type} instead of {there.field(field.name).type}"
        for field in schema
        if field.name in there.names and there.field(field.name).type != field.type
    ]
    if others:
        raise StorageError(
            f"The rows to append do not fit the table at {path}: {'; '.join(others)}. Move the "
            "stream's tables away to begin new ones."
        )
