"""The registry's log, kept where the registry is: one run of an MLflow experiment per act.

So it is shared by all who share the server, written under their own names, and seen in the UI.
A run's status says how far the act came: RUNNING while it is under way, FINISHED when it is done,
KILLED when it was given up. What became of an act whose process died is settled by the next one.
An act that is under way keeps others waiting, so that no two move aliases at once: each writes its
entry first and looks afterwards who else did; of two that meet, at least one sees the other and
stands back (the bakery of Lamport, CACM 17 (1974) 453-455).
"""

import os
import platform
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import psutil

from fullcircle.core.audit_log.chain import Entry, Kept, newest_seals
from fullcircle.core.errors import ModelError
from fullcircle.tracking.registry.actors import identify_actor, name_actor

_STATES = {"RUNNING": "under way", "FINISHED": "done"}
_PATIENCE_SECONDS = 20.0
_STALE_SECONDS = 120.0
_NEWEST = 50  # entries that an act looks at: more than can ever be under way
_ENTRY, _SEAL, _PROCESS = "entry", "seal", "process"


class AuditLog:
    """The log of one registered model."""

    def __init__(
        self,
        model: str,
        tracking_uri: str | None = None,
        settle: Callable[[Entry], bool] = lambda _: False,
    ) -> None:
        """Open a log.

        Args:
            model: The model's three-level name.
            tracking_uri: MLflow's server; None takes the current one.
            settle: Takes back what came of an act whose process died, and tells whether instead
                all of it had been done.
        """
        from mlflow import MlflowClient

        self.model = model
        self._settle = settle
        self._client = MlflowClient(tracking_uri=tracking_uri)
        self._experiment: str | None = None

    def entries(self) -> list[Kept]:
        """Give every entry, oldest first."""
        return list(map(_as_kept, self._runs()))[::-1]

    def find_entries(self, version: str) -> list[Kept]:
        """Give the entries on a version, oldest first, without reading all others."""
        named = f"attributes.run_name LIKE '%v{version}'"
        return list(map(_as_kept, self._runs(named)))[::-1]

    def recover(self) -> None:
        """Settle the acts whose processes died, if there are any.

        Raises:
            ModelError: The tracking server does not say who is at work.
        """
        self._someone_is_at_work(list(islice(self._runs(), _NEWEST)))

    @contextmanager
    def record(self, prepare: Callable[[], Entry]) -> Iterator[Entry]:
        """Write an entry, let the caller carry it out alone, and note that it was done.

        Args:
            prepare: Gives the entry by how the registry stands; called when nobody else is at work.
                Number, moment, actor and predecessors are filled in here.

        Raises:
            ModelError: Somebody else is at work and does not end.
        """
        run, entry = self._take_turn(prepare)
        try:
            yield entry
        except BaseException:
            self._client.set_terminated(run, "KILLED")
            raise
        self._client.set_terminated(run, "FINISHED")

    def _take_turn(self, prepare: Callable[[], Entry]) -> tuple[str, Entry]:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline:
            before = list(islice(self._runs(), _NEWEST))
            if self._someone_is_at_work(before):
                time.sleep(0.2)
                continue
            entry = _follow(before, prepare(), self._client.tracking_uri)
            run = self._write(entry)
            if self._is_alone(run, before):
                return run, entry
            self._client.set_terminated(run, "KILLED")
            time.sleep(random.uniform(0.05, 0.5))  # noqa: S311 - who goes first is no secret
        raise ModelError(
            f"Somebody else is at work on {self.model}: {self._name_workers()}. Try again."
        )

    def _someone_is_at_work(self, runs: list[Any]) -> bool:
        """Tell whether an act is under way; settle those whose process is gone, newest first."""
        working = [run for run in runs if run.info.status == "RUNNING"]
        for run in list(working):
            if _is_stale(run):
                self._client.set_terminated(run.info.run_id, self._settle_run(run))
                working.remove(run)
        return bool(working)

    def _settle_run(self, run: Any) -> str:
        try:
            entry = Entry.from_json(run.data.tags[_ENTRY])
        except (KeyError, ValueError):
            return "KILLED"
        return "FINISHED" if self._settle(entry) else "KILLED"

    def _is_alone(self, own: str, before: list[Any]) -> bool:
        """Tell whether no entry has come since the own one was prepared."""
        known = {run.info.run_id for run in before} | {own}
        return all(run.info.run_id in known for run in islice(self._runs(), _NEWEST))

    def _name_workers(self) -> str:
        working = [run for run in islice(self._runs(), _NEWEST) if run.info.status == "RUNNING"]
        return ", ".join(str(run.info.run_name) for run in working) or "several at once"

    def _write(self, entry: Entry) -> str:
        started = round(datetime.fromisoformat(entry.at).timestamp() * 1000)
        tags = {
            _ENTRY: entry.as_json(),
            _SEAL: entry.seal,
            _PROCESS: _name_process(),
            "act": entry.act,
            "mlflow.user": entry.who,
        }
        name = f"{entry.number} {entry.act} {f'v{entry.version}' if entry.version else ''}".strip()
        run = self._client.create_run(
            self._experiment_id(), start_time=started, tags=tags, run_name=name
        )
        return str(run.info.run_id)

    def _runs(self, which: str = "") -> Iterator[Any]:
        """Give the runs that hold entries, newest first."""
        experiment = self._find_experiment()
        token: str | None = None if experiment is None else ""
        while token is not None:
            page = self._client.search_runs(
                [experiment],
                which,
                order_by=["attributes.start_time DESC"],
                page_token=token or None,
            )
            yield from page
            token = page.token or None

    def _experiment_id(self) -> str:
        """Find the experiment that holds the log, or make it."""
        from mlflow import MlflowException

        if (found := self._find_experiment()) is not None:
            return found
        with suppress(MlflowException):  # somebody else made it in between
            self._client.create_experiment(f"{self.model} log")
        return str(self._find_experiment())

    def _find_experiment(self) -> str | None:
        if self._experiment is None:
            found = self._client.get_experiment_by_name(f"{self.model} log")
            self._experiment = None if found is None else str(found.experiment_id)
        return self._experiment


def _follow(runs: list[Any], entry: Entry, tracking_uri: str) -> Entry:
    """Give the entry its place behind those that there are."""
    entries = [Entry.from_json(run.data.tags[_ENTRY]) for run in runs]
    who = name_actor()
    return replace(
        entry,
        number=1 + max((each.number for each in entries), default=0),
        at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        who=who,
        evidence={**entry.evidence, "actor": identify_actor(who, tracking_uri)},
        previous=newest_seals(entries),
    )


def _as_kept(run: Any) -> Kept:
    tags = run.data.tags
    state = _STATES.get(run.info.status, "given up")
    return Kept(tags.get(_ENTRY, ""), tags.get(_SEAL, ""), state, f"run {run.info.run_id}")


def _is_stale(run: Any) -> bool:
    """Tell whether the process that began the act will not end it."""
    host, _, number = run.data.tags.get(_PROCESS, "").rpartition(":")
    if host == platform.node() and number.isdigit() and not psutil.pid_exists(int(number)):
        return True
    return bool(time.time() - run.info.start_time / 1000 > _STALE_SECONDS)


def _name_process() -> str:
    return f"{platform.node()}:{os.getpid()}"
