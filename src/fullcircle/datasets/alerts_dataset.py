"""Alerts: kept in a file, sent through channels, remembered for the next run."""

import json
import logging
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kedro.io import AbstractDataset

from fullcircle.core.alerts import Message, write_message
from fullcircle.core.errors import StorageError
from fullcircle.notifications.channels import Channel, read_channels, send
from fullcircle.storage.delta_tables import clear_storage_errors
from fullcircle.storage.row_files import append_lines, replace_file
from fullcircle.tracking.provenance import active_run_id

_logger = logging.getLogger(__name__)
_KEPT_FOR_LATER = 50  # messages that a channel which is down for long still gets


class AlertsDataset(AbstractDataset[dict[str, Any], dict[str, Any]]):
    """Sends what was decided to tell.

    Each notice becomes a line of ``alerts.jsonl``; all of one run are one message to each channel.
    What was decided is written down before anything is sent, so that a crash in between sends it
    with the next save. A channel that fails is tried again, then reported, and gets the message
    with a later run; it never stops monitoring. Addresses are secrets: they come from the
    credentials and are neither written nor logged.

    Example:
        ```yaml
        alerts:
          type: fullcircle.datasets.AlertsDataset
          filepath: data/08_reporting/telco_churn/alerts
          name: telco_churn
          dashboard:
            filepath: data/08_reporting/telco_churn/dashboard.html
          credentials: alert_channels
        ```

        ```yaml
        # conf/local/credentials.yml
        alert_channels:
          team: slack://token/token/token/#churn
          on_call: {address: "pagerduty://key@apikey", at_least: critical}
        ```
    """

    spans_clocks = True

    def __init__(
        self,
        *,
        filepath: str,
        name: str,
        dashboard: dict[str, str] | None = None,
        credentials: Mapping[str, Any] | None = None,
        attempts: int = 3,
        wait_seconds: float = 1.0,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Declare where alerts go.

        Args:
            filepath: Folder of ``alerts.jsonl``, ``state.json`` and ``report.json``.
            name: What is monitored, for the title of a message.
            dashboard: ``filepath`` of the page that a message points to (Kedro makes it absolute).
            credentials: Channels: per name an address of Apprise, or ``address`` and ``at_least``.
            attempts: Times that a channel is tried in a run.
            wait_seconds: Seconds between the first two attempts; each later wait is twice as long.
            metadata: Free facts for kedro-viz and other plugins.
        """
        self._folder = Path(filepath)
        self._name = name
        self._dashboard = (dashboard or {}).get("filepath")
        self._channels = read_channels(credentials)
        self._attempts = attempts
        self._wait_seconds = wait_seconds
        self.metadata = metadata

    def load(self) -> dict[str, Any]:
        """Read what the last save told: ``as_of``, ``open``, ``sent`` and ``channels``.

        Raises:
            StorageError: Nothing was decided yet.
        """
        path = self._folder / "report.json"
        if not path.is_file():
            raise StorageError(
                f"There are no alerts at {self._folder} yet. Monitor first: "
                "kedro run --pipeline monitoring."
            )
        report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return report

    def save(self, data: dict[str, Any]) -> None:
        """Write down what is to be told, tell it, and note what could not be told.

        Args:
            data: ``as_of``, ``dry_run``, and ``notices``, ``open`` and ``memory`` as decide gives
                them.
        """
        if data["dry_run"]:
            self._rehearse(data)
            return
        links = self._links()
        lines = [
            {"at": datetime.now(UTC).isoformat(), "as_of": data["as_of"], **notice, "links": links}
            for notice in data["notices"]
        ]
        with clear_storage_errors(self._folder):
            state = self._read_state()
            waiting = self._read_waiting(state)
            self._enqueue(waiting, data, links, self._find_newcomers(state))
            append_lines(self._folder / "alerts.jsonl", lines)
            self._remember(data, waiting)
            results = {each.name: self._deliver(each, waiting) for each in self._channels}
            self._remember(data, waiting)
            self._report(data, results)

    def try_channels(self) -> dict[str, str | None]:
        """Send a word to every channel, at once and whatever its severity.

        Returns:
            Per channel None where it was taken, else why not.
        """
        message = Message("info", f"{self._name}: a test", "Alerts will arrive here.")
        return {
            channel.name: send(channel, message, attempts=1, wait_seconds=0.0)
            for channel in self._channels
        }

    def list_newcomers(self) -> dict[str, int]:
        """Return how many open alerts each channel was not told, since it was declared later."""
        state = self._read_state()
        new = self._find_newcomers(state)
        told = _list_told(state)
        return {
            channel.name: sum(channel.carries(each["severity"]) for each in told)
            for channel in self._channels
            if channel.name in new
        }

    def _find_newcomers(self, state: Mapping[str, Any]) -> set[str]:
        """Name the channels that no save has known; before the first save nothing was missed."""
        known = state.get("channels")
        return set() if known is None else {each.name for each in self._channels} - set(known)

    def _links(self) -> dict[str, str]:
        found = {"dashboard": self._dashboard, "MLflow run": _locate_run(active_run_id())}
        return {what: place for what, place in found.items() if place}

    def _enqueue(
        self,
        waiting: dict[str, list[dict[str, Any]]],
        data: dict[str, Any],
        links: dict[str, str],
        newcomers: set[str],
    ) -> None:
        """Put a message for each channel that is concerned behind those that still wait.

        A channel that is new is also told what is open and was told to others before.
        """
        now = {notice["key"] for notice in data["notices"]}
        before = [each for each in _list_told(data["memory"]) if each["key"] not in now]
        for channel in self._channels:
            given = [*data["notices"], *(before if channel.name in newcomers else ())]
            meant = [notice for notice in given if channel.carries(notice["severity"])]
            if meant:
                message = write_message(self._name, data["as_of"], meant, links)
                queue = waiting.setdefault(channel.name, [])
                queue.append(vars(message))
                del queue[:-_KEPT_FOR_LATER]

    def _deliver(self, channel: Channel, waiting: dict[str, list[dict[str, Any]]]) -> str:
        """Send what waits for a channel, the oldest first, until it fails; say how it went."""
        queue = waiting.get(channel.name, [])
        sent = 0
        while queue:
            message = Message(**queue[0])
            reason = send(
                channel, message, attempts=self._attempts, wait_seconds=self._wait_seconds
            )
            if reason is not None:
                said = f"failed, {len(queue)} waiting: {reason}"
                _logger.warning("The alert channel %s %s", channel.name, said)
                return said
            queue.pop(0)
            sent += 1
        return f"{sent} sent" if sent else "nothing to send"

    def _read_state(self) -> dict[str, Any]:
        """Read what the last save left; nothing where there was none, or it cannot be read."""
        with suppress(OSError, ValueError):
            state = json.loads((self._folder / "state.json").read_text(encoding="utf-8"))
            return state if isinstance(state, dict) else {}
        return {}

    def _read_waiting(self, state: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
        """Return what is still to be delivered, but not to channels that are gone."""
        named = {channel.name for channel in self._channels}
        waiting = state.get("waiting")
        if not isinstance(waiting, dict):
            return {}
        return {name: queue for name, queue in waiting.items() if name in named}

    def _remember(self, data: dict[str, Any], waiting: dict[str, Any]) -> None:
        kept = {
            **data["memory"],
            "waiting": {name: q for name, q in waiting.items() if q},
            "channels": sorted(channel.name for channel in self._channels),
        }
        replace_file(self._folder / "state.json", json.dumps(kept, indent=1))

    def _report(self, data: dict[str, Any], results: dict[str, str]) -> None:
        """Write what was told, for the summary and the dashboard, and log it."""
        report = {
            "as_of": data["as_of"],
            "dry_run": data["dry_run"],
            "sent": data["notices"],
            "open": data["open"],
            "channels": results,
        }
        path = self._folder / "report.json"
        replace_file(path, json.dumps(report, indent=1))
        if active_run_id():
            import mlflow

            mlflow.log_artifact(str(path), "alerts")
            mlflow.log_metrics(
                {"alerts.sent": len(data["notices"]), "alerts.open": len(data["open"])}
            )

    def _rehearse(self, data: dict[str, Any]) -> None:
        """Say what would be sent; send and remember nothing."""
        with clear_storage_errors(self._folder):
            self._report(data, {each.name: "dry run" for each in self._channels})
        names = ", ".join(channel.name for channel in self._channels) or "no channel but the file"
        if not data["notices"]:
            _logger.info("Dry run: nothing would be sent to %s.", names)
            return
        message = write_message(self._name, data["as_of"], data["notices"], self._links())
        _logger.info("Dry run, to %s: %s\n%s", names, message.title, message.body)

    def _exists(self) -> bool:
        return (self._folder / "report.json").is_file()

    def _describe(self) -> dict[str, Any]:
        return {
            "filepath": str(self._folder),
            "channels": [channel.name for channel in self._channels],
        }


def _list_told(state: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what is open and was told before, as notices that it is still so."""
    names = ("severity", "what", "since", "how_much", "what_to_do")
    return [
        {"key": key, "state": "again", **{name: entry[name] for name in names}}
        for key, entry in state.get("alerts", {}).items()
        if entry.get("open") and entry.get("announced")
    ]


def _locate_run(run_id: str | None) -> str | None:
    """Give a run's page on its server, without user and password; of a database, its id."""
    import mlflow

    server = urlsplit(mlflow.get_tracking_uri())
    if run_id is None or server.scheme not in {"http", "https"}:
        return run_id
    host = server.netloc.rpartition("@")[2]
    experiment = mlflow.get_run(run_id).info.experiment_id
    path = server.path.rstrip("/")
    return f"{server.scheme}://{host}{path}/#/experiments/{experiment}/runs/{run_id}"
