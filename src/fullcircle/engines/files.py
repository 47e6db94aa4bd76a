"""What is known of raw files before any engine reads them."""

from itertools import accumulate
from pathlib import Path

import pyarrow.parquet as pq

from fullcircle.core.errors import DataError

SOURCE_FILE = "source_file"


def number_first_rows(files: list[Path]) -> dict[Path, int]:
    """Number the first row of each file, counting the rows of the files before it from 1.

    Raises:
        DataError: A file is no Parquet file.
    """
    counts = [_count_rows(file) for file in files]
    return dict(zip(files, accumulate(counts[:-1], initial=1), strict=True))


def _count_rows(file: Path) -> int:
    try:
        return int(pq.read_metadata(file).num_rows)
    except Exception as error:
        reason = str(error).strip().splitlines()[0]
        raise DataError(f"The raw file {file} cannot be read as Parquet: {reason}") from error
