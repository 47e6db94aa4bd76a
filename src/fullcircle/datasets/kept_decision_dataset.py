"""The decision that made a champion, where the champion is the one to be decided on again."""

from typing import Any

from kedro.io import AbstractDataset, DatasetError

from fullcircle.tracking.registry.decisions import find_decision
from fullcircle.tracking.registry.lookup import list_aliases
from fullcircle.tracking.registry.operations import Registry
from fullcircle.tracking.registry.rules import CHAMPION


class KeptDecisionDataset(AbstractDataset[None, dict[str, Any] | None]):
    """Loads the gate's last decision on a role's version, if that version is the champion.

    Example:
        ```yaml
        kept_decision:
          type: fullcircle.datasets.KeptDecisionDataset
          model_name: fullcircle.telco_churn.model
          alias: challenger
        ```
    """

    def __init__(
        self, *, model_name: str, alias: str, metadata: dict[str, Any] | None = None
    ) -> None:
        """Declare the role.

        Args:
            model_name: Three-level name ``catalog.schema.model``.
            alias: The role.
            metadata: Free facts for kedro-viz and other plugins.
        """
        self._name = model_name
        self._alias = alias
        self.metadata = metadata

    def load(self) -> dict[str, Any] | None:
        """Load the decision; None where there is another champion, or no decision to be found."""
        aliases = list_aliases(self._name)
        version = aliases.get(self._alias)
        if version is None or version != aliases.get(CHAMPION):
            return None
        return find_decision(Registry(self._name), version)

    def save(self, data: None) -> None:
        """Refuse: decisions are saved as ``promotion_decision``.

        Raises:
            DatasetError: Always.
        """
        del data
        raise DatasetError("Decisions are saved as promotion_decision.")

    def _exists(self) -> bool:
        return True  # that there is none is an answer, too

    def _describe(self) -> dict[str, Any]:
        return {"model_name": self._name, "alias": self._alias}
