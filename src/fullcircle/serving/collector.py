"""From the journal to the log: closed segments become Delta commits, each line exactly once.

A batch of segments is named in a file before the first of its two tables is written, and each
commit carries the batch's number. So who comes after a crash writes the same batch again, and
the tables that have its number already refuse it.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from fullcircle.datasets.stream_table_dataset import StreamTableDataset
from fullcircle.serving.request_log import CLOSED, adopt_orphans, read_segment
from fullcircle.serving.runtime_dir import read_json, write_json

STREAM = "endpoint"
_BATCH_BYTES = 64 * 2**20
_BATCHES_BEFORE_COMPACTION = 200
_MOMENT = pa.timestamp("us", "UTC")

REQUESTS = pa.schema(
    [
        ("answered_at", _MOMENT),
        ("date", pa.date32()),
        ("request_id", pa.string()),
        ("route", pa.string()),
        ("status", pa.int32()),
        ("rows", pa.int32()),
        ("latency_ms", pa.float64()),
        ("cpu_ms", pa.float64()),
        ("role", pa.string()),
        ("model_version", pa.string()),
        ("error", pa.string()),
        ("worker", pa.int32()),
        ("memory_mb", pa.float64()),
    ]
)
PREDICTIONS = pa.schema(
    [
        ("answered_at", _MOMENT),
        ("date", pa.date32()),
        ("request_id", pa.string()),
        ("row", pa.int32()),
        ("row_id", pa.string()),
        ("entity", pa.string()),
        ("role", pa.string()),
        ("answered", pa.bool_()),
        ("model_name", pa.string()),
        ("model_version", pa.string()),
        ("predicted", pa.float64()),
        ("probabilities", pa.list_(pa.float64())),
        ("decision", pa.int64()),
        ("features", pa.string()),
    ]
)


class Collector:
    """Turns the journal of an endpoint into its log."""

    def __init__(
        self,
        journal: Path,
        requests: StreamTableDataset,
        predictions: StreamTableDataset,
        keep_days: int | None = None,
    ) -> None:
        """Take the journal's folder, the two tables of the log, and how long they keep a day."""
        self._journal, self._keep_days = journal, keep_days
        self._requests, self._predictions = requests, predictions
        self._manifest = journal / "batch.json"

    def collect(self) -> int:
        """Commit what lies in closed segments.

        Returns:
            Requests that are in the log now and were not before.

        Raises:
            StorageError: A table refuses; the journal keeps what it holds.
        """
        adopt_orphans(self._journal)
        done = self._finish_batch()
        while segments := self._next_segments():
            number = 1 + max(
                table.last_batch(STREAM) for table in (self._requests, self._predictions)
            )
            names = [segment.name for segment in segments]
            write_json(self._manifest, {"number": number, "segments": names})
            done += self._finish_batch()
        return done

    def _next_segments(self) -> list[Path]:
        chosen: list[Path] = []
        size = 0
        for path in sorted(self._journal.glob(f"*{CLOSED}")):
            size += path.stat().st_size
            if chosen and size > _BATCH_BYTES:
                break
            chosen.append(path)
        return chosen

    def _finish_batch(self) -> int:
        """Write the batch that was begun, if there is one, and forget its segments."""
        begun = read_json(self._manifest)
        if begun is None:
            return 0
        paths = [self._journal / name for name in begun["segments"]]
        number = int(begun["number"])
        entries = [entry for path in paths if path.exists() for entry in read_segment(path)]
        asked = [entry for entry in entries if "status" in entry]
        self._append(self._requests, map(_tell_request, asked), REQUESTS, number)
        told = (row for entry in entries for row in _describe_rows(entry))
        self._append(self._predictions, told, PREDICTIONS, number)
        for path in paths:
            path.unlink(missing_ok=True)
        self._manifest.unlink()
        if number % _BATCHES_BEFORE_COMPACTION == 0:
            self._compact()
        return len(asked)

    def _append(
        self,
        table: StreamTableDataset,
        rows: Iterable[dict[str, Any]],
        schema: pa.Schema,
        number: int,
    ) -> None:
        if table.last_batch(STREAM) >= number:
            return
        listed = pa.Table.from_pylist(list(rows), schema=schema)
        table.append(listed.to_reader(), STREAM, number, {})

    def _compact(self) -> None:
        """Many small commits become few files; what is read meanwhile stays as it is."""
        from deltalake import DeltaTable

        for table in (self._requests, self._predictions):
            DeltaTable(table.path).optimize.compact()
        self.forget_old_days()

    def forget_old_days(self, today: date | None = None) -> None:
        """Delete the days of both tables that are older than they are kept.

        Args:
            today: By default, today in UTC.
        """
        from deltalake import DeltaTable

        if self._keep_days is None:
            return
        first = (today or datetime.now(UTC).date()) - timedelta(days=self._keep_days)
        for table in (self._requests, self._predictions):
            if DeltaTable.is_deltatable(str(table.path)):
                DeltaTable(table.path).delete(f"date < '{first.isoformat()}'")


def _tell_request(entry: dict[str, Any]) -> dict[str, Any]:
    parts: Sequence[dict[str, Any]] = entry["parts"]
    return {
        **_describe_timestamp(entry),
        "request_id": entry["id"],
        "route": entry["route"],
        "status": entry["status"],
        "rows": entry["count"],
        "latency_ms": entry["ms"],
        "cpu_ms": entry["cpu"],
        "role": "+".join(sorted({part["role"] for part in parts})) or None,
        "model_version": "+".join(sorted({part["version"] for part in parts})) or None,
        "error": entry["error"],
        "worker": entry["worker"],
        # A journal of the version before does not say.
        "memory_mb": entry["memory"] / 2**20 if "memory" in entry else None,
    }


def _describe_rows(entry: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for part in entry["parts"]:
        for place, row in enumerate(part["rows"]):
            predicted = part["predicted"][place]
            several = isinstance(predicted, list)
            entity = {key: values[place] for key, values in part["keys"].items()}
            features = {name: values[place] for name, values in part["inputs"].items()}
            identity = None if part["ids"] is None else part["ids"][place]
            yield {
                **_describe_timestamp(entry),
                "request_id": entry["id"],
                "row": row,
                "row_id": None if identity is None else str(identity),
                "entity": orjson.dumps(entity).decode() if entity else None,
                "role": part["role"],
                "answered": part["answered"],
                "model_name": part["model"],
                "model_version": part["version"],
                "predicted": None if several else predicted,
                "probabilities": predicted if several else None,
                "decision": None if part["decisions"] is None else part["decisions"][place],
                "features": orjson.dumps(features).decode(),
            }


def _describe_timestamp(entry: dict[str, Any]) -> dict[str, Any]:
    moment = datetime.fromtimestamp(entry["at"] / 1e6, UTC)
    return {"answered_at": moment, "date": moment.date()}
