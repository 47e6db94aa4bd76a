"""Reading and writing what MLflow keeps of one registered model: aliases, tags, descriptions."""

from typing import Any

from fullcircle.core.audit_log.chain import Entry
from fullcircle.core.errors import ModelError
from fullcircle.tracking.registry.lookup import find_by_number, find_model, list_aliases

DESCRIPTION_CHANGE = "description"  # name under which an entry changes a version's description


class ModelStore:
    """One registered model on MLflow's server.

    Args:
        model: Its three-level name.
        client: MLflow's client.
    """

    def __init__(self, model: str, client: Any) -> None:
        self._model = model
        self._client = client

    def carry_out(self, entry: Entry) -> None:
        """Do what an entry says; a crash in between leaves the champion last to be moved."""
        for name, (_, after) in entry.changes.items():
            self.change(entry.version, name, after)
        for alias, (before, after) in entry.moves.items():
            self.move(alias, before, after)

    def settle(self, entry: Entry) -> bool:
        """Take back what came of an act that died, unless all of it had been done.

        What other hands have changed since stays as it is.

        Returns:
            Whether all of it had been done.
        """
        aliases = list_aliases(self._model)
        moves = {alias: aliases.get(alias) for alias in entry.moves}
        changes = {name: self.read(entry.version, name) for name in entry.changes}
        done = [moves[name] == after for name, (_, after) in entry.moves.items()]
        done += [changes[name] == after for name, (_, after) in entry.changes.items()]
        if all(done):
            return True
        for alias, (before, after) in reversed(entry.moves.items()):
            if moves[alias] == after:
                self.move(alias, after, before)
        for name, (before, after) in entry.changes.items():
            if changes[name] == after:
                self.change(entry.version, name, before)
        return False

    def move(self, alias: str, before: str | None, after: str | None) -> None:
        """Give an alias to another version, or take it away from the one that has it."""
        if after is not None:
            self._client.set_registered_model_alias(self._model, alias, after)
        elif before is not None:
            self._client.delete_registered_model_alias(self._model, alias)

    def change(self, version: str | None, name: str, after: str | None) -> None:
        """Set a tag or the description of a version, or a tag of the model (None)."""
        if version is None:
            self._change_model(name, after)
        elif name == DESCRIPTION_CHANGE:
            self._client.update_model_version(self._model, version, after or "")
        elif after is None:
            self._client.delete_model_version_tag(self._model, version, name)
        else:
            self._client.set_model_version_tag(self._model, version, name, after)

    def _change_model(self, name: str, after: str | None) -> None:
        if after is None:
            self._client.delete_registered_model_tag(self._model, name)
        else:
            self._client.set_registered_model_tag(self._model, name, after)

    def read(self, version: str | None, name: str) -> str | None:
        """Read a tag or the description, by the name under which entries change it."""
        if name == DESCRIPTION_CHANGE and version is not None:
            return self.find(version).description or None
        return self.read_tags(version).get(name)

    def read_tags(self, version: str | None) -> dict[str, str]:
        """Read the tags of a version, or of the model (None).

        Raises:
            ModelError: There is no such version, or no such model.
        """
        if version is not None:
            return dict(self.find(version).tags)
        if (found := find_model(self._model)) is None:
            raise ModelError(f"The registry has no {self._model} yet. Train one first: kedro run.")
        return dict(found.tags)

    def find(self, version: str) -> Any:
        """Find a version.

        Raises:
            ModelError: There is none.
        """
        found = find_by_number(self._model, version)
        if found is None:
            raise ModelError(f"{self._model} has no version {version}.")
        return found
