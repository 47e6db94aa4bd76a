"""Copying a table into the project, whole or not at all."""

import os
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from fullcircle.core.errors import DataError, StorageError
from fullcircle.intake.source import Source


@dataclass(frozen=True)
class Taken:
    """A table that was copied.

    Attributes:
        path: The Parquet file.
        rows: Its rows.
        columns: Its columns.
    """

    path: Path
    rows: int
    columns: list[str]


def take_table(source: Source, path: Path) -> Taken:
    """Write a table beside its place, then move it there in one step.

    Args:
        source: The table.
        path: The Parquet file to write.

    Raises:
        DataError: A row does not fit, or there is none.
        StorageError: The file cannot be written.
    """
    unfinished = path.with_suffix(".unfinished")
    rows = 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with pq.ParquetWriter(unfinished, source.schema, compression="zstd") as writer:
            for batch in source.batches():
                writer.write_batch(batch)
                rows += batch.num_rows
        if not rows:
            raise DataError("The table has a header but no rows. Give one with rows.")
        os.replace(unfinished, path)
    except (OSError, pa.ArrowException) as error:
        reason = str(error).strip().splitlines()[0]
        raise StorageError(f"{path} cannot be written: {reason}") from error
    finally:
        unfinished.unlink(missing_ok=True)
    return Taken(path, rows, source.schema.names)
