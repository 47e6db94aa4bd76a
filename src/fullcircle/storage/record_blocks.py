"""Blocks of records as files hold them, each record with its place."""

import json
from dataclasses import dataclass, field

import pyarrow as pa

BLOCK_BYTES = 1 << 23
LONGEST = 2000  # characters that are kept of what is set aside

NOT_OPENED = "the file cannot be opened"  # begins the reason of a file that was never read


@dataclass(frozen=True)
class BadRecord:
    """A piece of a file that is no record.

    Attributes:
        row: Its number in the file; None for the rest of the file.
        reason: What is wrong with it.
        text: What is there, cut where it is long.
    """

    row: int | None
    reason: str
    text: str = ""


@dataclass(frozen=True)
class Block:
    """Some records of a file.

    Attributes:
        rows: Their columns as they came.
        numbers: Their numbers in the file, from 1 without a header, shape (rows,).
        unreadable: What lay between them.
        lines: The records as text, where the file has them as lines.
    """

    rows: pa.Table
    numbers: pa.Array
    unreadable: list[BadRecord] = field(default_factory=list)
    lines: list[bytes] | None = None

    def tell(self, places: pa.Array | None = None) -> list[str]:
        """Give records as text: those at some places, from 0, or all."""
        if self.lines is not None:
            wanted = range(len(self.lines)) if places is None else places.to_pylist()
            return [cut_text(self.lines[place]) for place in wanted]
        rows = self.rows if places is None else self.rows.take(places)
        return [json.dumps(record, default=str)[:LONGEST] for record in rows.to_pylist()]


def is_packed(name: str) -> bool:
    """Tell by its name whether a file is packed."""
    return name.lower().endswith(".gz")


def cut_text(line: bytes) -> str:
    """Return the beginning of a line as text."""
    return line[: 4 * LONGEST].decode("utf-8", "replace")[:LONGEST]
