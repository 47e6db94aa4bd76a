"""Where data lies and at which version it is, without the data."""

from pathlib import Path
from typing import Any

from deltalake import DeltaTable
from kedro.io import AbstractDataset, DatasetError
from kedro.utils import find_kedro_project

from fullcircle.core.errors import StorageError
from fullcircle.storage.delta_tables import is_delta


class DataVersionsDataset(AbstractDataset[dict[str, dict[str, Any]], Any]):
    """Loads place, version and rows of Delta tables as they are now, and the places of files.

    A node that tells of data, and must not read the storage itself, takes it as an input beside
    something that is made from that data, so that it runs after the data was saved.

    Example:
        ```yaml
        data_versions:
          type: fullcircle.datasets.DataVersionsDataset
          tables:
            train_set: {filepath: data/05_model_input/telco_churn/train_set}
          files:
            promotion_decision: {filepath: data/06_models/telco_churn/promotion_decision.json}
        ```
    """

    def __init__(
        self,
        *,
        tables: dict[str, dict[str, str]],
        files: dict[str, dict[str, str]] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Declare the data.

        Args:
            tables: Folder of each Delta table by name, as ``{"filepath": folder}``.
            files: Address of each file by name, likewise; a file may be absent.
            metadata: Free facts for kedro-viz and other plugins.
        """
        self._tables = {name: Path(entry["filepath"]) for name, entry in tables.items()}
        self._files = {name: Path(entry["filepath"]) for name, entry in (files or {}).items()}
        self.metadata = metadata

    def load(self) -> dict[str, dict[str, Any]]:
        """Look the versions up.

        Returns:
            By name: ``path`` (below the project's root where it lies there) and, of tables,
            ``version`` and ``rows``.

        Raises:
            StorageError: A table is not there yet.
        """
        tables = {name: _describe_table(path) for name, path in self._tables.items()}
        return tables | {name: {"path": _from_root(path)} for name, path in self._files.items()}

    def save(self, data: Any) -> None:  # noqa: ARG002 - Kedro's signature
        """Refuse: versions come of saving the tables themselves."""
        raise DatasetError("Versions of data are looked up and never written.")

    def _exists(self) -> bool:
        return all(is_delta(path) for path in self._tables.values())

    def _describe(self) -> dict[str, Any]:
        return {"tables": list(self._tables), "files": list(self._files)}


def _describe_table(path: Path) -> dict[str, Any]:
    if not is_delta(path):
        raise StorageError(
            f"There is no table at {path} yet. Run the pipeline that makes it first; "
            "`kedro run` runs them all."
        )
    table = DeltaTable(path)
    return {"path": _from_root(path), "version": table.version(), "rows": table.count()}


def _from_root(path: Path) -> str:
    """Path below the project's root, so that it holds on any machine."""
    whole = path.absolute()
    root = find_kedro_project(whole)
    return (whole.relative_to(root) if root else whole).as_posix()
