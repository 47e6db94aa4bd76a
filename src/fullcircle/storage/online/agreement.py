"""Whether the online store says what the feature table says."""

import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fullcircle.core.contract import FeatureTable
from fullcircle.storage.online.codec import decode_lists, encode_value
from fullcircle.storage.online.publish import Rows, publish_table
from fullcircle.storage.online.reading import decode_rows, is_expired
from fullcircle.storage.online.sqlite import SqliteStore
from fullcircle.storage.online.store import OnlineStore, StoredRow, table_state

_MOST_EXAMPLES = 5


@dataclass(frozen=True)
class FeatureDifference:
    """One key on which the two disagree.

    Attributes:
        key: The key tuple.
        what: ``differing``, ``missing online`` or ``missing offline``.
        columns: Where the rows differ, as ``{column: (online, offline)}``; the moments described
            and known come as ``described_at`` and ``known_at``.
    """

    key: tuple[Any, ...]
    what: str
    columns: dict[str, tuple[Any, Any]]


@dataclass(frozen=True)
class Agreement:
    """Keys on which online store and feature table agree and disagree, with a few examples."""

    equal: int
    differing: int
    missing_online: int
    missing_offline: int
    examples: list[FeatureDifference]

    @property
    def holds(self) -> bool:
        """Whether both say the same of every key."""
        return not (self.differing or self.missing_online or self.missing_offline)


def compare_online_offline(
    store: OnlineStore,
    name: str,
    offline_rows: Rows,
    declared: FeatureTable,
    as_of: datetime | None = None,
) -> Agreement:
    """Compare the newest row of every key online with the table's own, bit by bit.

    The table's newest rows are found in a temporary file, so memory does not grow with the rows.
    Rows past the table's time to live count on neither side. A key that is missing offline, or
    older there, was withdrawn from the table after it had been published: drop the table from the
    store and publish it again.

    Args:
        store: Where the table was published.
        name: Feature table.
        offline_rows: All rows of the table, with any history.
        declared: Keys and times of the table.
        as_of: Moment until which rows count as known; now by default.

    Raises:
        DataError: The table was never published, or its rows is not valid.
        StorageError: The store cannot be read.
    """
    as_of = as_of or datetime.now(UTC)
    oldest = table_state(store, name).oldest_valid(as_of)
    with tempfile.TemporaryDirectory(prefix="fullcircle-") as folder:
        offline = SqliteStore(Path(folder) / "offline.db")
        try:
            publish_table(offline, name, offline_rows, declared, 0, as_of=as_of)
            return _summarise(_walk(store, offline, name, oldest))
        finally:
            offline.close()


def _summarise(differences: Iterator[FeatureDifference | None]) -> Agreement:
    counts = Counter[str]()
    examples: list[FeatureDifference] = []
    for difference in differences:
        counts[difference.what if difference else "equal"] += 1
        if difference and len(examples) < _MOST_EXAMPLES:
            examples.append(difference)
    return Agreement(
        equal=counts["equal"],
        differing=counts["differing"],
        missing_online=counts["missing online"],
        missing_offline=counts["missing offline"],
        examples=examples,
    )


def _walk(
    online: OnlineStore, offline: OnlineStore, name: str, oldest: int
) -> Iterator[FeatureDifference | None]:
    """Go through the keys of both stores; None stands for a key on which they agree."""
    for theirs, mine in _pair(offline, online, name, oldest):
        if mine is None:
            yield FeatureDifference(_read_key(theirs), "missing online", {})
        elif theirs[1:3] == mine[1:3] and theirs.payload == mine.payload:
            yield None
        elif columns := _differing_columns(_read(online, name, mine), _read(offline, name, theirs)):
            yield FeatureDifference(_read_key(theirs), "differing", columns)
        else:  # a column that only one of the two layouts has is null in the other
            yield None
    seen: set[str] = set()  # a scan may give a row twice
    for row, found in _pair(online, offline, name, oldest):
        if found is None and row.key not in seen:
            seen.add(row.key)
            yield FeatureDifference(_read_key(row), "missing offline", {})


def _pair(
    first: OnlineStore, second: OnlineStore, name: str, oldest: int
) -> Iterator[tuple[StoredRow, StoredRow | None]]:
    """Pair the first store's rows with the second's; expired rows are absent from both."""
    for piece in first.scan(name):
        rows = [row for row in piece if not is_expired(row, oldest)]
        for row, other in zip(rows, second.read(name, [row.key for row in rows])[1], strict=True):
            yield row, None if other and is_expired(other, oldest) else other


def _read_key(row: StoredRow) -> tuple[Any, ...]:
    return tuple(decode_lists([row.key])[0])


def _read(store: OnlineStore, name: str, row: StoredRow) -> dict[str, Any]:
    [read] = decode_rows(table_state(store, name), [row], [()])
    assert read is not None  # noqa: S101 - a row was given
    return {"described_at": read.described_at, "known_at": read.known_at, **read.features}


def _differing_columns(
    online: dict[str, Any], offline: dict[str, Any]
) -> dict[str, tuple[Any, Any]]:
    pairs = {name: (online.get(name), offline.get(name)) for name in online | offline}
    return {
        name: (mine, theirs)
        for name, (mine, theirs) in pairs.items()
        if encode_value(mine) != encode_value(theirs)
    }
