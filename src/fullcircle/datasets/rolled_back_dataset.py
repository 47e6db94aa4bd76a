"""The versions that people rolled back, as the gate must know them."""

from typing import Any

from kedro.io import AbstractDataset, DatasetError

from fullcircle.core.errors import ModelError
from fullcircle.tracking.registry.lookup import find_by_number
from fullcircle.tracking.registry.model_files import read_model
from fullcircle.tracking.registry.operations import Registry


class RolledBackDataset(AbstractDataset[None, list[dict[str, Any]]]):
    """Loads the models that were rolled back and that nobody has allowed again.

    Where the challenger itself was allowed, there are none to compare it with.

    Example:
        ```yaml
        rolled_back:
          type: fullcircle.datasets.RolledBackDataset
          model_name: fullcircle.telco_churn.model
          alias: challenger
        ```
    """

    def __init__(
        self, *, model_name: str, alias: str, metadata: dict[str, Any] | None = None
    ) -> None:
        """Declare the model.

        Args:
            model_name: Three-level name ``catalog.schema.model``.
            alias: The role whose version may have been allowed.
            metadata: Free facts for kedro-viz and other plugins.
        """
        self._name = model_name
        self._alias = alias
        self.metadata = metadata

    def load(self) -> list[dict[str, Any]]:
        """Load what was rolled back.

        Returns:
            Per version ``name``, ``why``, ``model`` (None where it cannot be loaded) and ``error``.
        """
        return [
            {"name": f"{self._name} v{version}", "why": why, **self._read(version)}
            for version, why in Registry(self._name).list_rolled_back(self._alias).items()
        ]

    def save(self, data: None) -> None:
        """Refuse: versions are rolled back by ``kedro model rollback``.

        Raises:
            DatasetError: Always.
        """
        del data
        raise DatasetError("Versions are rolled back by `kedro model rollback`, not saved.")

    def _read(self, version: str) -> dict[str, Any]:
        found = find_by_number(self._name, version)
        if found is None:
            return {"model": None, "error": "the registry has no such version any more"}
        try:
            return {"model": read_model(found), "error": None}
        except ModelError as error:
            return {"model": None, "error": str(error)}

    def _exists(self) -> bool:
        return True  # nobody was rolled back is an answer, too

    def _describe(self) -> dict[str, Any]:
        return {"model_name": self._name, "alias": self._alias}
