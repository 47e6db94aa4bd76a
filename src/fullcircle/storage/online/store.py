"""The online store: the newest row of each key of a feature table, ready to be read at once.

Two stores do the same: a file that many processes read while one writes, and a Redis server. A row
replaces another of its key only if it is newer: it describes a later moment, or the same moment and
became known later, or both are equal and its table version is higher; exact ties are broken by the
rows' text. So the outcome does not depend on the order in which rows arrive, on how often they
arrive, or on how many writers bring them.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from fullcircle.core.errors import DataError, name_missing
from fullcircle.storage.online.codec import to_microseconds, to_moment

NO_MOMENT = to_microseconds(datetime.min.replace(tzinfo=UTC)) - 1


class StoredRow(NamedTuple):
    """A row as a store keeps it.

    Attributes:
        key: The key tuple, spelled as a JSON list.
        described: Moment described, in microseconds since 1970; NO_MOMENT without history.
        known: Moment at which the row became known, likewise.
        version: Table version that it was published from.
        payload: JSON list of the layout's name and the values in the layout's order.
    """

    key: str
    described: int
    known: int
    version: int
    payload: str


@dataclass(frozen=True)
class PublishCounts:
    """What became of the rows that were given to a publish.

    Attributes:
        written: Rows that are new or replaced an older row.
        unchanged: Rows that the store held already, value by value.
        older: Rows that lost against a newer row of their key.
        set_aside: Rows with a null key or moment: no lookup, offline or online, ever sees them.
        not_yet_known: Rows that describe a moment after that of publishing, or are known after it.
        already_published: Whether the version had been published before, so that none was read.
    """

    written: int = 0
    unchanged: int = 0
    older: int = 0
    set_aside: int = 0
    not_yet_known: int = 0
    already_published: bool = False

    def __add__(self, other: "PublishCounts") -> "PublishCounts":
        return PublishCounts(
            self.written + other.written,
            self.unchanged + other.unchanged,
            self.older + other.older,
            self.set_aside + other.set_aside,
            self.not_yet_known + other.not_yet_known,
            self.already_published or other.already_published,
        )


@dataclass(frozen=True)
class TableState:
    """What a store knows of one published table.

    Attributes:
        keys: Stored type by key column, in the order of the key tuples.
        version: Newest version that was published to its end; None while the first is under way.
        ttl_days: Age in days, by the moment described, past which a row counts as missing.
        pending_from: Earliest moment, in microseconds, from which a withheld row may be seen.
        layouts: Stored type by column, by name of the layout.
        latest: The newest layout; None for a table of which no row was ever seen.
    """

    keys: dict[str, str]
    version: int | None = None
    ttl_days: float | None = None
    pending_from: int | None = None
    layouts: dict[str, dict[str, str]] = field(default_factory=dict)
    latest: str | None = None

    @property
    def columns(self) -> dict[str, str]:
        """Stored type by column of the table as it was published last, keys first."""
        return {**self.keys, **(self.layouts[self.latest] if self.latest else {})}

    def oldest_valid(self, moment: datetime) -> int:
        """Earliest moment described, in microseconds, that has not outlived its time to live."""
        if self.ttl_days is None:
            return NO_MOMENT + 1
        return to_microseconds(moment - timedelta(days=self.ttl_days))

    def to_text(self) -> str:
        """Spell the state."""
        return json.dumps(asdict(self))


@lru_cache(maxsize=256)
def parse_state(text: str) -> TableState:
    """Read a state that was spelled by ``TableState.to_text``."""
    return TableState(**json.loads(text))


class OnlineStore(ABC):
    """A place that keeps the newest row per key; every method raises StorageError if it fails."""

    @abstractmethod
    def tables(self) -> list[str]:
        """Name the tables that were published."""

    @abstractmethod
    def read(
        self, table: str, keys: Sequence[str | None]
    ) -> tuple[TableState | None, list[StoredRow | None]]:
        """Read a table's state and the rows of many keys in one round trip, as of one moment."""

    @abstractmethod
    def update_state(
        self, table: str, change: Callable[[TableState | None], TableState]
    ) -> TableState:
        """Replace a table's state by a function of it, atomically; it may be called repeatedly."""

    @abstractmethod
    def upsert(self, table: str, rows: Sequence[StoredRow]) -> PublishCounts:
        """Keep each row that is newer than the one that is there; keys occur once."""

    @abstractmethod
    def scan(self, table: str) -> Iterator[list[StoredRow]]:
        """Stream all rows of a table in pieces; what is written meanwhile may be seen or not."""

    @abstractmethod
    def purge(self, table: str, oldest: int) -> int:
        """Delete rows that describe a moment before ``oldest``, and count them."""

    @abstractmethod
    def drop(self, table: str) -> None:
        """Delete a table with all that is known of it."""

    @abstractmethod
    def close(self) -> None:
        """Release files and connections."""


def table_state(store: OnlineStore, table: str) -> TableState:
    """Give what the store knows of a table.

    Raises:
        DataError: The table was never published; names the nearest that was.
    """
    return require_published(store, table, store.read(table, [])[0])


def require_published(store: OnlineStore, table: str, state: TableState | None) -> TableState:
    """Refuse a table that was never published.

    Raises:
        DataError: Names the nearest table that was.
    """
    if state is None:
        missing = name_missing([table], [name for name in store.tables() if name != table])
        raise DataError(f"The online store has no feature table {missing}. Publish it first.")
    return state


def published_version(store: OnlineStore, table: str) -> int | None:
    """Newest version of the table that was published to its end; None where there is none."""
    state, _ = store.read(table, [])
    return state.version if state else None


def as_moment(microseconds: int) -> datetime | None:
    """Turn a stored moment into one in UTC; None where there is none."""
    return None if microseconds == NO_MOMENT else to_moment(microseconds)


def purge_table(store: OnlineStore, table: str, now: datetime) -> int:
    """Delete the rows of a table that have outlived its time to live, and count them."""
    state = table_state(store, table)
    return store.purge(table, state.oldest_valid(now)) if state.ttl_days is not None else 0


@dataclass(frozen=True)
class Freshness:
    """How fresh a published table is.

    Attributes:
        newest_described_at: Latest moment that a row describes, in UTC; None without history.
        age_seconds: Time from then until now.
        rows: Rows in the store, expired ones included.
        expired_rows: Rows past their time to live, which count as missing until they are purged.
    """

    newest_described_at: datetime | None
    age_seconds: float | None
    rows: int
    expired_rows: int


def describe_freshness(store: OnlineStore, table: str, now: datetime) -> Freshness:
    """Say how fresh a published table is, by streaming over it.

    Raises:
        DataError: The table was never published.
    """
    oldest = table_state(store, table).oldest_valid(now)
    newest, rows, expired = NO_MOMENT, 0, 0
    for piece in store.scan(table):
        described = [row.described for row in piece]
        newest = max(newest, *described)
        rows += len(piece)
        expired += sum(NO_MOMENT < moment < oldest for moment in described)
    moment = as_moment(newest)
    age = (now - moment).total_seconds() if moment else None
    return Freshness(moment, age, rows, expired)


def drop_table(store: OnlineStore, table: str) -> None:
    """Delete a table from the store, such as before a schema changes or withdrawn rows must go."""
    table_state(store, table)
    store.drop(table)
