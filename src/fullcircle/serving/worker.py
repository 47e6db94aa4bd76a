"""A worker: one process that answers at the shared port, without Kedro and without MLflow."""

import asyncio
import gc
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Coroutine, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fullcircle.serving.app import Endpoint
from fullcircle.serving.auth import Authenticator
from fullcircle.serving.connection_limits import ConnectionLimits
from fullcircle.serving.limits import RateLimits
from fullcircle.serving.metrics import Metrics
from fullcircle.serving.plan import read_plan
from fullcircle.serving.problems import ProblemRouter, SharedRoot
from fullcircle.serving.request_log import RequestLog
from fullcircle.serving.runtime_dir import OWNER_ONLY_UMASK, RuntimeDir
from fullcircle.serving.server import HttpServer, bound_files
from fullcircle.serving.sockets import is_private
from fullcircle.serving.worker_state import WorkerState
from fullcircle.tracking.registry.declared_types import declare_types

_TURN_SECONDS = 0.2
_GRACE_SECONDS = 10


class _JsonLines(logging.Formatter):
    """One JSON object a line, without a traceback: values of a request may stand in one."""

    def format(self, record: logging.LogRecord) -> str:
        said = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "pid": record.process,
            "said": record.getMessage(),
        }
        if request := getattr(record, "request_id", None):
            said["request_id"] = request
        return json.dumps(said)


def build_endpoint(
    folder: RuntimeDir,
    worker: int,
    *,
    private: bool = False,
    shared: RuntimeDir | None = None,
) -> Endpoint:
    """Put an endpoint together from what lies in its folder.

    Args:
        folder: The endpoint's.
        worker: The worker's number.
        private: Whether its socket is bound to this machine alone; others need tokens.
        shared: Where problems that share processes keep their counters; by default the folder.
    """
    state = WorkerState(folder, read_plan(folder), worker)
    settings = state.settings
    guard = Authenticator(
        state.tokens,
        private=private,
        by_token=_open_limits(folder, "token", settings.requests_per_second, settings.burst),
        by_address=_open_limits(
            folder, "address", settings.address_requests_per_second, settings.burst
        ),
        origins=settings.allowed_origins,
    )
    metrics = _open_metrics(shared or folder, state.contract.name)
    journal = RequestLog(
        folder.journal,
        settings.log.segment_seconds,
        int(settings.log.memory_mb * 2**20),
        folder.reserve,
        metrics.count_waiting_lines,
    )
    return Endpoint(state, guard, journal, metrics)


def build_app(endpoints: Sequence[Endpoint], shared: RuntimeDir, *, private: bool) -> ProblemRouter:
    """Put what answers at the port together from the endpoints behind it.

    Args:
        endpoints: One for each problem.
        shared: Where their counters are.
        private: Whether the socket is bound to this machine alone.
    """
    single = len(endpoints) == 1
    metrics = endpoints[0].metrics if single else _open_metrics(shared, "")
    return ProblemRouter(endpoints, SharedRoot(endpoints, metrics, private=private))


def _open_metrics(folder: RuntimeDir, problem: str) -> Metrics:
    try:
        return Metrics(folder.metrics, problem)
    except OSError:  # a full disk: the room that is kept for this is given up
        folder.reserve.unlink(missing_ok=True)
        return Metrics(folder.metrics, problem)


def _open_limits(
    folder: RuntimeDir, what: str, per_second: float | None, burst: int
) -> RateLimits | None:
    if per_second is None:
        return None
    return RateLimits(folder.limits.with_suffix(f".{what}.bin"), per_second, burst)


async def serve(
    endpoints: Sequence[Endpoint], app: ProblemRouter, listener: socket.socket, **tls: Any
) -> None:
    """Answer until SIGTERM or SIGINT, or until the supervisor is gone; then end in order.

    No connection is accepted before the champions are loaded: those that come sooner wait in the
    socket's queue, or are answered by another worker.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = HttpServer(app, _bound_connections(endpoints), **tls)
    tasks = [
        *(asyncio.create_task(endpoint.state.watch()) for endpoint in endpoints),
        asyncio.create_task(_keep_house(endpoints, stop)),
    ]
    try:
        await _first(_wait_until_loaded(endpoints), stop.wait())
        if not stop.is_set():
            gc.collect()
            gc.freeze()  # modules and models stay: no later collection walks over them
            await server.start(listener)
            for endpoint in endpoints:
                endpoint.state.report_serving()
            await stop.wait()
    finally:
        await server.stop(_GRACE_SECONDS)
        listener.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(endpoint.close() for endpoint in endpoints))


async def _wait_until_loaded(endpoints: Sequence[Endpoint]) -> None:
    await asyncio.gather(*(endpoint.state.wait_until_loaded() for endpoint in endpoints))


async def _first(*waits: Coroutine[Any, Any, Any]) -> None:
    """Wait until one of several things has happened."""
    tasks = [asyncio.create_task(wait) for wait in waits]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    for task in done:
        task.result()


def _bound_connections(endpoints: Sequence[Endpoint]) -> ConnectionLimits:
    """Return the bounds of the process: the first problem's; of bodies, the largest."""
    settings, metrics = endpoints[0].state.settings, endpoints[0].metrics
    allowed = bound_files(settings.max_connections)
    largest_mb = max(endpoint.state.settings.max_body_mb for endpoint in endpoints)
    return ConnectionLimits(
        max_connections=allowed,
        max_per_address=min(settings.max_connections_per_address, allowed),
        max_header_bytes=int(settings.max_header_kb * 1024),
        max_headers=settings.max_headers,
        header_seconds=settings.header_seconds,
        max_body_bytes=int(largest_mb * 2**20),
        count_refusal=lambda status: metrics.count_request("connection", status).inc(),
    )


async def _keep_house(endpoints: Sequence[Endpoint], stop: asyncio.Event) -> None:
    """Close the journals' segments in time, note the memory, and end where the supervisor has."""
    parent = os.getppid()
    while os.getppid() == parent:
        for endpoint in endpoints:
            endpoint.journal.turn()
        endpoints[0].metrics.set_memory(endpoints[0].state.worker)
        await asyncio.sleep(_TURN_SECONDS)
    stop.set()


def main() -> None:
    """Serve as the arguments say: worker's number, descriptor of the socket, problems' folders."""
    worker, descriptor, *paths = sys.argv[1:]
    handler = logging.StreamHandler()
    handler.setFormatter(_JsonLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    # What callers without a token send is counted; a line for each would let them fill the disk.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    listener = socket.socket(fileno=int(descriptor))
    os.umask(OWNER_ONLY_UMASK)
    private = is_private(listener)
    folders = [RuntimeDir(Path(path)) for path in paths]
    shared = folders[0]
    plans = map(read_plan, folders)
    declare_types({name for plan in plans for name in plan.get("trusted_types", ())})
    endpoints = [
        build_endpoint(folder, int(worker), private=private, shared=shared) for folder in folders
    ]
    app = build_app(endpoints, shared, private=private)
    tls = dict(zip(("ssl_certfile", "ssl_keyfile"), read_plan(shared)["tls"], strict=False))
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(serve(endpoints, app, listener, **tls))


def _loop_factory() -> Any:
    """The faster event loop, where there is one for this system."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


if __name__ == "__main__":
    main()
