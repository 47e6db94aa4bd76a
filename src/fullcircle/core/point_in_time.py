"""The point-in-time join: each row sees only what was known at its own moment.

Two rules decide. A feature row is visible from the moment it was known, and never before the
moment that it describes. Of the visible rows of a key, the one that describes the latest moment
counts; of those, the last known; rows alike in all of this are told apart by their values, so
that the answer never depends on the order in which rows lie.

The join goes in two steps, so that the wide features are touched only where they are wanted. First
each row of the spine learns which moments it sees, from keys and times alone. Then the features of
just those keys and moments are fetched. The first step is an ASOF join where the engine has one,
and a running maximum elsewhere; all the rest is the same on every engine.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from fullcircle.core.contract import FeatureLookup, FeatureTable, require_columns
from fullcircle.core.errors import DataError, name_missing

_KNOWN = "__known_at"
_DESCRIBED = "__described_at"
_SEEN = {_DESCRIBED: "__seen_described_at", _KNOWN: "__seen_known_at"}
_CORRECTED = "__corrected_at"
_MOMENT = "__moment"
_IS_SPINE = "__is_spine"
_WINS = "__wins"
_WITH_ASOF = {"duckdb"}
# Ibis runs Spark's sessions in UTC, and tells its moments from local times by no type.
_ALWAYS_UTC = {"pyspark"}


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

    Nothing is computed here: everything is checked from names and types alone, and the answer is a
    query that runs where the tables are, on DuckDB or on Spark, with the same rows.

    Args:
        spine: One row per thing to predict, with the lookups' key columns. Rows may be alike.
        tables: Feature tables by name.
        lookups: Columns to add. A later lookup may take its keys from an earlier one.
        event_time: The spine's own moment, in UTC; None for a snapshot, which sees tables without
            history. A row whose moment or key is null sees nothing.

    Returns:
        The spine's rows and columns, and a column per looked-up feature (null where unknown), in
        no particular order of rows.

    Raises:
        DataError: A lookup names a table or column that does not exist, keys differ in type or are
            not the table's, a moment is not in UTC, or the name of a feature is taken.
    """
    _refuse_bad_lookups(spine, tables, lookups, event_time)
    for lookup in lookups:
        spine = _join(spine, tables[lookup.table], lookup, event_time)
    return spine


def _join(
    spine: ir.Table, table: KeyedTable, lookup: FeatureLookup, event_time: str | None
) -> ir.Table:
    """Give each row of the spine the features of one lookup."""
    rows, keys = _with_private_names(table, lookup)
    if table.declared.event_time is None or event_time is None:
        found = _fetch(spine, rows, keys, lookup)
    else:
        moments = _name_moments(table.declared)
        visible = _keep_winners(rows.select(*keys.values(), *moments), list(keys.values()))
        see = _see_by_asof if _have_asof(spine, rows) else _see_by_window
        seen = see(spine, visible, keys, event_time)
        seen = _forget_what_does_not_count(seen, lookup, event_time)
        found = _fetch(seen, rows, keys | {_SEEN[moment]: moment for moment in moments}, lookup)
    return found.select(*spine.columns, *lookup.renaming.values())


def _have_asof(*tables: ir.Table) -> bool:
    return all(ibis.get_backend(table).name in _WITH_ASOF for table in tables)


def _name_moments(declared: FeatureTable) -> list[str]:
    """Times that tell the rows of a key apart; one alone where none becomes known late."""
    return [_DESCRIBED, _KNOWN] if declared.known_time else [_DESCRIBED]


