"""The one embedded query engine that all tables of a process share."""

from functools import cache
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa


@cache
def connect() -> Any:
    """Give the process's DuckDB connection; times are read and shown in UTC.

    DuckDB takes a stream from outside for a single row, and would then join it row by row.
    """
    connection = ibis.duckdb.connect()
    connection.raw_sql("SET TimeZone = 'UTC'")
    connection.raw_sql("SET asof_loop_join_threshold = 0")
    return connection


def stream_rows(rows: ir.Table) -> pa.RecordBatchReader:
    """Stream rows in the types that the table declares.

    DuckDB adds integers up in 128 bits: Ibis then announces int64 and gives decimals, which a
    reader that trusts the announcement takes for garbage.
    """
    schema = pa.schema(rows.schema().to_pyarrow())
    batches = (batch.cast(schema) for batch in rows.to_pyarrow_batches())
    return pa.RecordBatchReader.from_batches(schema, batches)
