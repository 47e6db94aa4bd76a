"""The one embedded query engine that all tables of a process share."""

from functools import cache
from typing import Any

import ibis


@cache
def connect() -> Any:
    """Give the process's DuckDB connection; times are read and shown in UTC."""
    connection = ibis.duckdb.connect()
    connection.raw_sql("SET TimeZone = 'UTC'")
    return connection
