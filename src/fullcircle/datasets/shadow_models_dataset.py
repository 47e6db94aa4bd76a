"""The models that predict beside the champion."""

from typing import Any

from kedro.io import AbstractDataset, DatasetError

from fullcircle.core.models.model import Model
from fullcircle.tracking.registry.lookup import find_by_alias
from fullcircle.tracking.registry.model_files import read_model
from fullcircle.tracking.registry.rules import CHAMPION


class ShadowModelsDataset(AbstractDataset[None, dict[str, Model]]):
    """Loads the models of several roles; a role that nobody has, or the champion has, is left out.

    Example:
        ```yaml
        shadow_models:
          type: fullcircle.datasets.ShadowModelsDataset
          model_name: fullcircle.telco_churn.model
          aliases: [shadow]
        ```
    """

    def __init__(
        self, *, model_name: str, aliases: list[str], metadata: dict[str, Any] | None = None
    ) -> None:
        """Declare the roles.

        Args:
            model_name: Three-level name ``catalog.schema.model``.
            aliases: The roles.
            metadata: Free facts for kedro-viz and other plugins.
        """
        self.model_name = model_name
        self._aliases = aliases
        self.metadata = metadata

    def load(self) -> dict[str, Model]:
        """Load the models by role.

        Raises:
            ModelError: A model's files are not what they should be.
        """
        return {alias: read_model(version) for alias, version in self._find_versions().items()}

    def save(self, data: None) -> None:  # noqa: ARG002 - Kedro's signature
        """Refuse: roles are given by ``kedro model alias``."""
        raise DatasetError("Roles are given by `kedro model alias`, not saved.")

    def data_version(self) -> str | None:
        """Versions that have the roles now, for lineage."""
        versions = self._find_versions()
        return ", ".join(f"{alias} v{found.version}" for alias, found in versions.items()) or None

    def _find_versions(self) -> dict[str, Any]:
        champion = find_by_alias(self.model_name, CHAMPION)
        own = None if champion is None else champion.version
        found = {alias: find_by_alias(self.model_name, alias) for alias in self._aliases}
        return {a: version for a, version in found.items() if version and version.version != own}

    def _exists(self) -> bool:
        return True  # nobody beside the champion is an answer, too

    def _describe(self) -> dict[str, Any]:
        return {"model_name": self.model_name, "aliases": self._aliases}
