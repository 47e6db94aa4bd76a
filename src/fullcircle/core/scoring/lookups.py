"""The features of requests, by the lookups of one model or of several in one reading."""

from collections.abc import Mapping

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fullcircle.core.contract import FeatureLookup
from fullcircle.core.features.point_in_time import KeyedTable, join_features
from fullcircle.core.models.model import Model

STALE = "stale_lookups"
_ROW = "__row"


def merge_lookups(models: Mapping[str, Model]) -> tuple[list[FeatureLookup], dict[str, list[str]]]:
    """Give lookups that serve all models, each column looked up but once.

    Args:
        models: By role; the first one's names stay as they are.

    Returns:
        Lookups; and by role the model's features under the names that the lookups give them: a
        feature that two models define differently is ``name__role`` for the later one.
    """
    merged: list[FeatureLookup] = []
    names: dict[str, list[str]] = {}
    for role, model in models.items():
        renamed: dict[str, str] = {}
        for lookup in model.lookups:
            if lookup in merged:
                continue
            taken = {new for other in merged for new in other.renaming.values()}
            given = {
                old: f"{new}__{role}" if new in taken else new
                for old, new in lookup.renaming.items()
            }
            renamed |= {new: given[old] for old, new in lookup.renaming.items()}
            keys = {renamed.get(own, own): key for own, key in lookup.key_mapping.items()}
            merged.append(lookup.model_copy(update={"columns": given, "keys": keys}))
        names[role] = [renamed.get(name, name) for name in model.features]
    return merged, names


def add_features(
    requests: pa.Table,
    tables: Mapping[str, KeyedTable],
    lookups: list[FeatureLookup],
    event_time: str | None,
) -> pa.Table:
    """Add looked-up features to requests in memory, through the same join as in training.

    Only keys and moments pass through the engine; what the requests hold beside stays as it is.

    Returns:
        The requests in their order, the features (texts as dictionaries), and ``stale_lookups``.
    """
    if not lookups:
        return requests.append_column(STALE, pa.array(np.zeros(len(requests), "int64")))
    made = {new for lookup in lookups for new in lookup.renaming.values()}
    keys = [key for lookup in lookups for key in lookup.key_mapping if key not in made]
    spine = requests.select(list(dict.fromkeys([*keys, *filter(None, [event_time])])))
    spine = _decode(spine).append_column(_ROW, pa.array(np.arange(len(requests))))
    joined = join_features(
        ibis.memtable(spine), tables, lookups, event_time, count_stale=STALE
    ).drop(*spine.drop_columns([_ROW]).column_names)
    found = joined.to_pyarrow()
    order = np.argsort(found[_ROW].to_numpy(), kind="stable")
    for field in found.drop_columns([_ROW]).schema:
        column = _encode(found[field.name]).take(pa.array(order))
        requests = requests.append_column(field.name, column)
    return requests


def _decode(rows: pa.Table) -> pa.Table:
    """Give dictionaries as the texts that they stand for, which is what a join compares."""
    plain = [f.with_type(f.type.value_type) if _is_coded(f) else f for f in rows.schema]
    return rows.cast(pa.schema(plain))


def _is_coded(field: pa.Field) -> bool:
    return bool(pa.types.is_dictionary(field.type))


def _encode(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.dictionary_encode(column) if pa.types.is_string(column.type) else column
