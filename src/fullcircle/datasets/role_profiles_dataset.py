"""How the models beside the champion predicted at their training."""

import json
import logging
import tempfile
from typing import Any

from kedro.io import AbstractDataset, DatasetError

from fullcircle.core.errors import ModelError
from fullcircle.tracking.registry.lookup import find_by_alias
from fullcircle.tracking.registry.model_files import DESCRIPTION, fetch_version
from fullcircle.tracking.registry.rules import CHAMPION

_logger = logging.getLogger(__name__)


class RoleProfilesDataset(AbstractDataset[None, dict[str, dict[str, Any]]]):
    """Reads the version and the profile of several roles, without loading their models.

    A role that nobody has, or the champion has, is left out, as is a model without a profile. So is
    one whose files are not what they should be, with a warning: monitoring of the others goes on.

    Example:
        ```yaml
        role_profiles:
          type: fullcircle.datasets.RoleProfilesDataset
          model_name: fullcircle.telco_churn.model
          aliases: [challenger, shadow]
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
        self._model_name = model_name
        self._aliases = aliases
        self.metadata = metadata

    def load(self) -> dict[str, dict[str, Any]]:
        """Read ``version`` and ``profile`` by role."""
        champion = find_by_alias(self._model_name, CHAMPION)
        own = None if champion is None else champion.version
        found = {}
        for alias in self._aliases:
            version = find_by_alias(self._model_name, alias)
            if version is None or version.version == own:
                continue
            profile = _read_profile(version)
            if profile is not None:
                found[alias] = {"version": str(version.version), "profile": profile}
        return found

    def save(self, data: None) -> None:  # noqa: ARG002 - Kedro's signature
        """Refuse: a profile comes with its model."""
        raise DatasetError("A profile is registered with its model, not saved.")

    def _exists(self) -> bool:
        return True  # nobody beside the champion is an answer, too

    def _describe(self) -> dict[str, Any]:
        return {"model_name": self._model_name, "aliases": self._aliases}


def _read_profile(version: Any) -> dict[str, Any] | None:
    with tempfile.TemporaryDirectory() as place:
        try:
            text = (fetch_version(version, place) / DESCRIPTION).read_text(encoding="utf-8")
            profile: dict[str, Any] = json.loads(text).get("profile") or {}
        except (ModelError, OSError, ValueError) as error:
            _logger.warning("The profile of version %s cannot be read: %s", version.version, error)
            return None
    return profile if "columns" in profile else None
