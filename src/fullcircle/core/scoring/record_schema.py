"""What records must look like to be scored by some models: types, names and ways of writing."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa
from pandas.api import types

from fullcircle.core.contract import ProblemSpec
from fullcircle.core.errors import DataError, name_missing
from fullcircle.core.features.point_in_time import KeyedTable
from fullcircle.core.models.model import Model
from fullcircle.core.parsing.raw_schema import ColumnSchema, RawSchema
from fullcircle.core.parsing.value_parser import ValueParser
from fullcircle.core.scoring.values import MOMENT


@dataclass(frozen=True)
class RecordSchema:
    """What a record must look like.

    Attributes:
        kinds: Arrow type of each column that a record must have.
        any_text: Columns of text that are taken from numbers too: ids whose type nobody declared.
        required: Columns that no record may leave blank.
        row_id: Column that tells records apart.
        event_time: Column with the record's moment; None for a snapshot.
        parsers: What reads the raw values of columns.
        aliases: Names in the source of columns that are called otherwise here.
        max_unreadable_share: Share of a column's values that may be unreadable, and so missing,
            among records that are judged together; with more of them, their rows are rejected.
    """

    kinds: dict[str, pa.DataType]
    any_text: frozenset[str]
    required: list[str]
    row_id: str
    event_time: str | None
    parsers: Mapping[str, ValueParser] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    max_unreadable_share: float = 0.05

    @property
    def given_schema(self) -> pa.Schema:
        """Schema that records may have, with the names of the source."""
        fields = dict(self.kinds) | {old: self.kinds[new] for old, new in self.aliases.items()}
        clocks = [each.schema.clock for each in self.parsers.values() if each.schema.clock]
        return pa.schema([*fields.items(), *((c, pa.string()) for c in clocks if c not in fields)])

    @property
    def schema(self) -> pa.Schema:
        """Schema of the rows that can be scored."""
        return pa.schema(list(self.kinds.items()))


def declare_form(
    problem: ProblemSpec,
    models: Mapping[str, Model],
    tables: Mapping[str, KeyedTable],
    known: Mapping[str, pa.DataType] | None = None,
    max_unreadable_share: float = 0.05,
) -> RecordSchema:
    """Say what records must look like to be scored by all models.

    Args:
        problem: The contract.
        models: By role.
        tables: The feature tables that they look into.
        known: Types of ids and keys that no feature table declares, such as those of ``events``.
        max_unreadable_share: See RecordSchema.

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
    schema = _merge_schemas(models)
    return RecordSchema(
        ordered,
        frozenset(undeclared),
        required,
        problem.row_id,
        problem.event_time,
        parsers={n: ValueParser(c) for n, c in schema.columns.items() if _is_parsed(c, ordered)},
        aliases={old: new for old, new in schema.aliases.items() if new in ordered},
        max_unreadable_share=max_unreadable_share,
    )


def _merge_schemas(models: Mapping[str, Model]) -> RawSchema:
    """Return the schema of all models' inputs; the first model's word on a column holds."""
    columns: dict[str, ColumnSchema] = {}
    for model in models.values():
        schema = RawSchema.from_dict(model.raw_schema)
        columns = {**(schema.columns if schema else {}), **columns}
    return RawSchema(columns)


def _is_parsed(column: ColumnSchema, kinds: Mapping[str, pa.DataType]) -> bool:
    """Return whether a column is read by its schema; a key of another type is read as that."""
    kind = kinds.get(column.name)
    if kind is None:
        return False
    if column.kind in ("text", "code"):
        return bool(pa.types.is_string(kind))
    return bool(pa.types.is_floating(kind) or pa.types.is_timestamp(kind))


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
