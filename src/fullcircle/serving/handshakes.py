"""TLS handshakes under the bounds of connections: who never ends one takes a place all the same.

A server of asyncio's counts a connection when its handshake is done. Here it is accepted first,
takes its place, and shakes hands then.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from fullcircle.serving.connection_limits import ConnectionLimits, Waiting
from fullcircle.serving.connections import BoundedProtocol

_WAIT_SECONDS = 0.1  # where no file is left to accept with


class TlsServer:
    """Accepts connections at a socket, and speaks TLS on each."""

    def __init__(
        self,
        make: Callable[[Waiting], BoundedProtocol],
        limits: ConnectionLimits,
        tls: ssl.SSLContext,
    ) -> None:
        self._make, self._limits, self._tls = make, limits, tls
        self._tasks: set[asyncio.Task[None]] = set()
        self._door: socket.socket | None = None

    def start(self, listener: socket.socket, backlog: int) -> None:
        """Begin to accept."""
        self._door = listener
        listener.setblocking(False)
        listener.listen(backlog)
        self._begin(self._accept(listener))

    def close(self) -> None:
        """Accept no more, and end what shakes hands."""
        for task in self._tasks:
            task.cancel()
        if self._door is not None:
            self._door.close()

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, address = await loop.sock_accept(listener)
            except OSError:
                await asyncio.sleep(_WAIT_SECONDS)
                continue
            address = str(address[0]) if address else "local"
            handshake = Handshake(connection, address, self._limits)
            if not self._limits.make_room(handshake.address):
                self._limits.count_refusal(503)
                connection.close()
                continue
            self._limits.take_place(handshake)
            handshake.task = self._begin(self._shake_hands(handshake))
            await asyncio.sleep(0)  # what is ready at once would keep all else waiting

    async def _shake_hands(self, handshake: "Handshake") -> None:
        """Let a protocol go on where TLS began in time; else give the place back."""
        try:
            with suppress(OSError):  # no TLS, or none in time; ssl.SSLError is one
                await asyncio.get_running_loop().connect_accepted_socket(
                    lambda: self._make(handshake),
                    handshake.connection,
                    ssl=self._tls,
                    ssl_handshake_timeout=self._limits.header_seconds,
                )
        finally:
            self._limits.leave_place(handshake)


class Handshake:
    """A connection that was accepted, and is no HTTP yet."""

    def __init__(self, connection: socket.socket, address: str, limits: ConnectionLimits) -> None:
        self.connection, self.address, self._limits = connection, address, limits
        self.task: asyncio.Task[None] | None = None

    def abort(self) -> None:
        """End at once."""
        self._limits.leave_place(self)
        if self.task is not None:
            self.task.cancel()
