"""A Delta table to which others append records."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError
from kedro.io import AbstractDataset, DatasetError

from fullcircle.core.errors import StorageError
from fullcircle.storage.record_blocks import BadRecord, Block
from fullcircle.storage.record_sources import AvailableParts, SourcePart

_CHANGE = "_change_type"
_OF_THE_FEED = [_CHANGE, "_commit_version", "_commit_timestamp"]
_PREFIX = "version "


class RecordTableDataset(AbstractDataset[None, list[SourcePart]]):
    """Reads the rows that each version of a Delta table has inserted, version by version.

    Rows that a version updated were scored as they were; they are set aside, not scored again.
    A table whose rows change should have its change feed on (``delta.enableChangeDataFeed``).

    Example:
        ```yaml
        stream_source:
          type: fullcircle.datasets.RecordTableDataset
          filepath: data/05_model_input/telco_churn/arrivals
        ```
    """

    stable_seconds = 0.0

    def __init__(
        self, *, filepath: str, first_version: int = 0, metadata: dict[str, Any] | None = None
    ) -> None:
        """Declare the table.

        Args:
            filepath: Folder of the table.
            first_version: Where to begin; earlier versions are never read.
            metadata: Free facts for kedro-viz and other plugins.
        """
        self._path = Path(filepath)
        self._first = first_version
        self.metadata = metadata

    @property
    def address(self) -> str:
        """The folder of the table."""
        return str(self._path)

    def load(self) -> list[SourcePart]:
        """List the versions."""
        return self.look({}).pieces

    def look(self, known: Mapping[str, SourcePart]) -> AvailableParts:
        """List the versions that are not known, the oldest first.

        Raises:
            StorageError: There is no such table.
        """
        table = self._open()
        done = [int(name.removeprefix(_PREFIX)) for name in known if name.startswith(_PREFIX)]
        first = max([self._first - 1, *done]) + 1
        count = table.version() - first + 1
        facts = {entry["version"]: entry for entry in table.history(count)} if count > 0 else {}
        pieces = [_as_piece(number, facts) for number in range(first, table.version() + 1)]
        return AvailableParts(pieces, [])

    def read(self, piece: SourcePart, schema: pa.Schema) -> Iterator[Block]:  # noqa: ARG002
        """Read the rows that a version inserted.

        Raises:
            StorageError: The version's files are gone.
        """
        number = int(piece.name.removeprefix(_PREFIX))
        first = 1
        for rows in self._read_changes(number):
            yield _take_inserted(rows, first)
            first += len(rows)

    def _read_changes(self, number: int) -> Iterator[pa.Table]:
        try:
            feed = pa.RecordBatchReader.from_stream(
                self._open().load_cdf(starting_version=number, ending_version=number)
            )
            for batch in feed:
                yield _without_views(pa.Table.from_batches([batch]))
        except (DeltaError, OSError, pa.ArrowException) as error:
            raise StorageError(
                f"Version {number} of {self._path} cannot be read any more: "
                f"{str(error).strip().splitlines()[0]}. Name a later first_version in the catalog."
            ) from error

    def _open(self) -> DeltaTable:
        try:
            return DeltaTable(self._path)
        except TableNotFoundError as error:
            raise StorageError(
                f"There is no Delta table at {self._path} to take records from. Name another one "
                "with --table."
            ) from error

    def save(self, data: None) -> None:  # noqa: ARG002 - Kedro's signature
        """Refuse: others append the rows."""
        raise DatasetError(f"Rows are appended to {self._path} by others.")

    def _exists(self) -> bool:
        return bool(DeltaTable.is_deltatable(str(self._path)))

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path), "first_version": self._first}


def _as_piece(number: int, facts: Mapping[int, dict[str, Any]]) -> SourcePart:
    entry = facts.get(number, {})
    rows = entry.get("operationMetrics", {}).get("num_added_rows", 0)
    written = datetime.fromtimestamp(entry.get("timestamp", 0) / 1000, UTC)
    return SourcePart(f"{_PREFIX}{number}", int(rows), written)


def _without_views(rows: pa.Table) -> pa.Table:
    """Give texts in the layout that all of Arrow's functions know."""
    plain = [
        field.with_type(pa.string()) if pa.types.is_string_view(field.type) else field
        for field in rows.schema
    ]
    return rows.cast(pa.schema(plain))


def _take_inserted(rows: pa.Table, first: int) -> Block:
    """Keep inserted rows; what was updated is told of, and what was deleted is nobody's concern."""
    numbers = pa.array(np.arange(first, first + len(rows)))
    kind = rows[_CHANGE].combine_chunks()
    rows = rows.drop_columns(_OF_THE_FEED)
    updated = pc.equal(kind, "update_postimage")
    told = Block(rows.filter(updated), numbers.filter(updated))
    changed = [
        BadRecord(number, "changed after it had arrived; it is not scored again", text)
        for number, text in zip(told.numbers.to_pylist(), told.tell(), strict=True)
    ]
    inserted = pc.equal(kind, "insert")
    return Block(rows.filter(inserted), numbers.filter(inserted), changed)
