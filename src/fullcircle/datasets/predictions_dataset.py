"""Scored rows as a Delta table, stamped with the run and the time of writing."""

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from fullcircle.datasets.delta_table_dataset import DeltaTableDataset, Rows, as_batches
from fullcircle.datasets.provenance import active_run_id


class PredictionsDataset(DeltaTableDataset):
    """A Delta table whose rows also carry ``run_id`` and ``scored_at``.

    Example:
        ```yaml
        predictions:
          type: fullcircle.datasets.PredictionsDataset
          filepath: data/07_model_output/telco_churn/predictions
          replace_by: scored_on
        ```
    """

    def save(self, data: Rows) -> None:
        """Stamp and write rows, batch by batch."""
        reader = as_batches(data)
        stamps = {
            "run_id": pa.scalar(active_run_id() or "none", pa.string()),
            "scored_at": pa.scalar(datetime.now(UTC), pa.timestamp("us", tz="UTC")),
        }
        schema = reader.schema
        for name, value in stamps.items():
            schema = schema.append(pa.field(name, value.type))
        stamped = (_stamp(batch, stamps, schema) for batch in reader)
        super().save(pa.RecordBatchReader.from_batches(schema, stamped))


def _stamp(batch: pa.RecordBatch, stamps: dict[str, Any], schema: pa.Schema) -> pa.RecordBatch:
    columns = [pa.repeat(value, batch.num_rows) for value in stamps.values()]
    return pa.RecordBatch.from_arrays([*batch.columns, *columns], schema=schema)
