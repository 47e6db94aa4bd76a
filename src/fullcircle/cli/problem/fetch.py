"""Which of a publisher's files a problem lacks, and bringing them from its address or a mirror."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fullcircle.cli.problem.download import Download, digest, download_file
from fullcircle.config_resolvers import list_problems
from fullcircle.core.errors import ConfigurationError, name_missing
from fullcircle.core.published_files import PublishedFile

_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


@dataclass(frozen=True)
class WantedFile:
    """A file, where it belongs, and what lies there now.

    Attributes:
        file: What the publisher offers.
        target: Where it belongs on this machine.
        state: ``absent``, ``there``, ``there, digest unknown`` or ``another file``.
    """

    file: PublishedFile
    target: Path
    state: str

    def as_row(self) -> dict[str, str]:
        """Return the facts for a person."""
        size = self.file.size_bytes
        return {
            "file": str(self.target),
            "state": self.state,
            "bytes": "not known" if size is None else f"{size:,}",
            "sha256": self.file.sha256 or "not known",
            "publisher": self.file.publisher,
            "address": self.file.address,
        }


def list_wanted(problem: str, folder: Path, months: Sequence[str] = ()) -> list[WantedFile]:
    """Return the files of a problem that are needed, or those of the months that are named.

    Args:
        problem: Its name.
        folder: RAW_DIR.
        months: As 2025-04; only for a problem with a file a month.

    Raises:
        ConfigurationError: There is no such problem, it has no publisher, or a month is none.
    """
    files = _choose(problem, _list_files(problem), months)
    return [WantedFile(each, folder / each.path, _look(folder / each.path, each)) for each in files]


def _list_files(problem: str) -> tuple[PublishedFile, ...]:
    if unknown := name_missing([problem], known := list_problems()):
        raise ConfigurationError(f"There is no problem {unknown}; there are: {', '.join(known)}.")
    module = f"fullcircle.problems.{problem}.published"
    if find_spec(module) is None:
        raise ConfigurationError(
            f"{problem} reads files of your own: no publisher is known. Take them in by kedro "
            f"problem take {problem} --file FILE."
        )
    files: tuple[PublishedFile, ...] = import_module(module).FILES
    return files


def _choose(
    problem: str, files: Iterable[PublishedFile], months: Sequence[str]
) -> list[PublishedFile]:
    if not months:
        return [file for file in files if file.needed]
    patterns = [file for file in files if file.monthly]
    if not patterns:
        raise ConfigurationError(f"{problem} has no file a month: leave --month out.")
    known = {file.path: file for file in files}
    wanted = []
    for month in dict.fromkeys(months):
        if not _MONTH.fullmatch(month):
            raise ConfigurationError(f"--month {month!r} is no month: write 2025-04.")
        one = patterns[0].of_month(month)
        wanted.append(known.get(one.path, one))
    return wanted


def _look(target: Path, file: PublishedFile) -> str:
    if not target.is_file():
        return "absent"
    if file.sha256 is None:
        return "there, digest unknown"
    return "there" if digest(target) == file.sha256 else "another file"


def download_all(
    wanted: Iterable[WantedFile], mirror: str | None, *, new_edition: bool
) -> list[dict[str, Any]]:
    """Bring the files that are absent, one after the other; those that are there stay.

    Args:
        wanted: The files.
        mirror: A folder or address that holds them under the same paths; None for the publisher.
        new_edition: Whether a file with another digest than the known one is taken as well.

    Raises:
        ConfigurationError: Another file lies where one belongs.
        StorageError: A file cannot be had, or is not the one that is known.
    """
    wanted = list(wanted)
    other = [str(each.target) for each in wanted if each.state == "another file"]
    if other and not new_edition:
        raise ConfigurationError(
            f"Another file lies at {', '.join(other)}: its digest is not the known one. Move it "
            "away, or keep it and fetch nothing."
        )
    return [_download_one(each, mirror, new_edition=new_edition) for each in wanted]


def _download_one(each: WantedFile, mirror: str | None, *, new_edition: bool) -> dict[str, Any]:
    if each.state != "absent":
        return {"file": str(each.target), "state": each.state}
    brought: Download = download_file(each.file, each.target, mirror, new_edition=new_edition)
    return {
        "file": str(each.target),
        "state": "fetched",
        "bytes": f"{brought.size_bytes:,}",
        "sha256": brought.sha256,
        "checked": brought.checked,
    }
