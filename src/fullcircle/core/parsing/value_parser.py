"""Raw values read one by one, without an engine, as the engines read a column of them."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from string import whitespace
from typing import Any, Final

from fullcircle.core.parsing.layouts import EPOCHS, EXCEL, accept_iso, parse_layout
from fullcircle.core.parsing.numbers import is_infinite_text
from fullcircle.core.parsing.raw_schema import ColumnSchema
from fullcircle.core.parsing.timestamps import read_moment

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}(?:\.0*)?")
_LARGEST_CODE = 2**53


class _Unreadable:
    """The one value that says that a raw value cannot be read."""


UNREADABLE: Final = _Unreadable()


@dataclass(frozen=True)
class ParsedColumn:
    """A column of read values.

    Attributes:
        meanings: What the raw values mean; None where missing or unreadable.
        unreadable: Places of the values that cannot be read.
        faults: What is wrong with the rows that must be rejected, by place.
    """

    meanings: list[Any]
    unreadable: list[int] = field(default_factory=list)
    faults: dict[int, str] = field(default_factory=dict)


class ValueParser:
    """Reads the raw values of one column by its schema.

    Numbers become floats, texts are stripped, and moments become datetimes in UTC.
    """

    def __init__(self, schema: ColumnSchema) -> None:
        self.schema = schema
        self._missing = frozenset(schema.missing)
        self._sentinels = frozenset(schema.sentinels)
        self._layout = accept_iso(schema.layout)
        self._read = _READERS[schema.kind]
        self._is_checked = schema.required or schema.least is not None or bool(schema.allowed)

    def parse(self, value: Any) -> Any:
        """Return what a raw value means: None for missing, or UNREADABLE."""
        if value is None:
            return None
        if type(value) is str:
            value = value.strip(whitespace)
            if not value or value in self._missing:
                return None
        return self._read(self, value)

    def parse_all(self, values: Sequence[Any], clocks: Sequence[Any] = ()) -> ParsedColumn:
        """Read a column.

        Args:
            values: Raw values.
            clocks: Times of day that stand by themselves, of a column of moments.
        """
        if clocks:
            values = [self._join_clock(*pair) for pair in zip(values, clocks, strict=True)]
        parsed = ParsedColumn([self.parse(value) for value in values])
        if UNREADABLE in parsed.meanings:
            for place, value in enumerate(parsed.meanings):
                if value is UNREADABLE:
                    parsed.meanings[place] = None
                    parsed.unreadable.append(place)
        if self._is_checked:
            self._check(parsed)
        return parsed

    def _join_clock(self, date: Any, clock: Any) -> Any:
        """Return a date and the time of day beside it as one text."""
        if date is None or clock is None or type(clock) is bool:
            return date
        day, written = (str(each).strip(whitespace) for each in (date, clock))
        if not written or written in self._missing or not day or day in self._missing:
            return date
        return f"{day} {written}"

    def fault(self) -> str:
        """Return what is wrong with an unreadable value, and what is allowed."""
        schema = self.schema
        if schema.kind == "number" and schema.form.is_plain:
            return _FAULTS[schema.kind]
        if schema.kind == "text":
            return _FAULTS[schema.kind] if not schema.booleans else "is neither text nor boolean"
        return f"{_FAULTS[schema.kind]} written as {schema.example()}"

    def _check(self, parsed: ParsedColumn) -> None:
        """Note the rows whose value is blank, too small, or none of those allowed."""
        schema, unreadable = self.schema, set(parsed.unreadable)
        for place, value in enumerate(parsed.meanings):
            if value is None:
                if schema.required and place not in unreadable and schema.default is None:
                    parsed.faults[place] = "is blank"
            elif schema.least is not None and value < schema.least:
                parsed.faults[place] = f"is no number from {schema.least:g}"
            elif schema.allowed and value not in schema.allowed:
                parsed.faults[place] = f"is not one of {list(schema.allowed)}"

    def _read_number(self, value: Any) -> Any:
        kind = type(value)
        if kind is str:
            number = self.schema.form.read(value)
            if number is None:
                return None if is_infinite_text(value) else UNREADABLE
        elif kind is float or kind is int or kind is bool:
            try:
                number = float(value)
            except OverflowError:
                return UNREADABLE
            if not math.isfinite(number):
                return None
        else:
            return UNREADABLE
        return None if number in self._sentinels else number

    def _read_text(self, value: Any) -> Any:
        if type(value) is bool and self.schema.booleans:
            return self.schema.booleans[0 if value else 1]
        if type(value) is not str:
            return UNREADABLE
        return self.schema.spellings.get(value, value)

    def _read_code(self, value: Any) -> Any:
        if type(value) is str and _WHOLE.fullmatch(value):
            return str(int(value.partition(".")[0]))
        if type(value) is float and value.is_integer() and abs(value) < _LARGEST_CODE:
            return str(int(value))
        return str(value) if type(value) is int else UNREADABLE

    def _read_moment(self, value: Any) -> Any:
        if isinstance(value, datetime):
            return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
        if type(value) is str:
            moment = read_moment(value, self._layout)
        elif type(value) is int or (type(value) is float and math.isfinite(value)):
            moment = self._read_count(value)
        else:
            return UNREADABLE
        return UNREADABLE if moment is None else moment

    def _read_count(self, value: float) -> datetime | None:
        """Return the moment that a number counts or spells: as declared, else seconds of 1970."""
        text = str(int(value)) if value == int(value) else repr(value)
        if (moment := read_moment(text, self.schema.layout)) is not None:
            return moment
        counted = {*EPOCHS, EXCEL} & set(parse_layout(self.schema.layout).ways)
        return None if counted else read_moment(text, "epoch s")


def as_seconds(moment: datetime) -> float:
    """Return a moment as estimators see it: whole seconds since 1970."""
    return float((moment - EPOCH) // _SECOND)


_READERS: dict[str, Callable[[ValueParser, Any], Any]] = {
    "number": ValueParser._read_number,
    "text": ValueParser._read_text,
    "code": ValueParser._read_code,
    "moment": ValueParser._read_moment,
}
_FAULTS = {
    "number": "is no number",
    "text": "is no text",
    "code": "is no whole number",
    "moment": "is no moment",
}
