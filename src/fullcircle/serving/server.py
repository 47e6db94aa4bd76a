"""The worker's HTTP server: Uvicorn's protocol, with bounds, a late start and a quick end."""

import asyncio
import logging
import resource
import socket
from functools import partial
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from fullcircle.serving.connection_limits import ConnectionLimits
from fullcircle.serving.connections import BoundedProtocol
from fullcircle.serving.handshakes import TlsServer

_RESERVED_FILES = 256  # for the journal, models and the online store
_KEEP_ALIVE_SECONDS = 5.0
_BACKLOG = 2048
_POLL_SECONDS = 0.02


class HttpServer:
    """Answers at a listening socket.

    Attributes:
        limits: Of its connections.
    """

    def __init__(self, app: Any, limits: ConnectionLimits, **tls: Any) -> None:
        """Take the application, the bounds of connections, and certificate and key if any."""
        self.limits = limits
        self._config = uvicorn.Config(
            app,
            interface="asgi3",
            lifespan="off",
            ws="none",
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            log_config=None,
            timeout_keep_alive=min(_KEEP_ALIVE_SECONDS, limits.header_seconds),  # type: ignore[arg-type]
            **tls,
        )
        self._config.load()
        self._state = ServerState()
        self._server: asyncio.AbstractServer | TlsServer | None = None

    async def start(self, listener: socket.socket) -> None:
        """Begin to accept connections."""
        loop = asyncio.get_running_loop()
        make = partial(
            BoundedProtocol,
            limits=self.limits,
            config=self._config,
            server_state=self._state,
            app_state={},
            _loop=loop,
        )
        if self._config.ssl is not None:
            self._server = TlsServer(
                lambda waiting: make(before=waiting), self.limits, self._config.ssl
            )
            self._server.start(listener, _BACKLOG)
            return
        create = (
            loop.create_unix_server if listener.family == socket.AF_UNIX else loop.create_server
        )
        self._server = await create(make, sock=listener, backlog=_BACKLOG)

    async def stop(self, seconds: float) -> None:
        """Accept no more, answer what was begun, and close what waits for a next request."""
        if self._server is not None:
            self._server.close()
        last = asyncio.get_running_loop().time() + seconds
        while self._state.connections and asyncio.get_running_loop().time() < last:
            for connection in list(self._state.connections):
                connection.shutdown()
            await asyncio.sleep(_POLL_SECONDS)
        for connection in list(self._state.connections):
            connection.transport.abort()
        for task in list(self._state.tasks):
            task.cancel()


def bound_files(max_connections: int) -> int:
    """Allow as many open files as connections need, and return how many connections they allow."""
    wanted = max_connections + _RESERVED_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return max_connections
    allowed = max(16, soft - _RESERVED_FILES)
    logging.getLogger("fullcircle.endpoint").warning(
        "%d open files are allowed, so a worker holds %d connections instead of %d (ulimit -n).",
        soft,
        allowed,
        max_connections,
    )
    return allowed
