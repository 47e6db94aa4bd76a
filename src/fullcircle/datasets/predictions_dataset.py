"""Scored rows as a Delta table: one commit per day, stamped with run, moment and what made it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ibis.expr.types as ir
import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, DeltaProtocolError
from kedro.io import AbstractDataset
from kedro_datasets._typing import TablePreview

from fullcircle.core.errors import StorageError
from fullcircle.core.scoring.days import ScoredDay
from fullcircle.datasets.delta_table_dataset import preview_rows
from fullcircle.storage.delta_tables import (
    clear_storage_errors,
    delta_version,
    is_delta,
    read_delta,
)
from fullcircle.storage.partition_files import as_stored
from fullcircle.storage.prediction_commits import LAYOUT, CollisionError, commit_day, read_layout
from fullcircle.tracking.provenance import active_run_id


class PredictionsDataset(AbstractDataset[ScoredDay, ir.Table | None]):
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

    spans_clocks = True

    def __init__(
        self, *, filepath: str, optional: bool = False, metadata: dict[str, Any] | None = None
    ) -> None:
        """Declare the table.

        Args:
            filepath: Folder of the table.
            optional: Whether None is read, instead of an error, while there is no table.
            metadata: Free facts for kedro-viz and other plugins.
        """
        self._path = Path(filepath)
        self._optional = optional
        self.metadata = metadata

    def load(self) -> ir.Table | None:
        """Read the newest version lazily.

        Raises:
            StorageError: There is no table yet, and it is not optional.
        """
        if self._optional and not self._exists():
            return None
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
                commit_day(table, self._path, data, reader)
            except CollisionError as error:
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
            layout = read_layout(table)
        except (DeltaProtocolError, DeltaError) as error:
            reason = str(error).strip().splitlines()[0]
            raise StorageError(f"The table at {self._path} cannot be read: {reason}.") from error
        if layout > LAYOUT or table.protocol().min_writer_version > 7:
            raise StorageError(
                f"The predictions at {self._path} were written by a newer version of this "
                "project. Update it, or score into another FULLCIRCLE_DATA_DIR."
            )
        there = pa.schema(table.schema())
        others = [
            f"{field.name} is {field.type} instead of {there.field(field.name).type}"
            for field in as_stored(schema)
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
        return preview_rows(read_delta(self._path), nrows)

    def data_version(self) -> str | None:
        """Version of the table as it is now, for lineage; None where there is no table."""
        return f"delta v{delta_version(self._path)}" if self._exists() else None

    def _exists(self) -> bool:
        return is_delta(self._path)

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}


def _stamp_all(reader: pa.RecordBatchReader, stamps: dict[str, pa.Scalar]) -> pa.RecordBatchReader:
    schema = reader.schema
    for name, value in stamps.items():
        schema = schema.append(pa.field(name, value.type))

    def stamp() -> Iterator[pa.RecordBatch]:
        for batch in reader:
            columns = [pa.repeat(value, batch.num_rows) for value in stamps.values()]
            yield pa.RecordBatch.from_arrays([*batch.columns, *columns], schema=schema)

    return pa.RecordBatchReader.from_batches(schema, stamp())
