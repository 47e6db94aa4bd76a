"""Parquet files and Delta tables, whose columns have types already."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from fullcircle.core.errors import ConfigurationError, DataError
from fullcircle.ingestion.inference.issues import Issue
from fullcircle.ingestion.source import BATCH_ROWS, Source, resolve_names
from fullcircle.ingestion.tally import RowCounts
from fullcircle.storage.parquet_bounds import open_bounded, read_bounded


def open_parquet(path: Path) -> Source:
    """Open a Parquet file.

    Raises:
        DataError: The file is none, or is not complete.
    """
    try:
        schema = pq.ParquetFile(path).schema_arrow
        file = open_bounded(path, str(path), path.stat().st_size)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise DataError(
            f"{path} cannot be read as Parquet: {reason} A file that was not written to its end "
            "looks like this; copy it anew."
        ) from error
    return _of_arrow("Parquet", schema, lambda: read_bounded(file, str(path), BATCH_ROWS))


def open_delta(path: Path, explain: Callable[[Path], str]) -> Source:
    """Open a Delta table, at its newest version.

    Raises:
        ConfigurationError: The folder is no Delta table.
        DataError: It cannot be read.
    """
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError, TableNotFoundError

    try:
        dataset: ds.Dataset = DeltaTable(str(path)).to_pyarrow_dataset()
    except TableNotFoundError as error:
        raise ConfigurationError(explain(path)) from error
    except DeltaError as error:
        reason = str(error).strip().splitlines()[0]
        raise DataError(f"{path} cannot be read as a Delta table: {reason}") from error
    return _of_arrow("Delta", dataset.schema, lambda: dataset.to_batches(batch_size=BATCH_ROWS))


def _of_arrow(kind: str, schema: pa.Schema, read: Callable[[], Iterator[pa.RecordBatch]]) -> Source:
    """Keep columns of plain values in their own types; dictionaries become what they stand for."""
    plain = [place for place, field in enumerate(schema) if _is_plain(field.type)]
    left_out = [field.name for place, field in enumerate(schema) if place not in plain]
    names, findings = resolve_names([schema.field(place).name for place in plain])
    types = [_settle_type(schema.field(place).type) for place in plain]
    settled = pa.schema(list(zip(names, types, strict=True)))
    row_counts = RowCounts()
    if left_out:
        told = f"{', '.join(left_out)} hold no plain values"
        findings.append(Issue("danger", "nested", told, "left out; take them apart beforehand"))

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in read():
            arrays = [
                batch.column(place).cast(kind) for place, kind in zip(plain, types, strict=True)
            ]
            row_counts.read += batch.num_rows
            yield pa.RecordBatch.from_arrays(arrays, schema=settled)

    return Source(kind, settled, batches, findings, row_counts)


def _is_plain(kind: pa.DataType) -> bool:
    return not (pa.types.is_nested(kind) or _is_bytes(kind)) or pa.types.is_dictionary(kind)


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _settle_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return _settle_type(kind.value_type)
    if pa.types.is_null(kind):
        return pa.string()
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", kind.tz)
    return kind


def explain_folder(path: Path, known: set[str], given: str) -> str:
    """Return how the files of a folder are given: by the ending that most of them have."""
    endings = Counter(each.suffix for each in path.iterdir() if each.suffix in known)
    if not endings:
        return f"The folder {path} is no Delta table and holds no tables. Give {given}."
    pattern = path / f"*{endings.most_common(1)[0][0]}"
    return f"The folder {path} is no Delta table. Give its files as '{pattern}'."
