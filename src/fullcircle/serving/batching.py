"""Requests that wait together are scored together.

Nobody waits for company: whatever has come while the model was busy, or within the same turn of the
event loop, is scored next. Alone, a request goes through at once.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from fullcircle.core.errors import FullCircleError
from fullcircle.serving.bodies import Body
from fullcircle.serving.scoring import Part

# Scored on the event loop, which they hold for a few milliseconds at most; more go to a thread.
_INLINE_ROWS = 256
_BATCH_ROWS = 4096

Score = Callable[[Sequence[Body], Sequence[str]], list[list[Part]]]


class BusyError(FullCircleError):
    """More waits than may wait."""


@dataclass
class PendingRequest:
    """A request that waits.

    Attributes:
        id: Of the request.
        body: What it asks for.
        done: Its parts, once they are there.
        cpu_ms: Its share of the processor's time since the last scoring.
    """

    id: str
    body: Body
    done: asyncio.Future[list[Part]]
    cpu_ms: float = field(default=0.0)


class Batcher:
    """Collects requests and has them scored."""

    def __init__(self, score: Score, max_waiting_rows: int, *, inline: bool) -> None:
        """Take what scores.

        Args:
            score: Scores several requests.
            max_waiting_rows: With more rows waiting, no request is taken.
            inline: Whether few rows may be scored on the event loop itself.
        """
        self._score, self._most, self._inline = score, max_waiting_rows, inline
        self._waiting: list[PendingRequest] = []
        self._rows = 0
        self._scheduled = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="scoring")
        self._cpu = time.process_time()

    async def submit(self, name: str, body: Body) -> tuple[list[Part], float]:
        """Have a request scored.

        Returns:
            Its parts, and its share of the processor's time in milliseconds.

        Raises:
            BusyError: Too much waits already.
        """
        if self._rows + body.rows > self._most:
            raise BusyError("Too many rows wait to be scored. Try again in a moment.")
        loop = asyncio.get_running_loop()
        job = PendingRequest(name, body, loop.create_future())
        self._waiting.append(job)
        self._rows += body.rows
        if not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._flush)
        return await job.done, job.cpu_ms

    def _flush(self) -> None:
        jobs, rows = self._take()
        if self._inline and rows <= _INLINE_ROWS:
            self._settle(jobs, self._try(jobs))
            self._again()
            return
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._thread, self._try, jobs)

        def finish(done: asyncio.Future[list[list[Part]] | Exception]) -> None:
            self._settle(jobs, done.result())
            self._again()

        future.add_done_callback(finish)

    def _take(self) -> tuple[list[PendingRequest], int]:
        jobs: list[PendingRequest] = []
        rows = 0
        while self._waiting and (not jobs or rows + self._waiting[0].body.rows <= _BATCH_ROWS):
            jobs.append(self._waiting.pop(0))
            rows += jobs[-1].body.rows
        self._rows -= rows
        return jobs, rows

    def _again(self) -> None:
        self._scheduled = bool(self._waiting)
        if self._scheduled:
            asyncio.get_running_loop().call_soon(self._flush)

    def _try(self, jobs: list[PendingRequest]) -> list[list[Part]] | Exception:
        try:
            return self._score([job.body for job in jobs], [job.id for job in jobs])
        except Exception as error:
            return error

    def _settle(self, jobs: list[PendingRequest], found: list[list[Part]] | Exception) -> None:
        cpu = time.process_time()
        share, self._cpu = (cpu - self._cpu) * 1000 / len(jobs), cpu
        for place, job in enumerate(jobs):
            job.cpu_ms = share
            if job.done.cancelled():
                continue
            if isinstance(found, Exception):
                job.done.set_exception(found)
            else:
                job.done.set_result(found[place])

    def close(self) -> None:
        """Let the thread go."""
        self._thread.shutdown(wait=True)
