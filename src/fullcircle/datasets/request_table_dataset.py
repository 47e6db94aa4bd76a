"""The requests of a run, by day: written once, read day by day in a stream."""

import hashlib
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
from deltalake import CommitProperties, DeltaTable, write_deltalake
from kedro.io import AbstractDataset
from kedro_datasets._typing import TablePreview

from fullcircle.core.scoring.requests import DAY, RequestDay, RequestTable
from fullcircle.datasets.delta_table_dataset import preview_rows
from fullcircle.storage.delta_tables import (
    Rows,
    clear_storage_errors,
    delta_version,
    is_delta,
    read_delta,
    read_writer,
    repeat_overwrite,
)
from fullcircle.storage.partition_files import as_plain
from fullcircle.tracking.made_by import MadeBy
from fullcircle.tracking.provenance import describe_writer

_logger = logging.getLogger(__name__)
_BATCH_ROWS = 131_072
_SAMPLE_ROWS = 1000


class RequestTableDataset(AbstractDataset[Rows, RequestTable]):
    """Writes rows to score as a Delta table by day, and reads each day in bounded memory.

    A file beside the table keeps each day's number of rows and digest, so that a run which was cut
    short can tell which days have not changed since.

    Example:
        ```yaml
        scoring_requests:
          type: fullcircle.datasets.RequestTableDataset
          filepath: data/05_model_input/telco_churn/scoring_requests
        ```
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        """Declare the table.

        Args:
            filepath: Folder of the table.
            metadata: Free facts for kedro-viz and other plugins.
        """
        self._path = Path(filepath)
        self._days_path = self._path.with_name(f"{self._path.name}.days.json")
        self.metadata = metadata

    def load(self) -> RequestTable:
        """Read the requests lazily.

        Raises:
            StorageError: There is no table yet.
        """
        rows = read_delta(self._path)
        known = self._read_days()
        if known is None:
            return RequestTable.of(rows)
        days = {day: RequestDay(**facts) for day, facts in sorted(known["days"].items())}
        return RequestTable(rows, days, _DayReader(self._path, known["repeating"]))

    def save(self, data: Rows) -> None:
        """Write rows that come in the order of their days, whole or not at all."""
        with clear_storage_errors(self._path):
            repeat_overwrite(self._path, data, self._write)

    def _write(self, reader: pa.RecordBatchReader) -> None:
        days = _DayBook(reader)
        write_deltalake(
            self._path,
            pa.RecordBatchReader.from_batches(reader.schema, iter(days)),
            mode="overwrite",
            schema_mode="overwrite",
            partition_by=[DAY],
            commit_properties=CommitProperties(custom_metadata=describe_writer()),
        )
        self._write_days({"version": delta_version(self._path), **days.facts()})

    def _write_days(self, known: dict[str, Any]) -> None:
        """Write what is known of the days; the table is whole, and can be read, without it."""
        beside = self._days_path.with_suffix(".unfinished")
        try:
            beside.write_text(json.dumps(known, indent=1), encoding="utf-8")
            os.replace(beside, self._days_path)
        except OSError as error:
            beside.unlink(missing_ok=True)
            _logger.warning(
                "%s is not written (%s): a run that is cut short scores all days again.",
                self._days_path,
                error.strerror,
            )

    def _read_days(self) -> dict[str, Any] | None:
        """Give what is known of the days; None where that is of another version of the table."""
        if not self._days_path.is_file():
            return None
        known: dict[str, Any] = json.loads(self._days_path.read_text(encoding="utf-8"))
        fits = known["version"] == delta_version(self._path) and "repeating" in known
        return known if fits else None

    def preview(self, nrows: int = 5) -> TablePreview:
        """Give the first rows, for kedro-viz."""
        return preview_rows(read_delta(self._path), nrows)

    def data_version(self) -> str | None:
        """Version of the table as it is now, for lineage; None where there is no table."""
        return f"delta v{delta_version(self._path)}" if self._exists() else None

    def made_by(self) -> MadeBy | None:
        """Run that wrote the requests as they are now; None where that is not known."""
        return read_writer(self._path)

    def _exists(self) -> bool:
        return is_delta(self._path)

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}


class _DayReader:
    """Streams a day's rows in the order in which they were written, texts as dictionaries."""

    def __init__(self, path: Path, repeating: list[str]) -> None:
        self._rows = DeltaTable(path).to_pyarrow_dataset(
            parquet_read_options=ds.ParquetReadOptions(dictionary_columns=repeating)
        )

    def __call__(self, day: str) -> Iterator[pa.RecordBatch]:
        yield from self._rows.scanner(
            filter=ds.field(DAY) == day, batch_size=_BATCH_ROWS, batch_readahead=4
        ).to_batches()


def _find_repeating(head: pa.RecordBatch) -> list[str]:
    """Name the columns of texts that repeat: a dictionary of identifiers only costs time."""
    kinds = (pa.string(), pa.large_string(), pa.string_view())
    texts = [f.name for f in head.schema if as_plain(f).type in kinds and f.name != DAY]
    return [name for name in texts if 2 * len(head[name].unique()) <= head.num_rows]


class _DayBook:
    """Passes batches on, and takes down each day's rows and digest, and which texts repeat."""

    def __init__(self, batches: pa.RecordBatchReader) -> None:
        self._batches = batches
        self._rows: dict[str, int] = {}
        self._digests: dict[str, Any] = {}
        self._repeating: list[str] | None = None

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        for batch in self._batches:
            if self._repeating is None and batch.num_rows:
                self._repeating = _find_repeating(batch.slice(0, _SAMPLE_ROWS))
            for day in batch[DAY].unique().to_pylist():
                part = batch.filter(pa.compute.equal(batch[DAY], day))
                self._rows[day] = self._rows.get(day, 0) + part.num_rows
                digest = self._digests.setdefault(day, hashlib.blake2b(digest_size=16))
                digest.update(_as_bytes(part))
            yield batch

    def facts(self) -> dict[str, Any]:
        """Rows and digest by day, and the columns of texts that repeat."""
        days = {
            day: {"rows": rows, "digest": self._digests[day].hexdigest()}
            for day, rows in self._rows.items()
        }
        return {"days": days, "repeating": self._repeating or []}


def _as_bytes(batch: pa.RecordBatch) -> memoryview:
    """Give a batch in Arrow's own format, the same bytes for the same rows."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return memoryview(sink.getvalue())
