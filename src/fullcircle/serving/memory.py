"""How much memory this process holds."""

import time
from functools import lru_cache
from typing import Any

_SECONDS = 1.0


class ResidentMemory:
    """Reads the resident memory of this process, once a second at most."""

    def __init__(self) -> None:
        import psutil

        self._process: Any = psutil.Process()
        self._read_at, self._bytes = 0.0, 0

    def read(self) -> int:
        """Return the resident bytes of a moment ago."""
        now = time.monotonic()
        if not self._bytes or now - self._read_at >= _SECONDS:
            self._read_at, self._bytes = now, int(self._process.memory_info().rss)
        return self._bytes


@lru_cache(1)
def _open_reader() -> ResidentMemory:
    return ResidentMemory()


def count_resident_bytes() -> int:
    """Return how many bytes of memory this process holds."""
    return _open_reader().read()
