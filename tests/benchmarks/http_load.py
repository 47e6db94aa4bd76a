"""A load on one address from many connections, in a process of its own, with little of its own.

Run: python tests/benchmarks/http_load.py URL CONNECTIONS SECONDS BODY_FILE
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import uvloop


class Connection(asyncio.Protocol):
    """Sends the same request again and again, each when the last one is answered."""

    def __init__(self, request: bytes, seconds: list[float], end: float) -> None:
        self._request, self._seconds, self._end = request, seconds, end
        self._held = b""
        self.failed = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._send()

    def _send(self) -> None:
        self._began = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._held += data
        head, found, rest = self._held.partition(b"\r\n\r\n")
        if not found:
            return
        size = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        if len(rest) < size:
            return
        self.failed += not head.startswith(b"HTTP/1.1 200")
        self._held = rest[size:]
        now = time.perf_counter()
        self._seconds.append(now - self._began)
        self._send() if now < self._end else self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self.failed += error is not None
        self.done.set_result(None)


async def load(url: str, connections: int, seconds: float, body: bytes) -> dict[str, float]:
    """Load an address, and give requests per second and latencies in milliseconds."""
    place = urlsplit(url)
    head = (
        f"POST {place.path} HTTP/1.1\r\nhost: localhost:{place.port}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    taken: list[float] = []
    began = time.perf_counter()
    loop = asyncio.get_running_loop()
    opened = [Connection(head.encode() + body, taken, began + seconds) for _ in range(connections)]
    for one in opened:
        await loop.create_connection(lambda one=one: one, place.hostname, place.port)
    await asyncio.gather(*(one.done for one in opened))
    wall = time.perf_counter() - began
    taken.sort()
    at = {f"p{p}": taken[min(len(taken) - 1, len(taken) * p // 100)] * 1e3 for p in (50, 95, 99)}
    return {"rate": len(taken) / wall, **at, "failed": sum(one.failed for one in opened)}


if __name__ == "__main__":
    address, number, duration, file = sys.argv[1:]
    content = Path(file).read_bytes()
    print(json.dumps(uvloop.run(load(address, int(number), float(duration), content))))
