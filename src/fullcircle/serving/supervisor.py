"""The supervisor: keeps workers alive, models fetched, the log written, the challenger watched."""

import fcntl
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from typing import Any

from fullcircle.core.errors import FullCircleError
from fullcircle.serving.doors import describe_address, is_private
from fullcircle.serving.fallback import Watchman, count_challenger
from fullcircle.serving.fetching import Fetcher
from fullcircle.serving.folder import (
    OWNER_ONLY_UMASK,
    EndpointFolder,
    keep_reserve,
    read_json,
    write_json,
)
from fullcircle.serving.metrics import Metrics
from fullcircle.serving.plan import read_plan
from fullcircle.serving.settings import ServingSettings
from fullcircle.serving.steering import read_workers, refuse_second
from fullcircle.serving.tokens import load_tokens
from fullcircle.serving.traffic import CHALLENGER, CHAMPION, read_traffic, set_traffic

_logger = logging.getLogger("fullcircle.endpoint")
_TURN_SECONDS = 0.25
_JUDGE_SECONDS = 2.0
_STOP_SECONDS = 15.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.0, 30.0  # before a worker that died is started again
_QUICK_DEATH_SECONDS = 5.0


@dataclass
class Chair:
    """A worker's place.

    Attributes:
        number: From 0.
        process: Its process; None while nobody sits there.
        began: When it was started, by a steady clock.
        pause: Seconds to wait before the next start: longer where it dies at once.
        deaths: How often it died.
    """

    number: int
    process: subprocess.Popen[bytes] | None = None
    began: float = 0.0
    pause: float = _FIRST_PAUSE
    deaths: int = 0


