"""A worker: one process that answers at the shared port, without Kedro and without MLflow."""

import asyncio
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn

from fullcircle.serving.app import Endpoint
from fullcircle.serving.folder import EndpointFolder, read_json
from fullcircle.serving.guard import Guard
from fullcircle.serving.journal import Journal
from fullcircle.serving.limits import RateLimits
from fullcircle.serving.metrics import Metrics
from fullcircle.serving.room import Room

_TURN_SECONDS = 0.2
_GRACE_SECONDS = 10


class _Server(uvicorn.Server):
    """Uvicorn that leaves signals to us: it would end the process before the journal is closed."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


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


def build_endpoint(folder: EndpointFolder, worker: int) -> Endpoint:
    """Put an endpoint together from what lies in its folder."""
    room = Room(folder, read_json(folder.plan), worker)
    settings = room.settings
    limits = None
    if settings.requests_per_second is not None:
        limits = RateLimits(folder.limits, settings.requests_per_second, settings.burst)
    memory = int(settings.log.memory_mb * 2**20)
    journal = Journal(folder.journal, settings.log.segment_seconds, memory)
    return Endpoint(room, Guard(room.tokens, limits), journal, Metrics(folder.metrics))


async def serve(endpoint: Endpoint, door: socket.socket, **tls: Any) -> None:
    """Answer until SIGTERM or SIGINT, or until the supervisor is gone; then end in order."""
    config = uvicorn.Config(
        endpoint,
        lifespan="off",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        log_config=None,
        limit_concurrency=endpoint.room.settings.max_connections,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        **tls,
    )
    server = _Server(config)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, setattr, server, "should_exit", True)
    tasks = [
        asyncio.create_task(endpoint.room.watch()),
        asyncio.create_task(_keep_house(endpoint, server)),
    ]
    try:
        await server.serve(sockets=[door])
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await endpoint.close()


async def _keep_house(endpoint: Endpoint, server: uvicorn.Server) -> None:
    """Close the journal's segments in time, and end where the supervisor has."""
    parent = os.getppid()
    while os.getppid() == parent:
        endpoint.journal.turn()
        await asyncio.sleep(_TURN_SECONDS)
    server.should_exit = True


def main() -> None:
    """Serve as the arguments say: folder, worker's number, descriptor of the socket, TLS files."""
    folder, worker, descriptor, *tls = sys.argv[1:]
    handler = logging.StreamHandler()
    handler.setFormatter(_JsonLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    door = socket.socket(fileno=int(descriptor))
    endpoint = build_endpoint(EndpointFolder(Path(folder)), int(worker))
    names = dict(zip(("ssl_certfile", "ssl_keyfile"), tls, strict=False))
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(serve(endpoint, door, **names))


def _loop_factory() -> Any:
    """The faster event loop, where there is one for this system."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


if __name__ == "__main__":
    main()
