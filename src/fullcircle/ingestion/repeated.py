"""Rows that were taken in before: the same sheet again, or a file that overlaps another."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

# By nature rows repeat where columns are few; more than that, twice over, is the same data again.
MOSTLY = 0.5
BY_NATURE = 0.1


@dataclass(frozen=True)
class Repeated:
    """How far a table repeats earlier ones.

    Attributes:
        rows: Rows of the table.
        repeated: Those of them that an earlier table holds as well.
        by_nature: Share of the earlier rows that repeat one another.
    """

    rows: int
    repeated: int
    by_nature: float

    @property
    def is_taken_again(self) -> bool:
        """Whether the table is, for the most part, one that was taken in before."""
        return self.repeated > MOSTLY * self.rows and self.by_nature < BY_NATURE


def count_repeated(table: Path, earlier: Sequence[Path], columns: Sequence[str]) -> Repeated:
    """Count the rows of a table that earlier tables hold as well.

    Args:
        table: A Parquet file.
        earlier: The Parquet files that were taken in before.
        columns: The columns by which rows are equal; all files hold them.
    """
    values = ", ".join(f"coalesce({_quote(name)}::VARCHAR, chr(0))" for name in columns)
    digests = f"SELECT hash([{values}]) AS digest FROM read_parquet($files)"  # noqa: S608
    with duckdb.connect() as connection:
        connection.execute("SET enable_progress_bar = false")
        known = {"files": [str(path) for path in earlier]}
        connection.execute(f"CREATE TEMP TABLE known AS {digests}", known)
        connection.execute(f"CREATE TEMP TABLE taken AS {digests}", {"files": [str(table)]})
        counted = connection.execute(
            "SELECT (SELECT count(*) FROM taken),"
            " (SELECT count(*) FROM taken SEMI JOIN known USING (digest)),"
            " (SELECT 1 - count(DISTINCT digest) / count(*) FROM known)"
        ).fetchone()
    rows, repeated, by_nature = counted or (0, 0, 0.0)
    return Repeated(rows, repeated, float(by_nature or 0.0))


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
