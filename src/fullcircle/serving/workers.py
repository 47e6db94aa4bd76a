"""The supervisor's workers: started, started again when they die, and ended in order."""

import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

_logger = logging.getLogger("fullcircle.endpoint")
_LONGEST_PAUSE = 30.0  # before a worker that died at once is started again
_QUICK_DEATH_SECONDS = 5.0


@dataclass
class WorkerSlot:
    """A worker's place.

    Attributes:
        number: From 0.
        process: Its process; None while there is none.
        began: When it was started, by a steady clock.
        pause: Seconds to wait before the next start: longer where it dies at once.
        deaths: How often it died.
    """

    number: int
    process: subprocess.Popen[bytes] | None = None
    began: float = 0.0
    pause: float = 0.0
    deaths: int = 0

    def lengthen_pause(self) -> None:
        """Wait twice as long before the next start."""
        self.pause = min(max(1.0, 2 * self.pause), _LONGEST_PAUSE)


class Workers:
    """Keeps workers alive."""

    def __init__(self, count: int, command: Callable[[int], list[str]], descriptor: int) -> None:
        """Start nothing yet.

        Args:
            count: How many workers there are.
            command: Gives the command of a worker by its number.
            descriptor: Of the socket that they share.
        """
        self._command, self._descriptor = command, descriptor
        self._slots = [WorkerSlot(number) for number in range(count)]

    def start_missing(self) -> None:
        """Take note of workers that ended, and start those whose pause is over."""
        now = time.monotonic()
        for slot in self._slots:
            self._note_end(slot, now)
            if slot.process is None and now - slot.began >= slot.pause:
                slot.began = now
                try:
                    slot.process = self._start(slot.number)
                except OSError as error:
                    slot.lengthen_pause()
                    _logger.error("worker %d cannot be started: %s", slot.number, error)

    def _note_end(self, slot: WorkerSlot, now: float) -> None:
        if slot.process is None or slot.process.poll() is None:
            return
        if now - slot.began < _QUICK_DEATH_SECONDS:
            slot.lengthen_pause()
        else:
            slot.pause = 0.0
        slot.deaths += 1
        slot.began = now
        _logger.warning("worker %d ended (%s)", slot.number, slot.process.returncode)
        slot.process = None

    def _start(self, number: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - our own module
            self._command(number),
            pass_fds=[self._descriptor],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            start_new_session=True,  # Ctrl-C is for the supervisor, which ends them in order
        )

    def ask_to_stop(self) -> None:
        """Ask all to end in order."""
        for process in self._running():
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)

    def wait(self, seconds: float) -> None:
        """Wait for their end, and kill those that take longer."""
        last = time.monotonic() + seconds
        for process in self._running():
            try:
                process.wait(max(0.1, last - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _running(self) -> list[subprocess.Popen[bytes]]:
        return [slot.process for slot in self._slots if slot.process is not None]

    def describe(self) -> list[dict[str, Any]]:
        """Return number, process and deaths of each."""
        return [
            {
                "number": slot.number,
                "pid": slot.process.pid if slot.process else None,
                "deaths": slot.deaths,
            }
            for slot in self._slots
        ]
