"""Connections: no bytes, no silence and no number of them keeps others from being answered."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fullcircle.serving import connection_limits, connections
from fullcircle.serving.connection_limits import ConnectionLimits
from fullcircle.serving.http import HTTPError, Response, read_all, send_reply
from fullcircle.serving.server import HttpServer
from fullcircle.serving.sockets import bind_socket

GOOD = b"POST /x HTTP/1.1\r\nhost: localhost\r\ncontent-length: 3\r\n\r\nabc"
PING = b"GET /ping HTTP/1.1\r\nhost: localhost\r\n\r\n"
BOUNDS = {
    "max_connections": 50,
    "max_per_address": 50,
    "max_header_bytes": 8192,
    "max_headers": 20,
    "header_seconds": 5.0,
    "max_body_bytes": 10_000,
}


class Server:
    """A server with an application that says how long a body was, or waits for a word."""

    def __init__(self, **bounds: Any) -> None:
        self.refused: list[int] = []
        self.go = asyncio.Event()
        self.limits = ConnectionLimits(**{**BOUNDS, **bounds, "count_refusal": self.refused.append})
        self.http = HttpServer(self.answer, self.limits)

    async def answer(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/wait":
            await self.go.wait()
        if scope["path"] == "/large":
            await send_reply(scope, send, Response(200, b"x" * 2**20), b"id")
            return
        if scope["path"] == "/stranger":
            await send_reply(scope, send, Response(401, b"{}"), b"id")
            return
        try:
            body = await read_all(scope, receive, 10_000, 5)
            reply = Response.of(200, len(body))
        except HTTPError as refusal:
            reply = Response.of(refusal.status, str(refusal))
        await send_reply(scope, send, reply, b"id")

    async def ask(self, *pieces: bytes, seconds: float = 10) -> bytes:
        """Send bytes on a connection of its own, and give all that comes until it is closed."""
        reader, writer = await self.connect(*pieces)
        try:
            return await asyncio.wait_for(_read(reader), seconds)
        finally:
            writer.close()

    async def connect(self, *pieces: bytes) -> Any:
        """Open a connection and send bytes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0)
        return reader, writer


async def _read(reader: asyncio.StreamReader) -> bytes:
    seen = b""
    try:
        while piece := await reader.read(65536):
            seen += piece
    except ConnectionError:
        pass
    return seen


@asynccontextmanager
async def serving(**bounds: Any) -> AsyncIterator[Server]:
    """Serve on a port of this machine."""
    server = Server(**bounds)
    listener = bind_socket("127.0.0.1", 0)
    server.port = listener.getsockname()[1]  # type: ignore[attr-defined]
    await server.http.start(listener)
    try:
        yield server
    finally:
        server.go.set()
        await server.http.stop(2)


def run(act: Callable[[Server], Coroutine[Any, Any, Any]], **bounds: Any) -> Any:
    """Do something with a server."""

    async def go() -> Any:
        async with serving(**bounds) as server:
            return await act(server)

    return asyncio.run(go())


def statuses(answer: bytes) -> list[int]:
    """Give the status of each answer on a connection."""
    return [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]


def close(request: bytes) -> bytes:
    """Ask for the connection to be closed after a request."""
    return request.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n", 1)


