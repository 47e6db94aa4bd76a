"""The supervisor: keeps workers alive, and the folder of each problem behind them."""

import os
import socket
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from threading import Event

from fullcircle.core.errors import ConfigurationError
from fullcircle.serving.metrics import Metrics
from fullcircle.serving.model_updates import Attempts, ModelUpdater
from fullcircle.serving.runtime_dir import OWNER_ONLY_UMASK, RuntimeDir
from fullcircle.serving.sockets import describe_address, is_private
from fullcircle.serving.status import describe_end
from fullcircle.serving.workers import Workers

_TURN_SECONDS = 0.25
_STOP_SECONDS = 15.0


class Supervisor:
    """Runs an endpoint of one problem or several.

    Host, port, workers, TLS, idle minutes and the limits of connections are the process group's:
    the first problem's settings hold.

    Attributes:
        listener: The socket that the workers share.
        address: Where it is reached.
        problems: The upkeep of each.
        workers: What answers.
    """

    def __init__(self, folders: Sequence[RuntimeDir], listener: socket.socket) -> None:
        """Read the plans.

        Raises:
            ConfigurationError: A folder holds no plan, or the problems cannot be served together.
        """
        self.listener = listener
        self.problems = [ModelUpdater(folder) for folder in folders]
        _check_together(self.problems)
        self._first, self._attempts = self.problems[0], Attempts()
        self.address = describe_address(listener, "https" if self._first.tls else "http")
        names = [one.problem for one in self.problems]
        for one in self.problems:
            one.beside = [name for name in names if name != one.problem]
            one.address = f"{self.address}/problems/{one.problem}" if one.beside else self.address
        self.workers = Workers(self._first.settings.workers, self._command, listener.fileno())

    def run(self, stop: Event) -> None:
        """Serve until the event is set or nobody has asked for long; then end in order.

        Raises:
            StorageError: Another supervisor has one of the folders.
        """
        before = os.umask(OWNER_ONLY_UMASK)
        try:
            with ExitStack() as held:
                for one in self.problems:
                    held.enter_context(one.hold())
                self._serve(stop)
        finally:
            os.umask(before)

    def describe_end(self) -> str:
        """Return a line for each problem that says what became of its answers."""
        if len(self.problems) == 1:
            return describe_end(self._first.said)
        return "\n".join(f"{one.problem}: {describe_end(one.said)}" for one in self.problems)

    def _serve(self, stop: Event) -> None:
        for one in self.problems:
            if not is_private(self.listener):
                one.warn_of_strangers()
            one.clear_counters()
        for one in self.problems:
            # prometheus_client keeps one set of files a process: the first folder has all.
            one.start(Metrics(self._first.folder.metrics, one.problem))
        while not stop.is_set() and not self._attempts.make(self._idle):
            # Nothing that happens to the endpoint's own files ends the endpoint.
            self._report()
            self._attempts.make(self.workers.start_missing)
            stop.wait(_TURN_SECONDS)
        self._end()

    def _command(self, number: int) -> list[str]:
        folders = [str(one.folder.path) for one in self.problems]
        arguments = [str(number), str(self.listener.fileno()), *folders]
        return [sys.executable, "-m", "fullcircle.serving.worker", *arguments]

    def _report(self) -> None:
        workers, failing = self.workers.describe(), list(self._attempts.failing.values())
        for one in self.problems:
            one.attempts.make(one.report, "serving", workers, failing)

    def _idle(self) -> bool:
        seconds = [one.count_idle_seconds() for one in self.problems]
        minutes = self._first.settings.idle_minutes
        return minutes is not None and min(seconds) > 60 * minutes

    def _end(self) -> None:
        """Let workers finish, and put all that they said into the logs."""
        self.workers.ask_to_stop()
        # Ours too: with any descriptor open, new connections would wait for an answer in vain.
        self.listener.close()
        self.workers.wait(_STOP_SECONDS)
        for one in self.problems:
            one.stop()
        for one in self.problems:
            one.end(self.workers.describe())


def _check_together(problems: Sequence[ModelUpdater]) -> None:
    """Refuse problems that cannot share processes.

    Raises:
        ConfigurationError: Two have one name, or they have different registries.
    """
    counted = Counter(one.problem for one in problems)
    if twice := [name for name, count in counted.items() if count > 1]:
        raise ConfigurationError(
            f"{twice[0]} was given twice, and each problem has one address. Name it once."
        )
    if len({one.tracking_uri for one in problems}) > 1:
        raise ConfigurationError(
            f"{', '.join(counted)} have different tracking servers. Serve them apart."
        )
