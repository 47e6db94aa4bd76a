"""Publishing a feature table to the online store, in a stream, as often as one likes."""

import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import chain
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fullcircle.core.contract import FeatureTable, require_columns
from fullcircle.core.errors import DataError, StorageError
from fullcircle.storage.online.codec import (
    encode_column,
    join_columns,
    kind_of,
    plain_type,
    to_microseconds,
)
from fullcircle.storage.online.store import (
    NO_MOMENT,
    OnlineStore,
    PublishCounts,
    StoredRow,
    TableState,
)

Rows: TypeAlias = Iterator[pa.RecordBatch] | pa.RecordBatchReader

_PIECE_ROWS = 50_000
_FLOATS = ("float", "double")


def publish_table(
    store: OnlineStore,
    name: str,
    rows: Rows,
    declared: FeatureTable,
    version: int,
    ttl_days: float | None = None,
    *,
    as_of: datetime | None = None,
    force: bool = False,
) -> PublishCounts:
    """Push the newest row of each key to the online store.

    Rows may come in any order, with any history, and more than once; the outcome is the same. A
    publish that was cut off is repeated as it was. A row that may be seen only after ``as_of`` is
    withheld; from then on, publishing the same version again reads its rows again.

    Args:
        store: Where to.
        name: Feature table.
        rows: Rows of the table: all, or those that changed since the version published last.
        declared: Keys and times of the table.
        version: Version of the table that the rows come from.
        ttl_days: Age in days, by the moment described, past which a row counts as missing.
        as_of: Moment of publishing; now by default.
        force: Read the rows even if the version, or a newer one, has been published.

    Returns:
        What became of the rows.

    Raises:
        DataError: The table lacks a declared column, holds a type that cannot be stored, or its
            columns' types differ from those published before.
        StorageError: The store cannot be written.
    """
    moment = to_microseconds(as_of or datetime.now(UTC))
    state, _ = store.read(name, [])
    if state and not force and _is_published(state, version, moment):
        return PublishCounts(already_published=True)
    schema, batches = _peek(rows)
    layout = _register(store, name, schema, declared, version)
    counts, pending = PublishCounts(), []
    for batch in batches:
        _refuse_other_schema(name, schema, batch)
        for start in range(0, batch.num_rows, _PIECE_ROWS):
            piece = _encode_piece(batch.slice(start, _PIECE_ROWS), declared, moment)
            stored = _keep_newest(piece, version, layout)
            lost = len(piece.keys) - len(stored)
            counts += store.upsert(name, stored) + PublishCounts(
                older=lost, set_aside=piece.set_aside, not_yet_known=len(piece.withheld)
            )
            pending += [min(piece.withheld)] if piece.withheld else []
    store.update_state(
        name, lambda old: _finish(name, old, version, ttl_days, min(pending, default=None))
    )
    return counts


def _is_published(state: TableState, version: int, moment: int) -> bool:
    """Whether nothing of the version is left to publish: no row withheld is known by now."""
    if state.version is None or version > state.version:
        return False
    due = state.pending_from is not None and state.pending_from <= moment
    return not due or version < state.version


def _peek(rows: Rows) -> tuple[pa.Schema | None, Iterator[pa.RecordBatch]]:
    if isinstance(rows, pa.RecordBatchReader):
        return rows.schema, iter(rows)
    batches = iter(rows)
    first = next(batches, None)
    return (None, iter(())) if first is None else (first.schema, chain([first], batches))


def _register(
    store: OnlineStore, name: str, schema: pa.Schema | None, declared: FeatureTable, version: int
) -> str:
    """Tell the store of the columns before any row that has them, and name their layout."""
    if schema is None:
        if store.read(name, [])[0] is None:
            raise DataError(
                f"Feature table {name!r} has no rows, and nothing says which columns it has. "
                "Publish it as a record batch reader."
            )
        return ""
    require_columns(schema.names, [*declared.keys, *declared.times], f"Feature table {name!r}")
    types = {each.name: str(plain_type(each.name, each.type)) for each in schema}
    keys = {key: types.pop(key) for key in declared.keys}
    if unfit := [key for key, kind in keys.items() if kind in _FLOATS]:
        raise DataError(
            f"Key {unfit[0]!r} of feature table {name!r} holds fractions. Keys of an online store "
            "are text, whole numbers, booleans, moments or dates."
        )
    columns = dict(sorted(types.items()))
    layout = blake2b(json.dumps(columns).encode(), digest_size=4).hexdigest()
    store.update_state(name, lambda old: _add_layout(name, old, keys, {layout: columns}, version))
    return layout


