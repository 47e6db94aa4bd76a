"""The point-in-time join: each row sees only what was known at its own moment.

Two rules decide. A feature row is visible from the moment it was known, and never before the
moment that it describes. Of the visible rows of a key, the one that describes the latest moment
counts; of those, the last known; of those, the one with the greatest values, so that the answer
never depends on the order in which rows lie.

Two plans give the same rows. With an ASOF join, rows first learn which moments they see, from keys
and times alone; then the wide features of just those are fetched. Where the engine has none, both
tables are laid in one line per key, ordered by time, and a running maximum walks along it.
"""

from collections.abc import Mapping
from datetime import timedelta

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from fullcircle.core.contract import FeatureLookup
from fullcircle.core.validation.feature_lookups import KeyedTable, refuse_bad_lookups

__all__ = ["KeyedTable", "join_features"]

_DESCRIBED = "__described_at"
_CORRECTED = "__corrected_at"
_KNOWN = "__known_at"
_SEEN = {_DESCRIBED: "__seen_described_at", _KNOWN: "__seen_known_at"}
_MOMENT = "__moment"
_IS_SPINE = "__is_spine"
_NEWEST = "__newest"
_TOO_OLD = "__too_old"
_WITH_ASOF = {"duckdb"}


def join_features(
    spine: ir.Table,
    tables: Mapping[str, KeyedTable],
    lookups: list[FeatureLookup],
    event_time: str | None,
    *,
    count_stale: str | None = None,
) -> ir.Table:
    """Add looked-up feature columns to each row of the spine.

    Nothing is computed here: all is checked from names and types alone, and the answer is a query
    that runs where the tables are, on DuckDB or on Spark, with the same rows.

    Args:
        spine: One row per thing to predict, with the lookups' key columns. Rows may be alike.
        tables: Feature tables by name.
        lookups: Columns to add. A later lookup may take its keys from an earlier one.
        event_time: The spine's own moment, in UTC; None for a snapshot, which sees tables without
            history. A row whose moment or key is null sees nothing.
        count_stale: Name of one more column: by how many lookups a row found nothing but what was
            older than the lookup allows. None leaves it out.

    Returns:
        The spine's rows and columns, and a column per looked-up feature (null where unknown), in
        no particular order of rows.

    Raises:
        DataError: A lookup names a table or column that does not exist, keys differ in type or are
            not the table's, a moment is not in UTC, or the name of a feature is taken.
    """
    refuse_bad_lookups(spine, tables, lookups, event_time)
    flags = [f"{_TOO_OLD}_{number}" for number in range(len(lookups))]
    for flag, lookup in zip(flags, lookups, strict=True):
        spine = _join(spine, tables[lookup.table], lookup, event_time).rename({flag: _TOO_OLD})
    if count_stale is not None:
        stale = sum((spine[flag].cast("int64") for flag in flags), start=ibis.literal(0))
        spine = spine.mutate(**{count_stale: stale.cast("int64")})
    return spine.drop(*flags)


def _join(
    spine: ir.Table, table: KeyedTable, lookup: FeatureLookup, event_time: str | None
) -> ir.Table:
    """Give each row of the spine the features of one lookup, and say whether it is too old."""
    rows, keys = _with_private_names(table, lookup)
    at = event_time if table.declared.event_time else None
    backends = {ibis.get_backend(one).name for one in (spine, rows)}
    join = _join_by_asof if backends <= _WITH_ASOF else _join_by_window
    found = join(spine, rows, keys, lookup, at)
    return found.select(*spine.columns, *lookup.renaming.values(), _TOO_OLD)


def _with_private_names(
    table: KeyedTable, lookup: FeatureLookup
) -> tuple[ir.Table, dict[str, str]]:
    """Keep what the lookup needs, under names that cannot clash with the spine's.

    Returns:
        Keys, moments and renamed features of the rows that can ever be seen; and the keys as
        ``{column of the row: private name}``. Without a history there are no moments, and one
        moment is enough where the table declares no other time from which its rows were known.
    """
    rows, declared = table.rows, table.declared
    private = {key: f"__key_{n}" for n, key in enumerate(lookup.key_mapping)}
    columns = {private[key]: rows[other] for key, other in lookup.key_mapping.items()}
    if declared.event_time:
        columns[_DESCRIBED] = rows[declared.event_time]
    if declared.event_time and declared.known_time:
        columns[_CORRECTED] = rows[declared.known_time]
    features = {new: rows[old] for old, new in lookup.renaming.items()}
    named = rows.filter(*(column.notnull() for column in columns.values())).select(
        **columns, **features
    )
    if _CORRECTED in columns:
        named = named.mutate(**{_KNOWN: ibis.greatest(named[_CORRECTED], named[_DESCRIBED])})
    return named, private


def _may_count(
    described: ir.TimestampColumn, at: ir.TimestampColumn, lookup: FeatureLookup
) -> ir.BooleanColumn:
    """Whether what a row sees is not too old, and the row has a moment of its own at all.

    Engines differ in where a null moment sorts: a window, and DuckDB's ASOF join of many rows,
    may let it see everything.
    """
    counts = at.notnull()
    if lookup.max_age_days is not None:
        # Not in days: where clocks change, a day of an interval has 23 or 25 hours.
        age = timedelta(days=lookup.max_age_days) // timedelta(microseconds=1)
        counts &= described >= at - ibis.interval(microseconds=age)
    return counts


def _is_too_old(
    described: ir.TimestampColumn, at: ir.TimestampColumn, counts: ir.BooleanColumn
) -> ir.BooleanColumn:
    return described.notnull() & at.notnull() & ~counts


