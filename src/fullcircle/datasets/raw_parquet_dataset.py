"""A publisher's Parquet files, read as one table whatever columns each of them has."""

import glob
import hashlib
from pathlib import Path
from typing import Any

import ibis.expr.types as ir
from kedro.io import AbstractDataset, DatasetError

from fullcircle.core.errors import DataError, FullCircleError, StorageError
from fullcircle.engines.engine import get_engine
from fullcircle.tracking.provenance import digest_file


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
        try:
            return get_engine().read_parquet(files, name_files=True)
        except FullCircleError:
            raise
        except Exception as error:
            reason = str(error).strip().splitlines()[0]
            raise DataError(f"The raw files {self._pattern} do not fit: {reason}") from error

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
