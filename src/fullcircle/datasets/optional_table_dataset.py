"""A Delta table that may not be there yet."""

from typing import Any

import ibis.expr.types as ir
import pandas as pd

from fullcircle.core.errors import StorageError
from fullcircle.datasets.delta_table_dataset import DeltaTableDataset


class OptionalTableDataset(DeltaTableDataset):
    """Reads a Delta table that another program writes, or ``None`` where it has not begun.

    Example:
        ```yaml
        endpoint_log:
          type: fullcircle.datasets.OptionalTableDataset
          filepath: data/07_model_output/telco_churn/endpoint_requests
        ```
    """

    def load(self) -> ir.Table | pd.DataFrame | None:
        """Read the newest version; None without a table."""
        return super().load() if self._exists() else None

    def save(self, data: Any) -> None:  # noqa: ARG002 - Kedro's signature
        """Refuse to write: the table is another program's.

        Raises:
            StorageError: Always.
        """
        raise StorageError(f"The table at {self._path} is only read here; another program writes.")

    def _exists(self) -> bool:
        return self._path.is_dir() and super()._exists()
