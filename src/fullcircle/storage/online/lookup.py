"""Feature lookups in the online store, with the same answers as the point-in-time join."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from fullcircle.core.contract import FeatureLookup, FeatureTable, require_columns
from fullcircle.core.errors import DataError, name_missing
from fullcircle.storage.online.codec import named_type
from fullcircle.storage.online.reading import OnlineRow, read_with_state
from fullcircle.storage.online.store import OnlineStore, TableState

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class LookupCounts:
    """What one lookup found.

    Attributes:
        table: Feature table.
        columns: Columns that it added.
        rows: Requests.
        missing: Requests without a row: key null or unseen, row past its time to live, or known
            only after the moment of the request.
        stale: Requests whose row describes a moment longer ago than the lookup's ``max_age_days``.
        missing_rows: Places of the requests that are missing.
        stale_rows: Places of those that are stale.
    """

    table: str
    columns: tuple[str, ...]
    rows: int
    missing: int
    stale: int
    missing_rows: tuple[int, ...] = field(default=(), compare=False, repr=False)
    stale_rows: tuple[int, ...] = field(default=(), compare=False, repr=False)

    @property
    def found(self) -> int:
        """Requests whose features could be used."""
        return self.rows - self.missing - self.stale


def lookup_online(
    store: OnlineStore,
    requests: "pd.DataFrame",
    lookups: list[FeatureLookup],
    declared: Mapping[str, FeatureTable],
    moment: datetime,
) -> tuple["pd.DataFrame", list[LookupCounts]]:
    """Add looked-up feature columns to each request, as ``join_features`` would at a moment.

    Args:
        store: Where the features were published.
        requests: One row per thing to predict, with the lookups' key columns.
        lookups: Columns to add; a later lookup may take its keys from an earlier one.
        declared: Keys and times by feature table.
        moment: Moment of the requests. The store holds the newest row per key only: where
            that was known after the moment, the features count as missing.

    Returns:
        The requests with a column per looked-up feature (null where unknown), and what each
        lookup found.

    Raises:
        DataError: A lookup names a table or column that does not exist, keys differ in type or are
            not the table's, or the name of a feature is taken.
        StorageError: The store cannot be read.
    """
    wanted = {key for lookup in lookups for key in lookup.key_mapping}
    given = {key: _as_key_values(key, requests[key]) for key in wanted if key in requests}
    _refuse_bad_names([str(name) for name in requests.columns], lookups)
    found, report = look_up(store, given, lookups, declared, moment)
    features = {name: values.to_pandas().set_axis(requests.index) for name, values in found.items()}
    return requests.assign(**features), report


def _refuse_bad_names(present: list[str], lookups: list[FeatureLookup]) -> None:
    """Refuse keys that are not there and features whose name is taken, lookup by lookup."""
    for lookup in lookups:
        require_columns(present, list(lookup.key_mapping), "requests")
        if taken := sorted({*present} & {*lookup.renaming.values()}):
            raise DataError(
                f"Feature lookup of {lookup.table!r}: the requests have a column {taken[0]!r} "
                "already. Give the feature another name in the lookup's 'columns'."
            )
        present = [*present, *lookup.renaming.values()]


def _as_key_values(name: str, column: "pd.Series") -> list[Any]:
    """Give a request column as Python values; a frame's NaN is a null."""
    try:
        return list(pa.Array.from_pandas(column).to_pylist())
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise DataError(f"The key column {name!r} of the requests mixes types: {error}.") from error


def look_up(
    store: OnlineStore,
    given: Mapping[str, Sequence[Any]],
    lookups: list[FeatureLookup],
    declared: Mapping[str, FeatureTable],
    moment: datetime,
) -> tuple[dict[str, pa.Array], list[LookupCounts]]:
    """Look features up for key columns of plain values: ``lookup_online`` without a frame.

    Args:
        store: Where the features were published.
        given: Key columns of the requests, each with one value per request.
        lookups: Columns to add; a later lookup may take its keys from an earlier one.
        declared: Keys and times by feature table.
        moment: Moment of the requests.

    Returns:
        Per feature an array with one value per request, and what each lookup found.
    """
    values = dict(given)
    later_keys = {key for lookup in lookups for key in lookup.key_mapping}
    columns: dict[str, pa.Array] = {}
    report = []
    for lookup in lookups:
        table = _require_declared(lookup, declared)
        found, counts = _look_up_one(store, _as_tuples(values, lookup, table), lookup, moment)
        columns |= found
        values |= {name: column.to_pylist() for name, column in found.items() if name in later_keys}
        report.append(counts)
    return columns, report


def _as_tuples(
    values: Mapping[str, Sequence[Any]], lookup: FeatureLookup, table: FeatureTable
) -> list[tuple[Any, ...]]:
    """Give key tuples in the order of the table's keys."""
    source = {theirs: mine for mine, theirs in lookup.key_mapping.items()}
    parts = [[_whole(value) for value in values[source[key]]] for key in table.keys]
    return list(zip(*parts, strict=True))


def _look_up_one(
    store: OnlineStore, keys: list[tuple[Any, ...]], lookup: FeatureLookup, moment: datetime
) -> tuple[dict[str, pa.Array], LookupCounts]:
    state, found = read_with_state(store, lookup.table, keys, moment)
    require_columns(list(state.columns), list(lookup.renaming), f"Feature table {lookup.table!r}")
    visible = [row if row and _is_visible(row, moment) else None for row in found]
    fresh = [row if row and not _is_stale(row, lookup, moment) else None for row in visible]
    missing = tuple(place for place, row in enumerate(visible) if row is None)
    stale = tuple(place for place, row in enumerate(fresh) if row is None and visible[place])
    counts = LookupCounts(
        table=lookup.table,
        columns=tuple(lookup.renaming.values()),
        rows=len(keys),
        missing=len(missing),
        stale=len(stale),
        missing_rows=missing,
        stale_rows=stale,
    )
    return _take_columns(state, fresh, lookup), counts


def _require_declared(lookup: FeatureLookup, declared: Mapping[str, FeatureTable]) -> FeatureTable:
    if missing := name_missing([lookup.table], declared):
        raise DataError(f"A feature lookup names the unknown table {missing}.")
    table = declared[lookup.table]
    if sorted(lookup.key_mapping.values()) != sorted(table.keys):
        raise DataError(
            f"A lookup in the online store needs all keys of {lookup.table!r} "
            f"({', '.join(table.keys)}), and it gives ({', '.join(lookup.key_mapping.values())})."
        )
    return table


def _whole(value: Any) -> Any:
    """Turn a whole number that pandas made a float, because others of its column are null, back."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _is_visible(row: OnlineRow, moment: datetime) -> bool:
    """Whether both the moment described and the moment known have come."""
    return all(time is None or time <= moment for time in (row.described_at, row.known_at))


def _is_stale(row: OnlineRow, lookup: FeatureLookup, moment: datetime) -> bool:
    if lookup.max_age_days is None or row.described_at is None:
        return False
    return row.described_at < moment - timedelta(days=lookup.max_age_days)


def _take_columns(
    state: TableState, rows: Sequence[OnlineRow | None], lookup: FeatureLookup
) -> dict[str, pa.Array]:
    positions = {name: number for number, name in enumerate(state.keys)}
    types = state.columns

    def take(name: str) -> pa.Array:
        if name in positions:
            values = [row.key[positions[name]] if row else None for row in rows]
        else:
            values = [row.features.get(name) if row else None for row in rows]
        return pa.array(values, named_type(types[name]))

    return {new: take(old) for old, new in lookup.renaming.items()}
