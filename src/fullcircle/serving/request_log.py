"""What was answered, written down before the answer leaves.

A worker appends a line per request to a segment of its own. What a process has written to a file
survives the process, so kill -9 loses no answered request; only a machine that loses its power
loses what its disk had not yet taken. The supervisor turns closed segments into Delta commits.
"""

import errno
import fcntl
import os
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson

from fullcircle.serving.runtime_dir import OWNER_ONLY, make_private_dir

OPEN, CLOSED = ".open", ".jsonl"
_UNSEEN = ".new"
_UNSEEN_SECONDS = 60.0
_FULL = (errno.ENOSPC, errno.EDQUOT)
_MAX_SEGMENT_BYTES = 16 * 2**20


class RequestLog:
    """Appends lines; where the disk refuses, keeps as many as it may and says so.

    Attributes:
        trouble: Why lines could not be written; None where all is well.
        lost: Lines that were given up since the start.
    """

    def __init__(
        self,
        folder: Path,
        segment_seconds: float,
        memory_bytes: int,
        reserve: Path | None = None,
        note: Callable[[int, int], None] = lambda waiting, lost: None,  # noqa: ARG005
    ) -> None:
        """Begin nothing yet: the first line opens a segment.

        Args:
            folder: Where segments lie.
            segment_seconds: A segment is closed after this long.
            memory_bytes: What is kept while the disk refuses.
            reserve: A file that is given up for room on a full disk.
            note: Takes the numbers of lines that wait and that are lost, when they change.
        """
        self._folder, self._reserve, self._note = folder, reserve, note
        self._seconds, self._most = segment_seconds, memory_bytes
        self._name, self._number = f"{os.getpid()}-{uuid4().hex[:8]}", 0
        self._handle: int | None = None
        self._path = folder
        self._began, self._size = 0.0, 0
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._noted = (0, 0)
        self.trouble: str | None = None
        self.lost = 0

    @property
    def waiting(self) -> int:
        """Lines that are kept in memory, because the disk refused them."""
        return len(self._waiting)

    def append(self, entry: dict[str, Any]) -> bool:
        """Write an entry down, or keep it until the disk takes it; never raises.

        Returns:
            Whether it is written down now.
        """
        self._wait(orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE, default=str))
        return self.flush()

    def withdraw(self) -> None:
        """Forget the entry that was appended last and is not written: it was no answer."""
        if self._waiting:
            self._waiting_bytes -= len(self._waiting.pop())
            self._tell()

    def flush(self) -> bool:
        """Write what waits, as far as the disk takes it; say whether nothing waits any more."""
        while self._waiting:
            try:
                self._write_or_make_room(self._waiting[0])
            except OSError as error:
                self.trouble = f"the journal cannot be written: {error.strerror}"
                self._drop_segment()
                self._tell()
                return False
            self._waiting_bytes -= len(self._waiting.popleft())
        self.trouble = None
        self._tell()
        return True

    def _tell(self) -> None:
        """Have it noted, where it has changed, how much waits and how much is lost."""
        now = len(self._waiting), self.lost
        if now != self._noted:
            self._noted = now
            self._note(*now)

    def _write_or_make_room(self, line: bytes) -> None:
        try:
            self._write(line)
        except OSError as error:
            if error.errno not in _FULL or self._reserve is None or not self._reserve.exists():
                raise
            self._reserve.unlink(missing_ok=True)
            self._write(line)

    def turn(self) -> None:
        """Close the segment if it is old enough, and try again to write what waits."""
        if self._handle is not None and time.monotonic() - self._began >= self._seconds:
            self.close()
        if self._waiting:
            self.flush()

    def close(self) -> None:
        """Close the open segment, so that it can be collected."""
        if self._handle is None:
            return
        handle, self._handle = self._handle, None
        try:
            self._path.rename(self._path.with_suffix(CLOSED))
        except OSError as error:  # the collector finds it: nobody holds its lock any more
            self.trouble = f"a segment of the journal cannot be closed: {error.strerror}"
        os.close(handle)

    def _wait(self, line: bytes) -> None:
        self._waiting.append(line)
        self._waiting_bytes += len(line)
        while self._waiting_bytes > self._most:
            self._waiting_bytes -= len(self._waiting.popleft())
            self.lost += 1

    def _write(self, line: bytes) -> None:
        if self._handle is None or self._size > _MAX_SEGMENT_BYTES:
            self.close()
            self._open()
        handle = self._handle
        assert handle is not None  # noqa: S101 - opened just now
        before = self._size
        written = os.write(handle, line)
        if written < len(line):  # the disk is full: half a line is no line
            os.ftruncate(handle, before)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._size += written

    def _open(self) -> None:
        make_private_dir(self._folder)
        self._number += 1
        path = self._folder / f"{self._name}-{self._number:06d}{OPEN}"
        # Locked under another name: seen without its lock, it would be taken for an orphan.
        unseen = path.with_suffix(_UNSEEN)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        handle = os.open(unseen, flags, OWNER_ONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            unseen.rename(path)
        except OSError:
            os.close(handle)
            unseen.unlink(missing_ok=True)
            raise
        self._path, self._handle = path, handle
        self._began, self._size = time.monotonic(), 0

    def _drop_segment(self) -> None:
        """Leave a segment that refuses; the next line tries a new one."""
        if self._handle is not None and self._size:
            self.close()
        elif self._handle is not None:
            os.close(self._handle)
            self._handle = None
            self._path.unlink(missing_ok=True)


def adopt_orphans(folder: Path) -> None:
    """Close the open segments whose worker is gone: it holds their lock no more."""
    for path in folder.glob(f"*{_UNSEEN}"):  # whose worker died before it wrote a line
        if time.time() - path.stat().st_mtime > _UNSEEN_SECONDS:
            path.unlink(missing_ok=True)
    for path in sorted(folder.glob(f"*{OPEN}")):
        try:
            handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(handle).st_ino == path.stat().st_ino:
                path.rename(path.with_suffix(CLOSED))
        except (BlockingIOError, FileNotFoundError):
            continue  # its worker lives, or closed it just now
        finally:
            os.close(handle)


def read_segment(path: Path) -> list[dict[str, Any]]:
    """Read the entries of a segment; a last line that was cut off is none."""
    entries = []
    for line in path.read_bytes().splitlines():
        try:
            entries.append(orjson.loads(line))
        except orjson.JSONDecodeError:
            continue
    return entries
