"""Large clean text, read by DuckDB: the rows that the patient reader gives, many times faster."""

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from fullcircle.ingestion.encoding import TextFile
from fullcircle.ingestion.layout import Layout
from fullcircle.ingestion.lines import Record
from fullcircle.ingestion.packing import is_packed
from fullcircle.ingestion.source import FastError
from fullcircle.ingestion.tally import RowCounts
from fullcircle.ingestion.writing import Dialect

FAST_BYTES = 8 << 20
_BATCH_ROWS = 100_000
_MOST_BREAKS = 5  # within a field, before it is looked at more patiently
_MEMORY = "1GB"


def find_fast_reader(
    text: TextFile, dialect: Dialect, layout: Layout, row_counts: RowCounts, records: list[Record]
) -> Callable[[pa.Schema], Iterator[pa.RecordBatch]] | None:
    """Return the fast reader of a text, or None where only the patient one reads it right.

    Only UTF-8 without odd bytes, in lines of one width, is read so; where a later line does not
    fit, the patient reader goes on from there.
    """
    first = layout.skip + layout.header_rows + int(layout.units)
    plain = (
        text.clean
        and text.size >= FAST_BYTES
        and not is_packed(text.path)
        and layout.width > 1
        and not layout.footer
        and not dialect.collapse
        and not dialect.blank_after
        and len(records) > first
        and not any(record.fault for record in records)
    )
    if not plain:
        return None
    skipped = records[first].line - 1

    def read(schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        row_counts.passed["before the table"] += layout.skip
        row_counts.passed["header"] += layout.header_rows
        row_counts.passed["units"] += int(layout.units)
        extra = int(layout.drop_last and layout.names is not None)
        given = 0
        for batch in _query(text, dialect, layout.width + extra, skipped):
            if batch is None or _is_odd(batch, extra):
                raise FastError(given)
            given += batch.num_rows
            yield _fit(batch, schema, layout, row_counts)

    return read


def _query(
    text: TextFile, dialect: Dialect, width: int, skipped: int
) -> Iterator[pa.RecordBatch | None]:
    """Yield batches of texts; None where DuckDB refuses a line."""
    import duckdb

    columns = {f"c{place}": "VARCHAR" for place in range(width)}
    options: dict[str, Any] = {
        "delim": dialect.separator,
        "quote": dialect.quote,
        "escape": dialect.escape or dialect.quote,
        "skip": skipped,
    }
    named = ", ".join(f"{name} := {_quote(value)}" for name, value in options.items())
    query = (
        f"FROM read_csv({_quote(str(text.path))}, {named}, header := false, auto_detect := false, "
        f"columns := {columns}, strict_mode := true, max_line_size := 4194304, "
        "nullstr := '\x02\x03', allow_quoted_nulls := false)"
    )
    with duckdb.connect(config={"memory_limit": _MEMORY}) as connection:
        try:
            reader = connection.execute(query).to_arrow_reader(_BATCH_ROWS)
            yield from reader
        except (duckdb.Error, pa.ArrowException, OSError):
            yield None


def _quote(value: Any) -> str:
    return str(value) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"


def _is_odd(batch: pa.RecordBatch, extra: int) -> bool:
    """Tell whether a batch needs a patient look: long fields of many lines, or too many fields."""
    for place, column in enumerate(batch.columns):
        breaks = pc.max(pc.count_substring(column, "\n")).as_py() or 0
        if breaks > _MOST_BREAKS:
            return True
        if extra and place == batch.num_columns - 1:
            filled = pc.any(pc.greater(pc.utf8_length(pc.utf8_trim_whitespace(column)), 0))
            if filled.as_py():
                return True
    return False


def _fit(
    batch: pa.RecordBatch, schema: pa.Schema, layout: Layout, row_counts: RowCounts
) -> pa.RecordBatch:
    """Name the columns, and leave out rows of nothing and repeated headers."""
    columns = [column.cast(pa.string()) for column in batch.columns[: len(schema)]]
    kept = pa.RecordBatch.from_arrays(columns, schema=schema)
    blank = header = None
    for place, column in enumerate(columns):
        empty = pc.fill_null(pc.equal(pc.utf8_trim_whitespace(column), ""), fill_value=True)
        blank = empty if blank is None else pc.and_(blank, empty)
        if not pc.any(blank).as_py():
            break
        del place
    if layout.names is not None:
        for column, name in zip(columns, layout.names, strict=True):
            same = pc.fill_null(pc.equal(pc.utf8_trim_whitespace(column), name), fill_value=False)
            header = same if header is None else pc.and_(header, same)
            if not pc.any(header).as_py():
                break
    blanks = pc.sum(blank).as_py() or 0
    headers = (pc.sum(header).as_py() or 0) if header is not None else 0
    if blanks or headers:
        bad = blank if header is None else pc.or_(blank, header)
        kept = kept.filter(pc.invert(bad))
    row_counts.passed["blank"] += blanks
    row_counts.passed["repeated header"] += headers
    row_counts.read += kept.num_rows
    return kept
