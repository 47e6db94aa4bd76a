"""The log of the registry: each entry seals those before it, so that no line can change or go.

Entries are chained by hashes as in Haber and Stornetta, How to time-stamp a digital document,
Journal of Cryptology 3 (1991) 99-111.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

Moves = dict[str, list[str | None]]


@dataclass(frozen=True)
class Entry:
    """One act on the registry.

    Attributes:
        number: Place in the log, from 1; two that collided share one.
        at: Moment in UTC, ISO 8601.
        who: User who acted.
        act: What was done: register, judge, promote, rollback, alias, approve, tag and the like.
        model: Three-level name.
        version: Version acted on; None for an act on none.
        moves: Aliases moved, each ``[version before, version after]``.
        changes: Tags and texts changed, each ``[before, after]``.
        why: Reason, in the actor's words.
        evidence: What it rests on: digests, runs, decisions.
        previous: Seals of the entries before it.
    """

    number: int
    at: str
    who: str
    act: str
    model: str
    version: str | None
    moves: Moves = field(default_factory=dict)
    changes: Moves = field(default_factory=dict)
    why: str = ""
    evidence: dict[str, Any] = field(default_factory=dict)
    previous: list[str] = field(default_factory=list)

    def as_json(self) -> str:
        """The entry as text: the same entry gives the same text."""
        return json.dumps(asdict(self), sort_keys=True, ensure_ascii=True)

    @classmethod
    def from_json(cls, text: str) -> "Entry":
        """Read an entry back.

        Raises:
            ValueError: The text is no entry.
        """
        try:
            return cls(**json.loads(text))
        except TypeError as error:
            raise ValueError(str(error)) from error

    @cached_property
    def seal(self) -> str:
        """SHA-256 of the entry's text."""
        return hashlib.sha256(self.as_json().encode()).hexdigest()


@dataclass(frozen=True)
class Kept:
    """An entry as a store keeps it.

    Attributes:
        text: The entry's text.
        seal: The seal written with it.
        state: ``done``, ``under way`` or ``given up``.
        place: How the store names it, for messages.
    """

    text: str
    seal: str
    state: str
    place: str


def newest_seals(entries: Sequence[Entry]) -> list[str]:
    """Give the seals that no entry has sealed yet: the ends of the chain."""
    sealed = {seal for entry in entries for seal in entry.previous}
    return sorted({entry.seal for entry in entries} - sealed)


def find_faults(kept: Sequence[Kept], aliases: dict[str, str]) -> list[str]:
    """Say what is wrong with a log, given the aliases as the registry has them now.

    Args:
        kept: Every entry that there is, in any order.
        aliases: Version by alias.

    Returns:
        One line per fault; an empty list for a log that is whole.
    """
    faults, entries = [], []
    for each in kept:
        try:
            entry = Entry.from_json(each.text)
        except ValueError:
            faults.append(f"The entry at {each.place} is no entry.")
            continue
        if hashlib.sha256(each.text.encode()).hexdigest() != each.seal:
            faults.append(f"Entry {entry.number} ({entry.act}, {each.place}) was changed.")
        entries.append(entry)
    faults += _find_gaps(entries, {each.seal for each in kept})
    return faults + _find_unlogged(last_moves(kept), aliases)


def _find_gaps(entries: Sequence[Entry], seals: set[str]) -> list[str]:
    """Find entries that sealed what is not there."""
    faults = [
        f"What stood before entry {entry.number} ({entry.act}) is missing."
        for entry in entries
        if set(entry.previous) - seals
    ]
    starts = [entry for entry in entries if not entry.previous]
    if entries and min(entry.number for entry in entries) > 1:
        faults.append("The log does not begin with entry 1.")
    doubled = [number for number in Counter(e.number for e in starts) if number != 1]
    return faults + [f"Entry {number} follows nothing." for number in doubled]


def last_moves(kept: Sequence[Kept]) -> dict[str, str | None]:
    """Say where the log left each alias."""
    return {alias: move[1] for entry in done_entries(kept) for alias, move in entry.moves.items()}


def follow_role(kept: Sequence[Kept], alias: str, back: str) -> list[str]:
    """Give the versions that held an alias one after the other, oldest first.

    Args:
        kept: Every entry that there is.
        alias: The role.
        back: Act that ends the time in office of all that came after the version it returns to.
    """
    tenure: list[str] = []
    for entry in done_entries(kept):
        after = entry.moves.get(alias, [None, None])[1]
        if after is None:
            continue
        if entry.act == back and after in tenure:
            tenure = tenure[: tenure.index(after)]
        tenure.append(after)
    return tenure


def find_rolled_back(history: Sequence[Entry], role: str, challenger: str | None) -> dict[str, str]:
    """Return the reason by version that lost a role by a rollback and was not allowed since.

    Args:
        history: Acts that were carried out, oldest first.
        role: The role.
        challenger: Version against which nothing stands once it was allowed itself.
    """
    found: dict[str, str] = {}
    for entry in history:
        if entry.act == "rollback" and role in entry.moves:
            found[str(entry.moves[role][0])] = entry.why
        elif entry.act == "allow" and entry.version == challenger:
            found.clear()
        elif entry.act == "allow":
            found.pop(str(entry.version), None)
    return found


def done_entries(kept: Sequence[Kept]) -> list[Entry]:
    """Give the readable entries that were carried out, in their order."""
    entries = []
    for each in kept:
        try:
            entries += [Entry.from_json(each.text)] if each.state == "done" else []
        except ValueError:
            continue
    return sorted(entries, key=lambda entry: (entry.number, entry.at))


def _find_unlogged(logged: dict[str, str | None], aliases: dict[str, str]) -> list[str]:
    """Find aliases that stand elsewhere than where the log left them."""
    faults = []
    for alias in sorted({*logged, *aliases}):
        told, is_at = logged.get(alias), aliases.get(alias)
        if told != is_at:
            faults.append(
                f"{alias} is at {_as_version(is_at)}; the log left it at {_as_version(told)}."
            )
    return faults


def _as_version(version: str | None) -> str:
    return f"v{version}" if version else "no version"
