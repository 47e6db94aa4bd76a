"""What must hold before features are looked up: refusals from names and types, before any work."""

from collections.abc import Mapping
from dataclasses import dataclass

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from fullcircle.core.contract import FeatureLookup, FeatureTable, require_columns
from fullcircle.core.errors import DataError, name_missing

# Ibis runs Spark's sessions in UTC, and tells its moments from local times by no type.
_ALWAYS_UTC = {"pyspark"}


@dataclass(frozen=True)
class KeyedTable:
    """A feature table's rows with what is declared of them, and the version that was read."""

    rows: ir.Table
    declared: FeatureTable
    version: str | None = None


def refuse_bad_lookups(
    spine: ir.Table,
    tables: Mapping[str, KeyedTable],
    lookups: list[FeatureLookup],
    event_time: str | None,
) -> None:
    """Refuse what cannot be joined, from names and types alone.

    Raises:
        DataError: A lookup names a table or column that does not exist, keys differ in type or are
            not the table's, a moment is not in UTC, or the name of a feature is taken.
    """
    given = dict(spine.schema().items())
    if event_time is not None:
        require_columns(list(given), [event_time], "events")
        _refuse_local_time(spine, event_time, "events")
    for lookup in lookups:
        if missing := name_missing([lookup.table], tables):
            raise DataError(f"A feature lookup names the unknown table {missing}.")
        table = tables[lookup.table]
        _refuse_bad_table(table, lookup, event_time)
        _refuse_bad_keys(given, table, lookup)
        if taken := sorted(given.keys() & set(lookup.renaming.values())):
            raise DataError(
                f"Feature lookup of {lookup.table!r}: events has a column {taken[0]!r} already. "
                "Give the feature another name in the lookup's 'columns'."
            )
        given |= {new: table.rows[old].type() for old, new in lookup.renaming.items()}


def _refuse_bad_table(table: KeyedTable, lookup: FeatureLookup, event_time: str | None) -> None:
    what, declared = f"Feature table {lookup.table!r}", table.declared
    times = [time for time in (declared.event_time, declared.known_time) if time]
    wanted = [*lookup.key_mapping.values(), *lookup.renaming, *times]
    require_columns(list(table.rows.columns), wanted, what)
    if declared.event_time is not None and event_time is None:
        raise DataError(f"{what} has a history, but events have no event_time.")
    for time in times:
        _refuse_local_time(table.rows, time, what)


def _refuse_bad_keys(
    given: Mapping[str, dt.DataType], table: KeyedTable, lookup: FeatureLookup
) -> None:
    what, keys = f"Feature lookup of {lookup.table!r}", lookup.key_mapping
    require_columns(list(given), list(keys), "events")
    if set(keys.values()) != set(table.declared.keys):
        raise DataError(
            f"{what}: its keys match ({', '.join(keys.values())}), but the table's keys are "
            f"({', '.join(table.declared.keys)}). Match each of them."
        )
    for mine, theirs in keys.items():
        left, right = given[mine], table.rows[theirs].type()
        if not _are_comparable(left, right):
            raise DataError(
                f"{what}: the key {mine!r} is {left} in events, but {theirs!r} is {right} in the "
                "table. Convert one of them."
            )


def _are_comparable(left: dt.DataType, right: dt.DataType) -> bool:
    """Whether two keys mean the same kind of thing; the width of an integer is no matter."""
    return (left.is_integer() and right.is_integer()) or type(left) is type(right)


def _refuse_local_time(table: ir.Table, name: str, what: str) -> None:
    kind = table[name].type()
    is_utc = kind.is_timestamp() and (
        kind.timezone is not None or ibis.get_backend(table).name in _ALWAYS_UTC
    )
    if not is_utc:
        raise DataError(
            f"{what}: {name!r} is {kind}, which does not say which moment is meant. Moments must "
            "be timestamps in UTC."
        )
