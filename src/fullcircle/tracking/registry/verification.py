"""Holding the registry against its log, and the log against its head outside the registry."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fullcircle.core.audit_log.chain import find_faults
from fullcircle.core.audit_log.versions import LoggedVersion, find_forgeries, read_versions
from fullcircle.core.errors import ModelError
from fullcircle.tracking.registry.audit_log import AuditLog
from fullcircle.tracking.registry.log_anchor import describe_head, find_head_faults, write_head
from fullcircle.tracking.registry.lookup import list_aliases, list_versions


def read_logged(journal: AuditLog, version: str) -> LoggedVersion | None:
    """Return what the log says of a version; None where it does not know it."""
    return read_versions(journal.find_entries(version)).get(version)


def refuse_forged(journal: AuditLog, version: Any, decided: Sequence[str] = ()) -> Any:
    """Return a version, unless its tags say otherwise than the log.

    Args:
        journal: The model's log.
        version: MLflow's model version.
        decided: Names of the tags, beside the digest, that only acts of the registry set.

    Raises:
        ModelError: They do, or the log does not know the version; names each such tag.
    """
    logged = read_logged(journal, str(version.version))
    if faults := find_forgeries(logged, version.tags, decided):
        raise ModelError(
            f"{version.name} v{version.version} is not what was registered: {'; '.join(faults)}. "
            "See kedro model history --verify."
        )
    return version


def verify_registry(
    journal: AuditLog, decided: Sequence[str], head: Path, *, needed: bool
) -> list[str]:
    """Say what is wrong with a log and with what it tells of, one line per fault.

    Args:
        journal: The model's log.
        decided: Names of the tags, beside the digest, that only acts of the registry set.
        head: File with the head of the log that was kept outside the registry.
        needed: Whether it is a fault that there is no such file.
    """
    kept = journal.entries()
    faults = find_faults(kept, list_aliases(journal.model))
    faults += find_head_faults(head, kept, needed=needed)
    logged = read_versions(kept)
    for version in list_versions(journal.model)[::-1]:
        number = str(version.version)
        found = find_forgeries(logged.get(number), version.tags, decided)
        faults += [f"v{number}: {fault}." for fault in found]
    return faults


def export_head(journal: AuditLog, path: Path) -> dict[str, Any]:
    """Write the newest entry's number and seal to a file, to be verified against later.

    Raises:
        ModelError: The log is empty.
    """
    head = describe_head(journal.entries(), journal.model)
    if head is None:
        raise ModelError(f"The log of {journal.model} is empty: it has no head.")
    write_head(path, head)
    return head


def find_trainer(journal: AuditLog, version: str) -> dict[str, Any] | None:
    """Return who brought a version, and how that is known; None where the log does not say."""
    logged = read_logged(journal, version)
    if logged is None or logged.who is None:
        return None
    return {"who": logged.who, "actor": logged.actor}
