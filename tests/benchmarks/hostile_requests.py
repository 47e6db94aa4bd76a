"""Hostile requests by the thousand, drawn from a seed, and good ones beside them."""

import asyncio
import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_SECONDS = 5.0  # that one attack may take
_ROW = b"POST /invocations HTTP/1.1\r\nhost: localhost\r\n"
_JSON = b"content-type: application/json\r\n"
NAMES = ["size", "shape", "a", "b", "\u0000", "x" * 300, "__class__", "dataframe_records"]


def _value(rng: random.Random, depth: int = 0) -> object:
    kind = rng.randrange(9)
    if kind == 0 and depth < 4:
        return [_value(rng, depth + 1) for _ in range(rng.randrange(4))]
    if kind == 1 and depth < 4:
        return {rng.choice(NAMES): _value(rng, depth + 1) for _ in range(rng.randrange(4))}
    plain = [None, True, 10**30, -1e308, "x" * rng.randrange(2000), "1; DROP TABLE x", "\u202e"]
    return rng.choice(plain)


def draw_body(rng: random.Random) -> tuple[bytes, bytes]:
    """Draw a body and its content type: of a known form, and of any size up to the limit."""
    size = int(10 ** rng.uniform(0, 4))
    names = [f"c{rng.randrange(size + 1)}" for _ in range(min(size, 3000))]
    forms: list[Callable[[], object]] = [
        lambda: {"dataframe_records": [{f"k{i}": i} for i in range(size)]},
        lambda: {"dataframe_records": [_value(rng) for _ in range(size % 200)]},
        lambda: {"dataframe_split": {"columns": names, "data": [[1] * len(names)]}},
        lambda: {"dataframe_split": {"columns": _value(rng), "data": _value(rng)}},
        lambda: {"instances": [[_value(rng)] for _ in range(size % 200)]},
        lambda: {"inputs": {name: _value(rng) for name in names[:200]}},
        lambda: {"instances": [{}] * size, "params": {"explain": True}},
        lambda: _value(rng),
    ]
    kind = rng.randrange(len(forms) + 4)
    if kind < len(forms):
        return json.dumps(forms[kind](), default=str).encode("utf-8", "replace"), _JSON
    others = [
        b"[" * size,
        b'{"instances":["' + b'[\\"' * size,
        rng.randbytes(size),
        (",".join(names) + "\n" + "1," * size).encode(),
    ]
    content = others[kind - len(forms)]
    return content, rng.choice([_JSON, b"content-type: text/csv\r\n", b""])


def _post(body: bytes, headers: bytes = _JSON) -> bytes:
    return _ROW + headers + b"content-length: %d\r\n\r\n" % len(body) + body


