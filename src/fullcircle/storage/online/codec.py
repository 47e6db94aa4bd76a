"""How an online store spells values: JSON, with a tag where JSON is too poor; no pickle.

None, booleans, whole numbers of any size, finite floats (the shortest text that reads back to the
same bits) and text are plain JSON. ``{"f": bits}`` is a float that is not finite,
``{"t": microseconds}`` a moment since 1970 in UTC, ``{"d": days}`` a date since 1970.
"""

import json
import math
import struct
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from fullcircle.core.errors import DataError, StorageError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_DAY = date(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)
_TYPES = {
    str(kind): kind
    for kind in (
        *(pa.int8(), pa.int16(), pa.int32(), pa.int64()),
        *(pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()),
        *(pa.float32(), pa.float64(), pa.bool_(), pa.string(), pa.date32()),
        pa.timestamp("us", "UTC"),
    )
}
_write_text = json.JSONEncoder(ensure_ascii=False).encode


def to_microseconds(moment: datetime) -> int:
    """Count microseconds since 1970 in UTC.

    Raises:
        DataError: The moment has no time zone.
    """
    if moment.tzinfo is None:
        raise DataError(f"The moment {moment} has no time zone. Give it in UTC.")
    return (moment - _EPOCH) // _MICROSECOND


def to_moment(microseconds: int) -> datetime:
    """Turn microseconds since 1970 into a moment in UTC."""
    return _EPOCH + timedelta(microseconds=microseconds)


def _encode_float(value: float) -> str:
    value = float(value)
    return repr(value) if math.isfinite(value) else f'{{"f":"{struct.pack(">d", value).hex()}"}}'


_WRITERS: tuple[tuple[type, Callable[[Any], str]], ...] = (
    (type(None), lambda _: "null"),
    (bool, lambda value: "true" if value else "false"),
    (int, int.__repr__),
    (str, lambda value: _write_text(str(value))),
    (float, _encode_float),
    (datetime, lambda value: f'{{"t":{to_microseconds(value)}}}'),
    (date, lambda value: f'{{"d":{(value - _FIRST_DAY).days}}}'),
)


def encode_value(value: Any) -> str:
    """Spell one value.

    Raises:
        DataError: The value is of a type that an online store does not hold, or a naive moment.
    """
    for base, write in _WRITERS:
        if isinstance(value, base):
            return write(value)
    if hasattr(value, "item"):  # a scalar of NumPy
        return encode_value(value.item())
    raise DataError(
        f"An online store holds no {type(value).__name__}: it takes text, numbers, booleans, "
        "moments in UTC, dates and nulls."
    )


def encode_key(key: Sequence[Any]) -> str | None:
    """Spell a key tuple; None where a part of it is null, since a null is equal to nothing."""
    if None in key:
        return None
    return "[" + ",".join(map(encode_value, key)) + "]"


_UNTAG: dict[str, Callable[[Any], Any]] = {
    "f": lambda bits: struct.unpack(">d", bytes.fromhex(bits))[0],
    "t": to_moment,
    "d": lambda days: _FIRST_DAY + timedelta(days=days),
}


def _untag(tagged: dict[str, Any]) -> Any:
    [(tag, raw)] = tagged.items()
    return _UNTAG[tag](raw)


_decode = json.JSONDecoder(object_hook=_untag).decode


def decode_lists(texts: Iterable[str]) -> list[list[Any]]:
    """Read lists that were spelled by this module.

    Raises:
        StorageError: A text is not one of them.
    """
    try:
        lists: list[list[Any]] = _decode("[" + ",".join(texts) + "]")
    except (ValueError, LookupError, TypeError, struct.error, OverflowError) as error:
        raise StorageError(
            "The online store holds a row that cannot be read; drop the table there and publish "
            f"it again ({error})."
        ) from error
    return lists


def plain_type(name: str, kind: pa.DataType) -> pa.DataType:
    """Give the type as which a column is stored; text, moments and dates have one spelling each.

    Raises:
        DataError: The column's type cannot be stored online, or it holds naive moments.
    """
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_timestamp(kind):
        if kind.tz is None:
            raise DataError(f"Column {name!r} holds moments without a time zone. Give them in UTC.")
        return pa.timestamp("us", "UTC")
    if str(kind) in ("large_string", "string_view"):
        return pa.string()
    kind = {"date64[ms]": pa.date32(), "halffloat": pa.float32()}.get(str(kind), kind)
    if str(kind) not in _TYPES:
        raise DataError(
            f"Column {name!r} is of type {kind}, which an online store does not hold: it takes "
            "text, numbers, booleans, moments in UTC and dates."
        )
    return kind


def named_type(name: str) -> pa.DataType:
    """Give the stored type of that name."""
    return _TYPES[name]


@cache
def kind_of(type_name: str) -> str:
    """Say in the user's words what a stored type holds; keys of one kind can be equal."""
    if type_name.startswith("timestamp"):
        return "moments"
    names = {"string": "text", "bool": "booleans", "date32[day]": "dates"}
    return names.get(type_name, "numbers")


def encode_column(name: str, values: pa.Array) -> pa.StringArray:
    """Spell a column, so that each value is read back as the same; all of it at once, for speed.

    Raises:
        DataError: The column cannot be stored online without loss.
    """
    kind = plain_type(name, values.type)
    try:
        values = values.cast(kind)
    except pa.ArrowInvalid as error:
        raise DataError(f"Column {name!r} cannot be stored online exactly: {error}.") from error
    return pc.fill_null(_spell(values), "null")


def _spell(values: pa.Array) -> pa.StringArray:
    if pa.types.is_timestamp(values.type):
        return _wrap('{"t":', values.cast(pa.int64()).cast(pa.string()), "}")
    if pa.types.is_date(values.type):
        return _wrap('{"d":', values.cast(pa.int32()).cast(pa.string()), "}")
    if pa.types.is_string(values.type):
        return _spell_text(values)
    if pa.types.is_floating(values.type):
        return _spell_floats(values.cast(pa.float64()))
    return values.cast(pa.string())


def _wrap(before: str, texts: pa.StringArray, after: str) -> pa.StringArray:
    return pc.binary_join_element_wise(before, texts, after, "")


def _spell_text(values: pa.StringArray) -> pa.StringArray:
    if pc.any(pc.match_substring_regex(values, r'[\x00-\x1f"\\]')).as_py():
        spelled = [None if text is None else _write_text(text) for text in values.to_pylist()]
        return pa.array(spelled, pa.string())
    return _wrap('"', values, '"')


def _spell_floats(values: pa.DoubleArray) -> pa.StringArray:
    """Spell floats with the digits that Arrow finds, a point or exponent marking them as such."""
    texts = values.cast(pa.string())
    marked = pc.match_substring_regex(texts, "[.e]")
    texts = pc.if_else(marked, texts, pc.binary_join_element_wise(texts, ".0", ""))
    finite = pc.is_finite(values)
    if pc.all(finite).as_py() is not False:
        return texts
    others = values.filter(pc.invert(finite)).to_pylist()
    special = pa.array([encode_value(value) for value in others], pa.string())
    return pc.replace_with_mask(texts, pc.fill_null(pc.invert(finite), False), special)


def join_columns(columns: Sequence[pa.StringArray | str]) -> list[str]:
    """Join spelled columns to one spelled list per row; a text alone is the same in each row."""
    return list(_wrap("[", pc.binary_join_element_wise(*columns, ","), "]").to_pylist())
