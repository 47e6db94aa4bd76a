"""A publisher's file, read as it is: every column as text, rows numbered."""

from pathlib import Path
from typing import Any

import ibis.expr.types as ir
from kedro.io import AbstractDataset, DatasetError

from fullcircle.core.errors import DataError, FullCircleError, StorageError
from fullcircle.engines.engine import get_engine
from fullcircle.tracking.provenance import digest_file

_SAMPLE_BYTES = 65_536


class RawFileDataset(AbstractDataset[ir.Table, ir.Table]):
    """Reads a CSV file without guessing types, so that no bad value is lost before it is judged.

    Example:
        ```yaml
        raw:
          type: fullcircle.datasets.RawFileDataset
          filepath: data/01_raw/customers.csv
          hint: Put the file there, or set RAW_DIR
        ```
    """

    def __init__(
        self, *, filepath: str, hint: str = "", metadata: dict[str, Any] | None = None
    ) -> None:
        """Declare the file.

        Args:
            filepath: The CSV file.
            hint: What to do where the file is missing.
            metadata: Free facts for kedro-viz and other plugins.
        """
        self._path = Path(filepath)
        self._hint = hint
        self.metadata = metadata

    def load(self) -> ir.Table:
        """Read the file lazily; ``source_row`` numbers its data rows from 1.

        Raises:
            StorageError: There is no such file.
            DataError: The file is empty, or is not a table of one header and its rows.
        """
        if not self._path.is_file():
            raise StorageError(f"There is no raw file at {self._path}. {self._hint}.")
        if not self._path.stat().st_size:
            raise DataError(f"The raw file {self._path} is empty.")
        with self._path.open("rb") as file:
            if b"\0" in file.read(_SAMPLE_BYTES):
                raise DataError(f"The raw file {self._path} is not a text file.")
        try:
            return get_engine().read_text(self._path)
        except FullCircleError:
            raise
        except Exception as error:
            reason = str(error).strip().splitlines()[0]
            raise DataError(f"The raw file {self._path} cannot be read as CSV: {reason}") from error

    def save(self, data: ir.Table) -> None:  # noqa: ARG002 - Kedro's signature
        """Refuse: a publisher's file is never written."""
        raise DatasetError(f"{self._path} is a publisher's file and is never written.")

    def data_version(self) -> str | None:
        """Digest of the file, for lineage."""
        return f"sha256 {digest_file(self._path)}" if self._path.is_file() else None

    def _exists(self) -> bool:
        return self._path.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}
