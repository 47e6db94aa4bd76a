"""The feature tables of a problem as one catalog entry."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ibis.expr.types as ir
import pandas as pd
from kedro.io import AbstractDataset
from kedro_datasets._typing import TablePreview

from fullcircle.core.errors import DataError, name_missing
from fullcircle.core.features.point_in_time import KeyedTable
from fullcircle.datasets.feature_table_dataset import FeatureTableDataset
from fullcircle.storage.delta_tables import clear_storage_errors


class FeatureTablesDataset(AbstractDataset[Mapping[str, ir.Table], dict[str, KeyedTable]]):
    """Writes and reads feature tables by name; all are checked before one is written.

    Example:
        ```yaml
        feature_tables:
          type: fullcircle.datasets.FeatureTablesDataset
          schema: fullcircle.telco_churn
          filepath: data/04_feature/telco_churn
          tables:
            customer_billing: {keys: [customer_id], event_time: billed_at, mode: merge}
        ```
    """

    def __init__(
        self,
        *,
        schema: str,
        filepath: str,
        tables: dict[str, dict[str, Any]],
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Declare the tables.

        Args:
            schema: First two parts of the tables' names: ``catalog.schema``.
            filepath: Folder below which each table has its own.
            tables: What FeatureTableDataset takes besides name and filepath, by table.
            metadata: Free facts for kedro-viz and other plugins.
        """
        self.tables = {
            name: FeatureTableDataset(
                name=f"{schema}.{name}", filepath=str(Path(filepath) / name), **declared
            )
            for name, declared in tables.items()
        }
        self.metadata = metadata

    def load(self) -> dict[str, KeyedTable]:
        """Read every declared table."""
        return {name: table.load() for name, table in self.tables.items()}

    def save(self, data: Mapping[str, ir.Table]) -> None:
        """Check all tables, then write each in its own mode.

        Raises:
            DataError: A table is missing or undeclared, or its rows are not what they should be.
        """
        if missing := name_missing(self.tables, data) or name_missing(data, self.tables):
            raise DataError(f"Declared and computed feature tables differ: {missing}.")
        checked = {name: self.tables[name].check(rows) for name, rows in data.items()}
        for name, rows in checked.items():
            with clear_storage_errors(self.tables[name].path):
                self.tables[name].write(rows)

    def preview(self) -> TablePreview:
        """List the tables with what is declared of them, for kedro-viz."""
        facts = [
            {
                "table": table.name,
                "keys": ", ".join(table.declared.keys),
                "event time": table.declared.event_time or "none",
                "version": table.data_version() or "not computed yet",
                "columns": ", ".join(table.load().rows.columns) if table.exists() else "",
            }
            for table in self.tables.values()
        ]
        return TablePreview(pd.DataFrame(facts).to_dict(orient="split"))

    def data_version(self) -> str | None:
        """Versions of the tables as they are now, for lineage."""
        versions = {name: table.data_version() for name, table in self.tables.items()}
        return ", ".join(f"{n} {version}" for n, version in versions.items() if version) or None

    def _exists(self) -> bool:
        return all(table.exists() for table in self.tables.values())

    def _describe(self) -> dict[str, Any]:
        return {"tables": {table.name: str(table.path) for table in self.tables.values()}}
