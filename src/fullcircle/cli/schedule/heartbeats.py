"""What each scheduled job did last: one small file a job, in the folder of its environment."""

import os
import socket
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import psutil
from pydantic import BaseModel, ConfigDict, ValidationError

from fullcircle.storage.row_files import append_lines, replace_file

State = Literal["waiting", "running", "succeeded", "failed"]
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class RunningProcess(BaseModel):
    """The process of a run, recognised even if its number is given to another.

    Attributes:
        host: Its machine.
        pid: Its number.
        started: When it was started, in seconds of the epoch.
    """

    model_config = ConfigDict(frozen=True)

    host: str
    pid: int
    started: float

    @classmethod
    def current(cls) -> "RunningProcess":
        """Describe this process."""
        pid = os.getpid()
        return cls(host=socket.gethostname(), pid=pid, started=psutil.Process(pid).create_time())

    def is_gone(self) -> bool:
        """Return whether it certainly ended; of another machine nothing is known."""
        if self.host != socket.gethostname():
            return False
        try:
            return bool(abs(psutil.Process(self.pid).create_time() - self.started) > 1)
        except psutil.NoSuchProcess:
            return True
        except psutil.AccessDenied:
            return False


class Heartbeat(BaseModel):
    """What a job did last.

    Attributes:
        job: Its name.
        watched_since: Moments before this are not asked for.
        state: ``waiting`` before the first run.
        begun_at: When the newest run began.
        ended_at: When the newest run that ended did so.
        succeeded_at: When the newest run that succeeded began.
        attempts: Of the newest run.
        reason: Why the newest run failed.
        process: What runs now.
    """

    model_config = ConfigDict(frozen=True)

    job: str
    watched_since: datetime
    state: State = "waiting"
    begun_at: datetime | None = None
    ended_at: datetime | None = None
    succeeded_at: datetime | None = None
    attempts: int = 0
    reason: str | None = None
    process: RunningProcess | None = None


class HeartbeatStore:
    """The heartbeats of one environment.

    Args:
        folder: Where they lie.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, job: str, now: datetime) -> Heartbeat:
        """Return a job's heartbeat; one that was never seen is watched from now on.

        A file that cannot be read makes the job look as if it had never run, so that it is told.
        """
        path = self._path(job)
        if not path.is_file():
            fresh = Heartbeat(job=job, watched_since=now)
            self._write(fresh)
            return fresh
        with suppress(ValidationError, OSError, ValueError):
            return Heartbeat.model_validate_json(path.read_text(encoding="utf-8"))
        return Heartbeat(job=job, watched_since=_LONG_AGO)

    def begin(self, job: str, now: datetime) -> Heartbeat:
        """Note that a run begins in this process."""
        before = self.read(job, now)
        changed = {"state": "running", "begun_at": now, "attempts": 0, "reason": None}
        began = before.model_copy(update={**changed, "process": RunningProcess.current()})
        self._write(began)
        return began

    def end(
        self, job: str, state: State, now: datetime, *, attempts: int = 1, reason: str | None = None
    ) -> Heartbeat:
        """Note how a run ended, and keep a line of it in ``runs.jsonl``."""
        before = self.read(job, now)
        begun = before.begun_at if before.state == "running" and before.begun_at else now
        changed: dict[str, Any] = {"state": state, "begun_at": begun, "ended_at": now}
        changed |= {"attempts": attempts, "reason": reason, "process": None}
        if state == "succeeded":
            changed["succeeded_at"] = begun
        ended = before.model_copy(update=changed)
        self._write(ended)
        line = ended.model_dump(mode="json", include={*changed, "job"} - {"process"})
        append_lines(self.folder / "runs.jsonl", [line])
        return ended

    def list_names(self, prefix: str) -> list[str]:
        """Return the names of all that was ever noted here and begins so."""
        return sorted(path.stem for path in self.folder.glob(f"{prefix}*.json"))

    def report(self, job: str, state: State, now: datetime, reason: str | None) -> None:
        """Note what a scheduler says of a run; what the run noted of itself says more."""
        before = self.read(job, now)
        if state == "failed" and before.state == "failed" and reason is None:
            return
        self.end(job, state, now, attempts=max(1, before.attempts), reason=reason)

    def _path(self, job: str) -> Path:
        return self.folder / f"{job}.json"

    def _write(self, heartbeat: Heartbeat) -> None:
        replace_file(self._path(heartbeat.job), heartbeat.model_dump_json(indent=1))
