"""Records as anyone sends them: typed rows that can be scored, and a reason for each that cannot.

Types are known beforehand: from what the model learnt, from the keys of the feature tables, and
from the contract. A text of a number is a number; a number where the model learnt text is no text.
What a record leaves blank is missing, as it was in training; its keys and its moment may not be.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pandas.api import types

from fullcircle.core.contract import ProblemSpec
from fullcircle.core.errors import DataError, name_missing
from fullcircle.core.features.point_in_time import KeyedTable
from fullcircle.core.models.model import Model
from fullcircle.core.scoring.values import MOMENT, read_values

_LONGEST_QUOTE = 60


@dataclass(frozen=True)
class RecordSchema:
    """What a record must look like.

    Attributes:
        kinds: Arrow type of each column that a record must have.
        any_text: Columns of text that are taken from numbers too: ids whose type nobody declared.
        required: Columns that no record may leave blank.
        row_id: Column that tells records apart.
        event_time: Column with the record's moment; None for a snapshot.
    """

    kinds: dict[str, pa.DataType]
    any_text: frozenset[str]
    required: list[str]
    row_id: str
    event_time: str | None

    @property
    def schema(self) -> pa.Schema:
        """Schema of the rows that can be scored."""
        return pa.schema(list(self.kinds.items()))


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
    """

    good: pa.Table
    places: pa.Array
    reasons: pa.Array


def declare_form(
    problem: ProblemSpec,
    models: Mapping[str, Model],
    tables: Mapping[str, KeyedTable],
    known: Mapping[str, pa.DataType] | None = None,
) -> RecordSchema:
    """Say what records must look like to be scored by all models.

    Args:
        problem: The contract.
        models: By role.
        tables: The feature tables that they look into.
        known: Types of ids and keys that no feature table declares, such as those of ``events``.

    Raises:
        DataError: A model looks into a table or key that does not exist.
    """
    kinds: dict[str, pa.DataType] = {}
    for model in models.values():
        found = {new for lookup in model.lookups for new in lookup.renaming.values()}
        kinds |= {n: k for n, k in _type_keys(model, tables).items() if n not in {*found, *kinds}}
        for name in model.features:
            if name not in found and name not in kinds:
                number = types.is_numeric_dtype(model.example[name].dtype)
                kinds[name] = pa.float64() if number else pa.string()
    ids = [problem.row_id, *problem.entity_keys]
    undeclared = {name for name in ids if name not in kinds and name not in (known or {})}
    for name in ids:
        kinds.setdefault(name, (known or {}).get(name, pa.string()))
    if problem.event_time is not None:
        kinds[problem.event_time] = MOMENT
    required = list(dict.fromkeys([*ids, *filter(None, [problem.event_time])]))
    ordered = {name: kinds[name] for name in dict.fromkeys([*required, *kinds])}
    return RecordSchema(
        ordered, frozenset(undeclared), required, problem.row_id, problem.event_time
    )


def _type_keys(model: Model, tables: Mapping[str, KeyedTable]) -> dict[str, pa.DataType]:
    """Give the types that a model's lookups need their keys to have."""
    kinds = {}
    for lookup in model.lookups:
        if missing := name_missing([lookup.table], tables):
            raise DataError(f"{model} looks into the unknown feature table {missing}.")
        rows = tables[lookup.table].rows
        if missing := name_missing(lookup.key_mapping.values(), rows.columns):
            raise DataError(f"{model} looks into {lookup.table} by {missing}, which it lacks.")
        for own, key in lookup.key_mapping.items():
            kinds[own] = rows[key].type().to_pyarrow()
    return kinds


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
    records = records.combine_chunks()
    if missing := name_missing(form.kinds, records.column_names):
        return _refuse_all(records, form, f"lacks the column {missing}")
    reasons = pa.nulls(len(records), pa.string())
    columns = {}
    for name, kind in form.kinds.items():
        given = _one_array(records[name])
        columns[name], faults = read_values(given, kind, any_text=name in form.any_text)
        if faults is not None:
            reasons = _note(reasons, pc.is_valid(faults), _quote(f"{name} ", faults, given))
        if name in form.required:
            reasons = _note(reasons, pc.is_null(columns[name]), pa.scalar(f"{name} is blank"))
    if form.event_time is not None:
        reasons = _validate_timestamps(reasons, columns[form.event_time], form.event_time, bounds)
    reasons = _validate_ids(reasons, columns[form.row_id], form.row_id, bounds)
    places = pa.array(np.flatnonzero(pc.is_null(reasons).to_numpy(zero_copy_only=False)))
    good = pa.table(columns, schema=form.schema)
    return ValidationResult(
        good if len(places) == len(good) else good.take(places), places, reasons
    )


def _refuse_all(records: pa.Table, form: RecordSchema, reason: str) -> ValidationResult:
    nobody = pa.array([], pa.int64())
    reasons = pa.repeat(pa.scalar(reason), len(records))
    return ValidationResult(form.schema.empty_table(), nobody, reasons)


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
