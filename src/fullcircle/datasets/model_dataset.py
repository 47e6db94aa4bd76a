"""A model of the registry, by role."""

from typing import Any

from kedro.io import AbstractDataset

from fullcircle.core.errors import ModelError
from fullcircle.core.models.model import Model
from fullcircle.tracking.registry.lookup import find_by_alias
from fullcircle.tracking.registry.model_files import read_model
from fullcircle.tracking.registry.operations import Registry
from fullcircle.tracking.registry.rules import CHAMPION


class ModelDataset(AbstractDataset[Model, Model | None]):
    """Loads the model that a role names; saving registers a new model, or gives the role to one.

    A model without a place in the registry is logged to the current MLflow run, with signature,
    input example, requirements and digests, and registered as a new version with the role. Who is
    saved as champion must have passed the gate against the present champion. Every act is written
    to the registry's log.

    Example:
        ```yaml
        challenger:
          type: fullcircle.datasets.ModelDataset
          model_name: fullcircle.telco_churn.model
          alias: challenger

        incumbent:                    # the champion as the gate finds it; None where none exists
          type: fullcircle.datasets.ModelDataset
          model_name: fullcircle.telco_churn.model
          alias: champion
          optional: true
        ```
    """

    def __init__(
        self,
        *,
        model_name: str,
        alias: str,
        optional: bool = False,
        allow_code: bool = False,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Declare the role.

        Args:
            model_name: Three-level name ``catalog.schema.model``.
            alias: The role.
            optional: Load None where no version has the alias, instead of refusing.
            allow_code: Load a model that is kept as a pickle, which runs whatever code is in it.
            metadata: Free facts for kedro-viz and other plugins.
        """
        self.model_name = model_name
        self._alias = alias
        self._optional = optional
        self._allow_code = allow_code
        self.metadata = metadata

    @property
    def spans_clocks(self) -> bool:
        """Whether runs at any clock use it; a challenger is judged at its own, or a later one."""
        return self._alias == CHAMPION

    def trained_at(self) -> str | None:
        """Clock of the training that made the version with the role; None where none is known."""
        version = self._find_version()
        return version.tags.get("trained.as_of") if version else None

    def load(self) -> Model | None:
        """Load the model that has the role.

        Raises:
            ModelError: No version has the role, or its files are not what they should be.
        """
        version = self._find_version()
        if version is None and self._optional:
            return None
        if version is None:
            raise ModelError(
                f"The registry has no {self._alias} of {self.model_name} yet. "
                "Train and promote one first: kedro run."
            )
        return read_model(version, allow_code=self._allow_code)

    def save(self, data: Model) -> None:
        """Register the model if it is new, or give it the role.

        Raises:
            ModelError: The role is one that only the gate gives, and the gate did not.
        """
        registry = Registry(self.model_name)
        if data.registration is None:
            registry.register(data, self._alias)
            return
        version, holder = data.registration.version, self._find_version()
        if holder is not None and str(holder.version) == version:
            return
        if self._alias == CHAMPION:
            registry.promote(version)
        else:
            registry.move_alias(self._alias, version)

    def data_version(self) -> str | None:
        """Version that has the role now, for lineage."""
        version = self._find_version()
        return f"{self.model_name} v{version.version}" if version else None

    def _find_version(self) -> Any:
        return find_by_alias(self.model_name, self._alias)

    def _exists(self) -> bool:
        return self._find_version() is not None

    def _describe(self) -> dict[str, Any]:
        return {"model_name": self.model_name, "alias": self._alias, "optional": self._optional}
