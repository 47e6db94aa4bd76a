"""An endpoint's folder with real models in a registry, for tests: in this process, or served."""

import asyncio
import copy
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import mlflow
import pyarrow as pa
from tests.core.scoring.cases import draw_habits, make_model

from fullcircle.core.contract import FeatureTable
from fullcircle.datasets import StreamTableDataset
from fullcircle.serving.app import Endpoint
from fullcircle.serving.collector import Collector
from fullcircle.serving.model_files import Fetcher
from fullcircle.serving.runtime_dir import RuntimeDir, read_json, write_json
from fullcircle.serving.settings import ServingSettings
from fullcircle.serving.worker import build_app, build_endpoint
from fullcircle.storage.online.addresses import open_store
from fullcircle.storage.online.publish import publish_table
from fullcircle.tracking.registry.lookup import list_aliases
from fullcircle.tracking.registry.operations import Registry

NAME = "catalog.schema.model"
HABITS = FeatureTable(keys=["who"], event_time="at")
FULL = {"size": 0.5, "shape": "flat", "colour": "red", "visits": 3.0}
KEYED = {"size": 0.5, "shape": "flat", "who": 1}
# A connection for each request, as `httpx.get` makes it, but certificates are read once.
HTTP = httpx.Client(limits=httpx.Limits(max_keepalive_connections=0))


@dataclass
class Stage:
    """A folder, a registry and an online store of a test's own.

    Attributes:
        path: Where all lies; it holds an MLflow database that is being tracked to.
        settings: Of the endpoint, where they differ.
        store: Address of the online store; a file by default.
        private: Columns that the contract calls private.
        problem: Name of the problem.
    """

    path: Path
    settings: dict[str, Any] = field(default_factory=dict)
    store: str = ""
    private: list[str] = field(default_factory=list)
    problem: str = "shop"

    def __post_init__(self) -> None:
        self.store = self.store or str(self.path / "online.db")
        self.folder = RuntimeDir(self.path / "endpoint")
        self.registry = Registry(NAME)
        self.plan(**self.settings)
        self._publish()

    def copy(self, path: Path, problem: str = "shop") -> "Stage":
        """Give a folder of its own to the same models, under a problem's name."""
        path.mkdir(parents=True, exist_ok=True)
        stage = copy.copy(self)
        stage.path, stage.folder, stage.problem = path, RuntimeDir(path / "endpoint"), problem
        stage.plan()
        write_json(stage.folder.roles, read_json(self.folder.roles))
        return stage

    def plan(self, **settings: Any) -> None:
        """Write the plan, as ``kedro serve`` does."""
        chosen = ServingSettings.model_validate(
            {"port": 0, "workers": 1, "watch_seconds": 0.3, **settings}
        )
        plan = {
            "contract": {
                "name": self.problem,
                "row_id": "id",
                "entity_keys": ["who"],
                "event_time": "at",
                "private": self.private,
            },
            "settings": chosen.model_dump(mode="json"),
            "model": NAME,
            "tracking_uri": mlflow.get_tracking_uri(),
            "online_store": self.store,
            "tables": {"habits": HABITS.model_dump(mode="json")},
            "log": {name: str(self.path / name) for name in ("requests", "predictions")},
            "tls": [],
        }
        write_json(self.folder.plan, plan)

    def _publish(self) -> None:
        habits = draw_habits(days=5)
        newest = habits.sort_values("at").groupby("who").tail(1)
        rows = pa.Table.from_pandas(newest, preserve_index=False).to_reader()
        with closing(open_store(self.store)) as store:
            publish_table(store, "habits", rows, HABITS, 0)

    def register(self, role: str = "challenger", **how: Any) -> str:
        """Register a model under a role that anybody may give."""
        candidate = how.pop("candidate", "logistic_regression")
        model = make_model(candidate, registration=None, **how)
        with mlflow.start_run():
            return self.registry.register(model, role).version

    def crown(self, version: str | None = None, **how: Any) -> str:
        """Let the gate pass a version, and make it champion."""
        version = version or self.register(**how)
        self.registry.judge(version, list_aliases(NAME).get("champion"), True, {})
        self.registry.promote(version)
        return version

    def fetch(self) -> None:
        """Bring models and roles to the folder, as the supervisor does."""
        fetcher = Fetcher(self.folder, NAME, mlflow.get_tracking_uri())
        fetcher.refresh()
        assert not fetcher.trouble

    def collector(self) -> Collector:
        """Give what brings the journal to the log."""
        return Collector(self.folder.journal, self.table("requests"), self.table("predictions"))

    def table(self, name: str) -> StreamTableDataset:
        """Give a table of the log."""
        return StreamTableDataset(filepath=str(self.path / name), partition_by=["date"])

    def log(self, name: str) -> list[dict[str, Any]]:
        """Collect the journal, and read a table of the log."""
        self.collector().collect()
        if not (self.path / name).exists():
            return []
        rows: list[dict[str, Any]] = self.table(name).load().to_pyarrow().to_pylist()
        return rows


