"""The acts on a registered model; each is written to the log before it is carried out."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fullcircle.core.audit_log.chain import (
    Entry,
    Moves,
    find_rolled_back,
    follow_role,
    last_moves,
)
from fullcircle.core.audit_log.versions import list_approvals
from fullcircle.core.errors import ConfigurationError, ModelError
from fullcircle.core.models.model import Model, Registration
from fullcircle.tracking.registry.audit_log import AuditLog
from fullcircle.tracking.registry.log_anchor import locate_head, save_head
from fullcircle.tracking.registry.lookup import list_aliases
from fullcircle.tracking.registry.model_files import SEAL, enter_version, log_model, seal_model
from fullcircle.tracking.registry.model_store import DESCRIPTION_CHANGE, ModelStore
from fullcircle.tracking.registry.rules import (
    AGAINST,
    CHALLENGER,
    CHAMPION,
    DECISION,
    GATED,
    NOBODY,
    OWN_TAGS,
    PREVIOUS,
    PROMOTE,
    REFUSE,
    RETIRED,
    refuse_gated,
    refuse_odd_alias,
    refuse_retired,
    refuse_unjudged,
)
from fullcircle.tracking.registry.verification import refuse_forged, verify_registry
from fullcircle.tracking.registry.version_description import collect_metadata, describe_version

Change = Callable[[dict[str, str]], tuple[Moves, Moves]]


class Registry:
    """One registered model and all that may be done to it."""

    def __init__(self, model: str) -> None:
        """Take the model's three-level name, on MLflow's current server."""
        from mlflow import MlflowClient

        self.model = model
        self._client = MlflowClient()
        self._store = ModelStore(model, self._client)
        self.journal = AuditLog(model, settle=self._store.settle)
        self.head = locate_head(model, self._client.tracking_uri)
        self._carry_out = self._store.carry_out
        self._find_version = self._store.find

    # What becomes of a new model

    def register(self, model: Model, role: str) -> Registration:
        """Log a model to the current run, register it as the next version, and give it a role.

        Raises:
            ModelError: The role is one that only the gate gives.
        """
        refuse_gated(role)
        info = log_model(model)
        sealed = seal_model(info)
        tags = {**collect_metadata(model, info.run_id), SEAL: sealed}
        placed = enter_version(self.model, info, str(info.run_id), tags, describe_version(model))
        evidence = {SEAL: sealed, "run_id": placed.run_id}
        self.assign_role(placed.version, role, "register", "", evidence)
        return placed

    def assign_role(
        self, version: str, role: str, act: str, why: str, evidence: dict[str, Any]
    ) -> Entry:
        """Give a new version its first role, under the name of the act that brought it."""
        refuse_gated(role)
        return self._act(
            act,
            version,
            lambda aliases: ({role: [aliases.get(role), version]}, {}),
            why=why,
            evidence=evidence,
        )

    def judge(self, version: str, against: str | None, promote: bool, evidence: Any) -> Entry:
        """Write down what the gate decided on a version, and whom it was compared with."""
        tags = {DECISION: PROMOTE if promote else REFUSE, AGAINST: against or NOBODY}
        known = {SEAL: self._find_version(version).tags.get(SEAL), **evidence}
        return self._act("judge", version, self._retag(version, tags), evidence=known)

    def promote(self, version: str, why: str = "") -> Entry:
        """Make a version the champion, if the gate let it pass against the present champion.

        Raises:
            ModelError: The gate did not, or compared it with another champion than the present
                one, or the version is retired, or its tags say otherwise than the log.
        """

        def move(aliases: dict[str, str]) -> tuple[Moves, Moves]:
            present = aliases.get(CHAMPION)
            found = self._refuse_forged(version)
            refuse_unjudged(found, present)
            refuse_retired(found)
            former = {PREVIOUS: [aliases.get(PREVIOUS), present]} if present else {}
            return {**former, CHAMPION: [present, version]}, {}

        tags = self._find_version(version).tags
        evidence = {name: tags.get(name) for name in (SEAL, DECISION, AGAINST)}
        return self._act("promote", version, move, why=why, evidence=evidence)

    # What people do

    def rollback(self, why: str) -> Entry:
        """Give the role of champion back to the one before.

        Raises:
            ModelError: There is none before.
        """

        def move(aliases: dict[str, str]) -> tuple[Moves, Moves]:
            tenure = follow_role(self.journal.entries(), CHAMPION, "rollback")
            present, target = aliases.get(CHAMPION), aliases.get(PREVIOUS)
            if target is None:
                raise ModelError(
                    f"{self.model} has no previous champion to return to. "
                    "kedro model list shows what there is."
                )
            refuse_retired(self._refuse_forged(target))
            earlier = tenure[: tenure.index(target)] if target in tenure else []
            before = next((v for v in reversed(earlier) if v != target), None)
            return {PREVIOUS: [target, before], CHAMPION: [present, target]}, {}

        return self._act("rollback", list_aliases(self.model).get(PREVIOUS), move, why=why)

    def move_alias(self, alias: str, version: str | None, why: str = "") -> Entry:
        """Give an alias to a version, or take it away.

        Raises:
            ModelError: The alias moves by promotion and rollback alone, or nobody has it.
            ConfigurationError: It is no name for an alias.
        """
        refuse_gated(alias)
        refuse_odd_alias(alias)

        def move(aliases: dict[str, str]) -> tuple[Moves, Moves]:
            if version is None and alias not in aliases:
                raise ModelError(f"No version of {self.model} has the alias {alias}.")
            if version is not None:
                refuse_retired(self._find_version(version))
            return {alias: [aliases.get(alias), version]}, {}

        return self._act("alias", version, move, why=why)

    def approve(self, version: str, why: str) -> Entry:
        """Write down that a person wants a version to become champion once the gate agrees."""
        sealed = self._find_version(version).tags.get(SEAL)
        return self._act("approve", version, _nothing, why=why, evidence={SEAL: sealed})

    def approvals(self, version: str) -> list[dict[str, Any]]:
        """Give who approved a version, as its files are now, how that is known, when and why."""
        sealed = self._find_version(version).tags.get(SEAL)
        return list_approvals(self.history(), version, sealed)

    def allow(self, version: str, why: str) -> Entry:
        """Write down that a rolled-back version, or one that is like it, may be champion again."""
        sealed = self._find_version(version).tags.get(SEAL)
        return self._act("allow", version, _nothing, why=why, evidence={SEAL: sealed})

    def list_rolled_back(self, alias: str = CHALLENGER) -> dict[str, str]:
        """Return the reason by version that was rolled back and not allowed since.

        Args:
            alias: A role; where its version was allowed since, nothing stands against it.
        """
        return find_rolled_back(self.history(), CHAMPION, list_aliases(self.model).get(alias))

    def tag(self, version: str | None, tags: Mapping[str, str | None], why: str = "") -> Entry:
        """Set tags of a version, or of the model itself (None), or take away those that are None.

        Raises:
            ConfigurationError: A tag is the registry's own.
        """
        if own := sorted(set(tags) & set(OWN_TAGS)):
            raise ConfigurationError(f"No hand may write the tag: {', '.join(own)}.")
        act = "tag" if any(value is not None for value in tags.values()) else "untag"
        return self._act(act, version, self._retag(version, tags), why=why)

    def describe(self, version: str, text: str) -> Entry:
        """Write a version's description."""
        before = self._find_version(version).description or None
        return self._act("describe", version, lambda _: ({}, {DESCRIPTION_CHANGE: [before, text]}))

    def retire(self, version: str, why: str) -> Entry:
        """Take a version out of use: it loses its aliases and can get none again.

        Raises:
            ModelError: It is the champion, or what a rollback would return to.
        """

        def move(aliases: dict[str, str]) -> tuple[Moves, Moves]:
            held = [alias for alias, holder in aliases.items() if holder == version]
            if in_use := sorted(set(held) & set(GATED)):
                raise ModelError(
                    f"{self.model} v{version} is {' and '.join(in_use)}. "
                    "Promote another or roll back first."
                )
            before = self._find_version(version).tags.get(RETIRED)
            return {alias: [version, None] for alias in held}, {RETIRED: [before, why or "yes"]}

        return self._act("retire", version, move, why=why)

    def record_copy(self, version: str, why: str, evidence: dict[str, Any]) -> Entry:
        """Write down that a version was copied to another environment, or came from one."""
        return self._act("copy", version, _nothing, why=why, evidence=evidence)

    def history(self) -> list[Entry]:
        """Give every act that was carried out, oldest first."""
        done = [kept for kept in self.journal.entries() if kept.state == "done"]
        return [Entry.from_json(kept.text) for kept in done]

    def verify(self, head: Path | None = None) -> list[str]:
        """Say what is wrong with the log and with what it tells of, one line per fault.

        Args:
            head: File with an exported head; None takes the one that this machine keeps.
        """
        needed = head is not None
        return verify_registry(self.journal, OWN_TAGS[1:], head or self.head, needed=needed)

    def recover(self) -> None:
        """Finish or take back the acts whose processes died."""
        self.journal.recover()

    # How

    def _act(
        self,
        act: str,
        version: str | None,
        change: Change,
        *,
        why: str = "",
        evidence: dict[str, Any] | None = None,
    ) -> Entry:
        """Write an act to the log and carry it out, alone."""
        if version is not None:
            self._find_version(version)
        self.recover()
        self._note_what_was_found()

        def prepare() -> Entry:
            moves, changes = change(list_aliases(self.model))
            return Entry(0, "", "", act, self.model, version, moves, changes, why, evidence or {})

        with self.journal.record(prepare) as entry:
            self._carry_out(entry)
        save_head(self.head, entry)
        return entry

    def _note_what_was_found(self) -> None:
        """Where aliases stand elsewhere than the log left them, write down that they do."""

        def find() -> Moves:
            logged, found = last_moves(self.journal.entries()), list_aliases(self.model)
            both = {alias: [logged.get(alias), found.get(alias)] for alias in {*logged, *found}}
            return {alias: move for alias, move in sorted(both.items()) if move[0] != move[1]}

        if not find():
            return
        why = "aliases stood elsewhere than the log had left them"
        with self.journal.record(
            lambda: Entry(0, "", "", "find", self.model, None, find(), why=why)
        ):
            pass

    def _retag(self, version: str | None, tags: Mapping[str, str | None]) -> Change:
        def change(_: dict[str, str]) -> tuple[Moves, Moves]:
            before = self._store.read_tags(version)
            if absent := [n for n, value in tags.items() if value is None and n not in before]:
                named = self.model if version is None else f"{self.model} v{version}"
                raise ModelError(f"{named} has no tag: {', '.join(absent)}.")
            return {}, {name: [before.get(name), value] for name, value in tags.items()}

        return change

    def _refuse_forged(self, version: str) -> Any:
        return refuse_forged(self.journal, self._find_version(version), OWN_TAGS[1:])


def _nothing(_: dict[str, str]) -> tuple[Moves, Moves]:
    return {}, {}
