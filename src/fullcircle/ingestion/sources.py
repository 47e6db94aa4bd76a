"""Which way a table is read: told by its address, and by what the file really is."""

import glob
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from fullcircle.core.errors import ConfigurationError, DataError, name_missing
from fullcircle.ingestion.columnar import explain_folder, open_delta, open_parquet
from fullcircle.ingestion.database import open_database
from fullcircle.ingestion.delimited import open_delimited
from fullcircle.ingestion.joining import join_sources
from fullcircle.ingestion.json_text import open_json
from fullcircle.ingestion.options import ReadOptions
from fullcircle.ingestion.packing import find_member, is_packed, strip_packing
from fullcircle.ingestion.source import Source
from fullcircle.ingestion.spreadsheets import open_workbook

TEXT = (".csv", ".tsv", ".txt", ".data", ".dat", ".tab", ".psv")
JSON = (".jsonl", ".ndjson", ".json")
EXCEL = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
PARQUET = (".parquet", ".pq")
PACKED = (".gz", ".zip", ".bz2", ".xz")
_ENDINGS = {*TEXT, *JSON, *EXCEL, *PARQUET, *PACKED}
_KNOWN = (
    ".csv, .tsv, .txt, .json, .jsonl (also .gz, .zip), .parquet, .xlsx, .xls, .ods, "
    "a Delta folder, or a database"
)
_OLD_OFFICE = bytes.fromhex("d0cf11e0a1b11ae1")


def open_source(address: str, options: ReadOptions | None = None) -> Source:
    """Open a table by its address.

    Args:
        address: A file, a pattern with ``*`` for several of one kind, the folder of a Delta table,
            or a database as SQLAlchemy takes it.
        options: What the user says of how it is written.

    Raises:
        ConfigurationError: The address is none of these, or a library is missing.
        DataError: The table cannot be read.
        StorageError: The database cannot be reached.
    """
    options = options or ReadOptions()
    if "://" in address:
        return open_database(address, options.table)
    path = Path(address).expanduser()
    if path.is_dir():
        return open_delta(path, partial(explain_folder, known=_ENDINGS, given=_KNOWN))
    if path.is_file():
        return _open_file(path, options)
    files = [Path(name) for name in sorted(glob.glob(str(path))) if Path(name).is_file()]
    if not files:
        raise ConfigurationError(_explain_absent(path))
    if len(files) == 1:
        return _open_file(files[0], options)
    return join_sources([_open_file(file, options) for file in files], files)


def _open_file(path: Path, options: ReadOptions) -> Source:
    if not path.stat().st_size:
        raise DataError(f"{path} is empty. Give a file with a header and rows.")
    if not path.name.lower().endswith(tuple(_ENDINGS)):
        raise ConfigurationError(f"{path} is of no kind that is read. Give {_KNOWN}.")
    opener = _find_by_content(path) or _find_by_name(path, options)
    return opener(path, options)


def _find_by_content(path: Path) -> Callable[[Path, ReadOptions], Source] | None:
    """Return the reader of a file whose first bytes say what it is, whatever its name."""
    with path.open("rb") as file:
        start = file.read(16)
    if start.startswith(b"PAR1"):
        return lambda each, _: open_parquet(each)
    if start.startswith(b"SQLite format 3\0"):
        raise ConfigurationError(f"{path} is an SQLite database. Give it as sqlite:///{path}")
    if start.startswith(_OLD_OFFICE):
        return open_workbook
    if start.startswith(b"PK\x03\x04") and _is_workbook(path):
        return open_workbook
    return None


def _is_workbook(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False
    return bool(names & {"xl/workbook.xml", "xl/workbook.bin", "content.xml"})


def _find_by_name(path: Path, options: ReadOptions) -> Callable[[Path, ReadOptions], Source]:
    name = path.name.lower()
    if name.endswith(EXCEL):
        return open_workbook
    if name.endswith(PARQUET):
        return lambda each, _: open_parquet(each)
    inner = strip_packing(name)
    if is_packed(path) and name.endswith(".zip"):
        inner = find_member(path, options.table).lower()
        if inner.endswith((*EXCEL, *PARQUET)):
            raise ConfigurationError(f"{path} holds {inner}. Unpack it, and give the file itself.")
    if inner.endswith(JSON):
        return open_json
    return open_delimited


def _explain_absent(path: Path) -> str:
    """Say which part of a path is not there, and which file comes nearest."""
    if not path.parent.is_dir():
        return f"There is no folder {path.parent}. Check the path; relative ones begin here."
    if "*" in path.name:
        return f"No file in {_name_folder(path.parent)} fits {path.name!r}. Give {_KNOWN}."
    near = name_missing([path.name], sorted(each.name for each in path.parent.iterdir()))
    return f"There is no file {near} in {_name_folder(path.parent)}. Give {_KNOWN}."


def _name_folder(folder: Path) -> str:
    """Name a folder in a sentence, where a bare "." before the full stop would read as ".."."""
    return f"the current folder ({folder.resolve().name})" if folder == Path() else str(folder)
