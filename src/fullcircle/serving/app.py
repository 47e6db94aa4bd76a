"""The endpoint as an ASGI application: what each address answers."""

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any

import orjson

from fullcircle.core.errors import FullCircleError
from fullcircle.serving.answers import describe_request
from fullcircle.serving.auth import Authenticator
from fullcircle.serving.http import (
    JSON,
    HTTPError,
    Receive,
    Response,
    Scope,
    read_all,
    require_type,
)
from fullcircle.serving.invocations import Invocations
from fullcircle.serving.metrics import Metrics
from fullcircle.serving.openapi import describe_api
from fullcircle.serving.request_log import RequestLog
from fullcircle.serving.routing import Route, RoutedApp
from fullcircle.serving.worker_state import WorkerState

_LAST_SECONDS = 3.0  # for a disk that refuses; what it does not take until then is lost
_PROBES = ("/ping", "/health", "/ready")


class Endpoint(RoutedApp):
    """Answers the requests of one problem.

    Attributes:
        state: Models, traffic and tokens as they are now.
        journal: Where every answer is written down first.
        metrics: Counters.
        guard: Who may ask for what.
    """

    def __init__(
        self, state: WorkerState, guard: Authenticator, journal: RequestLog, metrics: Metrics
    ) -> None:
        self.state, self.journal, self.metrics = state, journal, metrics
        self.guard, self._settings = guard, state.settings
        self._invocations = Invocations(state, journal, metrics)
        self.routes: dict[str, Route] = {
            "/ping": (None, {"GET": self._ping}),
            "/health": (None, {"GET": self._health}),
            "/ready": (None, {"GET": self._ready}),
            "/invocations": ("predict", {"POST": self._invocations.answer}),
            "/version": ("predict", {"GET": self._version}),
            "/openapi.json": ("predict", {"GET": self._openapi}),
            "/metrics": ("admin", {"GET": self._metrics}),
            "/status": ("admin", {"GET": self._status}),
            "/traffic": ("admin", {"GET": self._traffic, "PUT": self._set_traffic}),
        }

    @property
    def problem(self) -> str:
        """The name of the problem that it answers for."""
        return self.state.contract.name

    def _admit(self, scope: Scope, needed: str | None) -> None:
        self.guard.admit(scope, needed)

    def _count_refusal(self, route: str, status: int) -> None:
        self.metrics.count_request(route, status).inc()

    def _keep_refusal(self, route: str, reply: Response, name: str, began: float) -> None:
        if route not in _PROBES:
            error = orjson.loads(reply.body).get("error")
            said = {"status": reply.status, "error": error, "count": 0, "cpu": 0.0, "parts": []}
            self.journal.append({**describe_request(name, route, began, self.state.worker), **said})

    # How the endpoint is

    def check_health(self) -> dict[str, bool]:
        """Return whether the log and the endpoint's files work."""
        works = self.journal.trouble is None and self.state.log_works
        return {"log": works, "files": not self.state.troubles}

    def why_not_ready(self) -> str | None:
        """Return why nobody can be answered; None where they can."""
        if self.state.active_models.champion is None:
            return self.state.why_not_ready()
        if self.state.store.trouble is not None:
            return "The online store does not give the features that requests by key need."
        return None

    async def _health(self, *_: Any) -> Response:
        """Alive, with or without a model; what is wrong with log or files is said, and no more."""
        return describe_health(self.check_health())

    async def _ready(self, *_: Any) -> Response:
        error = self.why_not_ready()
        if error is not None:
            return Response.of(503, {"ready": False, "error": error})
        return Response.of(200, {"ready": True})

    async def _version(self, *_: Any) -> Response:
        return Response.of(200, self.state.describe())

    async def _status(self, *_: Any) -> Response:
        journal = self.journal
        log = {"trouble": journal.trouble, "waiting": journal.waiting, "lost": journal.lost}
        return Response.of(200, {**self.state.describe(), **self.state.tell(), "log": log})

    async def _openapi(self, scope: Scope, *_: Any) -> Response:
        server = str(scope.get("root_path") or "/")
        return Response.of(
            200, describe_api(self.state.active_models.champion, self.state.contract, server)
        )

    async def _metrics(self, *_: Any) -> Response:
        self.metrics.set_memory(self.state.worker)
        content, kind = self.metrics.show()
        return Response(200, content, kind.encode())

    async def _traffic(self, *_: Any) -> Response:
        return Response.of(200, self.state.traffic.model_dump(mode="json"))

    async def _set_traffic(self, scope: Scope, receive: Receive, *_: Any) -> Response:
        require_type(scope, JSON)
        content = await read_all(scope, receive, 4096, self._settings.body_seconds)
        try:
            asked = json.loads(content)
            said = self.state.set_traffic(asked["challenger"], str(asked.get("why", "")), "http")
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            wanted = 'Send {"challenger": 0.1, "why": "…"}, the share between 0 and 1.'
            raise HTTPError(400, wanted) from error
        except FullCircleError as error:
            raise HTTPError(400, str(error)) from error
        return Response.of(200, said.model_dump(mode="json"))

    async def close(self) -> None:
        """Let nothing be lost: what waits is scored, what was said is written down."""
        await self._invocations.close()
        last = time.monotonic() + _LAST_SECONDS
        while not self.journal.flush() and time.monotonic() < last:
            await asyncio.sleep(0.1)
        self.journal.close()
        self.state.store.close()


def describe_health(states: Mapping[str, bool]) -> Response:
    """Return what a probe is told of what works and what does not."""
    told = {name: "ok" if works else "broken" for name, works in states.items()}
    return Response.of(200, {"status": "ok" if all(states.values()) else "degraded", **told})
