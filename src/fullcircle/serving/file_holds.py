"""A model's files on this machine: who reads them, and whether they have changed."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from fullcircle.core.errors import ModelError

Fingerprint: TypeAlias = tuple[tuple[str, int, int, int, int], ...]


def look_at_files(folder: Path) -> Fingerprint:
    """Return what changes with every change of a file: place, size, moments and number on disk."""
    looks = ((path, path.lstat()) for path in sorted(folder.rglob("*")))
    return tuple(
        (str(path), look.st_size, look.st_mtime_ns, look.st_ctime_ns, look.st_ino)
        for path, look in looks
    )


@contextmanager
def hold_files(folder: Path) -> Iterator[None]:
    """Keep a model's files from being deleted while they are read.

    Raises:
        ModelError: They are gone already.
    """
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise ModelError(f"The files at {folder} are gone: {error.strerror}.") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_SH)
        yield
    finally:
        os.close(handle)


def delete_unread(folder: Path) -> bool:
    """Delete a folder unless someone reads in it; say whether it is gone."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:
        return False
    finally:
        os.close(handle)
    return True