def _with_private_names(
    table: KeyedTable, lookup: FeatureLookup
) -> tuple[ir.Table, dict[str, str]]:
    """Keep what the lookup needs, under names that cannot clash with the spine's.

    Returns:
        Keys, moments and renamed features of the rows that can ever be seen; and the keys as
        ``{column of the row: private name}``.
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


def _keep_winners(moments: ir.Table, keys: list[str]) -> ir.Table:
    """Drop moments that can never be the newest known: stale when they became known.

    Of those left, the last known of a key is also the one that describes the latest moment, so the
    latest of each may be looked for separately, and one that is known last is the answer.
    """
    if _KNOWN not in moments.columns:
        return moments
    known_in_order = ibis.cumulative_window(group_by=keys, order_by=[_KNOWN, ibis.desc(_DESCRIBED)])
    newest = moments[_DESCRIBED].max().over(known_in_order)
    # A column of its own, because a filter by a window is not translated well for Spark.
    judged = moments.mutate(**{_WINS: moments[_DESCRIBED] >= newest})
    return judged.filter(judged[_WINS]).drop(_WINS)


def _see_by_asof(
    spine: ir.Table, visible: ir.Table, keys: dict[str, str], event_time: str
) -> ir.Table:
    """Add the moments that each row of the spine sees, by an ASOF join."""
    seen = {_SEEN[name]: visible[name] for name in visible.columns if name in _SEEN}
    known = visible[_KNOWN if _KNOWN in visible.columns else _DESCRIBED]
    return spine.asof_join(
        visible,
        on=spine[event_time] >= known,
        predicates=[spine[key] == visible[private] for key, private in keys.items()],
    ).select(*spine.columns, **seen)


def _see_by_window(
    spine: ir.Table, visible: ir.Table, keys: dict[str, str], event_time: str
) -> ir.Table:
    """Add the moments that each row of the spine sees, by a running maximum over both tables.

    Rows of the spine and of the feature table are laid in one line per key, ordered by time, the
    feature table's first where times are equal. Each row of the spine comes out once, however
    many are alike.
    """
    seen = {_SEEN[name]: visible[name] for name in visible.columns if name in _SEEN}
    known = visible[_KNOWN if _KNOWN in visible.columns else _DESCRIBED]
    own = spine.mutate(
        **{private: spine[key] for key, private in keys.items()},
        **{name: ibis.null() for name in seen},
        **{_MOMENT: spine[event_time], _IS_SPINE: True},
    )
    others = visible.select(
        **{name: ibis.null() for name in spine.columns},
        **{private: visible[private] for private in keys.values()},
        **seen,
        **{_MOMENT: known, _IS_SPINE: ibis.literal(False)},
    )
    line = _stack(own, others)
    so_far = ibis.cumulative_window(group_by=list(keys.values()), order_by=[_MOMENT, _IS_SPINE])
    line = line.mutate(**{name: line[name].max().over(so_far) for name in seen})
    return line.filter(line[_IS_SPINE]).select(*spine.columns, *seen)


def _stack(upper: ir.Table, lower: ir.Table) -> ir.Table:
    """Lay two tables of equal columns on top of each other, each column as the wider type."""
    kinds = {
        name: dt.highest_precedence([upper[name].type(), lower[name].type()]).copy(nullable=True)
        for name in upper.columns
    }
    return ibis.union(upper.cast(kinds), lower.cast(kinds), distinct=False)


def _forget_what_does_not_count(seen: ir.Table, lookup: FeatureLookup, event_time: str) -> ir.Table:
    """Turn what is seen to null where it is too old, or where the row has no moment of its own.

    Engines differ in where a null moment sorts: a window, and DuckDB's ASOF join of many rows,
    may let it see everything.
    """
    counts, described = seen[event_time].notnull(), seen[_SEEN[_DESCRIBED]]
    if lookup.max_age_days is not None:
        # Not in days: where clocks change, a day of an interval has 23 or 25 hours.
        age = timedelta(days=lookup.max_age_days) // timedelta(microseconds=1)
        counts &= described >= seen[event_time] - ibis.interval(microseconds=age)
    return seen.mutate(**{_SEEN[_DESCRIBED]: counts.ifelse(described, ibis.null())})


def _fetch(
    seen: ir.Table, rows: ir.Table, matching: dict[str, str], lookup: FeatureLookup
) -> ir.Table:
    """Fetch the features of what is seen.

    Only rows that some row of the spine sees are sorted to settle ties, one by one the last known
    and then the first by value, so no row of the spine can be doubled.

    Args:
        seen: The spine, and the moments that it sees.
        rows: Keys, moments and features of the table.
        matching: Columns that must be equal, as ``{column of seen: column of rows}``.
        lookup: Names of the features.
    """
    wanted = rows.semi_join(seen, [rows[b] == seen[a] for a, b in matching.items()])
    tie_break = [ibis.desc(_CORRECTED)] if _CORRECTED in rows.columns else []
    alike = ibis.window(
        group_by=list(matching.values()), order_by=[*tie_break, *lookup.renaming.values()]
    )
    judged = wanted.mutate(**{_WINS: ibis.row_number().over(alike) == 0})
    one = judged.filter(judged[_WINS])
    return seen.left_join(one, [seen[a] == one[b] for a, b in matching.items()])


def _refuse_bad_lookups(
    spine: ir.Table,
    tables: Mapping[str, KeyedTable],
    lookups: list[FeatureLookup],
    event_time: str | None,
) -> None:
    """Refuse what cannot be joined, from names and types alone."""
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
