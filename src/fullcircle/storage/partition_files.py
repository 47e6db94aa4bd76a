"""Parquet files of one partition of a Delta table, written here and committed by deltalake.

deltalake's own writer spells out each text of a dictionary and looks it up again, which costs more
than half of what it takes to store predictions. Arrow's writer takes the dictionary as it is.
"""

import json
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import Schema
from deltalake.transaction import AddAction

_GROUP_ROWS = 131_072  # of a row group, which is held in memory
_FILE_BYTES = 128_000_000  # past which the next row group begins another file


def as_stored(schema: pa.Schema) -> pa.Schema:
    """Give the types that a Delta table keeps: texts plain, moments in microseconds."""
    return pa.schema(Schema.from_arrow(pa.schema([as_plain(field) for field in schema])))


def as_plain(field: pa.Field) -> pa.Field:
    """Give a dictionary's column as one of what it stands for."""
    return field.with_type(field.type.value_type) if _is_coded(field) else field


def write_files(root: Path, column: str, value: str, rows: pa.RecordBatchReader) -> list[AddAction]:
    """Write the rows of a partition into new files of a table, which does not know of them yet.

    Args:
        root: Folder of the table.
        column: What the table is partitioned by; the files do not hold it.
        value: The partition, of characters that a path may have.
        rows: All of them; texts best come as dictionaries.

    Returns:
        The actions that make the files part of the table. Where the rows end in an error there are
        none, and no file is left.
    """
    folder = root / f"{column}={value}"
    folder.mkdir(parents=True, exist_ok=True)
    schema = _in_file(rows.schema, column)
    groups = (_as_group(group, schema) for group in _gather(rows))
    written: list[Path] = []
    counts: list[int] = []
    try:
        for first in groups:
            written.append(folder / f"part-{len(written):05d}-{uuid.uuid4()}.snappy.parquet")
            counts.append(_write_file(written[-1], first, groups))
    except BaseException:
        remove_files(written)
        raise
    return [
        _describe(path, path.relative_to(root), {column: value}, count)
        for path, count in zip(written, counts, strict=True)
    ]


def remove_files(files: list[Path]) -> None:
    """Take files away of which no table knows."""
    for file in files:
        with suppress(OSError):
            file.unlink(missing_ok=True)


def _write_file(path: Path, first: pa.Table, groups: Iterator[pa.Table]) -> int:
    """Write row groups, one of them at least, until the file is full; give the number of rows."""
    coded = [field.name for field in first.schema if _is_coded(field)]
    rows, group = 0, first
    with (
        pa.OSFile(str(path), "wb") as sink,
        pq.ParquetWriter(
            sink,
            first.schema,
            compression="snappy",
            use_dictionary=coded,
            write_statistics=False,
            store_schema=False,
        ) as writer,
    ):
        while group is not None:
            writer.write_table(group)
            rows += len(group)
            group = next(groups, None) if sink.tell() < _FILE_BYTES else None
    return rows


def _gather(rows: pa.RecordBatchReader) -> Iterator[list[pa.RecordBatch]]:
    """Gather batches to row groups."""
    held: list[pa.RecordBatch] = []
    for batch in rows:
        held.append(batch)
        if sum(each.num_rows for each in held) >= _GROUP_ROWS:
            yield held
            held = []
    if held:
        yield held


def _as_group(batches: list[pa.RecordBatch], schema: pa.Schema) -> pa.Table:
    """Give batches as one row group; Arrow keeps a dictionary only if all of it share one."""
    rows = pa.Table.from_batches(batches).select(schema.names).unify_dictionaries()
    return rows if rows.schema.equals(schema) else rows.cast(schema)


def _in_file(schema: pa.Schema, column: str) -> pa.Schema:
    """Give what a file holds: the table's types, but texts as dictionaries where they come so."""
    stored = as_stored(schema)
    return pa.schema(
        [f if _is_coded(f) else stored.field(f.name) for f in schema if f.name != column]
    )


def _is_coded(field: pa.Field) -> bool:
    return bool(pa.types.is_dictionary(field.type))


def _describe(path: Path, name: Path, partition: dict[str, str], rows: int) -> AddAction:
    found = path.stat()
    return AddAction(
        path=name.as_posix(),
        size=found.st_size,
        partition_values=partition,
        modification_time=found.st_mtime_ns // 1_000_000,
        data_change=True,
        stats=json.dumps({"numRecords": rows}),
    )
