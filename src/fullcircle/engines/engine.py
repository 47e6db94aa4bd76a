"""The one query engine that all tables of a process share."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import ibis.expr.types as ir
import pyarrow as pa
from deltalake import DeltaTable

from fullcircle.core.errors import ConfigurationError, name_missing
from fullcircle.engines.embedded import EmbeddedEngine

ENGINES = ("duckdb", "spark")


class Engine(Protocol):
    """What datasets ask of an engine; every table that it gives is read when it is needed."""

    @property
    def connection(self) -> Any:
        """The Ibis backend, made when it is first asked for."""
        ...

    def read_text(self, file: Path) -> ir.Table:
        """Read a CSV file as text, with ``source_row``."""
        ...

    def read_parquet(self, files: list[Path], *, name_files: bool) -> ir.Table:
        """Read Parquet files as one table, with ``source_row`` and, if wanted, ``source_file``."""
        ...

    def read_delta(self, table: DeltaTable) -> ir.Table:
        """Read the version of a Delta table that is loaded."""
        ...

    def close(self) -> None:
        """Give back what the engine holds outside the process."""
        ...


class _Choice:
    """The engine of this process, and what it was made of."""

    name = "duckdb"
    options: Mapping[str, Any] | None = None
    engine: Engine | None = None


def choose_engine(name: str, options: Mapping[str, Any] | None = None) -> None:
    """Say which engine this process uses from now on; it starts when a table is first read.

    Args:
        name: One of ``ENGINES``.
        options: For Spark, what ``SparkOptions`` takes.

    Raises:
        ConfigurationError: There is no such engine.
    """
    if name not in ENGINES:
        wrong = name_missing([name], ENGINES)
        raise ConfigurationError(f"The engine {wrong} is not one of: {', '.join(ENGINES)}.")
    if (name, options) != (_Choice.name, _Choice.options):
        release_engine()
        _Choice.name, _Choice.options = name, options


def get_engine() -> Engine:
    """Give the chosen engine; DuckDB where none was chosen."""
    if _Choice.engine is None:
        _Choice.engine = _make_engine()
    return _Choice.engine


def _make_engine() -> Engine:
    if _Choice.name == "duckdb":
        return get_embedded()
    from fullcircle.engines.spark import SparkEngine

    return SparkEngine(_Choice.options or {}, get_embedded())


@cache
def get_embedded() -> EmbeddedEngine:
    """Give the DuckDB of this process, which small tables and frames need on any engine."""
    return EmbeddedEngine()


def release_engine() -> None:
    """Stop the chosen engine; whatever is read next starts it again."""
    engine, _Choice.engine = _Choice.engine, None
    if engine is not None:
        engine.close()


def connect() -> Any:
    """Give the chosen engine's Ibis backend."""
    return get_engine().connection


def materialize(rows: ir.Table) -> ir.Table:
    """Have rows computed once, where several looks at them would each compute them anew.

    Spark keeps them, on disk what memory does not hold, for as long as the answer is held. DuckDB
    would keep all in memory; it stays as it is.
    """
    backends, _ = rows._find_backends()
    return rows.cache() if any(backend.name == "pyspark" for backend in backends) else rows


def stream_rows(rows: ir.Table) -> pa.RecordBatchReader:
    """Stream rows in the types that the table declares.

    DuckDB adds integers up in 128 bits: Ibis then announces int64 and gives decimals, which a
    reader that trusts the announcement takes for garbage.
    """
    schema = pa.schema(rows.schema().to_pyarrow())
    batches = (batch.cast(schema) for batch in rows.to_pyarrow_batches())
    return pa.RecordBatchReader.from_batches(schema, batches)