@dataclass
class Attacker:
    """Sends hostile requests to one address.

    Attributes:
        host: Of the endpoint.
        port: Its port.
        rng: What draws.
        answers: Answers by status; 0 where there was none.
    """

    host: str
    port: int
    rng: random.Random
    answers: Counter[int] = field(default_factory=Counter)

    async def attack(self) -> None:
        """Send one hostile request, of any kind."""
        kinds: list[Callable[[], Awaitable[None]]] = [
            *[self._send_body] * 6,
            self._send_headers,
            self._send_forged,
            self._send_flood,
            self._stay_silent,
            self._break_off,
            self._send_chunks,
            self._send_noise,
        ]
        try:
            async with asyncio.timeout(_SECONDS):
                await self.rng.choice(kinds)()
        except (OSError, TimeoutError):
            self.answers[0] += 1

    async def _send(self, *pieces: bytes, wait: bool = True) -> None:
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            head = await reader.read(64) if wait else b""
            self._count(head)
        finally:
            writer.close()

    def _count(self, head: bytes) -> None:
        status = head[9:12]
        self.answers[int(status) if status.isdigit() else 0] += 1

    async def _send_body(self) -> None:
        await self._send(_post(*draw_body(self.rng)))

    async def _send_headers(self) -> None:
        rng = self.rng
        many = b"".join(b"x-%d: %s\r\n" % (i, b"v" * rng.randrange(200)) for i in range(300))
        long = b"x: " + b"a" * rng.randrange(100_000) + b"\r\n"
        await self._send(_ROW, rng.choice([many, long]), b"\r\n")

    async def _send_forged(self) -> None:
        headers = self.rng.choice(
            [
                b"host: evil.example\r\n",
                b"origin: http://evil.example\r\n" + _JSON,
                b"authorization: Bearer fc_0_%d\r\n" % self.rng.getrandbits(64) + _JSON,
                b"connection: upgrade\r\nupgrade: websocket\r\n",
                b"transfer-encoding: chunked\r\ncontent-length: 3\r\n",
                b"content-length: 99999999999\r\n" + _JSON,
                b"expect: 100-continue\r\n" + _JSON,
            ]
        )
        await self._send(_post(b"{}", headers))

    async def _send_flood(self) -> None:
        paths = [b"/", b"/metrics", b"/x" * 50, b"/ping", b"/openapi.json"]
        one = b"GET %s HTTP/1.1\r\nhost: localhost\r\n\r\n" % self.rng.choice(paths)
        await self._send(one * self.rng.randrange(1, 200))

    async def _stay_silent(self) -> None:
        half = _ROW[: self.rng.randrange(len(_ROW))]
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            writer.write(half)
            self._count(await asyncio.wait_for(reader.read(64), self.rng.uniform(0, 2)))
        finally:
            writer.close()

    async def _break_off(self) -> None:
        content = _post(*draw_body(self.rng))
        await self._send(content[: self.rng.randrange(len(content))], wait=False)

    async def _send_chunks(self) -> None:
        pieces = [b"%x;%s\r\n" % (3, b"e" * self.rng.randrange(3000)) + b"abc\r\n"] * 20
        head = _ROW + _JSON + b"transfer-encoding: chunked\r\n\r\n"
        await self._send(head, *pieces, b"0\r\n" + b"t: 1\r\n" * self.rng.randrange(200) + b"\r\n")

    async def _send_noise(self) -> None:
        await self._send(self.rng.randbytes(self.rng.randrange(1, 5000)))


async def attack(
    host: str, port: int, requests: int, *, together: int, per_second: float, seed: int
) -> Counter[int]:
    """Send hostile requests, so many at once and a second at most; gives answers by status."""
    attacker = Attacker(host, port, random.Random(seed))  # noqa: S311 - draws attacks
    numbers = iter(range(requests))
    began = time.perf_counter()

    async def work() -> None:
        for number in numbers:
            early = number / per_second - (time.perf_counter() - began)
            if early > 0:
                await asyncio.sleep(early)
            await attacker.attack()

    await asyncio.gather(*(work() for _ in range(together)))
    return attacker.answers


@dataclass
class Customers:
    """Sends good requests one after the other on connections that stay open.

    Attributes:
        host: Of the endpoint.
        port: Its port.
        body: What is asked.
        seconds: How long each answer took.
        failed: Requests without an answer of 200.
    """

    host: str
    port: int
    body: bytes
    seconds: list[float] = field(default_factory=list)
    failed: int = 0

    async def ask(self, requests: int, *, together: int, pause: float) -> None:
        """Send so many requests, with a pause after each."""
        numbers = iter(range(requests))

        async def work() -> None:
            streams = await asyncio.open_connection(self.host, self.port)
            for _ in numbers:
                began = time.perf_counter()
                try:
                    good = await self._ask_one(*streams)
                except (OSError, asyncio.IncompleteReadError):
                    good = False
                    streams = await asyncio.open_connection(self.host, self.port)
                self.seconds.append(time.perf_counter() - began)
                self.failed += not good
                await asyncio.sleep(pause)
            streams[1].close()

        await asyncio.gather(*(work() for _ in range(together)))

    async def _ask_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(_post(self.body))
        head = await reader.readuntil(b"\r\n\r\n")
        size = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        await reader.readexactly(size)
        return head.startswith(b"HTTP/1.1 200")

    def percentile(self, share: float) -> float:
        """Milliseconds within which that share was answered."""
        ordered = sorted(self.seconds)
        return 1e3 * ordered[min(len(ordered) - 1, int(len(ordered) * share))]
