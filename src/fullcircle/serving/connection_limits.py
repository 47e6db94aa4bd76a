"""How many connections a worker holds, of whom, and who makes room for others."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

_RESERVED = 64  # connections above the limit, where only probes are answered


class Waiting(Protocol):
    """A connection that may have to make room."""

    address: str

    def abort(self) -> None:
        """End at once."""


@dataclass
class ConnectionLimits:
    """Bounds of a worker's connections, and who waits for what.

    Attributes:
        max_connections: Beyond so many that are being answered, others get 503.
        max_per_address: Of one address.
        max_header_bytes: Of a request line with its headers.
        max_headers: Their number.
        header_seconds: From the first byte that is awaited to the end of the headers.
        max_body_bytes: Of a body.
        count_refusal: Takes note of a refusal by its status.
        idle: Connections that wait for a head, or for TLS, the longest first.
        busy: Number of the connections that are being answered.
        by_address: Number of connections by address.
        evicted: Connections that made room for others.
    """

    max_connections: int
    max_per_address: int
    max_header_bytes: int
    max_headers: int
    header_seconds: float
    max_body_bytes: int
    count_refusal: Callable[[int], None]
    idle: dict[Waiting, None] = field(default_factory=dict)
    busy: set[Waiting] = field(default_factory=set)
    by_address: Counter[str] = field(default_factory=Counter)
    evicted: int = 0

    def make_room(self, address: str) -> bool:
        """Close who has waited longest where no place is left; say whether there is one now."""
        if self.by_address[address] >= self.max_per_address:
            return self._evict(address)
        if len(self.idle) + len(self.busy) >= self.max_connections + _RESERVED:
            return self._evict(None)
        return True

    def take_place(self, waiting: Waiting) -> None:
        """Count a connection that waits."""
        self.by_address[waiting.address] += 1
        self.idle[waiting] = None

    def leave_place(self, waiting: Waiting) -> None:
        """Count it no more, if it was counted."""
        if waiting in self.idle:
            del self.idle[waiting]
            self.forget_address(waiting.address)

    def forget_address(self, address: str) -> None:
        """Count one connection less of an address."""
        self.by_address[address] -= 1
        if self.by_address[address] <= 0:
            del self.by_address[address]

    def _evict(self, address: str | None) -> bool:
        for waiting in self.idle:
            if address is None or waiting.address == address:
                waiting.abort()
                self.evicted += 1
                return True
        return False
