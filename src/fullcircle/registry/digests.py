"""Digests of a model's files: what is loaded is what was registered, byte for byte."""

import hashlib
import json
from pathlib import Path

MANIFEST = "digests.json"
_UNSEALED = {MANIFEST, "registered_model_meta"}  # MLflow adds the second when it downloads


def digest_files(folder: Path) -> dict[str, str]:
    """Give the SHA-256 of every file of a model, by its path below the folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    names = {path: path.relative_to(folder).as_posix() for path in files}
    return {
        name: _digest_file(path)
        for path, name in names.items()
        if name not in _UNSEALED and "__pycache__" not in name
    }


def seal_files(digests: dict[str, str]) -> str:
    """Give one digest for all files."""
    return hashlib.sha256(json.dumps(digests, sort_keys=True).encode()).hexdigest()


def find_tampering(folder: Path, sealed: str) -> str | None:
    """Say which files of a model are not what was registered; None where all are.

    Args:
        folder: The model's files, with their manifest.
        sealed: The digest for all files that the registry keeps.
    """
    found = digest_files(folder)
    if seal_files(found) == sealed:
        return None
    try:
        kept = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return f"{MANIFEST} cannot be read, and the files are not those registered"
    if seal_files(kept) != sealed:
        return f"{MANIFEST} was changed, and so was at least one file"
    changes = {
        "changed": [name for name in kept if name in found and found[name] != kept[name]],
        "missing": [name for name in kept if name not in found],
        "added": [name for name in found if name not in kept],
    }
    return "; ".join(f"{how}: {', '.join(names)}" for how, names in changes.items() if names)


def _digest_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
