"""Records as anyone sends them: typed rows that can be scored, and a reason for each that cannot.

Types are known beforehand: from what the model learnt, from the keys of the feature tables, and
from the contract. A text of a number is a number; a number where the model learnt text is no text.
What a record leaves blank is missing, as it was in training; its keys and its moment may not be.
Where a model carries the schema of its inputs, raw values are read by it, as training read them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fullcircle.core.errors import name_missing
from fullcircle.core.scoring.raw_columns import parse_column
from fullcircle.core.scoring.record_schema import RecordSchema, declare_form
from fullcircle.core.scoring.values import MOMENT, read_values

__all__ = [
    "Bounds",
    "RecordSchema",
    "ValidationResult",
    "declare_form",
    "find_watermark",
    "validate_records",
]

_LONGEST_QUOTE = 60


@dataclass(frozen=True)
class Bounds:
    """Which moments and ids are acceptable now.

    Attributes:
        latest: No record may be of a later moment; None lets all pass.
        watermark: No record may be of an earlier moment; None lets all pass.
        seen: Ids of rows that were scored before.
    """

    latest: datetime | None = None
    watermark: datetime | None = None
    seen: pa.ChunkedArray | None = None


@dataclass(frozen=True)
class ValidationResult:
    """What became of records.

    Attributes:
        good: Typed rows that can be scored, in their order.
        places: Their places among the records, from 0, shape (good rows,).
        reasons: Why each record cannot be scored, shape (records,); null where it can.
        unreadable: Names of each good row's columns that cannot be read and count as missing, as
            ``a; b; ``; null where all can.
    """

    good: pa.Table
    places: pa.Array
    reasons: pa.Array
    unreadable: pa.Array


def validate_records(records: pa.Table, form: RecordSchema, bounds: Bounds) -> ValidationResult:
    """Read records by their form, and say of each that cannot be scored why.

    Args:
        records: Columns in any types, and in any order; those that the form does not name are
            ignored. Values of several types in one column come as JSON (``pa.json_``).
        form: What they must look like.
        bounds: Which moments and ids are acceptable.

    Returns:
        Typed rows, and a reason for each other record: the first that applies, column by column.
    """
    records = _rename(records.combine_chunks(), form)
    if missing := name_missing(form.kinds, records.column_names):
        return _refuse_all(records, form, f"lacks the column {missing}")
    reasons = pa.nulls(len(records), pa.string())
    columns, unreadable = {}, {}
    for name, kind in form.kinds.items():
        given = _one_array(records[name])
        if name in form.parsers:
            columns[name], missing, faults = _parse(records, name, form)
            if missing is not None:
                unreadable[name] = missing
        else:
            columns[name], faults = read_values(given, kind, any_text=name in form.any_text)
        if faults is not None:
            reasons = _note(reasons, pc.is_valid(faults), _quote(f"{name} ", faults, given))
        if name in form.required:
            reasons = _note(reasons, pc.is_null(columns[name]), pa.scalar(f"{name} is blank"))
    columns, reasons = _fill_defaults(columns, reasons, form)
    if form.event_time is not None:
        reasons = _validate_timestamps(reasons, columns[form.event_time], form.event_time, bounds)
    reasons = _validate_ids(reasons, columns[form.row_id], form.row_id, bounds)
    places = pa.array(np.flatnonzero(pc.is_null(reasons).to_numpy(zero_copy_only=False)))
    good = pa.table(columns, schema=form.schema)
    told = _name_unreadable(unreadable, len(good)).take(places)
    good = good if len(places) == len(good) else good.take(places)
    return ValidationResult(good, places, reasons, told)


def _refuse_all(records: pa.Table, form: RecordSchema, reason: str) -> ValidationResult:
    nobody = pa.array([], pa.int64())
    reasons = pa.repeat(pa.scalar(reason), len(records))
    return ValidationResult(form.schema.empty_table(), nobody, reasons, pa.nulls(0, pa.string()))


def _rename(records: pa.Table, form: RecordSchema) -> pa.Table:
    """Give columns that come by their names in the source the names that models know."""
    there = set(records.column_names)
    names = {old: new for old, new in form.aliases.items() if old in there and new not in there}
    return records.rename_columns([names.get(n, n) for n in records.column_names])


def _parse(
    records: pa.Table, name: str, form: RecordSchema
) -> tuple[pa.Array, pa.Array | None, pa.Array | None]:
    """Read a column by its schema.

    Returns:
        Values; which of them are unreadable and count as missing; and why rows must be rejected.
    """
    parser = form.parsers[name]
    clock = parser.schema.clock
    clocks = _one_array(records[clock]) if clock and clock in records.column_names else None
    given = _one_array(records[name])
    values, unreadable, faults = parse_column(given, parser, form.kinds[name], clocks)
    if unreadable is None:
        return values, None, faults
    share = pc.sum(unreadable).as_py() / len(records)
    if not (parser.schema.strict or name in form.required or share > form.max_unreadable_share):
        return values, unreadable, faults
    told = pa.nulls(len(records), pa.string()) if faults is None else faults
    return values, None, pc.if_else(unreadable, pa.scalar(parser.fault()), told)


def _fill_defaults(
    columns: dict[str, pa.Array], reasons: pa.Array, form: RecordSchema
) -> tuple[dict[str, pa.Array], pa.Array]:
    """Give blanks the value that they stand for beside another column's."""
    filled = dict(columns)
    for name, parser in form.parsers.items():
        default = parser.schema.default
        if default is None or default.column not in columns:
            continue
        stands = pc.equal(columns[default.column], default.equals).fill_null(False)
        stands = pc.and_(pc.is_null(columns[name]), stands)
        filled[name] = pc.if_else(stands, pa.scalar(default.value), columns[name])
        if parser.schema.required:
            reasons = _note(reasons, pc.is_null(filled[name]), pa.scalar(f"{name} is blank"))
    return filled, reasons


