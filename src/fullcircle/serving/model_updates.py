"""What the supervisor does for one problem: models fetched, log written, challenger watched."""

import fcntl
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Event, Thread
from typing import Any

from fullcircle.core.errors import FullCircleError
from fullcircle.serving.canary import CanaryMonitor, count_challenger
from fullcircle.serving.metrics import Metrics
from fullcircle.serving.model_files import Fetcher
from fullcircle.serving.plan import read_plan
from fullcircle.serving.runtime_dir import RuntimeDir, keep_reserve, read_json, write_json
from fullcircle.serving.settings import ServingSettings
from fullcircle.serving.status import read_workers, refuse_second
from fullcircle.serving.tokens import load_tokens
from fullcircle.serving.traffic import CHALLENGER, CHAMPION, read_traffic, set_traffic
from fullcircle.serving.uptime import Uptime

_logger = logging.getLogger("fullcircle.endpoint")
_JUDGE_SECONDS = 2.0
_STOP_SECONDS = 15.0


class Attempts:
    """Does things that may fail, and says why one failed, once for as long as it does.

    Attributes:
        failing: Why, by what fails.
    """

    def __init__(self) -> None:
        self.failing: dict[str, str] = {}

    def make(self, act: Callable[..., Any], *arguments: Any) -> Any:
        """Return what the act returns; None where it fails."""
        name = act.__name__
        try:
            done = act(*arguments)
        except Exception as error:  # whatever disk, registry or tables may raise
            text = str(error) if isinstance(error, FullCircleError) else repr(error)
            if self.failing.get(name) != text:
                self.failing[name] = text
                _logger.error("%s", text)
            return None
        self.failing.pop(name, None)
        return done


class ModelUpdater:
    """Keeps the folder of one problem of an endpoint.

    Attributes:
        folder: Where supervisor, workers and commands meet.
        problem: Its name.
        settings: Of the endpoint.
        tls: Certificate and key files; empty for none.
        tracking_uri: The registry's address.
        address: Where it is reached.
        beside: Names of the problems that share its processes.
        attempts: What fails, and why.
        log_trouble: Why the journal cannot be brought to the log.
        unlogged: Answers that no log will hold, known at the end.
        said: What it says of itself, whether its file could be written or not.
    """

    def __init__(self, folder: RuntimeDir) -> None:
        """Read the plan.

        Raises:
            ConfigurationError: The folder holds none.
        """
        plan = read_plan(folder)
        self.folder, self._plan = folder, plan
        self.problem = str(plan["contract"]["name"])
        self.settings = ServingSettings.model_validate(plan["settings"])
        self.tls: list[str] = plan["tls"]
        self.tracking_uri = str(plan["tracking_uri"])
        self.address = ""
        self.beside: list[str] = []
        self.attempts = Attempts()
        self.log_trouble: str | None = None
        self.unlogged = 0
        self.said: dict[str, Any] = {}
        self._uptime: Uptime | None = None
        self._fetcher = Fetcher(folder, plan["model"], plan["tracking_uri"])
        self._watchman = CanaryMonitor(self.settings.fallback)
        self._stopping = Event()
        self._last_asked = time.monotonic()
        self._asked = -1.0
        self._written: dict[str, Any] = {}
        self._reserved = True
        self._reserve_bytes = int(self.settings.log.reserve_mb * 2**20)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold the folder, which one supervisor may.

        Raises:
            StorageError: Another supervisor has it.
        """
        self.folder.path.mkdir(parents=True, exist_ok=True)
        with self.folder.lock.open("w", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                refuse_second(self.folder)
                raise
            yield

    def warn_of_strangers(self) -> None:
        """Say so where nobody can enter, though other machines reach the socket."""
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

    def clear_counters(self) -> None:
        """Forget what the workers of an earlier supervisor counted and said."""
        for folder in (self.folder.metrics, self.folder.workers):
            for path in folder.glob("*"):
                path.unlink(missing_ok=True)
        for path in self.folder.path.glob(f"{self.folder.limits.stem}.*.bin"):
            path.unlink(missing_ok=True)

    def start(self, metrics: Metrics) -> None:
        """Begin the errands, each in a thread of its own."""
        self._reserved = keep_reserve(self.folder.reserve, self._reserve_bytes)
        self._metrics = metrics
        self._uptime = Uptime(self.folder, 1 + len(self.beside))
        self._errands = [
            Thread(target=self._repeat, args=errand, daemon=True)
            for errand in (
                (self._fetcher.refresh, self.settings.watch_seconds),
                (self._collect, self.settings.log.commit_seconds),
                (self._judge, _JUDGE_SECONDS),
            )
        ]
        for errand in self._errands:
            errand.start()

    def _repeat(self, errand: Any, seconds: float) -> None:
        while True:
            self.attempts.make(errand)
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

    def count_idle_seconds(self) -> float:
        """Return for how long nobody has asked; who is still waking does not rest."""
        if not self._awake():
            self._last_asked = time.monotonic()
        return time.monotonic() - self._last_asked

    def _awake(self) -> bool:
        """Whether workers have taken what the registry has; who is still waking does not rest."""
        if not self._fetcher.asked:
            return False
        wanted = (read_json(self.folder.roles) or {}).get("roles", {}).get(CHAMPION)
        said = read_workers(self.folder)
        taken = [worker["model_versions"].get(CHAMPION) for worker in said]
        return bool(taken) and (wanted is None or any(taken))

    # The end

    def stop(self) -> None:
        """Ask the errands to end."""
        self._stopping.set()

    def end(self, workers: Sequence[dict[str, Any]]) -> None:
        """Put all that the workers said into the log, once they have ended."""
        for errand in self._errands:
            errand.join(_STOP_SECONDS)
        self.attempts.make(self._collect)
        self.unlogged = self.attempts.make(self._count_unlogged) or 0
        self.folder.reserve.unlink(missing_ok=True)
        self.attempts.make(self.report, "stopped", workers)

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

    def report(
        self, state: str, workers: Sequence[dict[str, Any]], failing: Sequence[str] = ()
    ) -> None:
        """Write down how it is.

        Args:
            state: What it is doing.
            workers: How each is.
            failing: What fails for all problems, and why.
        """
        if self._uptime is not None:
            self._uptime.beat(last=state != "serving")
        said = {
            "state": state,
            "address": self.address,
            "pid": os.getpid(),
            "workers": workers,
            "log": self.log_trouble or "ok",
            "files": sorted({*self.attempts.failing.values(), *failing}),
            "unlogged": self.unlogged,
            "registry": self._fetcher.trouble or "ok",
            "registry_asked": self._fetcher.asked,
        }
        if self.beside:
            said["beside"] = self.beside
        self.said = said
        if said != self._written:
            write_json(self.folder.status, {**said, "at": datetime.now(UTC).isoformat()})
            self._written = said
