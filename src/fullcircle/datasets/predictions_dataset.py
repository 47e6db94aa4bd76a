"""Scored rows as a Delta table: one commit per day, stamped with run, moment and what made it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ibis.expr.types as ir
import pyarrow as pa
from deltalake import (
    ColumnProperties,
    CommitProperties,
    DeltaTable,
    WriterProperties,
    write_deltalake,
)
from deltalake.exceptions import CommitFailedError, DeltaError, DeltaProtocolError
from kedro.io import AbstractDataset
from kedro_datasets._typing import TablePreview

from fullcircle.core.errors import StorageError
from fullcircle.core.scoring.days import ScoredDay
from fullcircle.core.scoring.requests import DAY
from fullcircle.datasets.delta_table_dataset import (
    clear_storage_errors,
    delta_version,
    is_delta,
    preview_rows,
    read_delta,
)
from fullcircle.datasets.provenance import active_run_id, describe_writer

# Of the table's meaning. A table that says a higher number is not written to.
LAYOUT = 2
_LAYOUT = "predictions_layout"

# No statistics per file: taking those of features cost as much as all the rest of the writing. The
# table must say so itself, or deltalake reads a missing statistic as one that no row can meet.
_CONFIGURATION = {"delta.dataSkippingNumIndexedCols": "0"}


class PredictionsDataset(AbstractDataset[ScoredDay, ir.Table]):
    """Replaces the rows of one day per save, in one commit, and reads all of them lazily.

    Rows also get ``run_id`` and ``scored_at``. A day is there whole or not at all; other days are
    not touched. New columns join the table; a column of another type is refused.

    Example:
        ```yaml
        predictions:
          type: fullcircle.datasets.PredictionsDataset
          filepath: data/07_model_output/telco_churn/predictions
        ```
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        """Declare the table.

        Args:
            filepath: Folder of the table.
            metadata: Free facts for kedro-viz and other plugins.
        """
        self._path = Path(filepath)
        self.metadata = metadata

    def load(self) -> ir.Table:
        """Read the newest version lazily.

        Raises:
            StorageError: There is no table yet.
        """
        return read_delta(self._path)

    def save(self, data: ScoredDay) -> None:
        """Write one day.

        Raises:
            StorageError: The folder cannot be written to, another run changed the table meanwhile,
                or the table is of a newer project or has a column of another type.
        """
        stamps = {
            "run_id": pa.scalar(active_run_id() or "none", pa.string()),
            "scored_at": pa.scalar(datetime.now(UTC), pa.timestamp("us", tz="UTC")),
        }
        reader = _stamp_all(data.read(), stamps)
        table = self._open(reader.schema) if is_delta(self._path) else None
        with clear_storage_errors(self._path):
            try:
                _write(table, self._path, data, reader)
            except CommitFailedError as error:
                raise StorageError(
                    f"Another run changed {self._path} while {data.day} was written; nothing of "
                    "it was kept. Run again when the other one is done."
                ) from error
            except Exception:
                if data.failure is not None:
                    raise data.failure from None
                raise

    def _open(self, schema: pa.Schema) -> DeltaTable:
        """Open the table, if rows of the schema may be written to it."""
        try:
            table = DeltaTable(self._path)
            newest = table.history(1)[0]
        except (DeltaProtocolError, DeltaError) as error:
            reason = str(error).strip().splitlines()[0]
            raise StorageError(f"The table at {self._path} cannot be read: {reason}.") from error
        if int(newest.get(_LAYOUT, 0)) > LAYOUT or table.protocol().min_writer_version > 7:
            raise StorageError(
                f"The predictions at {self._path} were written by a newer version of this "
                "project. Update it, or score into another FULLCIRCLE_DATA_DIR."
            )
        there = pa.schema(table.schema())
        others = [
            f"{field.name} is {field.type} instead of {there.field(field.name).type}"
            for field in _as_stored(schema)
            if field.name in there.names and there.field(field.name).type != field.type
        ]
        if others:
            raise StorageError(
                f"The predictions to write do not fit the table at {self._path}: "
                f"{'; '.join(others)}. Move the table away to begin a new one."
            )
        return table

    def preview(self, nrows: int = 5) -> TablePreview:
        """Give the first rows, for kedro-viz."""
        return preview_rows(self.load(), nrows)

    def data_version(self) -> str | None:
        """Version of the table as it is now, for lineage; None where there is no table."""
        return f"delta v{delta_version(self._path)}" if self._exists() else None

    def _exists(self) -> bool:
        return is_delta(self._path)

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}


def _write(
    table: DeltaTable | None, path: Path, data: ScoredDay, reader: pa.RecordBatchReader
) -> None:
    """Commit one day, in place of what the table holds of it."""
    facts = {DAY: data.day, "fingerprint": data.fingerprint or "", _LAYOUT: str(LAYOUT)}
    lean = table is None or _CONFIGURATION.items() <= table.metadata().configuration.items()
    write_deltalake(
        path if table is None else table,
        reader,
        mode="overwrite",
        schema_mode=None if table is None else "merge",
        partition_by=[DAY],
        predicate=None if table is None else f"{DAY} = '{data.day}'",
        configuration=_CONFIGURATION if table is None else None,
        writer_properties=_writer_properties(reader.schema, statistics=not lean),
        commit_properties=CommitProperties(custom_metadata={**describe_writer(), **facts}),
    )


def _stamp_all(reader: pa.RecordBatchReader, stamps: dict[str, pa.Scalar]) -> pa.RecordBatchReader:
    schema = reader.schema
    for name, value in stamps.items():
        schema = schema.append(pa.field(name, value.type))

    def stamp() -> Iterator[pa.RecordBatch]:
        for batch in reader:
            columns = [pa.repeat(value, batch.num_rows) for value in stamps.values()]
            yield pa.RecordBatch.from_arrays([*batch.columns, *columns], schema=schema)

    return pa.RecordBatchReader.from_batches(schema, stamp())


def _as_stored(schema: pa.Schema) -> pa.Schema:
    """Give the types that a Delta table keeps: texts plain, moments in microseconds."""
    return pa.schema(
        [f.with_type(f.type.value_type) if pa.types.is_dictionary(f.type) else f for f in schema]
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
