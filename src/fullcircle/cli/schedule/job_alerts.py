"""Telling the alert channels about jobs: what failed, died or is late, and that it is over."""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from fullcircle.cli.schedule.declared_jobs import read_settings
from fullcircle.cli.schedule.heartbeats import HeartbeatStore
from fullcircle.cli.schedule.jobs import Job
from fullcircle.cli.schedule.overdue import (
    SERVICE_PREFIX,
    SOURCE,
    find_condition,
    find_service_condition,
)
from fullcircle.core.alerts import AlertSettings, WindowConditions, decide
from fullcircle.storage.locks import hold_lock

# What lasts is told again by the next daily run, a little early or late.
_SETTINGS = AlertSettings(cool_down_days=0.8)
_LOCK_SECONDS = 300.0
_SECRET_NAME = re.compile(r"PASSWORD|SECRET|TOKEN|KEY|CREDENTIAL", re.IGNORECASE)
_USER_INFO = re.compile(r"(\w+://)[^/\s@]+@")
_SHORTEST_SECRET = 6


class Environment:
    """Where the jobs of one environment keep their heartbeats, and whom they tell.

    Args:
        settings: The globals of the environment.
        credentials: Its credentials.
        project: The project's folder.
    """

    def __init__(
        self, settings: Mapping[str, Any], credentials: Mapping[str, Any], project: Path
    ) -> None:
        self.name = str(settings["catalog_name"])
        self.folder = project / str(settings["data_dir"]) / "08_reporting" / "jobs"
        self.heartbeats = HeartbeatStore(self.folder)
        self._credentials = credentials
        self._channels = settings.get("alert_channels")

    @classmethod
    def find_for_service(cls, project: Path) -> "Environment":
        """Return the environment that the scheduler's own variables choose."""
        return cls(*read_settings(None, project), project)

    @classmethod
    def find(cls, job: Job, project: Path) -> "Environment":
        """Return the environment of a job."""
        return cls(*read_settings(job, project), project)

    def conceal(self, text: str) -> str:
        """Take every secret out of a text: credentials, secret variables, passwords in addresses.

        What a program printed last goes to people and files, so it must hold none.
        """
        variables = [value for name, value in os.environ.items() if _SECRET_NAME.search(name)]
        secrets = {*_find_texts(self._credentials), *variables}
        for secret in sorted(secrets, key=len, reverse=True):
            if len(secret) >= _SHORTEST_SECRET:
                text = text.replace(secret, "…")
        return _USER_INFO.sub(r"\1…@", text)

    def watch(self, jobs: Sequence[Job], now: datetime) -> list[dict[str, Any]]:
        """Look at jobs, tell the channels what is news, and return what is wrong."""
        from fullcircle.datasets.alerts_dataset import AlertsDataset

        alerts = self.folder / "alerts"
        sender = AlertsDataset(
            filepath=str(alerts), name=f"{self.name} jobs", credentials=self._find_channels()
        )
        with hold_lock(alerts / ".lock", "telling of jobs", wait_seconds=_LOCK_SECONDS):
            found = [find_condition(job, self.heartbeats.read(job.name, now), now) for job in jobs]
            found += [
                find_service_condition(self.heartbeats.read(name, now))
                for name in self.heartbeats.list_names(SERVICE_PREFIX)
            ]
            seen = WindowConditions(tuple(each for each in found if each), frozenset({SOURCE}))
            decision = decide(seen, _read_memory(alerts), now, _SETTINGS)
            sender.save({"as_of": now.isoformat(), "dry_run": False, **decision})
        return list(decision["open"])

    def _find_channels(self) -> Mapping[str, Any] | None:
        """Return the declared channels; a name without credentials is itself a failing channel."""
        if not self._channels:
            return None
        found = self._credentials.get(self._channels)
        return found if isinstance(found, Mapping) else {str(self._channels): None}


def find_environments(
    jobs: Iterable[Job], project: Path
) -> Iterator[tuple[Environment, list[Job]]]:
    """Group jobs by the folder that their environments share."""
    groups: dict[Path, tuple[Environment, list[Job]]] = {}
    for job in jobs:
        environment = Environment.find(job, project)
        groups.setdefault(environment.folder, (environment, []))[1].append(job)
    yield from groups.values()


def _read_memory(folder: Path) -> dict[str, Any] | None:
    """Read what was told and is not over: a job that fails anew after a success is news."""
    with suppress(OSError, ValueError, AttributeError):
        memory = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        alerts = memory.get("alerts", {})
        return {**memory, "alerts": {key: found for key, found in alerts.items() if found["open"]}}
    return None


def _find_texts(value: Any) -> Iterator[str]:
    """Return every text within nested credentials."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _find_texts(inner)
