"""The little of HTTP that the endpoint needs on top of its server: requests in, replies out."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from fullcircle.core.errors import FullCircleError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

JSON = b"application/json"
CSV = b"text/csv"
TEXT = b"text/plain; charset=utf-8"

# What no answer is without: it is data, for nobody's cache and for no browser to interpret.
_SAFE = [
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
]
_OVER_TLS = (b"strict-transport-security", b"max-age=31536000")


@dataclass
class Response:
    """An answer.

    Attributes:
        status: HTTP status.
        body: Its bytes.
        kind: Content type.
        headers: More headers.
    """

    status: int
    body: bytes
    kind: bytes = JSON
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)

    @classmethod
    def of(cls, status: int, content: Any) -> "Response":
        """Answer in JSON."""
        return cls(status, orjson.dumps(content))


class HTTPError(FullCircleError):
    """A request that is answered with a status and one line.

    Attributes:
        status: HTTP status.
        headers: More headers.
    """

    def __init__(self, status: int, text: str, **headers: str) -> None:
        self.status = status
        self.headers = [
            (name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()
        ]
        super().__init__(text)


def header(scope: Scope, name: bytes) -> bytes:
    """Give a header's value; empty where it is absent."""
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value)
    return b""


def require_type(scope: Scope, *kinds: bytes) -> bytes:
    """Return the content type of a request without its parameters.

    A web page may post to an address of this machine without asking, but not with these types.

    Raises:
        HTTPError: It is absent, or none of those that are taken.
    """
    kind = header(scope, b"content-type").partition(b";")[0].strip().lower()
    if kind not in kinds:
        given = f"{kind[:80].decode('latin-1')!r}" if kind else "none"
        wanted = " or ".join(kind.decode() for kind in kinds)
        raise HTTPError(
            415, f"The content type is {given}. Send the header Content-Type: {wanted}."
        )
    return kind


class ByteBudget:
    """Bytes of bodies that a worker may hold at once, so that many large ones do not add up."""

    def __init__(self, most: float) -> None:
        self._most, self.held = most, 0

    def take(self, size: int) -> None:
        """Take some.

        Raises:
            HTTPError: 503: there are not so many left.
        """
        if self.held + size > self._most:
            raise HTTPError(503, "Too many large bodies are being read.", retry_after="1")
        self.held += size

    def give_back(self, size: int) -> None:
        """Give back what was taken."""
        self.held -= size


async def read_all(
    scope: Scope, receive: Receive, most: int, seconds: float, budget: ByteBudget | None = None
) -> bytes:
    """Read a request's body.

    Args:
        scope: Of the request.
        receive: Gives its pieces.
        most: Bytes that are taken.
        seconds: Within which the body must be there.
        budget: Bytes that all bodies may hold while they arrive.

    Raises:
        HTTPError: It is too large, too slow, or was broken off, or others hold too much.
    """
    budget = budget or ByteBudget(float("inf"))
    pieces = bytearray()
    try:
        return await _read_pieces(scope, receive, most, seconds, budget, pieces)
    finally:
        budget.give_back(len(pieces))


async def _read_pieces(
    scope: Scope,
    receive: Receive,
    most: int,
    seconds: float,
    budget: ByteBudget,
    pieces: bytearray,
) -> bytes:
    declared = header(scope, b"content-length")
    if declared.isdigit() and int(declared) > most:
        raise _too_large(most)
    message: MutableMapping[str, Any] = {"more_body": True}
    try:
        async with asyncio.timeout(seconds):
            while message.get("more_body"):
                message = await receive()
                piece = message.get("body", b"")
                budget.take(len(piece))
                pieces += piece
                _limited(pieces, most)
    except TimeoutError as error:
        raise HTTPError(408, f"The body did not arrive within {seconds:g} seconds.") from error
    if message["type"] != "http.request":
        raise HTTPError(400, "The request was broken off.")
    return bytes(pieces)


def _limited(body: bytearray, most: int) -> None:
    if len(body) > most:
        raise _too_large(most)


def _too_large(most: int) -> HTTPError:
    return HTTPError(413, f"The body is larger than {most / 2**20:.2f} MB. Send fewer rows.")


async def send_reply(scope: Scope, send: Send, reply: Response, request_id: bytes) -> None:
    """Send an answer; to HEAD without its body."""
    headers = [
        (b"content-type", reply.kind),
        (b"content-length", str(len(reply.body)).encode()),
        (b"x-request-id", request_id),
        *_SAFE,
        *reply.headers,
    ]
    if scope["scheme"] == "https":
        headers.append(_OVER_TLS)
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    body = b"" if scope["method"] == "HEAD" else reply.body
    await send({"type": "http.response.body", "body": body})
