"""When the endpoint was up: kept in a file, so that hours can be priced later."""

import os
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from fullcircle.core.errors import StorageError
from fullcircle.serving.runtime_dir import RuntimeDir, read_json, write_json

_SECONDS = 15.0  # so much may be missing of a span that ended with the power


class Uptime:
    """Keeps the spans in which a supervisor ran, and how many cores its machine has."""

    def __init__(self, folder: RuntimeDir, problems: int = 1) -> None:
        """Begin a span, which so many problems share."""
        self._path = folder.uptime
        spans: list[list[str | int]] = []
        with suppress(StorageError):  # a file that was cut off tells nothing any more
            known = read_json(self._path)
            spans = known.get("spans", []) if isinstance(known, dict) else []
        now = datetime.now(UTC).isoformat()
        spans = [*spans, [now, now, problems]]
        self._said: dict[str, Any] = {"cores": os.cpu_count() or 1, "spans": spans}
        self._written_at = -_SECONDS

    def beat(self, *, last: bool = False) -> None:
        """Take note that the endpoint is up, every few seconds and at its end."""
        now = time.monotonic()
        if last or now - self._written_at >= _SECONDS:
            self._written_at = now
            self._said["spans"][-1][1] = datetime.now(UTC).isoformat()
            with suppress(StorageError):  # of a full disk others tell; the next beat tries again
                write_json(self._path, self._said)
