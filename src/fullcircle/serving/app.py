"""The endpoint as an ASGI application: what each address answers."""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import orjson

from fullcircle.core.errors import FullCircleError
from fullcircle.serving.answers import tell_request
from fullcircle.serving.guard import Guard, StrangerError
from fullcircle.serving.http import (
    JSON,
    TEXT,
    Receive,
    RefusedError,
    Reply,
    Scope,
    Send,
    read_all,
    require_type,
    send_reply,
)
from fullcircle.serving.invocations import Invocations
from fullcircle.serving.journal import Journal
from fullcircle.serving.metrics import Metrics
from fullcircle.serving.openapi import describe_api
from fullcircle.serving.room import Room

_logger = logging.getLogger("fullcircle.endpoint")

_LAST_SECONDS = 3.0  # for a disk that refuses; what it does not take until then is lost
_PROBES = ("/ping", "/health", "/ready")

Handler = Callable[[Scope, Receive, str, float], Awaitable[Reply]]


class Endpoint:
    """Answers requests.

    Attributes:
        room: Models, traffic and tokens as they are now.
        journal: Where every answer is written down first.
        metrics: Counters.
    """

    def __init__(self, room: Room, guard: Guard, journal: Journal, metrics: Metrics) -> None:
        self.room, self.journal, self.metrics = room, journal, metrics
        self._guard, self._settings = guard, room.settings
        self._invocations = Invocations(room, journal, metrics)
        # By address: what the token must allow (None: nothing), and who answers each method.
        self._routes: dict[str, tuple[str | None, dict[str, Handler]]] = {
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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":  # none is answered, by whichever server we run
                await send({"type": "websocket.close", "code": 1003})
            return
        began, name, kept = time.perf_counter(), uuid4().hex, True
        path = str(scope["path"])
        try:
            reply = await self._answer(scope, receive, path, name, began)
        except RefusedError as refusal:
            kept = not isinstance(refusal, StrangerError)
            reply = Reply.of(refusal.status, {"error": str(refusal), "request_id": name})
            reply.headers = refusal.headers
        except Exception as error:
            _logger.error("%s: %s", type(error).__name__, error, extra={"request_id": name})
            reply = Reply.of(500, {"error": "Something failed here.", "request_id": name})
        if reply.status >= 400:
            self._note_refusal(path, reply, name, began, kept=kept)
        await send_reply(scope, send, reply, name.encode())

    async def _answer(
        self, scope: Scope, receive: Receive, path: str, name: str, began: float
    ) -> Reply:
        needed, methods = self._routes.get(path, ("admin", {}))
        self._guard.admit(scope, needed)
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        if not methods:
            raise RefusedError(404, f"There is no {path[:80]!r} here. There is: {self._offer()}.")
        if method not in methods:
            allowed = ", ".join(methods)
            raise RefusedError(405, f"{path} takes {allowed}.", allow=allowed)
        return await methods[method](scope, receive, name, began)

    def _offer(self) -> str:
        return ", ".join(self._routes)

    def _note_refusal(
        self, path: str, reply: Reply, name: str, began: float, *, kept: bool
    ) -> None:
        """Count a refusal; write it down unless a stranger could fill the disk with it."""
        route = path if path in self._routes else "other"
        self.metrics.count_request(route, reply.status).inc()
        if kept and route not in _PROBES:
            error = orjson.loads(reply.body).get("error")
            said = {"status": reply.status, "error": error, "count": 0, "cpu": 0.0, "parts": []}
            self.journal.append({**tell_request(name, route, began, self.room.worker), **said})

    # How the endpoint is

    async def _ping(self, *_: Any) -> Reply:
        return Reply(200, b"\n", TEXT)

    async def _health(self, *_: Any) -> Reply:
        """Alive, with or without a model; what is wrong with log or files is said, and no more."""
        works = self.journal.trouble is None and self.room.log_works
        states = {"log": works, "files": not self.room.troubles}
        told = {name: "ok" if works else "broken" for name, works in states.items()}
        return Reply.of(200, {"status": "ok" if all(states.values()) else "degraded", **told})

    async def _ready(self, *_: Any) -> Reply:
        if self.room.seats.champion is None:
            return Reply.of(503, {"ready": False, "error": self.room.why_not_ready()})
        if self.room.store.trouble is not None:
            error = "The online store does not give the features that requests by key need."
            return Reply.of(503, {"ready": False, "error": error})
        return Reply.of(200, {"ready": True})

    async def _version(self, *_: Any) -> Reply:
        return Reply.of(200, self.room.describe())

    async def _status(self, *_: Any) -> Reply:
        journal = self.journal
        log = {"trouble": journal.trouble, "waiting": journal.waiting, "lost": journal.lost}
        return Reply.of(200, {**self.room.describe(), **self.room.tell(), "log": log})

    async def _openapi(self, *_: Any) -> Reply:
        return Reply.of(200, describe_api(self.room.seats.champion, self.room.contract))

    async def _metrics(self, *_: Any) -> Reply:
        self.metrics.note_memory(self.room.worker)
        content, kind = self.metrics.show()
        return Reply(200, content, kind.encode())

    async def _traffic(self, *_: Any) -> Reply:
        return Reply.of(200, self.room.traffic.model_dump(mode="json"))

    async def _set_traffic(self, scope: Scope, receive: Receive, *_: Any) -> Reply:
        require_type(scope, JSON)
        content = await read_all(scope, receive, 4096, self._settings.body_seconds)
        try:
            asked = json.loads(content)
            said = self.room.set_traffic(asked["challenger"], str(asked.get("why", "")), "http")
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            wanted = 'Send {"challenger": 0.1, "why": "…"}, the share between 0 and 1.'
            raise RefusedError(400, wanted) from error
        except FullCircleError as error:
            raise RefusedError(400, str(error)) from error
        return Reply.of(200, said.model_dump(mode="json"))

    async def close(self) -> None:
        """Let nothing be lost: what waits is scored, what was said is written down."""
        await self._invocations.close()
        last = time.monotonic() + _LAST_SECONDS
        while not self.journal.flush() and time.monotonic() < last:
            await asyncio.sleep(0.1)
        self.journal.close()
        self.room.store.close()