ATTACKS = {
    "one endless header": ([b"GET / HTTP/1.1\r\nx: ", *[b"a" * 4096] * 100], 431),
    "an endless target": ([b"GET /", *[b"a" * 4096] * 100], 431),
    "endless headers": ([b"GET / HTTP/1.1\r\n", *[b"x: 1\r\n"] * 5000], 431),
    "many headers": ([b"GET / HTTP/1.1\r\n" + b"x: 1\r\n" * 21 + b"\r\n"], 431),
    "many trailers": (
        [
            b"POST /x HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n",
            b"x: 1\r\n" * 30 + b"\r\n",
        ],
        431,
    ),
    "websocket": (
        [
            b"GET /x HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
            b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n"
        ],
        400,
    ),
    "h2c": ([b"GET /x HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n"], 400),
    "h2": ([b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"], 400),
    "connect": ([b"CONNECT evil.example:443 HTTP/1.1\r\nhost: evil.example\r\n\r\n"], 400),
    "another machine's address": ([b"GET http://evil.example/ HTTP/1.1\r\nhost: a\r\n\r\n"], 400),
    "no http": ([b"\x16\x03\x01 hello\r\n\r\n"], 400),
    "two lengths": (
        [b"POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd"],
        400,
    ),
    "length and chunks": (
        [
            b"POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n"
            b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n"
        ],
        400,
    ),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_refused_and_its_connection_closed(name: str) -> None:
    """Headers without end, upgrades and what is no HTTP get one refusal, which is counted."""
    pieces, status = ATTACKS[name]

    async def attack(server: Server) -> None:
        # In the midst of a request that is being answered, the connection is closed without a word.
        assert statuses(await server.ask(*pieces)) == [status] * (name != "many trailers")
        assert server.refused == [status]
        assert statuses(await server.ask(close(GOOD))) == [200]

    run(attack)


@pytest.mark.parametrize(
    "pieces",
    [[], [b"GET / HT"], [b"GET / HTTP/1.1\r\nx: 1\r\n"], [b"\r\n\r\n"], [GOOD, b"GET / H"]],
    ids=["nothing", "half a line", "half the headers", "blank lines", "a second half"],
)
def test_a_head_that_never_ends_is_not_waited_for(pieces: list[bytes]) -> None:
    """Silent and half-open connections are closed, whatever they sent before."""

    async def attack(server: Server) -> None:
        seen = statuses(await server.ask(*pieces))
        assert seen[-1:] in ([408], [200])  # after an answer, its connection is closed at rest
        assert not server.limits.by_address

    run(attack, header_seconds=0.2)


@pytest.mark.parametrize("first", [b"", GOOD], ids=["at first", "after an answer"])
def test_a_head_that_drips_is_not_waited_for(first: bytes) -> None:
    """A byte now and then does not begin the time anew."""

    async def attack(server: Server) -> None:
        reader, writer = await server.connect(first)

        async def drip() -> None:
            while not writer.is_closing():
                writer.write(b"\r\n")
                await asyncio.sleep(0.02)

        dripping = asyncio.create_task(drip())
        assert statuses(await asyncio.wait_for(_read(reader), 10))[-1] == 408
        dripping.cancel()
        writer.close()

    run(attack, header_seconds=0.2)


@pytest.mark.parametrize("bound", ["max_connections", "max_per_address"])
def test_half_open_connections_starve_nobody(bound: str) -> None:
    """Beside many more half requests than there are places, each good request is answered."""

    async def attack(server: Server) -> None:
        opened = []
        for _ in range(200):
            opened.append(await server.connect(b"POST /x HTTP/1.1\r\nx: "))
            if len(opened) % 20 == 0:
                assert statuses(await server.ask(close(PING))) == [200]
                assert statuses(await server.ask(close(GOOD))) == [200]
        assert server.limits.evicted > 50
        assert sum(server.limits.by_address.values()) <= 10 + connection_limits._RESERVED + 1
        for _, writer in opened:
            writer.close()

    run(attack, **{bound: 10})


def test_probes_are_answered_when_all_places_are_busy() -> None:
    """With all places taken by requests, others get 503, and probes their answer."""

    async def attack(server: Server) -> None:
        wait = close(PING.replace(b"/ping", b"/wait"))
        asked = [asyncio.create_task(server.ask(wait)) for _ in range(3)]
        while len(server.limits.busy) < 3:
            await asyncio.sleep(0.01)
        assert statuses(await server.ask(close(GOOD))) == [503]
        assert statuses(await server.ask(close(PING))) == [200]
        server.go.set()
        assert [statuses(answer) for answer in await asyncio.gather(*asked)] == [[200]] * 3
        assert statuses(await server.ask(close(GOOD))) == [200]

    run(attack, max_connections=3)


def test_a_flood_in_one_connection_is_cut() -> None:
    """Ten thousand requests in one breath are not all kept for later."""

    async def attack(server: Server) -> None:
        seen = statuses(await server.ask(PING.replace(b"/ping", b"/wait") * 10_000))
        assert len(seen) < 100
        assert statuses(await server.ask(close(GOOD))) == [200]

    run(attack)


def test_a_body_that_nobody_wants_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is refused before the body may send on for a moment, and no longer."""
    monkeypatch.setattr(connections, "_LINGER_SECONDS", 0.2)

    async def attack(server: Server) -> None:
        reader, writer = await server.connect(
            b"POST /stranger HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999999\r\n\r\n"
        )

        async def send() -> None:
            while not writer.is_closing():
                writer.write(b"x" * 100)
                await asyncio.sleep(0.01)

        sending = asyncio.create_task(send())
        assert statuses(await asyncio.wait_for(_read(reader), 10)) == [401]
        sending.cancel()
        writer.close()

    run(attack)


def test_a_connection_goes_on_after_an_early_refusal() -> None:
    """When the rest of a body comes after its refusal, the next request is answered."""

    async def ask(server: Server) -> None:
        head, _, body = GOOD.replace(b"/x", b"/stranger").partition(b"\r\n\r\n")
        reader, writer = await server.connect(head + b"\r\n\r\n")
        seen = await reader.readuntil(b"{}")
        assert statuses(seen) == [401]
        writer.write(body)
        await asyncio.sleep(0.05)
        writer.write(close(GOOD))
        assert statuses(await asyncio.wait_for(_read(reader), 10)) == [200]
        writer.close()

    run(ask)


def test_chunks_that_hold_nothing_end() -> None:
    """A body whose chunks carry more wrapping than content is cut at a bound of its bytes."""

    async def attack(server: Server) -> None:
        head = b"POST /x HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
        reader, writer = await server.connect(head)
        sent = 0
        try:
            while sent < 2**22:
                writer.write(b"1;" + b"e" * 60_000 + b"\r\nx\r\n")
                sent += 60_000
                await writer.drain()
        except ConnectionError:
            pass
        assert statuses(await asyncio.wait_for(_read(reader), 10)) in ([], [413])
        writer.close()
        assert statuses(await server.ask(close(GOOD))) == [200]

    run(attack, max_header_bytes=1024, max_body_bytes=1000)


def test_an_answer_that_nobody_reads_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that asks and never reads loses its connection."""
    monkeypatch.setattr(connections, "_PATIENCE_SECONDS", 0.2)

    async def attack(server: Server) -> None:
        large = PING.replace(b"/ping", b"/large")
        _, writer = await server.connect(large * 30)
        async with asyncio.timeout(10):
            while not server.limits.by_address:
                await asyncio.sleep(0.01)
            while server.limits.by_address:
                await asyncio.sleep(0.05)
        writer.close()

    run(attack)


def test_the_end_is_quick_and_answers_what_was_begun() -> None:
    """On stop, requests under way are answered, and all other connections closed at once."""

    async def end(server: Server) -> float:
        wait = PING.replace(b"/ping", b"/wait")
        under_way = asyncio.create_task(server.ask(wait))
        others = [
            await server.connect(piece) for piece in (b"", b"GET / H", GOOD) for _ in range(5)
        ]
        while not server.limits.busy:
            await asyncio.sleep(0.01)
        loop = asyncio.get_running_loop()
        loop.call_later(0.2, server.go.set)
        began = loop.time()
        await server.http.stop(10)
        assert statuses(await under_way) == [200]
        for _, writer in others:
            writer.close()
        return loop.time() - began

    assert run(end) < 5  # of ten that it may take


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.binary(max_size=300), min_size=1, max_size=8),
    st.lists(st.integers(0, 2000), max_size=12),
    st.booleans(),
)
def test_good_requests_are_answered_however_they_are_cut(
    bodies: list[bytes], cuts: list[int], chunked: bool
) -> None:
    """Pipelined, chunked, in any pieces: each request is answered once, in order."""

    def spell(body: bytes) -> bytes:
        if not chunked:
            return b"POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n" % len(body) + body
        pieces = [body[:7], body[7:]]
        spelt = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces if piece)
        head = b"POST /x HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
        return head + spelt + b"0\r\n\r\n"

    whole = b"".join(map(spell, bodies)) + close(GOOD)
    places = [0, *sorted(cut for cut in cuts if cut < len(whole)), len(whole)]
    pieces = [whole[a:b] for a, b in pairwise(places)]

    async def ask(server: Server) -> bytes:
        return await server.ask(*filter(None, pieces))

    answers = [part.rpartition(b"\r\n\r\n")[2] for part in run(ask).split(b"HTTP/1.1 ")[1:]]
    assert [json.loads(answer) for answer in answers] == [*map(len, bodies), 3]
