"""Which way a table is read: told by its address."""

import glob
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from fullcircle.core.errors import ConfigurationError, DataError, name_missing
from fullcircle.core.survey.findings import Finding
from fullcircle.intake.delimited import open_delimited
from fullcircle.intake.records import open_database, open_excel, open_json_lines
from fullcircle.intake.source import BATCH_ROWS, Source, settle_names

TEXT = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz", ".data")
JSON_LINES = (".jsonl", ".ndjson", ".json")
EXCEL = (".xlsx", ".xlsm", ".xls")
PARQUET = (".parquet", ".pq")
_ENDINGS = {*TEXT, *JSON_LINES, *EXCEL, *PARQUET, ".gz"}
_KNOWN = ".csv, .tsv, .txt (also .gz), .parquet, .xlsx, .jsonl, a Delta folder, or a database"


def open_source(
    address: str,
    *,
    target: str | None = None,
    table: str | None = None,
    header: bool = True,
) -> Source:
    """Open a table by its address.

    Args:
        address: A file, a pattern with ``*`` for several of one kind, the folder of a Delta table,
            or a database as SQLAlchemy takes it.
        target: A column that the table must have.
        table: Table of the database, or sheet of the Excel file.
        header: Whether text has a header.

    Raises:
        ConfigurationError: The address is none of these, or a library is missing.
        DataError: The table cannot be read.
        StorageError: The database cannot be reached.
    """
    if "://" in address:
        return open_database(address, table)
    path = Path(address).expanduser()
    if path.is_dir():
        return _open_folder(path)
    if path.is_file():
        return _open_file(path, target, table, header)
    files = [Path(name) for name in sorted(glob.glob(str(path))) if Path(name).is_file()]
    if not files:
        raise ConfigurationError(_explain_absent(path))
    return _join([_open_file(file, target, table, header) for file in files], files)


def _open_file(path: Path, target: str | None, table: str | None, header: bool) -> Source:
    name = path.name.lower()
    if not path.stat().st_size:
        raise DataError(f"{path} is empty. Give a file with a header and rows.")
    if name.endswith(TEXT):
        return open_delimited(path, target, header=header)
    openers: dict[tuple[str, ...], Callable[[], Source]] = {
        PARQUET: lambda: _open_parquet(path),
        JSON_LINES: lambda: open_json_lines(path),
        EXCEL: lambda: open_excel(path, table),
    }
    for endings, opener in openers.items():
        if name.endswith(endings):
            return opener()
    raise ConfigurationError(f"{path} is of no kind that is read. Give {_KNOWN}.")


def _explain_absent(path: Path) -> str:
    """Say which part of a path is not there, and which file comes nearest."""
    if not path.parent.is_dir():
        return f"There is no folder {path.parent}. Check the path; relative ones begin here."
    if "*" in path.name:
        return f"No file in {path.parent} fits {path.name!r}. Give {_KNOWN}."
    near = name_missing([path.name], sorted(each.name for each in path.parent.iterdir()))
    return f"There is no file {near} in {path.parent}. Give {_KNOWN}."


def _explain_folder(path: Path) -> str:
    """Say how the files of a folder are given: by the ending that most of them have."""
    endings = Counter(each.suffix for each in path.iterdir() if each.suffix in _ENDINGS)
    if not endings:
        return f"The folder {path} is no Delta table and holds no tables. Give {_KNOWN}."
    pattern = path / f"*{endings.most_common(1)[0][0]}"
    return f"The folder {path} is no Delta table. Give its files as '{pattern}'."


def _open_parquet(path: Path) -> Source:
    try:
        file = pq.ParquetFile(path)
        schema = file.schema_arrow
    except (pa.ArrowException, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise DataError(f"{path} cannot be read as Parquet: {reason}") from error
    return _of_arrow("Parquet", schema, lambda: file.iter_batches(BATCH_ROWS))


def _open_folder(path: Path) -> Source:
    """Open a Delta table, at its newest version."""
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError, TableNotFoundError

    try:
        dataset: ds.Dataset = DeltaTable(str(path)).to_pyarrow_dataset()
    except TableNotFoundError as error:
        raise ConfigurationError(_explain_folder(path)) from error
    except DeltaError as error:
        reason = str(error).strip().splitlines()[0]
        raise DataError(f"{path} cannot be read as a Delta table: {reason}") from error
    return _of_arrow("Delta", dataset.schema, lambda: dataset.to_batches(batch_size=BATCH_ROWS))


def _of_arrow(kind: str, schema: pa.Schema, read: Callable[[], Iterator[pa.RecordBatch]]) -> Source:
    """Keep columns of plain values in their own types; dictionaries become what they stand for."""
    plain = [place for place, field in enumerate(schema) if _is_plain(field.type)]
    left_out = [field.name for place, field in enumerate(schema) if place not in plain]
    names, findings = settle_names([schema.field(place).name for place in plain])
    types = [_settle_type(schema.field(place).type) for place in plain]
    settled = pa.schema(list(zip(names, types, strict=True)))
    if left_out:
        told = f"{', '.join(left_out)} hold no plain values"
        findings.append(Finding("danger", "nested", told, "left out; take them apart beforehand"))

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in read():
            arrays = [
                batch.column(place).cast(kind) for place, kind in zip(plain, types, strict=True)
            ]
            yield pa.RecordBatch.from_arrays(arrays, schema=settled)

    return Source(kind, settled, batches, findings)


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


def _join(sources: list[Source], files: list[Path]) -> Source:
    """Put the rows of several files one behind the other; their columns must be the same."""
    first = sources[0]
    for source, file in zip(sources, files, strict=True):
        if source.schema.names != first.schema.names:
            differ = set(source.schema.names) ^ set(first.schema.names)
            raise DataError(
                f"{file} and {files[0]} have different columns: {', '.join(sorted(differ))}. "
                "Give files of one kind."
            )

    def batches() -> Iterator[pa.RecordBatch]:
        for source in sources:
            for batch in source.batches():
                yield batch.cast(first.schema)

    findings = list(dict.fromkeys(found for source in sources for found in source.findings))
    return Source(f"{len(files)} files, {first.kind}", first.schema, batches, findings)
