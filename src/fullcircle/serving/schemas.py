"""What a request must hold for one model: raw values, read as training read them."""

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, NamedTuple

import pyarrow as pa
from pandas.api import types

from fullcircle.core.contract import FeatureLookup
from fullcircle.core.errors import DataError, name_missing
from fullcircle.core.models.model import Model
from fullcircle.core.parsing.raw_schema import RawSchema
from fullcircle.core.parsing.value_parser import ValueParser, as_seconds
from fullcircle.core.scoring.values import MOMENT, as_column, read_values

Columns = dict[str, list[Any]]
_LONGEST_QUOTE = 60
_QUOTED_FAULTS = 5
_LARGEST = 2**53  # every integer up to here is a float as it is


@dataclass(frozen=True)
class Contract:
    """What the endpoint must know of the problem.

    Attributes:
        name: Of the problem.
        row_id: Column that identifies a row, for labels that come later; requests may lack it.
        entity_keys: Columns that say what a row is about; a share of the traffic sticks to them.
        event_time: Column with a request's moment; without it, the moment is now.
        private: Columns whose values never reach a log or a message.
        max_unreadable_share: Share of a column's values that may be unreadable, and so missing,
            before a request is rejected.
    """

    name: str
    row_id: str
    entity_keys: list[str]
    event_time: str | None
    private: list[str]
    max_unreadable_share: float = 0.05

    @property
    def columns(self) -> frozenset[str]:
        """Columns that say which row it is, and when."""
        return frozenset([self.row_id, *self.entity_keys, *filter(None, [self.event_time])])


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


@dataclass(frozen=True)
class InputSchema:
    """What a request must hold for one model.

    Attributes:
        features: All inputs of the model, in order, each with its type.
        known: Those that every request must bring.
        lookups: What finds the others, where a request does not bring them itself.
        event_time: Column with the moment of a row, which may be there or not.
        private: Columns that are never quoted.
        schema: How raw values are read; None for a model that does not say.
        max_unreadable_share: Share of a column's values that may be unreadable in a request.
        parsers: What reads the columns of the schema.
        aliases: Names in the source of columns that the model calls otherwise.
    """

    features: dict[str, pa.DataType]
    known: list[str]
    lookups: list[FeatureLookup]
    event_time: str | None
    private: frozenset[str]
    schema: RawSchema | None = None
    max_unreadable_share: float = 0.05
    parsers: dict[str, ValueParser] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)

    def needed_lookups(
        self, present: Iterable[str], others: Sequence[str] = ()
    ) -> tuple[FeatureLookup, ...]:
        """Say which lookups a request needs.

        Args:
            present: Its columns.
            others: Names of columns that were left out, among which a misspelt one may be.

        Raises:
            DataError: A column is missing, or the features of a lookup are there in part.
        """
        there = set(present)
        missing = [name for name in self.known if name not in there]
        needed = []
        for lookup in self.lookups:
            made = [name for name in lookup.renaming.values() if name in self.features]
            absent = [name for name in made if name not in there]
            if not absent:
                continue
            if len(absent) < len(made):
                raise DataError(
                    f"The request brings some features of {lookup.table!r} and lacks "
                    f"{name_missing(absent, there)}. Bring all of them, or only the keys."
                )
            needed.append(lookup)
            missing += [key for key in lookup.key_mapping if key not in there]
            there |= set(lookup.renaming.values())
        if missing:
            told = name_missing(dict.fromkeys(missing), [*present, *others])
            raise DataError(f"The request lacks the column {told}.")
        return tuple(needed)

    @property
    def columns(self) -> frozenset[str]:
        """All columns that a request may bring for the model."""
        keys = {key for lookup in self.lookups for key in lookup.key_mapping}
        return frozenset([*self.features, *keys]) | self.clocks

    @property
    def clocks(self) -> frozenset[str]:
        """Columns with times of day that belong to a column of dates."""
        return frozenset(self.schema.clocks.values() if self.schema else ())

    def read(
        self,
        columns: Mapping[str, list[Any]],
        keys: Mapping[str, pa.DataType],
        sizes: Sequence[int] = (),
    ) -> ReadColumns:
        """Read the columns that matter, as plain values of the right types.

        Args:
            columns: Of one request or several.
            keys: Types of the keys by which features are looked up.
            sizes: Rows of each request; by default there is one.

        Returns:
            Features that were brought, keys that are needed, and the moments if there are any:
            floats, stripped texts, or what keys are; None where blank.

        Raises:
            FaultyRowsError: Some values are not of their type, or too many of a column cannot be
                read.
        """
        kinds = {name: kind for name, kind in self.features.items() if name in columns}
        kinds |= {key: kind for key, kind in keys.items() if key in columns}
        if self.event_time is not None and self.event_time in columns:
            kinds[self.event_time] = MOMENT
        reading = _RequestReading(self, columns, keys)
        for name, kind in kinds.items():
            parser = self.parsers.get(name)
            if parser is None or (name in keys and parser.schema.kind != "code"):
                reading.read_as(name, kind)
            else:
                reading.parse(name, parser)
        return reading.finish(sizes)


class _RequestReading:
    """The columns of requests while they are read, with what is wrong with them."""

    def __init__(
        self, form: InputSchema, columns: Mapping[str, list[Any]], keys: Mapping[str, pa.DataType]
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


def declare_form(model: Model, contract: Contract) -> InputSchema:
    """Say what requests must hold for a model."""
    made = {new for lookup in model.lookups for new in lookup.renaming.values()}
    schema = RawSchema.from_dict(model.raw_schema)
    declared = schema or RawSchema()
    taken = {*model.features, *contract.columns}
    return InputSchema(
        schema=schema,
        max_unreadable_share=contract.max_unreadable_share,
        parsers={name: ValueParser(each) for name, each in declared.columns.items()},
        aliases={old: new for old, new in declared.aliases.items() if old not in taken},
        features={name: _kind_of(model.example[name].dtype) for name in model.features},
        known=[name for name in model.features if name not in made],
        lookups=list(model.lookups),
        event_time=contract.event_time,
        private=frozenset(contract.private),
    )


def _kind_of(dtype: Any) -> pa.DataType:
    return pa.float64() if types.is_numeric_dtype(dtype) else pa.string()


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
