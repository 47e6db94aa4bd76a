"""Records of a file, block by block, each with its place, and what cannot be read with its own."""

import codecs
from collections import Counter, deque
from collections.abc import Iterator
from functools import partial
from io import BytesIO
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from fullcircle.core.errors import DataError
from fullcircle.storage.json_records import read_json
from fullcircle.storage.parquet_bounds import open_bounded, read_bounded
from fullcircle.storage.record_blocks import BLOCK_BYTES, LONGEST, BadRecord, Block, is_packed

_REPLACED = "\ufffd"
_HEADER_BYTES = 1 << 20
_BATCH_ROWS = 65_536


def read_blocks(file: BinaryIO | Any, name: str, schema: pa.Schema) -> Iterator[Block]:
    """Read a file of records.

    Args:
        file: A file, or what Arrow can read like one.
        name: Its name; the ending tells the format: .csv, .csv.gz, .jsonl, .ndjson, .json
            (one object a line) or .parquet.
        schema: The columns that are wanted; types are the reader's hint, not its promise.

    Yields:
        Blocks in the order of the file. Where it cannot be read on, the last one says so.
    """
    ending = name.lower().removesuffix(".gz").rpartition(".")[2]
    read = _READERS.get(ending)
    if read is None:
        known = ", ".join(f".{one}" for one in _READERS)
        yield _end(schema, f"the file's name ends in none of {known}")
        return
    try:
        yield from read(file, name, schema)
    except (pa.ArrowException, ValueError, OSError, DataError) as error:
        reason = str(error).strip().splitlines()[0]
        yield _end(schema, f"the file cannot be read as {ending}: {reason}")


def _end(schema: pa.Schema, reason: str) -> Block:
    return Block(schema.empty_table(), pa.array([], pa.int64()), [BadRecord(None, reason)])


def _read_csv(file: Any, name: str, schema: pa.Schema) -> Iterator[Block]:
    """Read every column as it stands; nobody guesses at types."""
    stream = _TextStream(pa.CompressedInputStream(file, "gzip") if is_packed(name) else file)
    header, _, body = stream.peek().partition(b"\n")
    if len(header) > _HEADER_BYTES:
        yield _end(schema, f"its header is longer than {_HEADER_BYTES >> 20} MB")
        return
    if b"\0" in stream.peek():
        yield _end(schema, "the file is no text")
        return
    if not header.strip():
        yield _end(schema, "the file has no header")
        return
    names = _split_header(header)
    if repeated := sorted(name for name, times in Counter(names).items() if times > 1):
        yield _end(schema, f"the header names {repeated[0]!r} twice")
        return
    if not body.strip() and stream.ended:
        return
    bad: deque[BadRecord] = deque()
    reader = pyarrow.csv.open_csv(
        stream,
        read_options=pyarrow.csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES),
        parse_options=pyarrow.csv.ParseOptions(
            newlines_in_values=True, invalid_row_handler=partial(_set_aside, bad)
        ),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            strings_can_be_null=True,
            null_values=[""],
        ),
    )
    first = 1
    for batch in reader:
        block, first = _number(pa.Table.from_batches([batch]), bad, first)
        yield _set_aside_damaged(block) if stream.damaged else block
    if bad:
        yield Block(schema.empty_table(), pa.array([], pa.int64()), list(bad))


class _TextStream:
    """A stream of bytes that are UTF-8; what is not is replaced, and the stream says so.

    Attributes:
        damaged: Whether something was replaced.
        ended: Whether the file was read to its end.
    """

    closed = False

    def __init__(self, file: Any) -> None:
        self.damaged, self.ended = False, False
        self._file, self._ready, self._cut = file, b"", b""

    def peek(self) -> bytes:
        """Give what comes next, without taking it."""
        if not self._ready and not self.ended:
            self._fill()
        return self._ready

    def read(self, size: int) -> bytes:
        """Give at most so many bytes; none at the end."""
        taken = self.peek()[:size]
        self._ready = self._ready[size:]
        return taken

    def close(self) -> None:
        """Leave the file to who opened it."""

    def _fill(self) -> None:
        read = self._file.read(BLOCK_BYTES)
        self.ended = len(read) < BLOCK_BYTES
        held = self._cut + read
        try:
            _, length = codecs.utf_8_decode(held, "strict", self.ended)
            self._ready = held[:length]
        except UnicodeDecodeError:
            text, length = codecs.utf_8_decode(held, "replace", self.ended)
            self._ready, self.damaged = text.encode(), True
        self._cut = held[length:]


def _split_header(line: bytes) -> list[str]:
    options = pyarrow.csv.ReadOptions(use_threads=False)
    only = pyarrow.csv.read_csv(BytesIO(line.rstrip(b"\r") + b"\n"), read_options=options)
    return list(only.column_names)


def _set_aside(bad: deque[BadRecord], row: Any) -> str:
    reason = f"has {row.actual_columns} values instead of {row.expected_columns}"
    bad.append(BadRecord(row.number - 1, reason, str(row.text)[:LONGEST]))
    return "skip"


def _number(rows: pa.Table, bad: deque[BadRecord], first: int) -> tuple[Block, int]:
    """Give rows their numbers, leaving out those that were set aside among them.

    Returns:
        The rows with their numbers, and the number of the row that follows.
    """
    end, aside = first + len(rows), []
    # The reader is ahead, and may have set aside rows of the next block by now.
    while bad and (bad[0].row or 0) <= end:
        aside.append(bad.popleft())
        end += 1
    numbers = np.setdiff1d(np.arange(first, end), [entry.row for entry in aside])
    return Block(rows, pa.array(numbers, pa.int64()), aside), end


def _set_aside_damaged(block: Block) -> Block:
    """Set the rows aside in which something was replaced."""
    damaged = pa.array(np.zeros(len(block.rows), dtype=bool))
    for column in block.rows.columns:
        found = pc.match_substring(column, _REPLACED).combine_chunks().fill_null(False)
        damaged = pc.or_(damaged, found)
    numbers, rows = block.numbers.filter(damaged), block.rows.filter(damaged)
    told = Block(rows, numbers)
    broken = [
        BadRecord(number, "is no UTF-8 text", text)
        for number, text in zip(numbers.to_pylist(), told.tell(), strict=True)
    ]
    fine = pc.invert(damaged)
    return Block(block.rows.filter(fine), block.numbers.filter(fine), [*block.unreadable, *broken])


def _measure(file: Any) -> int:
    """Return the bytes of a file, whose place stays."""
    place = file.tell()
    file.seek(0, 2)
    size = int(file.tell())
    file.seek(place)
    return size


def _read_parquet(file: Any, name: str, schema: pa.Schema) -> Iterator[Block]:  # noqa: ARG001
    found, first = open_bounded(file, name, _measure(file)), 1
    for batch in read_bounded(found, name, _BATCH_ROWS):
        rows = pa.Table.from_batches([batch])
        yield Block(rows, pa.array(np.arange(first, first + len(rows))))
        first += len(rows)


_READERS = {
    "csv": _read_csv,
    "jsonl": read_json,
    "ndjson": read_json,
    "json": read_json,
    "parquet": _read_parquet,
}