class Client:
    """Asks an endpoint in this process, without a socket, and those beside it.

    Attributes:
        prefix: What every path begins with.
        endpoint: The first.
        endpoints: By problem.
    """

    prefix = ""

    def __init__(self, endpoint: Endpoint, *beside: Endpoint, private: bool = True) -> None:
        endpoints, shared = (endpoint, *beside), endpoint.state.folder
        self.endpoint, self._app = endpoint, build_app(endpoints, shared, private=private)
        self.endpoints = {one.problem: one for one in endpoints}
        self._runner = asyncio.Runner()
        for one in self.endpoints.values():
            self._runner.run(one.state.load())

    def ask(self, method: str, path: str, **how: Any) -> httpx.Response:
        """Send one request."""
        return self.ask_all([(method, path, how)])[0]

    def ask_all(self, requests: list[tuple[str, str, dict[str, Any]]]) -> list[httpx.Response]:
        """Send requests at once."""

        async def send() -> list[httpx.Response]:
            transport = httpx.ASGITransport(app=self._app, raise_app_exceptions=False)
            base = "http://localhost"
            async with httpx.AsyncClient(transport=transport, base_url=base) as client:
                asked = [
                    client.request(method, f"{self.prefix}{path}", **how)
                    for method, path, how in requests
                ]
                answers = await asyncio.gather(*asked)
            await asyncio.sleep(0.01)  # what follows an answer, such as a shadow's
            return list(answers)

        return self._runner.run(send())

    def predict(self, *records: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Have records predicted."""
        body = {"dataframe_records": list(records), **more}
        answer = self.ask("POST", "/invocations", json=body)
        assert answer.status_code == 200, answer.text
        content: dict[str, Any] = answer.json()
        return content

    def refuse(self, *records: dict[str, Any], **more: Any) -> str:
        """Have records refused, and give the reason."""
        body = {"dataframe_records": list(records), **more}
        answer = self.ask("POST", "/invocations", json=body)
        assert answer.status_code == 400, answer.text
        return str(answer.json()["error"])

    def reload(self, problem: str | None = None) -> None:
        """Let the room look at its files now."""
        state = (self.endpoints[problem] if problem else self.endpoint).state
        state._roles.changed()
        state._tokens.changed()
        self._runner.run(state.load())

    def follow(self, problem: str | None = None) -> None:
        """Let the worker look at its files as its watch does."""
        state = (self.endpoints[problem] if problem else self.endpoint).state
        self._runner.run(state._look())

    def close(self) -> None:
        """End in order."""
        for one in self.endpoints.values():
            self._runner.run(one.close())
        self._runner.close()


@contextmanager
def opened(stage: Stage, *beside: Stage, private: bool = True) -> Iterator[Client]:
    """Open an endpoint in this process, as at a socket of this machine alone or of a network."""
    shared = stage.folder
    endpoints = [
        build_endpoint(one.folder, 0, private=private, shared=shared) for one in (stage, *beside)
    ]
    client = Client(*endpoints, private=private)
    try:
        yield client
    finally:
        client.close()


@contextmanager
def served(
    stage: Stage, *beside: Stage, **environment: str
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Serve in processes of their own; gives the address once somebody listens there."""
    folders = [str(one.folder.path) for one in (stage, *beside)]
    with (stage.path / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "fullcircle.serving", *folders],
            env={**os.environ, **environment},
            stderr=log,
        )
    try:
        yield wait_for_address(stage, process), process
    finally:
        process.terminate()
        process.wait(60)


def wait_for_address(stage: Stage, process: subprocess.Popen[bytes]) -> str:
    """Wait until the endpoint answers."""
    last = time.monotonic() + 90
    while time.monotonic() < last and process.poll() is None:
        said = read_json(stage.folder.status)
        if said and said["pid"] == process.pid:
            try:
                HTTP.get(f"{said['address']}/ping", timeout=5)
            except httpx.HTTPError:
                pass
            else:
                return str(said["address"])
        time.sleep(0.1)
    raise AssertionError((stage.path / "serve.log").read_text("utf-8"))


def wait_until(what: Any, seconds: float = 60) -> Any:
    """Wait until something holds."""
    last = time.monotonic() + seconds
    while time.monotonic() < last:
        if found := what():
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what} did not come true")


def free_port() -> int:
    """Find a port that nobody listens at."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def as_json(content: Any) -> bytes:
    """Spell a body."""
    return json.dumps(content).encode()
