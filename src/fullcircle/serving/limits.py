"""Rate limits that all workers share: token buckets in a file that they map into memory."""

import fcntl
import mmap
import os
import struct
import time
from hashlib import blake2b
from pathlib import Path

from fullcircle.serving.runtime_dir import allocate, make_private_dir

_SLOTS = 4096
_SLOT = struct.Struct("dd")  # tokens left, moment of the last look


class RateLimits:
    """Token buckets by name.

    Two names may share a bucket where the digests of both fall on one slot: someone else may then
    wait for a neighbour, but nobody gets more than the limit.
    """

    def __init__(self, path: Path, per_second: float, burst: int) -> None:
        """Open the buckets, or make them full.

        Args:
            path: File that the workers share.
            per_second: Requests per second and name, in the long run.
            burst: So many at once before that holds.
        """
        self._per_second, self._burst = per_second, float(burst)
        make_private_dir(path.parent)
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        # With its room on the disk: a page without room kills the process that writes to it.
        allocate(self._handle, _SLOTS * _SLOT.size)
        self._map = mmap.mmap(self._handle, _SLOTS * _SLOT.size)

    def take(self, name: str) -> float:
        """Take one request out of a name's bucket.

        Returns:
            0 where there was one; else the seconds until there is.
        """
        digest = blake2b(name.encode("utf-8", "replace"), digest_size=4).digest()
        place = int.from_bytes(digest, "big") % _SLOTS * _SLOT.size
        now = time.monotonic()  # of the machine: the same clock in all its processes
        fcntl.lockf(self._handle, fcntl.LOCK_EX, _SLOT.size, place)
        try:
            left, seen = _SLOT.unpack_from(self._map, place)
            left = self._burst if not seen else left + (now - seen) * self._per_second
            left = min(left, self._burst)
            allowed = left >= 1
            _SLOT.pack_into(self._map, place, left - allowed, now)
        finally:
            fcntl.lockf(self._handle, fcntl.LOCK_UN, _SLOT.size, place)
        return 0.0 if allowed else (1 - left) / self._per_second

    def close(self) -> None:
        """Let go of the file."""
        self._map.close()
        os.close(self._handle)