@dataclass
class Supervisor:
    """Runs an endpoint.

    Attributes:
        folder: Where all meet.
        door: The socket that the workers share.
        tls: Certificate and key files; empty for none.
        chairs: Places of the workers.
        log_trouble: Why the journal cannot be brought to the log.
        unlogged: Answers that no log will hold, known at the end.
        said: What it says of itself, whether its file could be written or not.
    """

    folder: EndpointFolder
    door: socket.socket
    tls: tuple[Path, ...] = ()
    chairs: list[Chair] = field(default_factory=list)
    log_trouble: str | None = None
    unlogged: int = 0
    said: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        plan = read_plan(self.folder)
        self.address = describe_address(self.door, "https" if self.tls else "http")
        self.settings = ServingSettings.model_validate(plan["settings"])
        self._plan = plan
        self._fetcher = Fetcher(self.folder, plan["model"], plan["tracking_uri"])
        self._watchman = Watchman(self.settings.fallback)
        self._stopping = Event()
        self._last_asked = time.monotonic()
        self._asked = -1.0
        self._failing: dict[str, str] = {}
        self._written: dict[str, Any] = {}
        self._reserved = True
        self._reserve_bytes = int(self.settings.log.reserve_mb * 2**20)

    def run(self, stop: Event) -> None:
        """Serve until the event is set or nobody has asked for long; then end in order.

        Raises:
            StorageError: Another supervisor has this folder.
        """
        before = os.umask(OWNER_ONLY_UMASK)
        try:
            with self._alone():
                self._serve(stop)
        finally:
            os.umask(before)

    def _serve(self, stop: Event) -> None:
        self._warn_of_strangers()
        self._clear_counters()
        self._reserved = keep_reserve(self.folder.reserve, self._reserve_bytes)
        self._metrics = Metrics(self.folder.metrics)
        self.chairs = [Chair(number) for number in range(self.settings.workers)]
        errands = [
            Thread(target=self._repeat, args=errand, daemon=True)
            for errand in (
                (self._fetcher.refresh, self.settings.watch_seconds),
                (self._collect, self.settings.log.commit_seconds),
                (self._judge, _JUDGE_SECONDS),
            )
        ]
        for errand in errands:
            errand.start()
        while not stop.is_set() and not self._attempt(self._idle):
            # Nothing that happens to the endpoint's own files ends the endpoint.
            self._attempt(self._report, "serving")
            self._attempt(self._seat_workers)
            stop.wait(_TURN_SECONDS)
        self._end(errands)

    def _attempt(self, act: Callable[..., Any], *arguments: Any) -> Any:
        """Do something that may fail, and say why it failed, once for as long as it does."""
        name = act.__name__
        try:
            done = act(*arguments)
        except Exception as error:  # whatever disk, registry or tables may raise
            text = str(error) if isinstance(error, FullCircleError) else repr(error)
            if self._failing.get(name) != text:
                self._failing[name] = text
                _logger.error("%s", text)
            return None
        self._failing.pop(name, None)
        return done

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self.folder.path.mkdir(parents=True, exist_ok=True)
        with self.folder.lock.open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                refuse_second(self.folder)
                raise
            yield

    def _warn_of_strangers(self) -> None:
        """Say so where other machines reach the socket and nobody can enter."""
        if is_private(self.door):
            return
        try:
            tokens = load_tokens(self.folder)
        except FullCircleError as error:
            _logger.error("%s", error)
            return
        if not tokens:
            _logger.warning(
                "%s is reached from other machines, and there is no token: every request gets 401. "
                "Make one: kedro endpoint token create --name NAME.",
                self.address,
            )

    def _clear_counters(self) -> None:
        for folder in (self.folder.metrics, self.folder.workers):
            for path in folder.glob("*"):
                path.unlink(missing_ok=True)
        for path in self.folder.path.glob(f"{self.folder.limits.stem}.*.bin"):
            path.unlink(missing_ok=True)

    # Workers

    def _seat_workers(self) -> None:
        now = time.monotonic()
        for chair in self.chairs:
            if chair.process is not None and chair.process.poll() is not None:
                quick = now - chair.began < _QUICK_DEATH_SECONDS
                chair.pause = min(max(1.0, 2 * chair.pause), _LONGEST_PAUSE) if quick else 0.0
                chair.deaths += 1
                chair.began = now
                _logger.warning("worker %d ended (%s)", chair.number, chair.process.returncode)
                chair.process = None
            if chair.process is None and now - chair.began >= chair.pause:
                chair.began = now
                try:
                    chair.process = self._start(chair.number)
                except OSError as error:
                    chair.pause = min(max(1.0, 2 * chair.pause), _LONGEST_PAUSE)
                    _logger.error("worker %d cannot be started: %s", chair.number, error)

    def _start(self, number: int) -> subprocess.Popen[bytes]:
        descriptor = self.door.fileno()
        arguments = [str(self.folder.path), str(number), str(descriptor), *map(str, self.tls)]
        return subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "fullcircle.serving.worker", *arguments],
            pass_fds=[descriptor],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            start_new_session=True,  # Ctrl-C is for the supervisor, which ends them in order
        )

    # Errands

    def _repeat(self, errand: Any, seconds: float) -> None:
        while True:
            self._attempt(errand)
            if self._stopping.wait(seconds):
                return

    def _collect(self) -> None:
        try:
            self._reserved = keep_reserve(self.folder.reserve, self._reserve_bytes)
            self._open_collector().collect()
        except Exception as error:
            self.log_trouble = str(error).partition("\n")[0]
            raise
        self.log_trouble = None
        if not self._reserved:
            self.log_trouble = "the disk is nearly full, and no room is kept for the journal"

    def _open_collector(self) -> Any:
        # Kedro's datasets come with it: workers answer before it is here.
        from fullcircle.datasets import StreamTableDataset
        from fullcircle.serving.collector import Collector

        tables = self._plan["log"]
        requests, predictions = (
            StreamTableDataset(filepath=tables[name], partition_by=["date"])
            for name in ("requests", "predictions")
        )
        keep_days = self.settings.log.keep_days
        return Collector(self.folder.journal, requests, predictions, keep_days)

    def _judge(self) -> None:
        """Send the challenger's share back to the champion where it has to go."""
        traffic = read_traffic(read_json(self.folder.traffic))
        version = (read_json(self.folder.roles) or {}).get("roles", {}).get(CHALLENGER)
        text = self._metrics.show()[0].decode()
        self._note_requests(text)
        why = self._watchman.judge(version, count_challenger(text), time.monotonic())
        if why is not None and traffic.share_of(version) > 0:
            _logger.error("the challenger's share goes back to the champion: %s", why)
            set_traffic(self.folder, 0.0, why, "fall-back")

    def _note_requests(self, text: str) -> None:
        asked = sum(
            float(line.rpartition(" ")[2])
            for line in text.splitlines()
            if line.startswith("fullcircle_requests_total{") and "/invocations" in line
        )
        if asked != self._asked:
            self._asked, self._last_asked = asked, time.monotonic()

    def _idle(self) -> bool:
        if not self._awake():
            self._last_asked = time.monotonic()
        minutes = self.settings.idle_minutes
        return minutes is not None and time.monotonic() - self._last_asked > 60 * minutes

    def _awake(self) -> bool:
        """Whether workers have taken what the registry has; who is still waking does not rest."""
        if not self._fetcher.asked:
            return False
        wanted = (read_json(self.folder.roles) or {}).get("roles", {}).get(CHAMPION)
        said = read_workers(self.folder)
        taken = [worker["model_versions"].get(CHAMPION) for worker in said]
        return bool(taken) and (wanted is None or any(taken))

    # The end

    def _end(self, errands: list[Thread]) -> None:
        """Let workers finish, and put all that they said into the log."""
        running = [chair.process for chair in self.chairs if chair.process is not None]
        for process in running:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        # Ours too: with any descriptor open, new connections would wait for an answer in vain.
        self.door.close()
        last = time.monotonic() + _STOP_SECONDS
        for process in running:
            try:
                process.wait(max(0.1, last - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._stopping.set()
        for errand in errands:
            errand.join(_STOP_SECONDS)
        self._attempt(self._collect)
        self.unlogged = self._attempt(self._count_unlogged) or 0
        self.folder.reserve.unlink(missing_ok=True)
        self._attempt(self._report, "stopped")

    def _count_unlogged(self) -> int:
        """Count the answers that no log will hold: given up, or waiting in a worker that ended."""
        from prometheus_client.parser import text_string_to_metric_families

        wanted = ("fullcircle_log_waiting_lines", "fullcircle_log_lost_lines")
        families = text_string_to_metric_families(self._metrics.show()[0].decode())
        return int(
            sum(
                sample.value
                for family in families
                for sample in family.samples
                if sample.name in wanted
            )
        )

    def _report(self, state: str) -> None:
        said = {
            "state": state,
            "address": self.address,
            "pid": os.getpid(),
            "workers": [
                {
                    "number": c.number,
                    "pid": c.process.pid if c.process else None,
                    "deaths": c.deaths,
                }
                for c in self.chairs
            ],
            "log": self.log_trouble or "ok",
            "files": sorted(self._failing.values()),
            "unlogged": self.unlogged,
            "registry": self._fetcher.trouble or "ok",
            "registry_asked": self._fetcher.asked,
        }
        self.said = said
        if said != self._written:
            write_json(self.folder.status, {**said, "at": datetime.now(UTC).isoformat()})
            self._written = said
