"""Features that a request does not bring, from the online store, by the lookups of training."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

import pyarrow as pa

from fullcircle.core.contract import FeatureLookup, FeatureTable
from fullcircle.core.errors import DataError, FullCircleError, StorageError
from fullcircle.serving.schemas import Columns
from fullcircle.storage.online.addresses import open_store
from fullcircle.storage.online.codec import named_type
from fullcircle.storage.online.lookup import look_up
from fullcircle.storage.online.store import OnlineStore, table_state


class FeaturesError(FullCircleError):
    """Features that the online store should give, and cannot."""


class FeatureGap(NamedTuple):
    """Features of one row that a lookup did not give.

    Attributes:
        table: Feature table.
        kind: ``missing`` (no row of this key, or none known by then) or ``stale`` (too old).
        row: Place of the row.
    """

    table: str
    kind: str
    row: int


class OnlineFeatures:
    """Looks features up for rows of plain values.

    Attributes:
        remote: Whether the store is a server, for which nobody else should wait.
    """

    def __init__(self, address: str) -> None:
        """Take the store's address; it is opened when it is first asked."""
        self._address = address
        self._store: OnlineStore | None = None
        self._keys: dict[str, dict[str, pa.DataType]] = {}
        self.remote = address.startswith(("redis", "unix"))

    def key_types(self, lookups: Sequence[FeatureLookup]) -> dict[str, pa.DataType]:
        """Give the types of the columns by which features are looked up.

        Raises:
            FeaturesError: A table was never published, or the store cannot be read.
        """
        types: dict[str, pa.DataType] = {}
        for lookup in lookups:
            if lookup.table not in self._keys:
                with _ours(lookup.table):
                    keys = table_state(self._open(), lookup.table).keys
                self._keys[lookup.table] = {key: named_type(kind) for key, kind in keys.items()}
            known = self._keys[lookup.table]
            types |= {own: known[key] for own, key in lookup.key_mapping.items() if key in known}
        made = {new for lookup in lookups for new in lookup.renaming.values()}
        return {key: kind for key, kind in types.items() if key not in made}

    def find_published(self, tables: Iterable[str]) -> set[str]:
        """Return which of some tables were published, by a fresh look at the store.

        Raises:
            FeaturesError: The store cannot be read.
        """
        found = set()
        for table in tables:
            with _ours(table):
                if self._open().read(table, [])[0] is not None:
                    found.add(table)
        return found

    def find(
        self,
        columns: Mapping[str, list[Any]],
        lookups: Sequence[FeatureLookup],
        declared: Mapping[str, FeatureTable],
        moments: Sequence[datetime],
    ) -> tuple[Columns, list[FeatureGap]]:
        """Find features, each row's as of its own moment.

        Args:
            columns: Keys, one value per row.
            lookups: What to look up.
            declared: Keys and times by feature table.
            moments: One per row.

        Returns:
            Values by feature, None where nothing is known; and what is not known of each row.

        Raises:
            FeaturesError: A table lacks a column, or the store cannot be read.
        """
        made = {new for lookup in lookups for new in lookup.renaming.values()}
        keys = {k for lookup in lookups for k in lookup.key_mapping if k not in made}
        found: Columns = {name: [None] * len(moments) for name in made}
        gaps: list[FeatureGap] = []
        for moment, rows in _group(moments).items():
            given = {key: [columns[key][row] for row in rows] for key in keys}
            with _ours(lookups[0].table):
                arrays, report = look_up(self._open(), given, list(lookups), declared, moment)
            for name, values in arrays.items():
                for row, value in zip(rows, values.to_pylist(), strict=True):
                    found[name][row] = value
            for counts in report:
                for kind, places in (
                    ("missing", counts.missing_rows),
                    ("stale", counts.stale_rows),
                ):
                    gaps += [FeatureGap(counts.table, kind, rows[place]) for place in places]
        return found, gaps

    def close(self) -> None:
        """Release the store's files and connections; a later question opens it anew."""
        if self._store is not None:
            self._store.close()
        self._store = None

    def _open(self) -> OnlineStore:
        if self._store is None:
            self._store = open_store(self._address)
        return self._store


@contextmanager
def _ours(table: str) -> Iterator[None]:
    """Call a fault of the store ours, not the caller's."""
    try:
        yield
    except (DataError, StorageError) as error:
        raise FeaturesError(f"Features of {table!r} cannot be looked up: {error}") from error


def _group(moments: Sequence[datetime]) -> dict[datetime, list[int]]:
    groups: dict[datetime, list[int]] = {}
    for row, moment in enumerate(moments):
        groups.setdefault(moment, []).append(row)
    return groups
