"""The feature tables of a problem, each a Delta table, as one catalog entry."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
from kedro.io import AbstractDataset

from fullcircle.core.contract import FeatureTable
from fullcircle.core.errors import DataError, name_missing
from fullcircle.core.point_in_time import KeyedTable
from fullcircle.datasets.delta_table_dataset import (
    as_batches,
    clear_storage_errors,
    delta_version,
    is_delta,
    read_delta,
    write_version,
)


class FeatureTablesDataset(AbstractDataset[Mapping[str, ir.Table], dict[str, KeyedTable]]):
    """Writes and reads feature tables by name; keys are checked before a byte is written.

    Example:
        ```yaml
        feature_tables:
          type: fullcircle.datasets.FeatureTablesDataset
          filepath: data/04_feature/telco_churn
          tables:
            customer_billing: {keys: [customer_id], event_time: billed_at}
        ```
    """

    def __init__(
        self,
        *,
        filepath: str,
        tables: dict[str, dict[str, Any]],
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Declare the tables.

        Args:
            filepath: Folder below which each table has its own.
            tables: Keys and times by table, as FeatureTable takes them.
            metadata: Free facts for kedro-viz and other plugins.
        """
        self._path = Path(filepath)
        self._tables = {name: FeatureTable.model_validate(d) for name, d in tables.items()}
        self.metadata = metadata

    def load(self) -> dict[str, KeyedTable]:
        """Read the newest version of every declared table."""
        return {
            name: KeyedTable(read_delta(self._path / name), declared)
            for name, declared in self._tables.items()
        }

    def save(self, data: Mapping[str, ir.Table]) -> None:
        """Replace every table.

        Raises:
            DataError: A table is missing or undeclared, or its keys are null or repeated.
        """
        if missing := name_missing(self._tables, data) or name_missing(data, self._tables):
            raise DataError(f"Declared and computed feature tables differ: {missing}.")
        for name, rows in data.items():
            _refuse_bad_keys(name, rows, self._tables[name])
        for name, rows in data.items():
            with clear_storage_errors(self._path / name):
                write_version(self._path / name, as_batches(rows))

    def data_version(self) -> str | None:
        """Versions of the tables as they are now, for lineage."""
        versions = [
            f"{name} v{delta_version(self._path / name)}"
            for name in self._tables
            if is_delta(self._path / name)
        ]
        return ", ".join(versions) or None

    def _exists(self) -> bool:
        return all(is_delta(self._path / name) for name in self._tables)

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path), "tables": sorted(self._tables)}


def _refuse_bad_keys(name: str, rows: ir.Table, declared: FeatureTable) -> None:
    times = [time for time in (declared.event_time, declared.known_time) if time]
    keys = [*declared.keys, *times]
    if missing := name_missing(keys, rows.columns):
        raise DataError(f"Feature table {name!r} lacks its key column {missing}.")
    nulls = rows.filter(ibis.or_(*(rows[key].isnull() for key in keys))).count().execute()
    counts = rows.group_by(keys).aggregate(rows_of_key=rows.count())
    repeated = counts.filter(counts.rows_of_key > 1).count().execute()
    if nulls or repeated:
        raise DataError(
            f"Feature table {name!r}: {nulls} rows with a null and {repeated} repeated keys "
            f"in ({', '.join(keys)})."
        )
