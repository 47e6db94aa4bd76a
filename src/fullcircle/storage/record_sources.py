"""Where records arrive: what every source of a stream has in common."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import pyarrow as pa

from fullcircle.storage.record_blocks import Block


@dataclass(frozen=True)
class SourcePart:
    """What a source gives at once and never again: a file, a version of a table.

    Attributes:
        name: What tells it from others, for good.
        size: How large it is, in bytes or rows.
        changed_at: When it was changed last; it has arrived since.
    """

    name: str
    size: int
    changed_at: datetime


@dataclass(frozen=True)
class AvailableParts:
    """What a source holds now.

    Attributes:
        pieces: What may be read, in the order of arrival.
        unsettled: Names of what may still be being written.
    """

    pieces: list[SourcePart]
    unsettled: list[str]


class RecordSource(Protocol):
    """A source of records."""

    def look(self, known: Mapping[str, SourcePart]) -> AvailableParts:
        """Say what is there, at least of what is not known."""

    def read(self, piece: SourcePart, schema: pa.Schema) -> Iterator[Block]:
        """Read the records of a piece."""

    @property
    def address(self) -> str:
        """Where the source is, for people."""
