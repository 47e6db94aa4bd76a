"""One thing that maintenance would do, counted before it is done."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

AREAS = ("tables", "runs", "files")


@dataclass(frozen=True)
class Step:
    """Something to be cleaned up.

    Attributes:
        area: One of ``AREAS``.
        what: What is done.
        where: To which table, experiment or folder.
        files: Number of files, or of runs and lines, that it concerns.
        bytes: Their size; 0 where nothing is freed yet.
        apply: Does it.
    """

    area: str
    what: str
    where: str
    files: int
    bytes: int
    apply: Callable[[], Any]


def measure_files(paths: Iterable[Path]) -> tuple[int, int]:
    """Return the number and the bytes of all files in folders, and of files."""
    sizes = [file.stat().st_size for path in paths for file in _list_files(path)]
    return len(sizes), sum(sizes)


def _list_files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return [file for file in path.rglob("*") if file.is_file() and not file.is_symlink()]
