"""What a request must hold for one model: raw values, read as training read them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from pandas.api import types

from fullcircle.core.contract import FeatureLookup
from fullcircle.core.errors import DataError, name_missing
from fullcircle.core.models.model import Model
from fullcircle.core.parsing.raw_schema import RawSchema
from fullcircle.core.parsing.value_parser import ValueParser
from fullcircle.core.scoring.values import MOMENT
from fullcircle.serving.request_values import (
    Columns,
    FaultyRowsError,
    ReadColumns,
    RequestReading,
    UnreadableCell,
    read_values_of,
)

__all__ = [
    "Columns",
    "Contract",
    "FaultyRowsError",
    "InputSchema",
    "UnreadableCell",
    "declare_form",
    "read_values_of",
]


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
        reading = RequestReading(self, columns, keys)
        for name, kind in kinds.items():
            parser = self.parsers.get(name)
            if parser is None or (name in keys and parser.schema.kind != "code"):
                reading.read_as(name, kind)
            else:
                reading.parse(name, parser)
        return reading.finish(sizes)


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
