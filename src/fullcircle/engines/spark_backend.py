"""Ibis on Spark, fixed where it would give other rows than on DuckDB, or hold all of them.

Ibis 12 collects every result in memory and takes it through pandas, in which no integer is null;
it writes blanks of rarer kinds as escapes that Spark takes for letters; and it tells moments in UTC
from local times by no type. All of it is settled here, so that no problem has to know.
"""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import ibis.expr.datatypes as dt
import ibis.expr.operations as ops
import ibis.expr.schema as sch
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from ibis.backends.duckdb.converter import DuckDBPandasData
from ibis.backends.pyspark import Backend
from ibis.backends.sql.compilers.base import NULL
from ibis.backends.sql.compilers.pyspark import PySparkCompiler
from ibis.backends.sql.dialects import PySpark
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType, TimestampType

_GROUP_BYTES = 16 * 2**20  # of a row group, the least that is held of a streamed result
_MOMENT = dt.Timestamp(timezone="UTC", scale=6)


class SparkDialect(PySpark):  # type: ignore[misc]
    """Spark's SQL, with escapes that Spark knows: it would take those of Ibis for letters."""

    UNESCAPED_SEQUENCES = {"\\u0007": "\a", "\\u000b": "\v", "\\u000c": "\f"}  # noqa: RUF012


class SparkCompiler(PySparkCompiler):  # type: ignore[misc]
    """Ibis expressions as Spark's SQL, meaning what they mean on DuckDB.

    Spark takes ``60.0`` for a decimal, and would divide to six places; what is no number is not
    null.
    """

    __slots__ = ()
    dialect = SparkDialect

    def visit_NonNullLiteral(  # noqa: N802 - of Ibis
        self, op: ops.Literal, *, value: Any, dtype: dt.DataType
    ) -> Any:
        """Write a constant."""
        if dtype.is_floating():
            return self.cast(str(value), dtype)
        return super().visit_NonNullLiteral(op, value=value, dtype=dtype)

    def visit_IsNull(self, op: ops.IsNull, *, arg: Any) -> Any:  # noqa: ARG002, N802 - of Ibis
        """Write ``isnull()``."""
        return arg.is_(NULL)

    def visit_NotNull(self, op: ops.NotNull, *, arg: Any) -> Any:  # noqa: ARG002, N802 - of Ibis
        """Write ``notnull()``."""
        return ~arg.is_(NULL)


class SparkBackend(Backend):  # type: ignore[misc]
    """An Ibis backend whose results come as Arrow, in the types that the table declares."""

    compiler = SparkCompiler()

    def do_connect(self, session: SparkSession, *, folder: Path) -> None:
        """Take a session.

        Args:
            session: An open session.
            folder: Where Spark lays results that are streamed; driver and executors both see it.
        """
        super().do_connect(session)
        self.register_options()
        self._folder = folder

    def get_schema(self, table_name: str, **place: Any) -> sch.Schema:
        """Give a table's schema; a moment is one in UTC."""
        schema = super().get_schema(table_name, **place)
        return _with_moments(schema, self._session.table(table_name).schema)

    def to_pyarrow(self, expr: ir.Expr, /, **asked: Any) -> Any:
        """Give a result that fits in memory."""
        table = expr.as_table()
        rows = self._query(table, **asked).toArrow()
        return expr.__pyarrow_result__(rows.cast(table.schema().to_pyarrow()))

    def execute(self, expr: ir.Expr, /, **asked: Any) -> Any:
        """Give a result that fits in memory, in the pandas types that DuckDB's have."""
        table = expr.as_table()
        rows = self.to_pyarrow(table, **asked)
        columns = {
            name: column.to_pylist() if column.null_count else column.to_pandas()
            for name, column in zip(rows.column_names, rows.columns, strict=True)
        }
        frame = DuckDBPandasData.convert_table(pd.DataFrame(columns), table.schema())
        return expr.__pandas_result__(frame)

    def to_pyarrow_batches(
        self, expr: ir.Expr, /, *, chunk_size: int = 100_000, **asked: Any
    ) -> pa.RecordBatchReader:
        """Stream a result of any size, in its order.

        Spark's executors write it to files, which are read one after the other and then deleted:
        what Spark sends to Python itself is either collected whole or pickled row by row.
        """
        table = expr.as_table()
        folder = self._folder / uuid4().hex
        written = self._query(table, **asked).write.option("parquet.block.size", _GROUP_BYTES)
        written.parquet(str(folder))
        schema = pa.schema(table.schema().to_pyarrow())
        return pa.RecordBatchReader.from_batches(schema, _drain(folder, schema, chunk_size))

    def _query(
        self, table: ir.Table, *, params: Mapping[ir.Scalar, Any] | None = None, **asked: Any
    ) -> DataFrame:
        self._run_pre_execute_hooks(table)
        frame: DataFrame = self.raw_sql(self.compile(table, params=params, **asked))
        return frame

    def _register_in_memory_table(self, op: ops.InMemoryTable) -> None:
        rows = op.data.to_pyarrow(op.schema)
        self._session.createDataFrame(rows).createOrReplaceTempView(op.name)


def _with_moments(schema: sch.Schema, struct: StructType) -> sch.Schema:
    moments = {field.name: _MOMENT for field in struct if isinstance(field.dataType, TimestampType)}
    return sch.Schema({**dict(schema.items()), **moments})


def _drain(folder: Path, schema: pa.Schema, rows: int) -> Iterator[pa.RecordBatch]:
    """Give the rows of the files in the order of their names, then delete them.

    One row group at a time: a reader of several keeps what it has given.
    """
    try:
        for file in sorted(folder.glob("*.parquet")):
            with pq.ParquetFile(file) as opened:
                for group in range(opened.num_row_groups):
                    for batch in opened.iter_batches(batch_size=rows, row_groups=[group]):
                        yield batch.cast(schema)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
