"""Copying a table into the project, whole or not at all."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from fullcircle.core.errors import DataError, StorageError
from fullcircle.ingestion.inference.issues import Issue
from fullcircle.ingestion.source import Source
from fullcircle.ingestion.tally import Rejection


@dataclass(frozen=True)
class CopiedTable:
    """A table that was copied.

    Attributes:
        path: The Parquet file.
        rows: Its rows.
        columns: Its columns.
        rejections: Records of the source that are no rows, each with its reason.
        rejected: How many there are.
        findings: Counts of the source's records, and what became of them.
    """

    path: Path
    rows: int
    columns: list[str]
    rejections: list[Rejection] = field(default_factory=list)
    rejected: int = 0
    findings: list[Issue] = field(default_factory=list)


def copy_table(source: Source, path: Path) -> CopiedTable:
    """Write a table beside its place, then move it there in one step.

    Args:
        source: The table.
        path: The Parquet file to write.

    Raises:
        DataError: Too many rows do not fit, or there is none.
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
        source.row_counts.raise_if_too_many()
        if not rows:
            raise DataError("The table has a header but no rows. Give one with rows.")
        os.replace(unfinished, path)
    except (OSError, pa.ArrowException) as error:
        reason = str(error).strip().splitlines()[0]
        raise StorageError(f"{path} cannot be written: {reason}") from error
    finally:
        unfinished.unlink(missing_ok=True)
    row_counts = source.row_counts
    return CopiedTable(
        path,
        rows,
        source.schema.names,
        row_counts.rejections,
        row_counts.rejected,
        row_counts.findings(),
    )
