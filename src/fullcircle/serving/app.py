"""The endpoint as an ASGI application: what each address answers."""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from uuid import uuid4

import orjson

from fullcircle.core.errors import ConfigurationError, DataError, FullCircleError
from fullcircle.serving.answers import describe_parts, find_fault, tell_part, tell_request
from fullcircle.serving.batching import Batcher, BusyError
from fullcircle.serving.bodies import read_body
from fullcircle.serving.explaining import explain_part
from fullcircle.serving.features import FeaturesError
from fullcircle.serving.guard import Guard
from fullcircle.serving.http import (
    TEXT,
    Receive,
    RefusedError,
    Reply,
    Scope,
    Send,
    header,
    read_all,
    send_reply,
)
from fullcircle.serving.journal import Journal
from fullcircle.serving.metrics import Metrics
from fullcircle.serving.openapi import describe_api
from fullcircle.serving.room import Room
from fullcircle.serving.scoring import Part
from fullcircle.serving.traffic import CHALLENGER, SHADOW

_logger = logging.getLogger("fullcircle.endpoint")
_MAX_SHADOWS = 64  # requests that wait for the shadow; more are left out and counted

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
        self._batcher = Batcher(
            lambda bodies, ids: room.scorer.score(bodies, ids, room.seats, room.declared),
            room.settings.max_waiting_rows,
            inline=not room.scorer.features.remote,
        )
        self._aside = ThreadPoolExecutor(1, thread_name_prefix="aside")
        self._shadows = 0
        # By address: what the token must allow (None: nothing), and who answers each method.
        self._routes: dict[str, tuple[str | None, dict[str, Handler]]] = {
            "/ping": (None, {"GET": self._ping}),
            "/health": (None, {"GET": self._health}),
            "/ready": (None, {"GET": self._ready}),
            "/invocations": ("predict", {"POST": self._invoke}),
            "/version": ("predict", {"GET": self._version}),
            "/openapi.json": ("predict", {"GET": self._openapi}),
            "/metrics": ("admin", {"GET": self._metrics}),
            "/status": ("admin", {"GET": self._status}),
            "/traffic": ("admin", {"GET": self._traffic, "PUT": self._set_traffic}),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        began, name = time.perf_counter(), uuid4().hex
        path = str(scope["path"])
        try:
            reply = await self._answer(scope, receive, path, name, began)
        except RefusedError as refusal:
            reply = Reply.of(refusal.status, {"error": str(refusal), "request_id": name})
            reply.headers = refusal.headers
        except Exception as error:
            _logger.error("%s: %s", type(error).__name__, error, extra={"request_id": name})
            reply = Reply.of(500, {"error": "Something failed here.", "request_id": name})
        if reply.status >= 400:
            self._note_refusal(path, reply, name, began)
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

    def _note_refusal(self, path: str, reply: Reply, name: str, began: float) -> None:
        route = path if path in self._routes else "other"
        self.metrics.count_request(route, reply.status).inc()
        if route != "/ready":
            error = orjson.loads(reply.body).get("error")
            said = {"status": reply.status, "error": error, "count": 0, "cpu": 0.0, "parts": []}
            self.journal.append({**tell_request(name, route, began, self.room.worker), **said})

    # Predictions

    async def _invoke(self, scope: Scope, receive: Receive, name: str, began: float) -> Reply:
        champion = self.room.seats.champion
        if champion is None:
            raise RefusedError(503, self.room.why_not_ready(), retry_after="5")
        settings = self._settings
        most = int(settings.max_body_mb * 2**20)
        content = await read_all(scope, receive, most, settings.body_seconds)
        kind = header(scope, b"content-type").decode("latin-1")
        try:
            body = read_body(content, kind, champion.model.features, settings.max_rows)
            parts, cpu = await self._batcher.submit(name, body)
        except DataError as error:
            raise RefusedError(400, str(error)) from error
        except BusyError as error:
            raise RefusedError(503, str(error), retry_after="1") from error
        self._count(parts)
        if fault := find_fault(parts):
            if isinstance(fault, DataError):
                raise RefusedError(400, str(fault))
            if isinstance(fault, FeaturesError):
                raise RefusedError(503, str(fault), retry_after="5")
            raise fault
        answer = describe_parts(parts, body.rows)
        if body.explain:
            answer["explanations"] = await self._explain(parts, body.rows)
        answer["request_id"] = name
        self._write_down(parts, name, body.rows, cpu, began)
        self._ask_shadow(parts, name)
        return Reply(200, orjson.dumps(answer))

    async def _explain(self, parts: list[Part], rows: int) -> list[Any]:
        loop = asyncio.get_running_loop()
        found: list[Any] = [None] * rows
        try:
            for part in parts:
                told = await loop.run_in_executor(self._aside, explain_part, part)
                for row, explanation in zip(part.rows or range(rows), told, strict=True):
                    found[row] = explanation
        except ConfigurationError as error:
            raise RefusedError(400, str(error)) from error
        return found

    def _write_down(
        self, parts: list[Part], name: str, rows: int, cpu: float, began: float
    ) -> None:
        contract = self.room.contract
        tell = partial(
            tell_part,
            row_id=contract.row_id,
            keys=contract.entity_keys,
            private=frozenset(contract.private),
        )
        said = {
            **tell_request(name, "/invocations", began, self.room.worker),
            "status": 200,
            "error": None,
            "count": rows,
            "cpu": cpu,
            "parts": [{**tell(part), "answered": True} for part in parts],
        }
        self.journal.append(said)
        self.metrics.count_request("/invocations", 200).inc()
        self.metrics.time_role(parts[0].role.partition(" ")[0]).observe(said["ms"] / 1000)

    def _count(self, parts: list[Part]) -> None:
        for part in parts:
            if part.predicted is not None:
                self.metrics.count_rows(part.role.partition(" ")[0], part.seat.version).inc(
                    part.size
                )
            if part.role.endswith(" instead") or (
                part.fault is not None and not isinstance(part.fault, DataError)
            ):
                failed = self.room.seats.by_role.get(CHALLENGER, part.seat)
                self.metrics.failures.labels(CHALLENGER, failed.version).inc()

    def _ask_shadow(self, parts: list[Part], name: str) -> None:
        seat = self.room.seats.by_role.get(SHADOW)
        if seat is None:
            return
        if self._shadows >= _MAX_SHADOWS:
            self.metrics.failures.labels(SHADOW, seat.version).inc()
            return
        self._shadows += 1
        at = time.time_ns() // 1000
        self._aside.submit(self._follow, parts, seat, name, at)

    def _follow(self, parts: list[Part], seat: Any, name: str, at: int) -> None:
        """Let the shadow predict what was answered; nobody waits for it."""
        try:
            scorer, contract = self.room.scorer, self.room.contract
            told = []
            for part in parts:
                other = scorer.shadow(part, seat, SHADOW, self.room.declared)
                if other.fault is not None:
                    self.metrics.failures.labels(SHADOW, seat.version).inc()
                    continue
                private = frozenset(contract.private)
                kept = tell_part(other, contract.row_id, contract.entity_keys, private)
                told.append({**kept, "answered": False})
                self.metrics.count_rows(SHADOW, seat.version).inc(other.size)
            self.room.call_soon(self.journal.append, {"id": name, "at": at, "parts": told})
        finally:
            self.room.call_soon(self._finish_shadow)

    def _finish_shadow(self) -> None:
        self._shadows -= 1

    # How the endpoint is

    async def _ping(self, *_: Any) -> Reply:
        return Reply(200, b"\n", TEXT)

    async def _health(self, *_: Any) -> Reply:
        """Alive, with or without a model; what is wrong with the log is said aloud."""
        log = "ok" if self.journal.trouble is None else "broken"
        return Reply.of(200, {"status": "ok" if log == "ok" else "degraded", "log": log})

    async def _ready(self, *_: Any) -> Reply:
        if self.room.seats.champion is None:
            return Reply.of(503, {"ready": False, "error": self.room.why_not_ready()})
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
        content, kind = self.metrics.show()
        return Reply(200, content, kind.encode())

    async def _traffic(self, *_: Any) -> Reply:
        return Reply.of(200, self.room.traffic.model_dump(mode="json"))

    async def _set_traffic(self, scope: Scope, receive: Receive, *_: Any) -> Reply:
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
        self._batcher.close()
        self._aside.shutdown(wait=True)
        await asyncio.sleep(0)  # what the shadow said last is on its way through the event loop
        self.journal.flush()
        self.journal.close()
