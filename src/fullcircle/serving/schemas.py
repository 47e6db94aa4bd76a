"""What a request must hold for one model: columns read as the types that the model learnt."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pandas.api import types

from fullcircle.core.contract import FeatureLookup
from fullcircle.core.errors import DataError, name_missing
from fullcircle.core.models.model import Model
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
    """

    name: str
    row_id: str
    entity_keys: list[str]
    event_time: str | None
    private: list[str]

    @property
    def columns(self) -> frozenset[str]:
        """Columns that say which row it is, and when."""
        return frozenset([self.row_id, *self.entity_keys, *filter(None, [self.event_time])])


@dataclass(frozen=True)
class InputSchema:
    """What a request must hold for one model.

    Attributes:
        features: All inputs of the model, in order, each with its type.
        known: Those that every request must bring.
        lookups: What finds the others, where a request does not bring them itself.
        event_time: Column with the moment of a row, which may be there or not.
        private: Columns that are never quoted.
    """

    features: dict[str, pa.DataType]
    known: list[str]
    lookups: list[FeatureLookup]
    event_time: str | None
    private: frozenset[str]

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
        return frozenset(self.features) | keys

    def read(self, columns: Mapping[str, list[Any]], keys: Mapping[str, pa.DataType]) -> Columns:
        """Read the columns that matter, as plain values of the right types.

        Args:
            columns: Of one request or several.
            keys: Types of the keys by which features are looked up.

        Returns:
            Features that were brought, keys that are needed, and the moments if there are any:
            floats, stripped texts, or what keys are; None where blank.

        Raises:
            FaultyRowsError: Some values are not of their type.
        """
        kinds = {name: kind for name, kind in self.features.items() if name in columns}
        kinds |= {key: kind for key, kind in keys.items() if key in columns}
        if self.event_time is not None and self.event_time in columns:
            kinds[self.event_time] = MOMENT
        read: Columns = {}
        faults: dict[int, str] = {}
        for name, kind in kinds.items():
            read[name], wrong = read_values_of(columns[name], kind)
            if wrong is not None:
                faults.update(self._quote(name, columns[name], wrong, faults))
        if faults:
            raise FaultyRowsError(faults)
        return read

    def _quote(
        self, name: str, given: list[Any], wrong: list[Any], told: Mapping[int, str]
    ) -> dict[int, str]:
        """Say of each row that has no fault yet what is wrong with its value."""
        return {
            row: f"{name} {fault}"
            + ("" if name in self.private else f": {str(given[row])[:_LONGEST_QUOTE]!r}")
            for row, fault in enumerate(wrong)
            if fault is not None and row not in told
        }


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
    return InputSchema(
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