def _join_by_asof(
    spine: ir.Table,
    rows: ir.Table,
    keys: dict[str, str],
    lookup: FeatureLookup,
    event_time: str | None,
) -> ir.Table:
    """Learn which moments each row sees, then attach the features of just those."""
    spine = spine.mutate(**{_TOO_OLD: ibis.literal(False)})
    if event_time is None:
        return _attach(spine, rows, keys, lookup)
    spine, seen = _see(spine, rows, keys, event_time)
    described = spine[_SEEN[_DESCRIBED]]
    counts = _may_count(described, spine[event_time], lookup)
    spine = spine.mutate(
        **{
            _SEEN[_DESCRIBED]: counts.ifelse(described, ibis.null()),
            _TOO_OLD: _is_too_old(described, spine[event_time], counts),
        }
    )
    matching = keys | seen
    # DuckDB keeps the result of the ASOF join, so that this second look at it costs little.
    wanted = rows.semi_join(spine, [rows[b] == spine[a] for a, b in matching.items()])
    return _attach(spine, wanted, matching, lookup)


def _see(
    spine: ir.Table, rows: ir.Table, keys: dict[str, str], event_time: str
) -> tuple[ir.Table, dict[str, str]]:
    """Add to each row the moments of the table's row that it sees.

    Returns:
        The spine with those moments, and their names as ``{column of the spine: of the table}``.
    """
    seen = {_SEEN[moment]: moment for moment in (_DESCRIBED, _KNOWN) if moment in rows.columns}
    moments = _keep_winners(rows.select(*keys.values(), *seen.values()), list(keys.values()))
    joined = spine.asof_join(
        moments,
        on=spine[event_time] >= moments[_known_name(rows)],
        predicates=[spine[key] == moments[private] for key, private in keys.items()],
    )
    return joined.select(*spine.columns, **{new: moments[old] for new, old in seen.items()}), seen


def _known_name(rows: ir.Table) -> str:
    return _KNOWN if _KNOWN in rows.columns else _DESCRIBED


def _keep_winners(moments: ir.Table, keys: list[str]) -> ir.Table:
    """Drop moments that can never be the newest known, so that an ASOF join on known is exact.

    What became known when a later moment was known already never counts. Of what is left, the last
    known of a key is also what describes the latest moment.
    """
    if _KNOWN not in moments.columns:
        return moments
    as_they_came = ibis.cumulative_window(group_by=keys, order_by=[_KNOWN, ibis.desc(_DESCRIBED)])
    newest = moments[_DESCRIBED].max().over(as_they_came)
    return moments.filter(moments[_DESCRIBED] >= newest)


def _attach(
    spine: ir.Table, rows: ir.Table, matching: dict[str, str], lookup: FeatureLookup
) -> ir.Table:
    """Attach the one row that matches, settling ties so that no row of the spine is doubled.

    Args:
        spine: The spine, and the moments that it sees.
        rows: Keys, moments and features of the table.
        matching: Columns that must be equal, as ``{column of the spine: column of rows}``.
        lookup: Names of the features.
    """
    deciding = [name for name in (_CORRECTED, *lookup.renaming.values()) if name in rows.columns]
    alike = ibis.window(
        group_by=list(matching.values()), order_by=[ibis.desc(name) for name in deciding]
    )
    one = rows.filter(ibis.row_number().over(alike) == 0)
    return spine.left_join(one, [spine[a] == one[b] for a, b in matching.items()])


def _join_by_window(
    spine: ir.Table,
    rows: ir.Table,
    keys: dict[str, str],
    lookup: FeatureLookup,
    event_time: str | None,
) -> ir.Table:
    """Walk along both tables, key by key in the order of time, with the newest row in hand.

    Rows of the table come before those of the spine where times are equal. Each row of the spine
    comes out once, however many are alike, and each table is read once. Spark takes a null for
    less than any value within a structure, as the ASOF plan does where it settles ties.
    """
    deciding = [_DESCRIBED, _CORRECTED, *lookup.renaming.values()]
    newest = ibis.struct({name: rows[name] for name in deciding if name in rows.columns})
    own = spine.mutate(
        **{private: spine[key] for key, private in keys.items()},
        **{_MOMENT: spine[event_time] if event_time else 0, _NEWEST: ibis.null(newest.type())},
        **{_IS_SPINE: ibis.literal(True)},
    )
    others = rows.select(
        **{name: ibis.null() for name in spine.columns},
        **{private: rows[private] for private in keys.values()},
        **{_MOMENT: rows[_known_name(rows)] if event_time else ibis.literal(0), _NEWEST: newest},
        **{_IS_SPINE: ibis.literal(False)},
    )
    line = _stack(own, others)
    so_far = ibis.cumulative_window(group_by=list(keys.values()), order_by=[_MOMENT, _IS_SPINE])
    line = line.mutate(**{_NEWEST: line[_NEWEST].max().over(so_far)})
    line = line.filter(line[_IS_SPINE])
    found = {name: line[_NEWEST][name] for name in lookup.renaming.values()}
    too_old = ibis.literal(False)
    if event_time is not None:
        described = line[_NEWEST][_DESCRIBED]
        counts = _may_count(described, line[event_time], lookup)
        found = {name: counts.ifelse(value, ibis.null()) for name, value in found.items()}
        too_old = _is_too_old(described, line[event_time], counts)
    return line.select(*spine.columns, **found, **{_TOO_OLD: too_old})


def _stack(upper: ir.Table, lower: ir.Table) -> ir.Table:
    """Lay two tables of equal columns on top of each other, each column as the wider type."""
    kinds = {
        name: dt.highest_precedence([upper[name].type(), lower[name].type()]).copy(nullable=True)
        for name in upper.columns
    }
    return ibis.union(upper.cast(kinds), lower.cast(kinds), distinct=False)
