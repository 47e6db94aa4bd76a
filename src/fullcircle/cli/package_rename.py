"""Giving the package a name of one's own, wherever it is spoken of.

Only the standard library is used: the starter runs this file where nothing else is installed.
"""

import keyword
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

_PASSED_OVER = {".git", ".venv", "data", "mlruns", "dist", "build", "node_modules", "__pycache__"}
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
# A longer name makes lines too long that nothing can break: those of texts.
_TIDYING = (
    ["check", "--select", "I", "--fix", "--quiet"],
    ["format", "--quiet"],
    ["check", "--select", "E501", "--add-noqa", "--quiet"],
)
_TITLE = re.compile(r'^(project_name = )".*"$', re.MULTILINE)
# A salt deals rows to sets: another one would deal them anew.
_KEPT = re.compile(r"salt\b")


def find_package(root: Path) -> str:
    """Give the name of the project's package, as pyproject.toml has it.

    Raises:
        ValueError: The folder is no Kedro project.
    """
    file = root / "pyproject.toml"
    found = re.search(
        r'^package_name = "(\w+)"', file.read_text("utf-8") if file.is_file() else "", re.MULTILINE
    )
    if found is None:
        raise ValueError(f"{root} is no Kedro project. Go to the folder with pyproject.toml.")
    return found[1]


def refuse_bad_name(root: Path, new: str) -> None:
    """Refuse what cannot name the package.

    Raises:
        ValueError: Says what a name must be.
    """
    if not _NAME.fullmatch(new) or keyword.iskeyword(new) or new in sys.stdlib_module_names:
        raise ValueError(
            f"{new!r} cannot name a package. Use small letters, digits and single underscores, "
            "and no name of Python's own, as in acme_models."
        )
    if (root / "src" / new).exists():
        raise ValueError(f"src/{new} exists already. Choose another name.")


def rename_package(root: Path, new: str, title: str | None = None) -> list[Path]:
    """Rename the package in every text of the project, and its folder.

    Args:
        root: The project.
        new: The new name.
        title: The project's name for people; by default made of the new name.

    Returns:
        The files that changed.

    Raises:
        ValueError: The name is not valid, or the folder is no Kedro project.
    """
    old = find_package(root)
    refuse_bad_name(root, new)
    changed = [path for path in list_files(root) if _rewrite(path, old, new)]
    pyproject = root / "pyproject.toml"
    shown = (title or new.replace("_", " ").title()).replace("\\", "").replace('"', "'")
    pyproject.write_text(
        _TITLE.sub(lambda found: f'{found[1]}"{shown}"', pyproject.read_text("utf-8")),
        encoding="utf-8",
    )
    moved = root / "src" / new
    (root / "src" / old).rename(moved)
    return [
        moved / path.relative_to(root / "src" / old)
        if path.is_relative_to(root / "src" / old)
        else path
        for path in changed
    ]


def list_files(root: Path) -> Iterator[Path]:
    """List the project's own files, not those that runs, tools or environments make."""
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(
            name
            for name in folders
            if name not in _PASSED_OVER
            and not name.endswith((".egg-info", "_cache"))
            and not (Path(folder) / name / "pyvenv.cfg").exists()
        )
        yield from (Path(folder) / name for name in sorted(files))


def _rewrite(path: Path, old: str, new: str) -> bool:
    """Replace the name in a text file, alone or as a part between underscores; small and large."""
    if path.is_symlink():
        return False
    try:
        text = path.read_bytes().decode("utf-8")
    except (UnicodeDecodeError, OSError):
        return False
    lines = text.splitlines(keepends=True)
    renamed = "".join(
        line if _KEPT.search(line) else _replace(_replace(line, old, new), old.upper(), new.upper())
        for line in lines
    )
    if renamed == text:
        return False
    path.write_bytes(renamed.encode("utf-8"))
    return True


def _replace(line: str, old: str, new: str) -> str:
    return re.sub(rf"(?<![A-Za-z0-9]){old}(?![A-Za-z0-9])", new, line)


def tidy(root: Path, files: list[Path]) -> bool:
    """Sort imports and break lines anew, where ruff is installed; tell whether it was."""
    sources = [str(path) for path in files if path.suffix == ".py"]
    try:
        for words in _TIDYING:
            subprocess.run(  # noqa: S603 - our own interpreter and files
                [sys.executable, "-m", "ruff", *words, *sources],
                cwd=root,
                check=True,
                capture_output=True,
            )
    except (OSError, subprocess.CalledProcessError):
        return False
    return True
