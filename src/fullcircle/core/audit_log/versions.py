"""What the log says of each version, to be held against what the registry says now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fullcircle.core.audit_log.chain import Entry, Kept, done_entries

_ARRIVALS = ("register", "copy", "adopt")
_DIGEST = "digest"


@dataclass
class LoggedVersion:
    """What the log says of a version.

    Attributes:
        digest: Of its files, when it came into the registry; None where the log does not say.
        who: Who brought it.
        actor: How that name is known (see the registry's actors).
        tags: Tags that acts have set, by name; None where one was taken away.
    """

    digest: str | None = None
    who: str | None = None
    actor: Mapping[str, Any] | None = None
    tags: dict[str, str | None] = field(default_factory=dict)


def read_versions(kept: Sequence[Kept]) -> dict[str, LoggedVersion]:
    """Return what a log says of each version that it names."""
    found: dict[str, LoggedVersion] = {}
    for entry in done_entries(kept):
        if entry.version is not None:
            _note(found.setdefault(entry.version, LoggedVersion()), entry)
    return found


def _note(version: LoggedVersion, entry: Entry) -> None:
    if entry.act in _ARRIVALS and version.digest is None:
        trainer = entry.evidence.get("trained_by") or {}
        version.digest = entry.evidence.get(_DIGEST)
        version.who = trainer.get("who") or entry.who
        version.actor = trainer.get("actor") or entry.evidence.get("actor")
    if entry.act == "judge" and version.digest is None:
        version.digest = entry.evidence.get(_DIGEST)
    version.tags |= {name: after for name, (_, after) in entry.changes.items()}


def find_forgeries(
    logged: LoggedVersion | None, tags: Mapping[str, str], decided: Sequence[str]
) -> list[str]:
    """Say where a version's tags say otherwise than the log.

    Args:
        logged: What the log says; None where it does not know the version.
        tags: The version's tags as they are.
        decided: Names of the tags that only acts of the registry set.
    """
    known = logged or LoggedVersion()
    faults = []
    if known.digest != tags.get(_DIGEST):
        faults.append(_word(_DIGEST, tags.get(_DIGEST), known.digest))
    return faults + [
        _word(name, tags.get(name), known.tags.get(name))
        for name in decided
        if known.tags.get(name) != tags.get(name)
    ]


def _word(name: str, found: str | None, logged: str | None) -> str:
    return f"its tag {name} says {_shorten(found)}, the log says {_shorten(logged)}"


def _shorten(value: str | None) -> str:
    return "nothing" if value is None else repr(value[:16])


def list_approvals(
    history: Sequence[Entry], version: str, digest: str | None
) -> list[dict[str, Any]]:
    """Return who approved of a version with these files, how that is known, when and why."""
    return [
        {
            "who": entry.who,
            "actor": entry.evidence.get("actor"),
            "when": entry.at,
            "why": entry.why,
        }
        for entry in history
        if (entry.act, entry.version) == ("approve", version)
        and digest is not None
        and entry.evidence.get(_DIGEST) == digest
    ]


def is_same_person(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether two acts may be one person's: the same name, or the same user of a machine.

    Args:
        one: ``who`` and ``actor`` of an act.
        other: Those of another act.
    """
    if one["who"] == other["who"]:
        return True
    first, second = one.get("actor") or {}, other.get("actor") or {}
    if "server" in (first.get("how"), second.get("how")):
        return False
    places = [(each.get("host"), each.get("uid")) for each in (first, second)]
    return places[0] == places[1]  # unknown places may be one, too
