"""The point-in-time join: each row sees only what was known at its own moment."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import ibis
import ibis.expr.types as ir

from fullcircle.core.contract import FeatureLookup, FeatureTable, require_columns
from fullcircle.core.errors import DataError, name_missing

_KNOWN = "__known_at"
_DESCRIBED = "__described_at"


@dataclass(frozen=True)
class KeyedTable:
    """A feature table's rows with what is declared of them."""

    rows: ir.Table
    declared: FeatureTable


def join_features(
    spine: ir.Table,
    tables: Mapping[str, KeyedTable],
    lookups: list[FeatureLookup],
    event_time: str | None,
) -> ir.Table:
    """Add looked-up feature columns to each row of the spine.

    A feature row is visible from the moment it was known; among the visible rows of a key the one
    that describes the latest moment counts. Rows of the spine are neither lost nor doubled.

    Args:
        spine: One row per thing to predict, with the lookups' key columns.
        tables: Feature tables by name.
        lookups: Columns to add.
        event_time: The spine's own moment; None for a snapshot, which sees tables without history.

    Returns:
        The spine's rows and columns, and a column per looked-up feature (null where unknown).

    Raises:
        DataError: A lookup names a table or column that does not exist.
    """
    for lookup in lookups:
        if missing := name_missing([lookup.table], tables):
            raise DataError(f"A feature lookup names the unknown table {missing}.")
        table, keyed = tables[lookup.table].rows, tables[lookup.table].declared
        wanted = [*lookup.key_mapping.values(), *lookup.renaming]
        require_columns(list(table.columns), wanted, f"Feature table {lookup.table!r}")
        require_columns(list(spine.columns), list(lookup.key_mapping), "events")
        if keyed.event_time is None:
            spine = _join_current(spine, table, lookup)
        elif event_time is None:
            raise DataError(
                f"Feature table {lookup.table!r} has a history, but events have no event_time."
            )
        else:
            spine = _join_as_of(spine, table, keyed, lookup, event_time)
    return spine


def _join_current(spine: ir.Table, table: ir.Table, lookup: FeatureLookup) -> ir.Table:
    """Join a table without history on its keys; it holds one row per key."""
    right, predicates = _with_private_keys(table, lookup)
    right = right.select(*predicates.values(), *lookup.renaming.values())
    joined = spine.left_join(right, [spine[k] == right[p] for k, p in predicates.items()])
    return joined.select(*spine.columns, *lookup.renaming.values())


def _join_as_of(
    spine: ir.Table, table: ir.Table, keyed: FeatureTable, lookup: FeatureLookup, event_time: str
) -> ir.Table:
    """Join the row of each key that was the newest known at the spine's moment."""
    right, private = _with_private_keys(table, lookup)
    right = _keep_winners(right, keyed, list(private.values()))
    right = right.select(*private.values(), *lookup.renaming.values(), _KNOWN, _DESCRIBED)
    joined = spine.asof_join(
        right,
        on=spine[event_time] >= right[_KNOWN],
        predicates=[spine[k] == right[p] for k, p in private.items()],
    ).select(*spine.columns, *lookup.renaming.values(), _DESCRIBED)
    if lookup.max_age_days is not None:
        joined = _forget_stale(joined, lookup, event_time)
    return joined.drop(_DESCRIBED)


def _with_private_keys(table: ir.Table, lookup: FeatureLookup) -> tuple[ir.Table, dict[str, str]]:
    """Rename features and give the keys names that cannot clash with the spine's."""
    private = {key: f"__key_{n}" for n, key in enumerate(lookup.key_mapping)}
    keys = {private[key]: table[other] for key, other in lookup.key_mapping.items()}
    features = {new: table[old] for old, new in lookup.renaming.items()}
    return table.mutate(**keys).mutate(**features), private


def _keep_winners(table: ir.Table, keyed: FeatureTable, keys: list[str]) -> ir.Table:
    """Drop rows that can never be the newest known, so that an ASOF join on known time is exact.

    A row that became known when a row describing a later moment was known already never counts.
    Of the rows left, the last known is also the one that describes the latest moment.
    """
    described = table[keyed.event_time]
    known = table[keyed.known_time] if keyed.known_time else described
    table = table.mutate(**{_KNOWN: ibis.greatest(known, described), _DESCRIBED: described})
    table = table.filter(*(table[key].notnull() for key in keys), table[_DESCRIBED].notnull())
    newest_before = (
        table[_DESCRIBED]
        .max()
        .over(ibis.cumulative_window(group_by=keys, order_by=[_KNOWN, _DESCRIBED]))
    )
    table = table.filter(table[_DESCRIBED] >= newest_before)
    last = ibis.row_number().over(
        ibis.window(group_by=[*keys, _KNOWN], order_by=ibis.desc(_DESCRIBED))
    )
    return table.filter(last == 0)


def _forget_stale(joined: ir.Table, lookup: FeatureLookup, event_time: str) -> ir.Table:
    """Turn features to null where they describe a moment too long ago."""
    oldest = joined[event_time] - ibis.literal(timedelta(days=lookup.max_age_days or 0))
    fresh = joined[_DESCRIBED] >= oldest
    return joined.mutate(
        **{
            name: ibis.ifelse(fresh, joined[name], ibis.null(joined[name].type()))
            for name in lookup.renaming.values()
        }
    )
