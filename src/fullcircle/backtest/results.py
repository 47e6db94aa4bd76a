"""Where a replay is kept: what it was asked, a line per window, and what came of it."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fullcircle.core.errors import ConfigurationError
from fullcircle.storage.delta_tables import clear_storage_errors
from fullcircle.storage.row_files import append_lines, read_lines, replace_file


class BacktestFolder:
    """A folder of one replay.

    Args:
        path: The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def data(self) -> Path:
        """Folder of its tables."""
        return self.path / "data"

    def clear(self) -> None:
        """Take away what an earlier replay of the name left."""
        with clear_storage_errors(self.path.parent):
            if self.path.exists():
                shutil.rmtree(self.path)

    def claim(self, settings: Mapping[str, Any]) -> None:
        """Take the folder for settings, or go on with those that it was begun with.

        Raises:
            ConfigurationError: It was begun with others.
            StorageError: It cannot be written to.
        """
        with clear_storage_errors(self.path):
            place, wanted = (
                self.path / "settings.json",
                json.loads(json.dumps(settings, default=str)),
            )
            if not place.is_file():
                replace_file(place, json.dumps(wanted, indent=1))
                return
            begun = json.loads(place.read_text(encoding="utf-8"))
        other = sorted(name for name in {*begun, *wanted} if begun.get(name) != wanted.get(name))
        if other:
            told = ", ".join(_describe_difference(name, begun, wanted) for name in other)
            raise ConfigurationError(
                f"The replay {self.path.name!r} was begun with other settings: {told}. Give "
                "another --name, or begin it again with --afresh."
            )

    def read_lines(self) -> list[dict[str, Any]]:
        """Read the lines of the windows that are done, in their order, up to the first gap."""
        known = {line["number"]: line for line in read_lines(self.path / "windows.jsonl")}
        lines: list[dict[str, Any]] = []
        while len(lines) + 1 in known:
            lines.append(known[len(lines) + 1])
        return lines

    def add_line(self, line: Mapping[str, Any]) -> None:
        """Add the line of a window that is done, durable once this returns."""
        with clear_storage_errors(self.path):
            append_lines(self.path / "windows.jsonl", [line])

    def write_report(self, report: Mapping[str, Any], page: str) -> None:
        """Write what came of it, as JSON and as a page."""
        with clear_storage_errors(self.path):
            replace_file(self.path / "report.json", json.dumps(report, indent=1, default=str))
            replace_file(self.path / "replay.html", page)


def _describe_difference(name: str, begun: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    before, now = begun.get(name), wanted.get(name)
    if isinstance(before, dict) or isinstance(now, dict):
        return name
    return f"{name} {before}, now {now}"
