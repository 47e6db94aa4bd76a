"""TLS handshakes under the bounds of connections: who never ends one takes a place all the same."""

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

from fullcircle.serving.connections import BoundedProtocol, ConnectionLimits


class Handshake(asyncio.Protocol):
    """A connection that was accepted, and is no HTTP yet.

    It counts among the connections that wait, and of its address: the one that waits longest makes
    room for others.
    """

    def __init__(
        self, make: Callable[[], BoundedProtocol], limits: ConnectionLimits, tls: ssl.SSLContext
    ) -> None:
        self._make, self._limits, self._tls = make, limits, tls
        self._transport: Any = None
        self._task: asyncio.Task[None] | None = None
        self.address = "local"

    def connection_made(self, transport: Any) -> None:
        """Take a place among the worker's connections, and begin."""
        self._transport = transport
        transport.pause_reading()  # what is sent belongs to TLS
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if isinstance(peer, tuple) else "local"
        room = self._limits.make_room(self.address)
        self._limits.take_place(self)
        if room:
            self._task = asyncio.get_running_loop().create_task(self._shake_hands())
        else:
            self._limits.count_refusal(503)
            self.abort()

    def abort(self) -> None:
        """End at once."""
        self._limits.leave_place(self)
        if self._task is not None:
            self._task.cancel()
        self._transport.abort()

    async def _shake_hands(self) -> None:
        early = _Early()
        try:
            transport = await asyncio.get_running_loop().start_tls(
                self._transport,
                early,
                self._tls,
                server_side=True,
                ssl_handshake_timeout=self._limits.header_seconds,
            )
        except (OSError, asyncio.CancelledError):  # ssl.SSLError is one: no TLS, or none in time
            self._transport.abort()
            return
        finally:
            self._limits.leave_place(self)
        early.hand_over(self._make(), transport)


class _Early(asyncio.Protocol):
    """Keeps what comes between the end of a handshake and the protocol's beginning."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._lost = False

    def data_received(self, data: bytes) -> None:
        """Keep a piece."""
        self._pieces.append(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that nobody is there any more."""
        del exc
        self._lost = True

    def hand_over(self, protocol: BoundedProtocol, transport: Any) -> None:
        """Let a protocol go on, with what has come already."""
        if self._lost or transport is None:
            return
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        for piece in self._pieces:
            protocol.data_received(piece)
