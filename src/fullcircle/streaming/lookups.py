"""Features for one small batch after another: the join is planned once and run many times."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import count
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fullcircle.core.contract import FeatureLookup
from fullcircle.core.features.point_in_time import KeyedTable, join_features
from fullcircle.core.scoring.lookups import STALE
from fullcircle.core.scoring.records import RecordSchema

_ROW = "__row"
_numbers = count()


def can_be_planned(tables: Mapping[str, KeyedTable], lookups: list[FeatureLookup]) -> bool:
    """Whether there are lookups, and their tables lie in DuckDB."""
    used = [tables[lookup.table].rows for lookup in lookups]
    return bool(used) and all(ibis.get_backend(rows).name == "duckdb" for rows in used)


class PlannedLookups:
    """Adds looked-up features to rows of one form.

    The rows, and the join that finds them, are those of ``add_features``; only Ibis' work of
    turning the join into SQL, which takes longer than a small batch itself, is done beforehand.
    """

    def __init__(
        self, form: RecordSchema, tables: Mapping[str, KeyedTable], lookups: list[FeatureLookup]
    ) -> None:
        """Plan the join.

        Args:
            form: What the rows look like.
            tables: Feature tables by name, on DuckDB.
            lookups: At least one.
        """
        made = {new for lookup in lookups for new in lookup.renaming.values()}
        keys = [key for lookup in lookups for key in lookup.key_mapping if key not in made]
        self._spine = list(dict.fromkeys([*keys, *filter(None, [form.event_time])]))
        self._name = f"stream_rows_{next(_numbers)}"
        backend = ibis.get_backend(tables[lookups[0].table].rows)
        self._connection: Any = backend.con
        empty = self._cut(form.schema.empty_table())
        self._connection.register(self._name, empty)
        spine = backend.table(self._name)
        joined = join_features(
            spine, *_narrow(spine, tables, lookups), form.event_time, count_stale=STALE
        )
        self._sql = backend.compile(joined.drop(*self._spine))

    def __call__(self, rows: pa.Table) -> pa.Table:
        """Give the rows in their order with their features, texts as dictionaries."""
        self._connection.register(self._name, self._cut(rows))
        found = self._connection.sql(self._sql).to_arrow_table()
        order = pa.array(np.argsort(found[_ROW].to_numpy(), kind="stable"))
        for name in found.column_names:
            if name != _ROW:
                column = found[name]
                coded = pc.dictionary_encode(column) if pa.types.is_string(column.type) else column
                rows = rows.append_column(name, coded.take(order))
        return rows

    def _cut(self, rows: pa.Table) -> pa.Table:
        return rows.select(self._spine).append_column(_ROW, pa.array(np.arange(len(rows))))


def _narrow(
    spine: ir.Table, tables: Mapping[str, KeyedTable], lookups: list[FeatureLookup]
) -> tuple[dict[str, KeyedTable], list[FeatureLookup]]:
    """Give each lookup a table of its own, of the rows alone whose keys a small batch asks for.

    The join sorts whole tables by time; of these few rows it has little to sort.
    """
    narrowed, renamed = {}, []
    for number, lookup in enumerate(lookups):
        table, name = tables[lookup.table], f"{lookup.table}__{number}"
        own = {own: key for own, key in lookup.key_mapping.items() if own in spine.columns}
        asked = spine.select(*own).distinct()
        rows = table.rows
        if len(own) == len(lookup.key_mapping):
            rows = rows.semi_join(asked, [rows[key] == asked[mine] for mine, key in own.items()])
        narrowed[name] = replace(table, rows=rows)
        renamed.append(lookup.model_copy(update={"table": name}))
    return narrowed, renamed
