"""What applications of the endpoint share: routes, refusals, and one shape of errors."""

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

from fullcircle.serving.auth import UnauthenticatedError
from fullcircle.serving.http import TEXT, HTTPError, Receive, Response, Scope, Send, send_reply

_logger = logging.getLogger("fullcircle.endpoint")

Handler = Callable[[Scope, Receive, str, float], Awaitable[Response]]
# What the token must allow (None: nothing), and who answers each method.
Route = tuple[str | None, dict[str, Handler]]


class RoutedApp:
    """An ASGI application that answers at a few addresses.

    Attributes:
        routes: By address.
        unknown: What a token must allow to be told that there is no such address.
    """

    routes: dict[str, Route]
    unknown = "admin"

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
        except HTTPError as refusal:
            kept = not isinstance(refusal, UnauthenticatedError)
            reply = Response.of(refusal.status, {"error": str(refusal), "request_id": name})
            reply.headers = refusal.headers
        except Exception as error:
            _logger.error("%s: %s", type(error).__name__, error, extra={"request_id": name})
            reply = Response.of(500, {"error": "Something failed here.", "request_id": name})
        if reply.status >= 400:
            route = path if path in self.routes else "other"
            self._count_refusal(route, reply.status)
            if kept:
                self._keep_refusal(route, reply, name, began)
        await send_reply(scope, send, reply, name.encode())

    async def _answer(
        self, scope: Scope, receive: Receive, path: str, name: str, began: float
    ) -> Response:
        needed, methods = self.routes.get(path, (self.unknown, {}))
        self._admit(scope, needed)
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        whole = f"{scope.get('root_path', '')}{path}"
        if not methods:
            offer = ", ".join(self._offer(scope))
            raise HTTPError(404, f"There is no {whole[:80]!r} here. There is: {offer}.")
        if method not in methods:
            allowed = ", ".join(methods)
            raise HTTPError(405, f"{whole} takes {allowed}.", allow=allowed)
        return await methods[method](scope, receive, name, began)

    def _admit(self, scope: Scope, needed: str | None) -> None:
        """Raise ``HTTPError`` unless a request may have what needs this scope."""
        raise NotImplementedError

    def _offer(self, scope: Scope) -> list[str]:
        """Return the addresses that a caller who was let in may ask for."""
        return [f"{scope.get('root_path', '')}{path}" for path in self.routes]

    def _count_refusal(self, route: str, status: int) -> None:
        """Count a refusal, a caller without a token's too."""
        raise NotImplementedError

    def _keep_refusal(self, route: str, reply: Response, name: str, began: float) -> None:
        """Write a refusal down that nobody could fill the disk with; by default nowhere."""

    async def _ping(self, *_: Any) -> Response:
        return Response(200, b"\n", TEXT)
