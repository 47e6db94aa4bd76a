"""Columns of raw records read by a model's input schema: whole columns where nothing is odd.

Values are those that ``ValueParser`` gives one by one; most of a column never passes there.
"""

import json
from string import whitespace
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fullcircle.core.parsing.value_parser import UNREADABLE, ValueParser, as_seconds
from fullcircle.core.scoring.values import is_number, is_text, read_plain_numbers


class RawColumn(NamedTuple):
    """A column as it was read.

    Attributes:
        values: Of the type that is wanted, null where missing, unreadable or at fault.
        unreadable: Which values cannot be read, shape (rows,); None where all can.
        faults: Why rows must be rejected, null where they need not; None where none must.
    """

    values: pa.Array
    unreadable: pa.Array | None
    faults: pa.Array | None


def parse_column(
    column: pa.Array, parser: ValueParser, kind: pa.DataType, clocks: pa.Array | None = None
) -> RawColumn:
    """Read a column of raw values.

    Args:
        column: Of any type, shape (rows,).
        parser: What reads it.
        kind: Type that is wanted; moments as numbers are seconds since 1970.
        clocks: Times of day that stand by themselves.
    """
    if clocks is not None:
        given = [_as_plain(column), _as_plain(clocks)]
        parsed = parser.parse_all(*given)
        values, unreadable = _as_array(parsed.meanings, kind), _mask(parsed.unreadable, len(column))
    elif parser.schema.kind == "number" and is_number(column.type):
        values, unreadable = _without_sentinels(column.cast(pa.float64(), safe=False), parser), None
    elif parser.schema.kind == "number" and is_text(column.type) and parser.schema.form.is_plain:
        values, unreadable = _parse_plain_numbers(column, parser)
    else:
        values, unreadable = _parse_distinct(column, parser, kind)
    return RawColumn(values, unreadable, _find_faults(values, unreadable, parser))


def _without_sentinels(numbers: pa.Array, parser: ValueParser) -> pa.Array:
    """Return finite numbers that are no sentinels; null for all others."""
    fine = pc.is_finite(numbers)
    if parser.schema.sentinels:
        sentinels = pa.array(parser.schema.sentinels, pa.float64())
        unsigned = pc.add(numbers, 0.0)  # Arrow tells -0.0 from 0.0
        fine = pc.and_(fine, pc.invert(pc.is_in(unsigned, value_set=sentinels)))
    return pc.if_else(fine.fill_null(False), numbers, pa.scalar(None, pa.float64()))


def _parse_plain_numbers(column: pa.Array, parser: ValueParser) -> tuple[pa.Array, pa.Array | None]:
    """Read texts of plain numbers at once, and one by one those that are none."""
    texts = pc.utf8_trim(column.cast(pa.string()), characters=whitespace)
    numbers, faults = read_plain_numbers(texts)
    values = _without_sentinels(numbers, parser)
    if faults is None:
        return values, None
    odd, _, unreadable = _parse_texts(pc.if_else(faults.is_valid(), texts, None), parser)
    del odd  # what is no plain number is missing, or unreadable
    return values, unreadable


def _parse_texts(
    column: pa.Array, parser: ValueParser
) -> tuple[list[Any], pa.Array, pa.Array | None]:
    """Read each distinct value once: what they mean, the place of each row's, and which are bad."""
    coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    parsed = [parser.parse(value) for value in _as_plain(coded.dictionary)]
    bad = pa.array([each is UNREADABLE for each in parsed], pa.bool_())
    places = coded.indices
    unreadable = bad.take(places).fill_null(False) if any(bad.to_pylist()) else None
    return [None if each is UNREADABLE else each for each in parsed], places, unreadable


def _parse_distinct(
    column: pa.Array, parser: ValueParser, kind: pa.DataType
) -> tuple[pa.Array, pa.Array | None]:
    if isinstance(column.type, pa.JsonType) or pa.types.is_null(column.type):
        parsed = parser.parse_all(_as_plain(column))
        return _as_array(parsed.meanings, kind), _mask(parsed.unreadable, len(column))
    values, places, unreadable = _parse_texts(column, parser)
    return _as_array(values, kind).take(places), unreadable


def _as_plain(column: pa.Array) -> list[Any]:
    if isinstance(column.type, pa.JsonType):
        return [None if text is None else json.loads(text) for text in column.storage.to_pylist()]
    if pa.types.is_date(column.type):
        column = column.cast(pa.timestamp("us"))
    return list(column.to_pylist())


def _as_array(values: list[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_floating(kind) and any(hasattr(each, "tzinfo") for each in values):
        values = [each and as_seconds(each) for each in values]
    return pa.array(values, kind)


def _mask(places: list[int], rows: int) -> pa.Array | None:
    if not places:
        return None
    mask = np.zeros(rows, dtype=bool)
    mask[places] = True
    return pa.array(mask)


def _find_faults(
    values: pa.Array, unreadable: pa.Array | None, parser: ValueParser
) -> pa.Array | None:
    """Say why rows must be rejected though their values can be read."""
    schema = parser.schema
    faults = pa.nulls(len(values), pa.string())
    if schema.required and schema.default is None:
        blank = pc.is_null(values)
        blank = blank if unreadable is None else pc.and_(blank, pc.invert(unreadable))
        faults = pc.if_else(blank, pa.scalar("is blank"), faults)
    if schema.least is not None:
        small = pc.less(values, schema.least).fill_null(False)
        faults = pc.if_else(small, pa.scalar(f"is no number from {schema.least:g}"), faults)
    if schema.allowed:
        known = pc.is_in(values, value_set=pa.array(schema.allowed))
        other = pc.and_(pc.is_valid(values), pc.invert(known))
        faults = pc.if_else(other, pa.scalar(f"is not one of {list(schema.allowed)}"), faults)
    return faults if faults.null_count < len(faults) else None
