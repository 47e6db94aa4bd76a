"""Spark, on this machine or on a cluster."""

import atexit
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from ibis.util import gen_name

from fullcircle.core.errors import StorageError
from fullcircle.core.validation.row_validation import SOURCE_ROW
from fullcircle.engines.embedded import EmbeddedEngine
from fullcircle.engines.files import SOURCE_FILE, number_first_rows
from fullcircle.engines.spark_session import open_session, read_options

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

# Reader features that change nothing in how a table's files are read.
_HARMLESS_FEATURES = {"timestampNtz"}
_FILE = "__file"


class SparkEngine:
    """Reads files and tables lazily into one Spark session, which starts when it is needed.

    Args:
        options: What ``SparkOptions`` takes.
        embedded: DuckDB, which reads text.

    Raises:
        ConfigurationError: The options is not valid.
    """

    def __init__(self, options: Mapping[str, Any], embedded: EmbeddedEngine) -> None:
        self._options = read_options(options)
        self._embedded = embedded
        self._folder = self._options.folder.absolute() / uuid4().hex
        self._texts: dict[tuple[Path, int, int], Path] = {}
        self._ours = False
        self._starting = Lock()
        self._connection: Any = None

    @property
    def connection(self) -> Any:
        """The Ibis backend; of several threads that ask at once, one starts it.

        Raises:
            ConfigurationError: PySpark or Java is missing, or the address is none.
            StorageError: Spark does not start, or its folder cannot be made.
        """
        with self._starting:
            if self._connection is None:
                self._connection = self._connect()
            return self._connection

    def _connect(self) -> Any:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"The folder for Spark {self._folder.parent} cannot be written to: "
                f"{error.strerror}. Correct 'folder' in spark.yml."
            ) from error
        atexit.register(self.close)
        session, self._ours = open_session(self._options, self._folder / "spark.log")
        from fullcircle.engines.spark_backend import SparkBackend

        return SparkBackend().connect(session, folder=self._folder)

    def read_text(self, file: Path) -> ir.Table:
        """Read a CSV file, each column as text; ``source_row`` numbers its data rows from 1.

        DuckDB turns it into Parquet, once per process: two readers of CSV never agree on quotes,
        blanks and broken lines, and would number other rows.
        """
        state = file.stat()
        known = (file, state.st_mtime_ns, state.st_size)
        session = self.connection._session
        if known not in self._texts:
            converted = self._folder / f"{gen_name('text')}.parquet"
            self._embedded.read_text(file).to_parquet(converted)
            self._texts[known] = converted
        return self._as_table(session.read.parquet(str(self._texts[known])))

    def read_parquet(self, files: list[Path], *, name_files: bool) -> ir.Table:
        """Read Parquet files as one table, matching columns by name.

        ``source_row`` numbers the rows by their place in their file, behind the files before it;
        ``source_file``, where wanted, is the file's name without its ending.
        """
        firsts = number_first_rows(files)
        found = [pq.read_schema(file).remove_metadata() for file in files]
        columns = ibis.Schema.from_pyarrow(pa.unify_schemas(found, promote_options="permissive"))
        tables = []
        for file, first in firsts.items():
            rows = self._read_numbered(file, first)
            numbered = {**_widen(rows, columns), SOURCE_ROW: rows[SOURCE_ROW]}
            named = {SOURCE_FILE: ibis.literal(file.stem)} if name_files else {}
            tables.append(rows.select(**numbered, **named))
        return ibis.union(*tables, distinct=False)

    def _read_numbered(self, file: Path, first: int) -> ir.Table:
        from pyspark.sql import functions as f

        rows = self.connection._session.read.parquet(str(file.absolute()))
        place = f.col("_metadata.row_index") + f.lit(first).cast("long")
        return self._as_table(rows.select("*", place.alias(SOURCE_ROW)))

    def read_delta(self, table: DeltaTable) -> ir.Table:
        """Read the version of a Delta table that is loaded.

        Spark's own Delta reads it where there is one; elsewhere the table's files are read.

        Raises:
            StorageError: The files alone do not tell which rows the table holds.
        """
        session = self.connection._session
        delta = self._options.delta
        if delta is None:
            delta = "delta" in session.conf.get("spark.sql.extensions", "")
        if not delta:
            return self._as_table(self._read_files(table))
        versioned = session.read.format("delta").option("versionAsOf", table.version())
        return self._as_table(versioned.load(table.table_uri))

    def _read_files(self, table: DeltaTable) -> "DataFrame":
        """Read the files of a version, and what the table's log says of each."""
        from pyspark.sql.pandas.types import from_arrow_schema
        from pyspark.sql.types import StructType

        if other := set(table.protocol().reader_features or ()) - _HARMLESS_FEATURES:
            raise StorageError(
                f"The table at {table.table_uri} uses {', '.join(sorted(other))}, which only a "
                "Spark with Delta's own jars can read. docs/spark.md says how to add them."
            )
        session, files = self.connection._session, table.file_uris()
        schema = from_arrow_schema(pa.schema(table.schema().to_arrow()))
        if not files:
            rows: DataFrame = session.createDataFrame([], schema)
            return rows
        parts = table.metadata().partition_columns
        written = StructType([field for field in schema if field.name not in parts])
        rows = session.read.schema(written).parquet(*files)
        if parts:
            rows = _add_parts(rows, session.createDataFrame(_list_parts(table, parts)))
        return rows.select(*(f"`{name}`" for name in schema.names))

    def _as_table(self, frame: "DataFrame") -> ir.Table:
        """Give a Spark frame as a table of a name of its own, which no later one takes over."""
        name = gen_name("rows")
        frame.createOrReplaceTempView(name)
        return self.connection.table(name)

    def close(self) -> None:
        """Stop the session if it was started here, and delete what was laid down for it."""
        connection, self._connection = self._connection, None
        if connection is not None and self._ours:
            with suppress(Exception):  # a Spark that has died needs no stopping
                connection.disconnect()
        atexit.unregister(self.close)
        self._texts.clear()
        shutil.rmtree(self._folder, ignore_errors=True)


def _widen(rows: ir.Table, columns: ibis.Schema) -> dict[str, ir.Value]:
    """Give a file's rows the columns of all files: a missing one null, a narrower one wider."""
    return {
        name: rows[name].cast(kind) if name in rows.columns else ibis.null(kind)
        for name, kind in columns.items()
    }


def _list_parts(table: DeltaTable, parts: list[str]) -> pa.Table:
    """Give each file's name and the values of its partition columns.

    The log knows them; Spark would read them from the paths, where it takes an umlaut for two
    other letters.
    """
    files = pa.table(table.get_add_actions(flatten=True))
    names = [str(path).rpartition("/")[2] for path in files["path"].to_pylist()]
    values = {name: files[f"partition.{name}"] for name in parts}
    return pa.table({_FILE: names, **values})


def _add_parts(rows: "DataFrame", parts: "DataFrame") -> "DataFrame":
    from pyspark.sql import functions as f

    named = rows.select("*", f.col("_metadata.file_name").alias(_FILE))
    return named.join(f.broadcast(parts), _FILE)
