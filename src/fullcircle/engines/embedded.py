"""DuckDB, embedded in the process."""

from functools import cached_property
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
from deltalake import DeltaTable

from fullcircle.core.validation.row_validation import SOURCE_ROW
from fullcircle.engines.files import SOURCE_FILE, number_first_rows


class EmbeddedEngine:
    """Reads files and tables lazily into the process's one DuckDB connection."""

    @cached_property
    def connection(self) -> Any:
        """The connection; times are read and shown in UTC.

        DuckDB takes a stream from outside for a single row, and would then join it row by row. And
        it keeps what it has read of files, so that memory would grow with the rows.
        """
        connection = ibis.duckdb.connect()
        connection.raw_sql("SET TimeZone = 'UTC'")
        connection.raw_sql("SET asof_loop_join_threshold = 0")
        connection.raw_sql("SET enable_external_file_cache = false")
        return connection

    def interrupt(self) -> None:
        """End what a query does that was broken off.

        DuckDB may work on at it after Ctrl-C: a core stays busy, and the next query waits.
        """
        if "connection" in vars(self):
            self.connection.con.interrupt()

    def read_text(self, file: Path) -> ir.Table:
        """Read a CSV file, each column as text; ``source_row`` numbers its data rows from 1."""
        table = self.connection.read_csv(
            str(file), all_varchar=True, header=True, delim=",", null_padding=True
        )
        return table.mutate(**{SOURCE_ROW: ibis.row_number() + 1})

    def read_parquet(self, files: list[Path], *, name_files: bool) -> ir.Table:
        """Read Parquet files as one table, matching columns by name.

        ``source_row`` numbers the rows by their place in their file, behind the files before it;
        ``source_file``, where wanted, is the file's name without its ending.
        """
        firsts = number_first_rows(files)
        table = self.connection.read_parquet(
            [str(file) for file in files], union_by_name=True, filename=True, file_row_number=True
        )
        first = table.filename.cases(*((str(file), number) for file, number in firsts.items()))
        added = {SOURCE_ROW: first.cast("int64") + table.file_row_number}
        if name_files:
            stems = ((str(file), file.stem) for file in files)
            added[SOURCE_FILE] = table.filename.cases(*stems)
        return table.mutate(**added).drop("filename", "file_row_number")

    def read_delta(self, table: DeltaTable) -> ir.Table:
        """Read the version of a Delta table that is loaded."""
        name = f"delta_{abs(hash(table.table_uri))}_v{table.version()}"
        self.connection.con.register(name, table.to_pyarrow_dataset())
        return self.connection.table(name)

    def close(self) -> None:
        """Leave the connection to the process's end: tables of other projects may lie in it."""
