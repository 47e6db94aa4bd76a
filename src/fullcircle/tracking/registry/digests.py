"""Digests of a model's files: what is loaded is what was registered, byte for byte."""

import hashlib
import json
import os
from pathlib import Path

MANIFEST = "digests.json"
_MLFLOW_NOTE = "registered_model_meta"  # written by MLflow into whatever it downloads
_CODE = "code"  # where MLflow keeps a model's code, and Python what it compiled of it


def digest_files(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file of a model, by its path below the folder.

    No name escapes but that of the manifest itself: see ``remove_byproducts``.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file() or path.is_symlink())
    names = {path: path.relative_to(folder).as_posix() for path in files}
    return {name: _digest_file(path) for path, name in names.items() if name != MANIFEST}


def remove_byproducts(folder: Path) -> None:
    """Delete from a copy of a model what MLflow and Python add to one.

    MLflow's loaders write compiled code and a note into a store that is a local folder. Neither is
    part of the model. Deleted from the copy that is checked and used, they can carry nothing in.
    """
    (folder / _MLFLOW_NOTE).unlink(missing_ok=True)
    for place in list((folder / _CODE).rglob("__pycache__")):
        if place.is_dir() and not place.is_symlink():
            for compiled in place.glob("*.pyc"):
                compiled.unlink()


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
    if path.is_symlink():
        return f"link to {os.readlink(path)}"  # no model has one: what it leads to may change
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
