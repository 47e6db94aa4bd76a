"""TLS: who never ends a handshake takes a place, of the address too, and makes room for others."""

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import pytest
from tests.serving.test_connections import PING, Server, statuses

from fullcircle.serving.connection_limits import ConnectionLimits
from fullcircle.serving.server import HttpServer
from fullcircle.serving.sockets import bind_socket


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Give a certificate for this machine, and its key."""
    openssl = shutil.which("openssl") or pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    made = {"ssl_keyfile": folder / "key", "ssl_certfile": folder / "crt"}
    words = [
        *(openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
        *("-nodes", "-days", "2", "-subj", "/CN=localhost"),
        *("-addext", "subjectAltName=IP:127.0.0.1"),
        *("-keyout", str(made["ssl_keyfile"]), "-out", str(made["ssl_certfile"])),
    ]
    subprocess.run(words, check=True, capture_output=True)
    return {name: str(path) for name, path in made.items()}


class TlsServer(Server):
    """A server over TLS, and clients that trust it."""

    def __init__(self, certificate: dict[str, str], **bounds: Any) -> None:
        super().__init__(**bounds)
        self.http = HttpServer(self.answer, self.limits, **certificate)
        self.trusted = ssl.create_default_context(cafile=certificate["ssl_certfile"])

    async def connect(self, *pieces: bytes) -> Any:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=self.trusted)
        for piece in pieces:
            writer.write(piece)
        return reader, writer

    async def connect_silently(self, *pieces: bytes) -> Any:
        """Open a connection that never ends a handshake."""
        return await super().connect(*pieces)


def _uvloop() -> Callable[[], asyncio.AbstractEventLoop]:
    new_event_loop: Any = pytest.importorskip("uvloop").new_event_loop
    return new_event_loop  # type: ignore[no-any-return]


@pytest.fixture(params=["asyncio", "uvloop"])
def serve(request: pytest.FixtureRequest, certificate: dict[str, str]) -> Any:
    """Give what does something with a server, on either event loop."""
    factory = _uvloop() if request.param == "uvloop" else None

    def serve(act: Callable[[TlsServer], Coroutine[Any, Any, Any]], **bounds: Any) -> Any:
        async def go() -> Any:
            server = TlsServer(certificate, **bounds)
            listener = bind_socket("127.0.0.1", 0)
            server.port = listener.getsockname()[1]  # type: ignore[attr-defined]
            await server.http.start(listener)
            try:
                return await asyncio.wait_for(act(server), 60)
            finally:
                server.go.set()
                await server.http.stop(2)

        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(go())

    return serve


def count(limits: ConnectionLimits) -> tuple[int, int]:
    return sum(limits.by_address.values()), len(limits.idle) + len(limits.busy)


async def settle(limits: ConnectionLimits, wanted: Callable[[], bool]) -> None:
    for _ in range(500):
        if wanted():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(count(limits))


def test_handshake_that_never_ends_counts_for_its_address(serve: Any) -> None:
    """Silent connections beyond an address's limit close its oldest; a good one is answered."""

    async def act(server: TlsServer) -> None:
        silent = [await server.connect_silently(b"\x16\x03\x01") for _ in range(12)]
        await settle(server.limits, lambda: server.limits.evicted >= 7)
        assert count(server.limits) == (5, 5)
        answer = await server.ask(PING.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))
        assert statuses(answer) == [200]
        for _, writer in silent:
            writer.close()
        await settle(server.limits, lambda: count(server.limits) == (0, 0))

    serve(act, max_per_address=5)


def test_handshake_has_a_time(serve: Any) -> None:
    """Who has not ended a handshake in the time of a head is cut, and gives the place back."""

    async def act(server: TlsServer) -> None:
        reader, writer = await server.connect_silently()
        await settle(server.limits, lambda: count(server.limits) == (1, 1))
        with suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()
        await settle(server.limits, lambda: count(server.limits) == (0, 0))

    serve(act, header_seconds=0.3)


@pytest.mark.parametrize(
    "garbage", [b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 9000, b"\x16\x03\x01\xff"]
)
def test_what_is_no_tls_leaves_nothing(serve: Any, garbage: bytes) -> None:
    """What speaks no TLS is cut, and the next one is answered."""

    async def act(server: TlsServer) -> None:
        _, writer = await server.connect_silently(garbage)
        writer.close()
        answer = await server.ask(PING.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))
        assert statuses(answer) == [200]
        await settle(server.limits, lambda: count(server.limits) == (0, 0))

    serve(act)


def test_many_requests_over_one_handshake(serve: Any) -> None:
    """A request that comes together with the end of the handshake is answered, as are the next."""

    async def act(server: TlsServer) -> None:
        last = PING.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")
        answers = await asyncio.gather(*(server.ask(PING * 9 + last) for _ in range(20)))
        assert [statuses(answer) for answer in answers] == [[200] * 10] * 20

    serve(act)
