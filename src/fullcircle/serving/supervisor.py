"""The supervisor: keeps workers alive, models fetched, the log written, the challenger watched."""

import fcntl
import logging
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
from fullcircle.serving.uptime import Uptime
from fullcircle.serving.workers import Workers

_logger = logging.getLogger("fullcircle.endpoint")
_TURN_SECONDS = 0.25
_JUDGE_SECONDS = 2.0
_STOP_SECONDS = 15.0


@dataclass
class Supervisor:
    """Runs an endpoint.

    Attributes:
        folder: Where all meet.
        door: The socket that the workers share.
        tls: Certificate and key files; empty for none.
        log_trouble: Why the journal cannot be brought to the log.
        unlogged: Answers that no log will hold, known at the end.
        said: What it says of itself, whether its file could be written or not.
    """

    folder: EndpointFolder
    door: socket.socket
    tls: tuple[Path, ...] = ()
    log_trouble: str | None = None
    unlogged: int = 0
    said: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        plan = read_plan(self.folder)
        self.address = describe_address(self.door, "https" if self.tls else "http")
        self.settings = ServingSettings.model_validate(plan["settings"])
        self._plan = plan
        self._uptime: Uptime | None = None
        self.workers = Workers(self.settings.workers, self._command, self.door.fileno())
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
        self._uptime = Uptime(self.folder)
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
            self._attempt(self.workers.start_missing)
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

    def _command(self, number: int) -> list[str]:
        descriptor = str(self.door.fileno())
        arguments = [str(self.folder.path), str(number), descriptor, *map(str, self.tls)]
        return [sys.executable, "-m", "fullcircle.serving.worker", *arguments]

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self.folder.path.mkdir(parents=True, exist_ok=True)
        with self.folder.lock.open("w", encoding="utf-8") as lock:
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
        self.workers.ask_to_stop()
        # Ours too: with any descriptor open, new connections would wait for an answer in vain.
        self.door.close()
        self.workers.wait(_STOP_SECONDS)
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
        if self._uptime is not None:
            self._uptime.beat(last=state != "serving")
        said = {
            "state": state,
            "address": self.address,
            "pid": os.getpid(),
            "workers": self.workers.describe(),
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