def _add_layout(
    name: str,
    old: TableState | None,
    keys: dict[str, str],
    layout: dict[str, dict[str, str]],
    version: int,
) -> TableState:
    state = old or TableState(keys)
    if list(state.keys) != list(keys):
        raise DataError(
            f"Feature table {name!r} was published with the keys ({', '.join(state.keys)}), not "
            f"({', '.join(keys)}). Drop it from the online store and publish it again."
        )
    [latest] = layout
    for before in (state.keys, *state.layouts.values()):
        for column, now in (keys | layout[latest]).items():
            if before.get(column, now) != now:
                raise DataError(
                    f"Column {column!r} of feature table {name!r} was published as "
                    f"{before[column]} and is now {now}. Drop the table from the online store and "
                    "publish it again."
                )
    newest = state.version is None or version >= state.version
    return replace(state, layouts=state.layouts | layout, latest=latest if newest else state.latest)


def _finish(
    name: str, old: TableState | None, version: int, ttl_days: float | None, pending: int | None
) -> TableState:
    if old is None:
        raise StorageError(f"Table {name!r} was dropped from the online store meanwhile.")
    if old.version is not None and version < old.version:
        return replace(old, pending_from=_earlier(old.pending_from, pending))
    if version != old.version:  # rows withheld from earlier versions need not be among these
        pending = _earlier(old.pending_from, pending)
    return replace(old, version=version, ttl_days=ttl_days, pending_from=pending)


def _earlier(one: int | None, other: int | None) -> int | None:
    return min((moment for moment in (one, other) if moment is not None), default=None)


def _refuse_other_schema(name: str, schema: pa.Schema | None, batch: pa.RecordBatch) -> None:
    if schema is not None and not batch.schema.equals(schema):
        raise DataError(
            f"The batches of feature table {name!r} differ in their columns: first "
            f"{_list_columns(schema)}; then {_list_columns(batch.schema)}."
        )


def _list_columns(schema: pa.Schema) -> str:
    return ", ".join(f"{each.name} {each.type}" for each in schema)


@dataclass(frozen=True)
class _Piece:
    """Rows that may be published, keys spelled; values are spelled once it is clear which count."""

    rows: pa.RecordBatch
    keys: list[str]
    described: list[int]
    known: list[int]
    set_aside: int
    withheld: list[int]


def _encode_piece(batch: pa.RecordBatch, declared: FeatureTable, moment: int) -> _Piece:
    needed = [batch[name] for name in (*declared.keys, *declared.times)]
    complete = functools.reduce(pc.and_, (column.is_valid() for column in needed))
    usable = batch.filter(complete)
    described, known = _find_moments(usable, declared)
    visible_from = np.maximum(described, known)
    visible = visible_from <= moment
    rows = usable.filter(pa.array(visible))
    features = [name for name in sorted(rows.schema.names) if name not in declared.keys]
    return _Piece(
        rows=rows.select(features),
        keys=join_columns([encode_column(key, rows[key]) for key in declared.keys]),
        described=described[visible].tolist(),
        known=known[visible].tolist(),
        set_aside=batch.num_rows - usable.num_rows,
        withheld=visible_from[~visible].tolist(),
    )


def _find_moments(
    rows: pa.RecordBatch, declared: FeatureTable
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Moments described and known, in microseconds since 1970."""
    if declared.event_time is None:
        nothing = np.full(rows.num_rows, NO_MOMENT, dtype=np.int64)
        return nothing, nothing
    known_time = declared.known_time or declared.event_time
    described = _as_microseconds(declared.event_time, rows[declared.event_time])
    return described, _as_microseconds(known_time, rows[known_time])


def _as_microseconds(name: str, column: pa.Array) -> npt.NDArray[np.int64]:
    kind = plain_type(name, column.type)
    if kind_of(str(kind)) not in ("moments", "dates"):
        raise DataError(f"The time column {name!r} holds {kind_of(str(kind))}, not moments in UTC.")
    moments = column.cast(pa.timestamp("us", "UTC"), safe=False).cast(pa.int64())
    return np.asarray(moments, dtype=np.int64)


def _keep_newest(piece: _Piece, version: int, layout: str) -> list[StoredRow]:
    """Spell the newest row of each key; of exact ties the one whose text is greatest."""
    if not piece.keys:
        return []
    ranks = list(zip(piece.described, piece.known, strict=True))
    best: dict[str, tuple[int, int]] = {}
    for key, rank in zip(piece.keys, ranks, strict=True):
        if rank >= best.get(key, rank):
            best[key] = rank
    chosen = [
        n for n, (key, rank) in enumerate(zip(piece.keys, ranks, strict=True)) if best[key] == rank
    ]
    rows = piece.rows.take(pa.array(chosen))
    texts = join_columns([f'"{layout}"', *(encode_column(n, rows[n]) for n in rows.schema.names)])
    newest: dict[str, StoredRow] = {}
    for number, text in zip(chosen, texts, strict=True):
        key = piece.keys[number]
        row = StoredRow(key, *ranks[number], version, text)
        newest[key] = max(row, newest.get(key, row))
    return list(newest.values())
