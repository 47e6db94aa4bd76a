"""A publisher's Parquet files, read as one table whatever columns each of them has."""

import glob
import hashlib
from pathlib import Path
from typing import Any

import ibis.expr.types as ir
import pyarrow.parquet as pq
from kedro.io import AbstractDataset, DatasetError

from fullcircle.core.errors import DataError, StorageError
from fullcircle.core.rejection import SOURCE_ROW
from fullcircle.datasets.engine import connect
from fullcircle.datasets.provenance import digest_file

SOURCE_FILE = "source_file"


class RawParquetDataset(AbstractDataset[ir.Table, ir.Table]):
    """Reads all files that a pattern matches, matching columns by name.

    A column that a file lacks is null in its rows; of several number types the widest counts. The
    files follow each other by name, so a file whose name comes later renumbers no earlier row.

    Example:
        ```yaml
        raw:
          type: fullcircle.datasets.RawParquetDataset
          filepath: data/01_raw/trips_*.parquet
          hint: Put the files there, or set RAW_DIR
        ```
    """

    def __init__(
        self, *, filepath: str, hint: str = "", metadata: dict[str, Any] | None = None
    ) -> None:
        """Declare the files.

        Args:
            filepath: A file, or a pattern with ``*`` for several.
            hint: What to do where no file matches.
            metadata: Free facts for kedro-viz and other plugins.
        """
        self._pattern = filepath
        self._hint = hint
        self.metadata = metadata

    def load(self) -> ir.Table:
        """Read the files lazily.

        Returns:
            Their rows with ``source_row``, which numbers the rows of all files from 1, and
            ``source_file``, the name of the row's file without its ending.

        Raises:
            StorageError: No file matches.
            DataError: A file is no Parquet file, or the files do not fit together.
        """
        files = self._list_files()
        if not files:
            raise StorageError(f"There is no raw file at {self._pattern}. {self._hint}.")
        rows = [_count_rows(file) for file in files]
        try:
            table = connect().read_parquet(
                [str(file) for file in files],
                union_by_name=True,
                filename=True,
                file_row_number=True,
            )
        except Exception as error:
            reason = str(error).strip().splitlines()[0]
            raise DataError(f"The raw files {self._pattern} do not fit: {reason}") from error
        return _number_rows(table, files, rows)

    def save(self, data: ir.Table) -> None:  # noqa: ARG002 - Kedro's signature
        """Refuse: a publisher's file is never written."""
        raise DatasetError(f"{self._pattern} are a publisher's files and are never written.")

    def data_version(self) -> str | None:
        """Digest of all files and their names, for lineage."""
        files = self._list_files()
        digests = "".join(f"{file.name} {digest_file(file)}\n" for file in files)
        return f"sha256 {hashlib.sha256(digests.encode()).hexdigest()}" if files else None

    def _list_files(self) -> list[Path]:
        return [path for name in sorted(glob.glob(self._pattern)) if (path := Path(name)).is_file()]

    def _exists(self) -> bool:
        return bool(self._list_files())

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._pattern}


def _count_rows(file: Path) -> int:
    try:
        return int(pq.read_metadata(file).num_rows)
    except Exception as error:
        reason = str(error).strip().splitlines()[0]
        raise DataError(f"The raw file {file} cannot be read as Parquet: {reason}") from error


def _number_rows(table: ir.Table, files: list[Path], rows: list[int]) -> ir.Table:
    """Number rows by their place in their file, behind the rows of the files before it."""
    firsts = [sum(rows[:position]) + 1 for position in range(len(files))]
    first = table.filename.cases(*((str(f), n) for f, n in zip(files, firsts, strict=True)))
    numbered = table.mutate(
        **{
            SOURCE_ROW: first.cast("int64") + table.file_row_number,
            SOURCE_FILE: table.filename.cases(*((str(file), file.stem) for file in files)),
        }
    )
    return numbered.drop("filename", "file_row_number")
