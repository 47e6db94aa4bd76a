"""A full disk: told from other errors, and said in one line with the room that is left."""

import errno
import os
import re
import shutil
from pathlib import Path

_LITTLE_BYTES = 2**20
_FULL = {errno.ENOSPC, errno.EDQUOT}
_SAYS_FULL = re.compile(r"No space left on device|Disk quota exceeded|os error (28|122)\b")


def is_full(error: BaseException) -> bool:
    """Tell whether an error says that a disk, or someone's share of it, is full."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in _FULL
    return bool(_SAYS_FULL.search(str(error)))


def describe_full_disk(path: Path | None) -> str:
    """Return what to do where a disk is full, and how much room there is.

    Args:
        path: What was written; None where that is not known.
    """
    places = [path] if path is not None else find_full_places()
    said = " or ".join(f"{place} ({_measure_free_mb(place):,.1f} MB are free)" for place in places)
    return (
        f"The disk of {said or 'what was being written'} is full: this needs more. What was saved "
        "before is whole. Free some space (kedro maintain shows what may go), then run again."
    )


def name_written(error: BaseException) -> Path | None:
    """Return what an error says was written; None where it does not."""
    for name in (getattr(error, "filename2", None), getattr(error, "filename", None)):
        if isinstance(name, str | os.PathLike):
            return Path(name)
    return None


def find_full_places() -> list[Path]:
    """Return the disks of this machine that may be written to and have next to no room."""
    import psutil

    found = {Path(each.mountpoint) for each in psutil.disk_partitions(all=True)}
    usable = (place for place in sorted(found) if os.access(place, os.W_OK | os.X_OK))
    return [place for place in usable if _has_no_room(place)]


def _has_no_room(place: Path) -> bool:
    try:
        usage = shutil.disk_usage(place)
    except OSError:
        return False
    return usage.total > 0 and usage.free < _LITTLE_BYTES


def _measure_free_mb(path: Path) -> float:
    existing = next(place for place in (path, *path.absolute().parents) if place.exists())
    return shutil.disk_usage(existing).free / 2**20