def _name_unreadable(unreadable: Mapping[str, pa.Array], rows: int) -> pa.Array:
    """Name each row's unreadable columns, as ``Reading.unreadable_cells`` does."""
    told = np.full(rows, "", dtype=object)
    for name, mask in unreadable.items():
        told[mask.to_numpy(zero_copy_only=False)] += f"{name}; "
    return pa.array([each or None for each in told], pa.string())


def _one_array(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _note(reasons: pa.Array, wrong: pa.Array, reason: pa.Array | pa.Scalar) -> pa.Array:
    """Give rows a reason, unless they have one."""
    if not pc.any(wrong).as_py():
        return reasons
    return pc.if_else(pc.and_(wrong, pc.is_null(reasons)), reason, reasons)


def _quote(name: str, faults: pa.Array, given: pa.Array) -> pa.Array:
    """Say what is wrong with values, and quote them; most are fine, and cost nothing."""
    wrong = np.flatnonzero(faults.is_valid().to_numpy(zero_copy_only=False))
    told = [
        f"{name}{faults[place].as_py()}: {str(given[place].as_py())[:_LONGEST_QUOTE]!r}"
        for place in wrong
    ]
    quoted = np.full(len(faults), None, dtype=object)
    quoted[wrong] = told
    return pa.array(quoted, pa.string())


def _validate_timestamps(
    reasons: pa.Array, moments: pa.Array, name: str, bounds: Bounds
) -> pa.Array:
    if bounds.latest is not None:
        ahead = pc.greater(moments, pa.scalar(bounds.latest, MOMENT)).fill_null(False)
        reasons = _note(reasons, ahead, pa.scalar(f"{name} lies ahead of the clock"))
    if bounds.watermark is not None:
        late = pc.less(moments, pa.scalar(bounds.watermark, MOMENT)).fill_null(False)
        reason = f"late: {name} lies before the watermark {bounds.watermark:%Y-%m-%dT%H:%M:%SZ}"
        reasons = _note(reasons, late, pa.scalar(reason))
    return reasons


def _validate_ids(reasons: pa.Array, ids: pa.Array, name: str, bounds: Bounds) -> pa.Array:
    """Refuse ids that were scored before, and all but the first of equal ones."""
    if bounds.seen is not None and len(bounds.seen):
        # The other way round would build a table of all ids seen, for each few new ones.
        again = bounds.seen.filter(pc.is_in(bounds.seen, value_set=ids))
        if len(again):
            known = pc.is_in(ids, value_set=again.combine_chunks())
            reasons = _note(reasons, known, pa.scalar(f"same {name} as a row scored before"))
    good = np.flatnonzero(pc.is_null(reasons).to_numpy(zero_copy_only=False))
    codes = ids.take(pa.array(good)).dictionary_encode()
    if len(codes.dictionary) == len(good):
        return reasons
    _, first = np.unique(codes.indices.to_numpy(), return_index=True)
    repeated = np.zeros(len(reasons), dtype=bool)
    repeated[np.delete(good, first)] = True
    return _note(reasons, pa.array(repeated), pa.scalar(f"same {name} as another row"))


def find_watermark(newest: datetime | None, max_lateness_minutes: float | None) -> datetime | None:
    """Give the moment before which a record is late: so long before the newest one scored."""
    if newest is None or max_lateness_minutes is None:
        return None
    return newest - timedelta(minutes=max_lateness_minutes)
