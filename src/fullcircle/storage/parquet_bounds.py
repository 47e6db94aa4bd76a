"""Parquet within bounds: a small file may stand for very many rows, or very long values."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fullcircle.core.errors import DataError

_PIECE_BYTES = 64 << 20
_ROW_BYTES = 1 << 22  # as a line of text may have
_FREE_BYTES = 256 << 20
_MOST_TIMES = 200
_FREE_ROWS = 10_000_000
_MOST_ROWS_PER_BYTE = 1_000


def open_bounded(file: object, name: str, bytes_on_disk: int) -> pq.ParquetFile:
    """Open a file whose texts stay dictionaries where they are ones.

    Raises:
        DataError: It states more rows, or longer columns, than a file of its size has.
    """
    texts = [f.name for f in pq.ParquetFile(file).schema_arrow if _is_text(f.type)]
    found = pq.ParquetFile(file, read_dictionary=texts)
    facts = found.metadata
    if facts.num_rows > max(_FREE_ROWS, bytes_on_disk * _MOST_ROWS_PER_BYTE):
        raise DataError(
            f"{name} states {facts.num_rows:,} rows in {bytes_on_disk:,} bytes, which no table has."
        )
    for group in range(facts.num_row_groups):
        for place in range(facts.num_columns):
            _raise_if_swells(facts.row_group(group).column(place), name)
    return found


def _raise_if_swells(column: pq.ColumnChunkMetaData, name: str) -> None:
    most = max(_FREE_BYTES, column.total_compressed_size * _MOST_TIMES)
    if column.total_uncompressed_size > most:
        raise DataError(
            f"The column {column.path_in_schema} of {name} unpacks to more than {_MOST_TIMES} "
            "times its size. Write it anew in smaller row groups, if it is meant."
        )


def read_bounded(
    file: pq.ParquetFile, name: str, rows: int, columns: list[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a file, fewer at a time where their values are long.

    Raises:
        DataError: One row is longer than any row of a table.
    """
    for batch in file.iter_batches(rows, columns=columns):
        longest, start = _measure_rows(batch), 0
        if longest > _ROW_BYTES:
            raise DataError(
                f"{name} has values of more than {_ROW_BYTES >> 20} MB, which no table has."
            )
        step = max(1, _PIECE_BYTES // max(longest, 1))
        while start < batch.num_rows:
            yield _as_plain(batch.slice(start, step))
            start += step


def _measure_rows(batch: pa.RecordBatch) -> int:
    """Return the bytes of the longest texts, each column's own, added up."""
    texts = (column for column in batch.columns if pa.types.is_dictionary(column.type))
    lengths = (pc.max(pc.binary_length(column.dictionary)).as_py() or 0 for column in texts)
    return sum(lengths)


def _as_plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return dictionaries as the texts that they stand for."""
    columns = [
        column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
