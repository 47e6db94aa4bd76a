"""Records of JSON, one object a line: each line alone may be bad, and none may be endless."""

import json
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.json

from fullcircle.core.scoring.values import as_column
from fullcircle.storage.record_blocks import BLOCK_BYTES, BadRecord, Block, cut_text, is_packed


def read_json(file: Any, name: str, schema: pa.Schema) -> Iterator[Block]:
    """Read one object a line: whole blocks at once, line by line where a block is not so plain."""
    file = pa.CompressedInputStream(file, "gzip") if is_packed(name) else file
    first, rest, endless = 1, b"", False
    while True:
        read = file.read(BLOCK_BYTES)
        whole, cut, rest = (rest + read).rpartition(b"\n") if read else (rest, b"", b"")
        if endless and (cut or not read):  # here ends the line that was set aside
            _, _, whole = whole.partition(b"\n")
            first, endless = first + 1, False
        if whole:
            lines = whole.split(b"\n")
            yield parse_lines(lines, np.arange(first, first + len(lines)), schema)
            first += len(lines)
        elif cut:
            first += 1
        if len(rest) > BLOCK_BYTES:
            if not endless:
                yield _set_aside(first, rest, schema)
            rest, endless = b"", True
        if not read:
            return


def _set_aside(number: int, line: bytes, schema: pa.Schema) -> Block:
    """Set a line aside that has no end in sight, without keeping it."""
    aside = [BadRecord(number, f"is longer than {BLOCK_BYTES >> 20} MB", cut_text(line))]
    return Block(schema.empty_table(), pa.array([], pa.int64()), aside)


def parse_lines(lines: list[bytes], numbers: Any, schema: pa.Schema) -> Block:
    """Parse lines, each an object of JSON, with their numbers."""
    text = b"\n".join(lines)
    options = pyarrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    read = pyarrow.json.ReadOptions(use_threads=False, block_size=len(text) + 1)
    try:
        rows = pyarrow.json.read_json(BytesIO(text), read_options=read, parse_options=options)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return _parse_each(lines, numbers, schema)
    if len(rows) != len(lines):
        return _parse_each(lines, numbers, schema)
    absent = [
        name
        for name in rows.column_names
        if rows[name].null_count == len(rows) and f'"{name}"'.encode() not in text
    ]
    return Block(rows.drop_columns(absent), pa.array(numbers, pa.int64()), lines=lines)


def _parse_each(lines: list[bytes], numbers: Any, schema: pa.Schema) -> Block:
    """Parse line by line, and keep of each record only what is wanted."""
    records, places, kept, bad = [], [], [], []
    for number, line in zip(numbers.tolist(), lines, strict=True):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            reason = "is no JSON" if isinstance(error, ValueError) else "is nested too deeply"
            bad.append(BadRecord(number, reason, cut_text(line)))
            continue
        if not isinstance(record, dict):
            bad.append(BadRecord(number, "is no JSON object", cut_text(line)))
            continue
        records.append(record)
        places.append(number)
        kept.append(line)
    wanted = set(schema.names)
    names = dict.fromkeys(name for record in records for name in record if name in wanted)
    columns = {name: as_column([record.get(name) for record in records]) for name in names}
    return Block(pa.table(columns), pa.array(places, pa.int64()), bad, kept)
