"""Reading many keys of a table in the online store at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from numbers import Integral
from typing import Any

import numpy as np

from fullcircle.core.errors import DataError, StorageError
from fullcircle.storage.online.codec import decode_lists, encode_key, kind_of
from fullcircle.storage.online.store import (
    NO_MOMENT,
    OnlineStore,
    StoredRow,
    TableState,
    as_moment,
    require_published,
)

_KINDS: tuple[tuple[str, tuple[type, ...]], ...] = (
    ("booleans", (bool, np.bool_)),
    ("text", (str,)),
    ("numbers", (Integral, float, np.floating)),
    ("moments", (datetime,)),
    ("dates", (date,)),
)


@dataclass(frozen=True)
class OnlineRow:
    """The newest row of one key.

    Attributes:
        key: The key tuple, as it was asked for.
        features: Value by column, without the key columns.
        described_at: Moment that the row describes, in UTC; None for a table without history.
        known_at: Moment at which it became known, likewise; a row is never seen before both.
        version: Table version that it was published from.
    """

    key: tuple[Any, ...]
    features: dict[str, Any]
    described_at: datetime | None
    known_at: datetime | None
    version: int


def read_features(
    store: OnlineStore,
    table: str,
    keys: Sequence[tuple[Any, ...]],
    moment: datetime | None = None,
) -> list[OnlineRow | None]:
    """Read the newest rows of many keys in one round trip.

    Args:
        store: Where to read.
        table: Feature table.
        keys: Key tuples, in the order of the table's declared keys.
        moment: Moment by which time to live counts; now by default.

    Returns:
        Per key, in order: its row, or None where it is unseen, null or older than the table's time
        to live.

    Raises:
        DataError: The table was never published, or keys are of another type or number than its.
        StorageError: The store cannot be read.
    """
    return read_with_state(store, table, keys, moment or datetime.now(UTC))[1]


def read_with_state(
    store: OnlineStore, table: str, keys: Sequence[tuple[Any, ...]], moment: datetime
) -> tuple[TableState, list[OnlineRow | None]]:
    """Read as ``read_features`` does, and give what the store knows of the table besides."""
    state, stored = store.read(table, [encode_key(key) for key in keys])
    state = require_published(store, table, state)
    _refuse_foreign_keys(table, state, keys)
    oldest = state.oldest_valid(moment)
    valid = [row if row and not is_expired(row, oldest) else None for row in stored]
    return state, decode_rows(state, valid, keys)


def is_expired(row: StoredRow, oldest: int) -> bool:
    """Whether a row describes a moment before ``oldest``; one without a moment never expires."""
    return NO_MOMENT < row.described < oldest


def decode_rows(
    state: TableState, stored: Sequence[StoredRow | None], keys: Sequence[tuple[Any, ...]]
) -> list[OnlineRow | None]:
    """Read stored rows, in order.

    Raises:
        StorageError: A row cannot be read.
    """
    contents = iter(decode_lists(row.payload for row in stored if row))
    try:
        return [
            _decode_row(state, row, key, next(contents)) if row else None
            for row, key in zip(stored, keys, strict=True)
        ]
    except (LookupError, TypeError, ValueError) as error:
        raise StorageError(
            "The online store holds a row whose columns it does not know; drop the table there "
            f"and publish it again ({error!r})."
        ) from error


def _decode_row(
    state: TableState, row: StoredRow, key: tuple[Any, ...], content: list[Any]
) -> OnlineRow:
    layout, *values = content
    return OnlineRow(
        key=key,
        features=dict(zip(state.layouts[layout], values, strict=True)),
        described_at=as_moment(row.described),
        known_at=as_moment(row.known),
        version=row.version,
    )


def _refuse_foreign_keys(table: str, state: TableState, keys: Sequence[tuple[Any, ...]]) -> None:
    """Refuse keys that can never be equal to the table's, such as text to numbers.

    Raises:
        DataError: Names the key column, what it holds and what was given.
    """
    for types in {tuple(map(type, key)) for key in keys}:
        if len(types) != len(state.keys):
            raise DataError(
                f"Feature table {table!r} is keyed by ({', '.join(state.keys)}); "
                f"a key of {len(types)} parts was given."
            )
        for (name, wanted), given in zip(state.keys.items(), types, strict=True):
            kind = next((word for word, bases in _KINDS if issubclass(given, bases)), "values")
            if given is not type(None) and kind != kind_of(wanted):
                raise DataError(
                    f"Key {name!r} of feature table {table!r} holds {kind_of(wanted)}, but {kind} "
                    f"({given.__name__}) were given. Convert one of them."
                )
