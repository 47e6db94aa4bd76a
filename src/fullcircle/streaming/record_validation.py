"""From the pieces of a batch to rows that can be scored, and rows that are set aside."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from fullcircle.core.scoring.records import Bounds, RecordSchema, find_watermark, validate_records
from fullcircle.core.scoring.values import MOMENT
from fullcircle.core.validation.row_validation import REASON, SOURCE_ROW, UNREADABLE
from fullcircle.storage.record_blocks import NOT_OPENED, Block
from fullcircle.storage.record_sources import RecordSource, SourcePart
from fullcircle.streaming.commit_log import Batch
from fullcircle.streaming.settings import StreamSettings

SOURCE = "source"
ARRIVED = "arrived_at"
_UNKNOWN = "could not be scored when it arrived"
_ASIDE = pa.schema(
    [
        (SOURCE, pa.string()),
        (SOURCE_ROW, pa.int64()),
        (REASON, pa.string()),
        ("record", pa.string()),
        (ARRIVED, MOMENT),
    ]
)


@dataclass
class RecordValidator:
    """Reads the pieces of a batch, and judges their records.

    Attributes:
        batch: The batch.
        form: What records must look like.
        settings: Of the stream.
        as_of: The clock.
        seen: Ids of rows scored in earlier batches.
        scored: Places of the batch's rows that are scored already, by source; None where the
            batch is new. What was decided once is not decided otherwise.
        fresh: Ids of the batch's own good rows.
        newest: Their newest moment.
        aside: What was set aside.
        reasons: How much of it, by reason.
        unread: Names of pieces that could not be read at all; they are planned again.
    """

    batch: Batch
    form: RecordSchema
    settings: StreamSettings
    as_of: datetime
    seen: list[pa.ChunkedArray]
    scored: dict[str, pa.Array] | None = None
    fresh: list[pa.ChunkedArray] = field(default_factory=list)
    newest: datetime | None = None
    aside: list[pa.Table] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    unread: set[str] = field(default_factory=set)

    def read(self, source: RecordSource) -> Iterator[pa.Table]:
        """Give the rows that can be scored, block by block.

        Yields:
            The form's columns, with ``source``, ``source_row`` and ``arrived_at``.
        """
        for piece in self.batch.pieces:
            if self.scored is not None and piece.name not in self.scored:
                self._reject_unscored(piece, source)
                continue
            for block in source.read(piece, self.form.given_schema):
                self._set_unreadable_aside(block, piece)
                if len(block.rows):
                    yield self._judge(block, piece)

    def _reject_unscored(self, piece: SourcePart, source: RecordSource) -> None:
        """Set a piece aside of which a batch that was cut short has scored no row.

        If it holds good rows now, it could not be read then: it is planned again as a whole.
        """
        before = len(self.aside), len(self.fresh), Counter(self.reasons), self.newest
        scored, self.scored = self.scored, None
        good = 0
        for block in source.read(piece, self.form.given_schema):
            self._set_unreadable_aside(block, piece)
            if len(block.rows):
                good += len(self._judge(block, piece))
        self.scored = scored
        if good:
            del self.aside[before[0] :], self.fresh[before[1] :]
            self.reasons, self.newest = before[2], before[3]
            self._keep(piece, [None], [f"{NOT_OPENED}: the process ended"], [""])
            self.unread.add(piece.name)

    def _judge(self, block: Block, piece: SourcePart) -> pa.Table:
        records = self._with_ids(block, piece)
        judged = validate_records(records, self.form, self._bounds())
        reasons = self._keep_decisions(judged.reasons, block.numbers, piece)
        places = judged.places
        if reasons is not judged.reasons:
            places = pc.indices_nonzero(pc.is_null(reasons)).cast(pa.int64())
            places = places.filter(pc.is_in(places, value_set=judged.places))
        good = judged.good.filter(pc.is_in(judged.places, value_set=places))
        self._set_aside(block, reasons, piece)
        self.fresh.append(good[self.form.row_id])
        if self.form.event_time is not None and len(good):
            latest = pc.max(good[self.form.event_time]).as_py()
            self.newest = latest if self.newest is None else max(self.newest, latest)
        unreadable = judged.unreadable.filter(pc.is_in(judged.places, value_set=places))
        if self.form.parsers:
            good = good.append_column(UNREADABLE, unreadable)
        return (
            good.append_column(SOURCE, pa.repeat(pa.scalar(piece.name), len(good)))
            .append_column(SOURCE_ROW, block.numbers.take(places).cast(pa.int64()))
            .append_column(ARRIVED, pa.repeat(pa.scalar(piece.changed_at, MOMENT), len(good)))
        )

    def _with_ids(self, block: Block, piece: SourcePart) -> pa.Table:
        """Give records their place as an id, where they bring none of their own."""
        if self.settings.row_ids == "given":
            return block.rows
        row_id, records = self.form.row_id, block.rows
        if row_id in records.column_names:
            records = records.drop_columns([row_id])
        numbers = block.numbers.cast(pa.string())
        places = pc.binary_join_element_wise(pa.scalar(piece.name), numbers, ":")
        return records.append_column(row_id, places)

    def _bounds(self) -> Bounds:
        chunks = [chunk for ids in (*self.seen, *self.fresh) for chunk in ids.chunks]
        kind = self.form.kinds[self.form.row_id]
        given = self.settings.row_ids == "given"
        return Bounds(
            latest=self.as_of + timedelta(minutes=self.settings.max_ahead_minutes),
            watermark=find_watermark(self.batch.newest_before, self.settings.max_lateness_minutes),
            seen=pa.chunked_array(chunks, kind) if chunks and given else None,
        )

    def _keep_decisions(self, reasons: pa.Array, numbers: pa.Array, piece: SourcePart) -> pa.Array:
        """Set aside just those records of a batch that was cut short which it had not scored."""
        if self.scored is None:
            return reasons
        done = pc.is_in(numbers, value_set=self.scored.get(piece.name, pa.array([], pa.int64())))
        return pc.if_else(done, None, pc.fill_null(reasons, _UNKNOWN))

    def _set_aside(self, block: Block, reasons: pa.Array, piece: SourcePart) -> None:
        places = pc.indices_nonzero(pc.is_valid(reasons))
        if not len(places):
            return
        told = reasons.take(places)
        self._keep(piece, block.numbers.take(places), told, block.tell(places))

    def _set_unreadable_aside(self, block: Block, piece: SourcePart) -> None:
        if bad := block.unreadable:
            columns = ([e.row for e in bad], [e.reason for e in bad], [e.text for e in bad])
            self._keep(piece, *columns)
            if any(reason.startswith(NOT_OPENED) for reason in columns[1]):
                self.unread.add(piece.name)

    def _keep(self, piece: SourcePart, numbers: Any, reasons: Any, texts: list[str]) -> None:
        count = len(texts)
        columns = [[piece.name] * count, numbers, reasons, texts, [piece.changed_at] * count]
        self.aside.append(pa.table(columns, schema=_ASIDE))
        given = reasons.to_pylist() if isinstance(reasons, pa.Array) else reasons
        self.reasons.update(reason.partition(":")[0] for reason in given)

    def rejected_records(self, stamps: dict[str, pa.Scalar]) -> pa.Table:
        """Give what was set aside, stamped."""
        rows = pa.concat_tables([_ASIDE.empty_table(), *self.aside])
        now = {"rejected_at": pa.scalar(datetime.now(UTC), MOMENT)}
        added = {name: pa.repeat(value, len(rows)) for name, value in (stamps | now).items()}
        return pa.table({**added, **dict(zip(rows.column_names, rows.columns, strict=True))})
