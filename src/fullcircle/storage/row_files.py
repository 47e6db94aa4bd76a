"""Small files that survive a crash: replaced in one step, or grown by whole lines."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def replace_file(path: Path, text: str) -> None:
    """Write a text beside its place and move it there, durable once this returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.unfinished")
    with beside.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)


def append_lines(path: Path, rows: Iterable[Any]) -> None:
    """Add a JSON line per row; a line that a kill has torn is left behind on its own."""
    text = "".join(f"{json.dumps(row, default=str)}\n" for row in rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        if file.tell() and not _ends_whole(file):
            file.write(b"\n")
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Read the rows of a file of JSON lines; none of one that is not there, nor torn ones."""
    if not path.is_file():
        return []
    parsed = (_parse(line) for line in path.read_text(encoding="utf-8").splitlines())
    return [row for row in parsed if row is not None]


def _ends_whole(file: Any) -> bool:
    file.seek(-1, os.SEEK_END)
    return bool(file.read(1) == b"\n")


def _parse(line: str) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None
