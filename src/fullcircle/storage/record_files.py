"""Records of a file, block by block, each with its place, and what cannot be read with its own."""

import codecs
import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet

from fullcircle.core.scoring.values import as_column

_BLOCK_BYTES = 1 << 23
_REPLACED = "\ufffd"
_LONGEST = 2000  # characters that are kept of what is set aside


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
            return [_cut(self.lines[place]) for place in wanted]
        rows = self.rows if places is None else self.rows.take(places)
        return [json.dumps(record, default=str)[:_LONGEST] for record in rows.to_pylist()]


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
    except (pa.ArrowException, ValueError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        yield _end(schema, f"the file cannot be read as {ending}: {reason}")


def _end(schema: pa.Schema, reason: str) -> Block:
    return Block(schema.empty_table(), pa.array([], pa.int64()), [BadRecord(None, reason)])


def _read_csv(file: Any, name: str, schema: pa.Schema) -> Iterator[Block]:
    """Read every column as it stands; nobody guesses at types."""
    stream = _TextStream(pa.CompressedInputStream(file, "gzip") if _is_packed(name) else file)
    header, _, body = stream.peek().partition(b"\n")
    if b"\0" in stream.peek():
        yield _end(schema, "the file is no text")
        return
    if not header.strip():
        yield _end(schema, "the file has no header")
        return
    names = _split_header(header)
    if repeated := sorted({one for one in names if names.count(one) > 1}):
        yield _end(schema, f"the header names {repeated[0]!r} twice")
        return
    if not body.strip() and stream.ended:
        return
    bad: deque[BadRecord] = deque()
    reader = pyarrow.csv.open_csv(
        stream,
        read_options=pyarrow.csv.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES),
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
        read = self._file.read(_BLOCK_BYTES)
        self.ended = len(read) < _BLOCK_BYTES
        held = self._cut + read
        try:
            _, length = codecs.utf_8_decode(held, "strict", self.ended)
            self._ready = held[:length]
        except UnicodeDecodeError:
            text, length = codecs.utf_8_decode(held, "replace", self.ended)
            self._ready, self.damaged = text.encode(), True
        self._cut = held[length:]


def _is_packed(name: str) -> bool:
    return name.lower().endswith(".gz")


def _split_header(line: bytes) -> list[str]:
    options = pyarrow.csv.ReadOptions(use_threads=False)
    only = pyarrow.csv.read_csv(BytesIO(line.rstrip(b"\r") + b"\n"), read_options=options)
    return list(only.column_names)


def _set_aside(bad: deque[BadRecord], row: Any) -> str:
    reason = f"has {row.actual_columns} values instead of {row.expected_columns}"
    bad.append(BadRecord(row.number - 1, reason, str(row.text)[:_LONGEST]))
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


def _read_json(file: Any, name: str, schema: pa.Schema) -> Iterator[Block]:
    """Read one object a line: whole blocks at once, line by line where a block is not so plain."""
    file = pa.CompressedInputStream(file, "gzip") if _is_packed(name) else file
    first, rest = 1, b""
    while True:
        read = file.read(_BLOCK_BYTES)
        whole, cut, rest = (rest + read).rpartition(b"\n") if read else (rest, b"", b"")
        if whole:
            lines = whole.split(b"\n")
            yield parse_lines(lines, np.arange(first, first + len(lines)), schema)
            first += len(lines)
        elif cut:
            first += 1
        if not read:
            return


def parse_lines(lines: list[bytes], numbers: Any, schema: pa.Schema) -> Block:
    """Parse lines, each an object of JSON, with their numbers."""
    text = b"\n".join(lines)
    options = pyarrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    read = pyarrow.json.ReadOptions(use_threads=False, block_size=len(text) + 1)
    try:
        rows = pyarrow.json.read_json(BytesIO(text), read_options=read, parse_options=options)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return _parse_each(lines, numbers)
    if len(rows) != len(lines):
        return _parse_each(lines, numbers)
    absent = [
        name
        for name in rows.column_names
        if rows[name].null_count == len(rows) and f'"{name}"'.encode() not in text
    ]
    return Block(rows.drop_columns(absent), pa.array(numbers, pa.int64()), lines=lines)


def _parse_each(lines: list[bytes], numbers: Any) -> Block:
    records, places, kept, bad = [], [], [], []
    for number, line in zip(numbers.tolist(), lines, strict=True):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError:
            bad.append(BadRecord(number, "is no JSON", _cut(line)))
            continue
        if not isinstance(record, dict):
            bad.append(BadRecord(number, "is no JSON object", _cut(line)))
            continue
        records.append(record)
        places.append(number)
        kept.append(line)
    names = dict.fromkeys(name for record in records for name in record)
    columns = {name: as_column([record.get(name) for record in records]) for name in names}
    return Block(pa.table(columns), pa.array(places, pa.int64()), bad, kept)


def _cut(line: bytes) -> str:
    return line[: 4 * _LONGEST].decode("utf-8", "replace")[:_LONGEST]


def _read_parquet(file: Any, name: str, schema: pa.Schema) -> Iterator[Block]:  # noqa: ARG001
    first = 1
    for batch in pyarrow.parquet.ParquetFile(file).iter_batches():
        rows = pa.Table.from_batches([batch])
        yield Block(rows, pa.array(np.arange(first, first + len(rows))))
        first += len(rows)


_READERS = {
    "csv": _read_csv,
    "jsonl": _read_json,
    "ndjson": _read_json,
    "json": _read_json,
    "parquet": _read_parquet,
}
