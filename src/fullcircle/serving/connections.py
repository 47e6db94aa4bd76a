"""One connection's HTTP/1.1 within bounds: of bytes, of time, and of its neighbours.

Uvicorn's protocol speaks HTTP; here is what it leaves open. A head (request line and headers) has a
size, a number of lines and a time. An answer that nobody reads and a body that nobody wants end.
When a worker has no place left, the connection that has waited longest for its next head makes
room, so that half-open connections never starve others.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from fullcircle.serving.connection_limits import ConnectionLimits, Waiting

if TYPE_CHECKING:
    import asyncio

PROBES = ("/ping", "/health", "/ready")
_MAX_PIPELINED = 64  # requests of one connection that wait for the one before
_LINGER_SECONDS = 2.0  # in which the rest of a refused body is read and thrown away
_LINGER_BYTES = 4 * 2**20
_CHUNK_OVERHEAD = 8  # bytes on the wire per byte of a body sent in the smallest chunks
_PATIENCE_SECONDS = 30.0  # in which a client must read on


class BoundedProtocol(HttpToolsProtocol):
    """HTTP/1.1 of one connection, within bounds."""

    def __init__(
        self, *, limits: ConnectionLimits, before: Waiting | None = None, **how: Any
    ) -> None:
        super().__init__(**how)
        self._before = before
        self.ws_protocol_class = None  # no upgrade is ever answered
        self._limits = limits
        self.address = "local"
        self._in_head, self._head_bytes, self._message_bytes = True, 0, 0
        self._messages = self._head_lines = 0
        self._timer: asyncio.TimerHandle | None = None
        self._patience: asyncio.TimerHandle | None = None
        self._refused = False

    # The connection

    def connection_made(self, transport: Any) -> None:
        """Take a place among the worker's connections, or make one."""
        super().connection_made(transport)
        if self._before is not None:  # its handshake is done
            self._limits.leave_place(self._before)
        self.address = str(self.client[0]) if self.client else "local"
        state = self._limits.make_room(self.address)
        self._limits.by_address[self.address] += 1
        if not state:
            self._refuse(503, "Too many connections. Try again in a moment.")
            return
        self._limits.idle[self] = None
        self._arm(self._limits.header_seconds, self._give_up_head)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back."""
        self._disarm()
        self._stop_patience()
        self._unset_keepalive_if_required()
        self._limits.idle.pop(self, None)
        self._limits.busy.discard(self)
        self._limits.forget_address(self.address)
        super().connection_lost(exc)

    def abort(self) -> None:
        """End at once, without waiting for what the client has not read."""
        self._limits.idle.pop(self, None)
        self._limits.busy.discard(self)
        self.transport.abort()

    # Bytes

    def data_received(self, data: bytes) -> None:
        """Parse what came, a head's worth at a time, as long as it keeps its bounds."""
        if self._refused:
            self._throw_away(data)
            return
        limits, start = self._limits, 0
        messages = self._messages
        while start < len(data) and not self._closed():
            end = len(data)
            if self._in_head:
                end = min(end, start + limits.max_header_bytes + 1 - self._head_bytes)
            piece = data if end - start == len(data) else data[start:end]
            self._message_bytes += len(piece)
            if self._in_head:
                self._head_bytes += len(piece)
            super().data_received(piece)
            if self._in_head and self._head_bytes > limits.max_header_bytes:
                self._refuse(431, "The headers are too large.")
            if self._message_bytes > limits.max_header_bytes + _CHUNK_OVERHEAD * (
                limits.max_body_bytes + limits.max_header_bytes
            ):
                self.abort()
            start = end
        if self._in_head and messages == self._messages and not (self._timer or self._closed()):
            self._arm(limits.header_seconds, self._give_up_head)

    def _throw_away(self, data: bytes) -> None:
        """Read on for a moment: closed with bytes unread, TCP would take the refusal back."""
        self._message_bytes += len(data)
        if self._message_bytes > _LINGER_BYTES:
            self.abort()

    def _closed(self) -> bool:
        return self._refused or self.transport.is_closing()

    def on_message_begin(self) -> None:
        """Begin a head."""
        super().on_message_begin()
        self._in_head, self._head_lines = True, 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, or a trailer, of which there may be as many in all."""
        self._head_lines += 1
        if self._head_lines > self._limits.max_headers:
            self._refuse(431, "There are too many headers.")
        if not self._refused:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Start to answer, unless no such request is answered here."""
        self._disarm()
        self._in_head, self._head_bytes = False, 0
        if self._refused:
            return
        if self.parser.should_upgrade():
            self._refuse(400, "No upgrade of the protocol is answered. Send plain HTTP/1.1.")
        elif not self.url.startswith(b"/"):
            self._refuse(400, "The request's target must be a path.")
        elif len(self.pipeline) >= _MAX_PIPELINED:
            self.abort()
            self._refused = True
        elif len(self._limits.busy) >= self._limits.max_connections and not self._is_probe():
            self._refuse(503, "Too many requests are being answered. Try again in a moment.")
        else:
            self._limits.idle.pop(self, None)
            self._limits.busy.add(self)
            super().on_headers_complete()

    def _is_probe(self) -> bool:
        return self.url.decode("latin-1") in PROBES

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Wait for the next head."""
        self._messages += 1
        self._in_head, self._message_bytes = True, 0
        if not self._refused:
            super().on_message_complete()
            if self._timer is not None and self.cycle.response_complete:
                self._disarm()  # the rest of a body that nobody wanted is here
                self._unset_keepalive_if_required()
                self.timeout_keep_alive_task = self.loop.call_later(
                    self.timeout_keep_alive, self.timeout_keep_alive_handler
                )

    def on_response_complete(self) -> None:
        """Wait for the next request, or for the rest of a body that nobody wants."""
        super().on_response_complete()
        if self.transport.is_closing() or self.pipeline or not self.cycle.response_complete:
            return
        self._limits.busy.discard(self)
        self._limits.idle[self] = None
        if not self._in_head:  # answered before the body was there
            self._unset_keepalive_if_required()
            self._arm(_LINGER_SECONDS, self.transport.close)

    def pause_writing(self) -> None:
        """Stop to answer while the client does not read, and end where it never does."""
        super().pause_writing()
        self._patience = self.loop.call_later(_PATIENCE_SECONDS, self.abort)

    def resume_writing(self) -> None:
        """Go on where the client reads on."""
        self._stop_patience()
        super().resume_writing()

    def _stop_patience(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    # Refusals

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - Uvicorn's words are not ours
        """Refuse what is no HTTP."""
        self._refuse(400, "This is no HTTP request.")

    def _give_up_head(self) -> None:
        self._timer = None
        self._refuse(408, "The headers did not arrive in time.")

    def _refuse(self, status: int, text: str) -> None:
        """Answer once, where no other answer is under way, and close when that was read."""
        if self._closed():
            return
        self._refused = True
        self._limits.count_refusal(status)
        if self.cycle is not None and not self.cycle.response_complete:
            self.transport.close()
            return
        body = orjson.dumps({"error": text})
        head = b"content-type: application/json\r\nconnection: close\r\ncontent-length: "
        self.transport.write(
            STATUS_LINE[status] + head + str(len(body)).encode() + b"\r\n\r\n" + body
        )
        if status == 408 or not self.transport.can_write_eof():
            self.transport.close()
            return
        self.transport.write_eof()
        self._message_bytes = 0
        self._limits.busy.discard(self)
        self._limits.idle[self] = None
        self._arm(_LINGER_SECONDS, self.transport.close)

    def _arm(self, seconds: float, act: Callable[[], None]) -> None:
        self._disarm()
        self._timer = self.loop.call_later(seconds, act)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
