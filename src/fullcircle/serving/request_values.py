"""Values of requests, read by what is declared of their columns, with what is wrong with them."""

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from fullcircle.core.errors import DataError
from fullcircle.core.parsing.value_parser import ValueParser, as_seconds
from fullcircle.core.scoring.values import as_column, read_values

if TYPE_CHECKING:
    from fullcircle.serving.schemas import InputSchema

Columns = dict[str, list[Any]]
_LONGEST_QUOTE = 60
_QUOTED_FAULTS = 5
_LARGEST = 2**53  # every integer up to here is a float as it is


class UnreadableCell(NamedTuple):
    """A value that cannot be read, and is missing.

    Attributes:
        row: Its row.
        column: Its column.
        value: What was sent, shortened; None where the column is private.
    """

    row: int
    column: str
    value: str | None


class ReadColumns(NamedTuple):
    """Columns as they were read.

    Attributes:
        values: By column.
        unreadable: Values that count as missing.
    """

    values: Columns
    unreadable: list[UnreadableCell]


class RequestReading:
    """The columns of requests while they are read, with what is wrong with them."""

    def __init__(
        self, form: "InputSchema", columns: Mapping[str, list[Any]], keys: Mapping[str, pa.DataType]
    ) -> None:
        self._form, self._columns, self._keys = form, columns, keys
        self._read: Columns = {}
        self._faults: dict[int, str] = {}
        self._unreadable: list[UnreadableCell] = []

    def read_as(self, name: str, kind: pa.DataType) -> None:
        """Read a column whose type is all that is known of it."""
        self._read[name], wrong = read_values_of(self._columns[name], kind)
        for row, fault in enumerate(wrong or ()):
            if fault is not None:
                self._note(row, name, fault)

    def parse(self, name: str, parser: ValueParser) -> None:
        """Read a column by its schema."""
        clocks = self._columns.get(parser.schema.clock, ()) if parser.schema.clock else ()
        parsed = parser.parse_all(self._columns[name], clocks)
        is_time = name == self._form.event_time
        self._read[name] = parsed.meanings
        if parser.schema.kind == "moment" and not is_time:
            self._read[name] = [each and as_seconds(each) for each in parsed.meanings]
        for row, fault in parsed.faults.items():
            self._note(row, name, fault)
        for row in parsed.unreadable:
            if parser.schema.strict or is_time or name in self._keys:
                self._note(row, name, parser.fault())
            else:
                self._unreadable.append(UnreadableCell(row, name, self._quote(row, name)))

    def finish(self, sizes: Sequence[int]) -> ReadColumns:
        """Return what was read.

        Raises:
            FaultyRowsError: A row must be rejected, or too many values cannot be read.
        """
        if self._form.schema is not None:
            self._fill_defaults(self._form.parsers)
        if self._unreadable:
            self._limit_unreadable(sizes)
        if self._faults:
            raise FaultyRowsError(self._faults)
        return ReadColumns(self._read, sorted(self._unreadable))

    def _fill_defaults(self, parsers: Mapping[str, ValueParser]) -> None:
        """Give blanks the value that they stand for beside another column's."""
        for name in self._read:
            parser = parsers.get(name)
            default = parser.schema.default if parser else None
            if parser is None or default is None:
                continue
            others = self._read.get(default.column, [None] * len(self._read[name]))
            for row, (value, other) in enumerate(zip(self._read[name], others, strict=True)):
                if value is None and other == default.equals and row not in self._faults:
                    self._read[name][row] = default.value
                elif value is None and parser.schema.required:
                    self._note(row, name, "is blank")

    def _limit_unreadable(self, sizes: Sequence[int]) -> None:
        """Reject the requests in which too large a share of a column cannot be read."""
        ends = list(accumulate(sizes)) or [len(next(iter(self._read.values())))]
        counts = Counter((bisect_right(ends, cell.row), cell.column) for cell in self._unreadable)
        for cell in self._unreadable:
            place = bisect_right(ends, cell.row)
            rows = ends[place] - (ends[place - 1] if place else 0)
            if counts[place, cell.column] > self._form.max_unreadable_share * rows:
                self._note(cell.row, cell.column, self._form.parsers[cell.column].fault())

    def _note(self, row: int, name: str, fault: str) -> None:
        """Note what is wrong with a row that has no fault yet."""
        if row not in self._faults:
            quoted = self._quote(row, name)
            blank = quoted is None or self._columns[name][row] is None
            self._faults[row] = f"{name} {fault}" + ("" if blank else f": {quoted!r}")

    def _quote(self, row: int, name: str) -> str | None:
        if name in self._form.private:
            return None
        return str(self._columns[name][row])[:_LONGEST_QUOTE]


class FaultyRowsError(DataError):
    """Rows whose values cannot be read.

    Attributes:
        faults: What is wrong, by row.
    """

    def __init__(self, faults: Mapping[int, str]) -> None:
        self.faults = dict(faults)
        told = [f"row {row}: {fault}" for row, fault in sorted(self.faults.items())]
        more = f"; and {len(told) - _QUOTED_FAULTS} rows more" * (len(told) > _QUOTED_FAULTS)
        super().__init__(f"{'; '.join(told[:_QUOTED_FAULTS])}{more}.")


def read_values_of(values: list[Any], kind: pa.DataType) -> tuple[list[Any], list[Any] | None]:
    """Read plain values as a type, as ``read_values`` does, and at once where nothing is odd.

    Returns:
        The values, None where blank or wrong; and what is wrong with each, None where nothing is.
    """
    shapes = set(map(type, values))
    if kind == pa.float64() and shapes <= {float, int, type(None)}:
        if all(value is None or _is_exact(value) for value in values):
            return values, None
    elif kind == pa.string() and shapes <= {str, type(None)}:
        return [value.strip() or None if value else None for value in values], None
    column, faults = read_values(as_column(values), kind)
    return column.to_pylist(), None if faults is None else faults.to_pylist()


def _is_exact(value: float) -> bool:
    """Tell whether a number is one that a float holds as it is: finite, and no larger integer."""
    return -_LARGEST <= value <= _LARGEST if type(value) is int else math.isfinite(value)
