"""Reading a column of records as the type that it must have, and saying which values are not it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from fullcircle.core.preparation.reader import ISO, parse_moments

MOMENT = pa.timestamp("us", tz="UTC")
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_WHOLE = r"^[+-]?[0-9]{1,37}(\.0*)?$"
_ANY_WHOLE = pa.decimal128(38)  # holds the whole numbers of each type, and what lies beyond them
_BEYOND = pa.scalar(10**37, _ANY_WHOLE)

_FIRST = pa.scalar(datetime(1, 1, 1, tzinfo=UTC), MOMENT)
_LAST = pa.scalar(datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), MOMENT)

_EXACT = 2.0**53  # beyond, a float no longer tells neighbouring whole numbers apart

# Values as far as they can be read, and what is wrong with each of the others; None: nothing is.
Read = tuple[pa.Array, pa.Array | None]


def read_values(column: pa.Array, kind: pa.DataType, *, any_text: bool = False) -> Read:
    """Read a column as a type.

    Args:
        column: Of any type, shape (rows,).
        kind: The type that is wanted.
        any_text: Whether text may be made of numbers and the like.

    Returns:
        Values, null where blank or wrong; and per row what is wrong, null where nothing is, or
        None where nothing is wrong at all.
    """
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_string_view(column.type):
        column = column.cast(pa.string())
    if isinstance(column.type, pa.JsonType):
        return _read_mixed(column, kind, any_text=any_text)
    if pa.types.is_null(column.type):
        return pa.nulls(len(column), kind), None
    if pa.types.is_string(kind):
        return _read_texts(column, any_text=any_text)
    return _reader_of(kind)(column, kind)


def _reader_of(kind: pa.DataType) -> Callable[[pa.Array, pa.DataType], Read]:
    if pa.types.is_timestamp(kind):
        return _read_moments
    if pa.types.is_floating(kind):
        return _read_numbers
    return _read_wholes if pa.types.is_integer(kind) else _read_others


def is_text(kind: pa.DataType) -> bool:
    """Return whether a type holds texts."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def is_number(kind: pa.DataType) -> bool:
    """Return whether a type holds whole numbers or floats."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _trim(texts: pa.Array) -> pa.Array:
    """Take blanks off; what holds nothing else is missing."""
    trimmed = pc.utf8_trim_whitespace(texts.cast(pa.string()))
    return pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), trimmed)


def _mark(wrong: pa.Array, fault: str | pa.Array) -> pa.Array | None:
    """Say what is wrong with the rows that are; None where none is."""
    wrong = wrong.fill_null(False)
    if not pc.any(wrong).as_py():
        return None
    return pc.if_else(wrong, fault, pa.scalar(None, pa.string()))


def _refuse(column: pa.Array, kind: pa.DataType, fault: str) -> Read:
    return pa.nulls(len(column), kind), _mark(pc.is_valid(column), fault)


def _read_numbers(column: pa.Array, kind: pa.DataType) -> Read:
    fault = "is no number"
    if is_text(column.type):
        return read_plain_numbers(_trim(column), kind)
    if pa.types.is_boolean(column.type):
        return column.cast(pa.int8()).cast(kind), None
    if is_number(column.type) or pa.types.is_decimal(column.type):
        values = _without_nan(column.cast(kind, safe=False))
        return values, _mark(pc.is_inf(values), fault)
    return _refuse(column, kind, fault)


def read_plain_numbers(texts: pa.Array, kind: pa.DataType = pa.float64()) -> Read:  # noqa: B008
    """Read stripped texts of numbers as programs write them."""
    fits = pc.match_substring_regex(texts, _NUMBER)
    values = pc.if_else(fits, texts, pa.scalar(None, pa.string())).cast(kind)
    return values, _mark(pc.or_kleene(pc.invert(fits), pc.is_inf(values)), "is no number")


def _without_nan(values: pa.Array) -> pa.Array:
    """What is no number is missing, as it was in training."""
    return pc.if_else(pc.is_nan(values), None, values)


def _read_wholes(column: pa.Array, kind: pa.DataType) -> Read:
    if column.type == kind:
        return column, None
    if pa.types.is_integer(column.type):
        given, whole = column, column.cast(_ANY_WHOLE)
    elif is_text(column.type):
        given = _trim(column)
        fits = pc.match_substring_regex(given, _WHOLE)
        digits = pc.if_else(fits, given, pa.scalar(None, pa.string()))
        whole = pc.replace_substring_regex(digits, r"^\+|\.0*$", "").cast(_ANY_WHOLE)
    elif pa.types.is_floating(column.type) or pa.types.is_decimal(column.type):
        given = _without_nan(column.cast(pa.float64(), safe=False))
        exact = pc.less(pc.abs(given), _EXACT)
        fits = pc.and_(exact, pc.equal(pc.floor(given), given))
        whole = pc.if_else(fits, given, None).cast(pa.int64()).cast(_ANY_WHOLE)
        whole = pc.if_else(exact, whole, _BEYOND)
    else:
        return _refuse(column, kind, "is no whole number")
    values = pc.if_else(_is_held(whole, kind), whole, pa.scalar(None, _ANY_WHOLE)).cast(kind)
    wrong = pc.and_(pc.is_valid(given), pc.is_null(values))
    fault = pc.if_else(pc.is_valid(whole), "is out of range", "is no whole number")
    return values, _mark(wrong, fault)


def _is_held(whole: pa.Array, kind: pa.DataType) -> pa.Array:
    """Tell which whole numbers a type holds."""
    count = 2**kind.bit_width
    least = -count // 2 if pa.types.is_signed_integer(kind) else 0
    first, last = (pa.scalar(end, _ANY_WHOLE) for end in (least, least + count - 1))
    return pc.and_(pc.greater_equal(whole, first), pc.less_equal(whole, last))


def _read_texts(column: pa.Array, *, any_text: bool) -> Read:
    if is_text(column.type):
        return _trim(column), None
    plain = is_number(column.type) or pa.types.is_boolean(column.type)
    if any_text and plain:
        return column.cast(pa.string()), None
    return _refuse(column, pa.string(), "is no text")


def _read_moments(column: pa.Array, kind: pa.DataType) -> Read:
    """Read moments in UTC of the years 1 to 9999; one that names no zone is meant in UTC."""
    values, faults = _read_any_moments(column, kind)
    beyond = pc.or_kleene(pc.less(values, _FIRST), pc.greater(values, _LAST)).fill_null(False)
    if not pc.any(beyond).as_py():
        return values, faults
    fault = pa.scalar("is no moment of the years 1 to 9999")
    told = pc.if_else(
        beyond, fault, pa.nulls(len(values), pa.string()) if faults is None else faults
    )
    return pc.if_else(beyond, pa.scalar(None, kind), values), told


def _read_any_moments(column: pa.Array, kind: pa.DataType) -> Read:
    fault = "is no moment"
    if pa.types.is_timestamp(column.type) and column.type.tz is not None:
        return column.cast(kind, safe=False), None
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        return _in_utc(column).cast(kind), None
    if not is_text(column.type):
        return _refuse(column, kind, fault)
    texts = _trim(column)
    try:
        return _in_utc(texts).cast(kind), None
    except pa.ArrowInvalid:  # some name a zone, or are no moments
        parsed = parse_moments(texts.to_numpy(zero_copy_only=False), ISO)
    values = pa.array(parsed.dt.as_unit("us"), kind, from_pandas=True)
    return values, _mark(pc.and_(pc.is_valid(texts), pc.is_null(values)), fault)


def _in_utc(column: pa.Array) -> pa.Array:
    return pc.assume_timezone(column.cast(pa.timestamp("us"), safe=False), "UTC")


def _read_others(column: pa.Array, kind: pa.DataType) -> Read:
    """Read what keys may be beside numbers, texts and moments: booleans and dates."""
    try:
        return column.cast(kind), None
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        values, wrong = [], []
        for value in column:
            try:
                values.append(value.cast(kind))
                wrong.append(False)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
                values.append(None)
                wrong.append(True)
        read = pa.array([v and v.as_py() for v in values], kind)
        return read, _mark(pa.array(wrong), f"is no {kind}")


def _read_mixed(column: pa.Array, kind: pa.DataType, *, any_text: bool) -> Read:
    """Read a column whose values are of several types, each type by itself."""
    values = [None if text is None else json.loads(text) for text in column.storage.to_pylist()]
    groups: dict[type, list[int]] = {}
    for place, value in enumerate(values):
        groups.setdefault(type(value), []).append(place)
    read: list[Any] = [None] * len(values)
    faults: list[Any] = [None] * len(values)
    for shape, places in groups.items():
        part = _read_group([values[place] for place in places], shape, kind, any_text=any_text)
        for place, value, fault in zip(places, *part, strict=True):
            read[place], faults[place] = value, fault
    wrong = pa.array(faults, pa.string())
    return pa.array(read, kind), wrong if wrong.null_count < len(wrong) else None


def _read_group(
    values: list[Any], shape: type, kind: pa.DataType, *, any_text: bool
) -> tuple[list[Any], list[Any]]:
    nothing = [None] * len(values)
    if shape in (dict, list):
        return nothing, ["is no plain value"] * len(values)
    try:
        column = pa.array(values)
    except (pa.ArrowInvalid, OverflowError):
        if len(values) == 1:
            return nothing, ["is out of range"]
        parts = [_read_group([value], shape, kind, any_text=any_text) for value in values]
        return [read for [read], _ in parts], [fault for _, [fault] in parts]
    read, faults = read_values(column, kind, any_text=any_text)
    return read.to_pylist(), nothing if faults is None else faults.to_pylist()


def as_json(values: list[Any]) -> pa.Array:
    """Keep values of several types as JSON, as records have them."""
    texts = [None if value is None else json.dumps(value) for value in values]
    return pa.ExtensionArray.from_storage(pa.json_(pa.string()), pa.array(texts, pa.string()))


def as_column(values: list[Any]) -> pa.Array:
    """Give plain values as a column: of their one type, or as JSON where there are several."""
    shapes = {type(value) for value in values} - {type(None)}
    if len(shapes) > 1 or shapes & {dict, list}:
        return as_json(values)
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, OverflowError):
        return as_json(values)
