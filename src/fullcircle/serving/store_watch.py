"""Whether the online store gives what keyed requests need: looked at again and again."""

import asyncio
import logging
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from fullcircle.core.errors import FullCircleError
from fullcircle.serving.features import OnlineFeatures
from fullcircle.serving.runtime_dir import RuntimeDir, read_json, write_json

_logger = logging.getLogger("fullcircle.endpoint")
_PATIENCE_SECONDS = 5.0  # with a store that does not answer


class StoreWatch:
    """Knows whether features can be looked up.

    A table that was never published is no trouble: requests may bring all features. One that was,
    and is gone, is trouble, also for a worker that began later.

    Attributes:
        trouble: Why keyed requests cannot be answered; None where they can.
    """

    def __init__(self, folder: RuntimeDir, features: OnlineFeatures, seconds: float) -> None:
        """Take the endpoint's folder, the store, and how often it is looked at."""
        self._folder, self._features, self._seconds = folder, features, seconds
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._asked: asyncio.Future[set[str]] | None = None
        self._began = float("-inf")
        self.trouble: str | None = None

    def look(self, tables: Iterable[str]) -> None:
        """Take up what the last look has found, and look anew when it is time.

        Args:
            tables: Those that the champion looks features up in.
        """
        now = time.monotonic()
        if self._asked is not None and not self._asked.done():
            if now - self._began > _PATIENCE_SECONDS:
                self._note("The online store does not answer.")
            return
        if now - self._began < self._seconds:
            return
        self._began = now
        wanted = set(tables)
        if not wanted:
            self._note(None)
            return
        loop = asyncio.get_running_loop()
        self._asked = loop.run_in_executor(self._thread, self._features.find_published, wanted)
        self._asked.add_done_callback(lambda done: self._take(done, wanted))

    def _take(self, done: "asyncio.Future[set[str]]", wanted: set[str]) -> None:
        if done.cancelled():
            return
        if (error := done.exception()) is not None:
            self._note(f"The online store cannot be read: {error}")
            return
        before, found = self._read_published(), done.result()
        gone = sorted(before & wanted - found)
        self._note(f"The online store no longer holds {', '.join(gone)}." if gone else None)
        if not found <= before:
            try:
                write_json(self._folder.published, sorted(before | found))
            except FullCircleError as problem:
                _logger.error("%s", problem)

    def _read_published(self) -> set[str]:
        try:
            return set(map(str, read_json(self._folder.published) or []))
        except (FullCircleError, TypeError):
            return set()

    def _note(self, trouble: str | None) -> None:
        if trouble != self.trouble and trouble is not None:
            _logger.error("%s", trouble)
        self.trouble = trouble

    def close(self) -> None:
        """Ask no more, and release the store."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._features.close()
