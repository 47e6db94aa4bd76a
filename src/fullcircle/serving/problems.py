"""Several problems behind one port: each under ``/problems/<name>``, and together at the root."""

from collections.abc import Mapping, Sequence
from typing import Any

from fullcircle.serving.app import Endpoint, describe_health
from fullcircle.serving.auth import UnauthenticatedError
from fullcircle.serving.http import HTTPError, Receive, Response, Scope, Send
from fullcircle.serving.metrics import Metrics
from fullcircle.serving.routing import Route, RoutedApp

_PREFIX = "/problems/"
_ADMITTED = "fullcircle.admitted"  # key of an ASGI scope: endpoints that let the request in


class ProblemRouter:
    """Passes each request to the endpoint of its problem, before anything else is looked at.

    A single problem is answered at the root as well.
    """

    def __init__(self, endpoints: Sequence[Endpoint], together: "SharedRoot") -> None:
        """Take the endpoints, and what answers for all of them."""
        self._by_name = {endpoint.problem: endpoint for endpoint in endpoints}
        self._together = together
        self._root: RoutedApp = endpoints[0] if len(endpoints) == 1 else together

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = str(scope.get("path", ""))
        if not path.startswith(_PREFIX):
            await self._root(scope, receive, send)
            return
        name, _, rest = path.removeprefix(_PREFIX).partition("/")
        if (endpoint := self._by_name.get(name)) is None:
            await self._together(scope, receive, send)
            return
        below = {**scope, "path": f"/{rest}", "root_path": f"{_PREFIX}{name}"}
        await endpoint(below, receive, send)


class SharedRoot(RoutedApp):
    """Answers at the root for several problems; tells callers of those that let them in.

    What is refused here belongs to no problem, so it is counted and stands in no log.
    """

    unknown = "predict"  # who may ask for predictions is told where

    def __init__(self, endpoints: Sequence[Endpoint], metrics: Metrics, *, private: bool) -> None:
        """Take the endpoints.

        Args:
            endpoints: Of all problems.
            metrics: Counters of what belongs to no problem.
            private: Whether the socket is bound to this machine alone; others are not told the
                names of problems without a token.
        """
        self._endpoints, self._private, self.metrics = endpoints, private, metrics
        self.routes: dict[str, Route] = {
            "/ping": (None, {"GET": self._ping}),
            "/health": (None, {"GET": self._health}),
            "/ready": (None, {"GET": self._ready}),
            "/metrics": ("admin", {"GET": self._metrics}),
        }

    def _admit(self, scope: Scope, needed: str | None) -> None:
        """Let in whom any problem lets in, and keep which."""
        if needed is None:
            return
        admitted, refusals = [], []
        for endpoint in self._endpoints:
            try:
                endpoint.guard.admit(scope, needed)
            except HTTPError as refusal:
                refusals.append(refusal)
            else:
                admitted.append(endpoint)
        if not admitted:
            # A token that is known may not do that; of what others say, it has no need.
            raise min(refusals, key=lambda refusal: isinstance(refusal, UnauthenticatedError))
        scope[_ADMITTED] = admitted

    def _offer(self, scope: Scope) -> list[str]:
        theirs = [f"{_PREFIX}{endpoint.problem}/invocations" for endpoint in scope[_ADMITTED]]
        return [*self.routes, *theirs]

    def _count_refusal(self, route: str, status: int) -> None:
        self.metrics.count_request(route, status).inc()

    async def _health(self, *_: Any) -> Response:
        found = [endpoint.check_health() for endpoint in self._endpoints]
        return describe_health({name: all(one[name] for one in found) for name in found[0]})

    async def _ready(self, *_: Any) -> Response:
        """Ready once every problem is; otherwise which are not, and why."""
        faults = {one.problem: one.why_not_ready() for one in self._endpoints}
        ready = not any(faults.values())
        return Response.of(200 if ready else 503, {"ready": ready, **self._describe(faults)})

    def _describe(self, faults: Mapping[str, str | None]) -> dict[str, Any]:
        if self._private:
            problems = {
                name: {"ready": False, "error": error} if error else {"ready": True}
                for name, error in faults.items()
            }
            return {"problems": problems}
        waiting = sum(error is not None for error in faults.values())
        if not waiting:
            return {}
        return {"error": f"{waiting} of {len(faults)} problems cannot predict yet."}

    async def _metrics(self, scope: Scope, *_: Any) -> Response:
        """Give the counters of the problems that let the caller in."""
        self.metrics.set_memory(self._endpoints[0].state.worker)
        content, kind = self.metrics.show_all([one.problem for one in scope[_ADMITTED]])
        return Response(200, content, kind.encode())
