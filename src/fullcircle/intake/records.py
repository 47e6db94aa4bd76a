"""Rows of plain values: JSON lines, Excel sheets and database tables."""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any

from fullcircle.core.errors import ConfigurationError, DataError, StorageError, name_missing
from fullcircle.intake.source import Source, of_texts

_FETCHED_ROWS = 10_000
# What SQLAlchemy imports for an address that names no driver.
_DRIVERS = {
    "mssql": "pyodbc",
    "mysql": "mysqlclient",
    "oracle": "oracledb",
    "postgresql": "'psycopg[binary]'",
}
# The first bytes of Excel files before 2007, and of all that a password protects.
_OLD_EXCEL = bytes.fromhex("d0cf11e0a1b11ae1")


def as_written(value: Any) -> str | None:
    """Write a value as text, so that reading it again gives the value: 3, 2.5, 2024-01-31."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float):
        return _as_digits(value)
    writers: dict[type, Callable[[Any], str]] = {
        bool: lambda each: str(each).lower(),
        datetime: lambda each: each.isoformat(sep=" "),
        list: lambda each: json.dumps(each, ensure_ascii=False),
        dict: lambda each: json.dumps(each, ensure_ascii=False),
    }
    return writers.get(type(value), str)(value)


def _as_digits(value: float) -> str | None:
    """Write a number with no more digits than it needs; NaN is nothing known."""
    if math.isnan(value):
        return None
    return str(int(value)) if value.is_integer() else repr(value)


def open_json_lines(path: Path) -> Source:
    """Open a file with one JSON object a line; columns are all names, in the order met.

    Raises:
        DataError: A line is no JSON object.
    """
    names: dict[str, None] = {}
    for record in _read_objects(path):
        names |= dict.fromkeys(record)
    if not names:
        raise DataError(f"{path} is empty. Give a file with one JSON object a line.")

    def rows() -> Iterator[list[str | None]]:
        for record in _read_objects(path):
            yield [as_written(record.get(name)) for name in names]

    return of_texts("JSON lines", list(names), rows, [])


def _read_objects(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8-sig") as file:
        try:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                record = json.loads(line)
                if not isinstance(record, dict):
                    raise DataError(f"Line {number} of {path} is no JSON object: {line[:40]!r}.")
                yield record
        except json.JSONDecodeError as error:
            raise DataError(
                f"Line {number} of {path} is no JSON: {error.msg}. Each line must hold one object."
            ) from error
        except UnicodeDecodeError as error:
            raise DataError(f"{path} is not UTF-8. Save it as UTF-8.") from error


def open_excel(path: Path, sheet: str | None) -> Source:
    """Open a sheet of an Excel file; its first row names the columns.

    Raises:
        ConfigurationError: The library is missing, or there is no such sheet.
        DataError: The file is no Excel file, or the sheet is empty.
    """
    try:
        from openpyxl import load_workbook
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            "Excel files need openpyxl. Install it: pip install -e '.[excel]'"
        ) from error
    with path.open("rb") as file:
        if file.read(len(_OLD_EXCEL)) == _OLD_EXCEL:
            raise DataError(
                f"{path} is protected by a password, or an Excel file of the old kind. Open it in "
                "Excel, save it as .xlsx without a password, and give that."
            )
    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except Exception as error:
        raise DataError(
            f"{path} cannot be read as Excel: {error}. Open it in Excel, save it anew as .xlsx or "
            "CSV, and give that."
        ) from error
    names = book.sheetnames
    if sheet is not None and sheet not in names:
        wrong = name_missing([sheet], names)
        raise ConfigurationError(f"{path} has no sheet {wrong}. It has: {', '.join(names)}.")
    chosen = book[sheet or names[0]]
    header = _trim(next(chosen.iter_rows(values_only=True), ()))
    if not header:
        raise DataError(f"The sheet {chosen.title!r} of {path} is empty. Give another by --table.")

    def rows() -> Iterator[list[str | None]]:
        for cells in islice(chosen.iter_rows(values_only=True), 1, None):
            texts = [as_written(cell) for cell in cells[: len(header)]]
            if any(text is not None for text in texts):
                yield [*texts, *[None] * (len(header) - len(texts))]

    return of_texts(f"Excel, sheet {chosen.title!r}", header, rows, [])


def _trim(cells: Sequence[Any]) -> list[Any]:
    """Leave out the empty cells behind the last name."""
    named = [place for place, cell in enumerate(cells, start=1) if cell is not None]
    return list(cells[: max(named, default=0)])


def _name_database(address: str) -> str:
    """Name a database without user, password and options, where a password may stand as well."""
    plain = address.partition("?")[0]
    return plain.rpartition("@")[2] if "@" in plain else plain


def open_database(address: str, table: str | None) -> Source:
    """Open a table of a database.

    Args:
        address: As SQLAlchemy takes it: ``postgresql://user@host/database``.
        table: The table, or ``schema.table``.

    Raises:
        ConfigurationError: No table is named, there is none of the name, or a driver is missing.
        StorageError: The database cannot be reached.
    """
    import sqlalchemy as sa

    shown = _name_database(address)
    try:
        engine = sa.create_engine(address, poolclass=sa.NullPool)  # none is held open
        schema, _, plain = (table or "").rpartition(".")
        names = sa.inspect(engine).get_table_names(schema=schema or None)
        names += sa.inspect(engine).get_view_names(schema=schema or None)
    except (sa.exc.NoSuchModuleError, ModuleNotFoundError) as error:
        driver = _DRIVERS.get(address.partition(":")[0], "the package of your database's driver")
        raise ConfigurationError(f"No driver for {shown}: {error}. pip install {driver}") from error
    except (sa.exc.SQLAlchemyError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise StorageError(f"The database {shown} cannot be opened: {reason}.") from error
    if table is None or plain not in names:
        wrong = f"no table {name_missing([plain], names)}" if table else "several tables"
        listed = ", ".join(names) or "none"
        raise ConfigurationError(f"{shown} has {wrong}. Say --table; there are: {listed}.")
    query = sa.select(sa.text("*")).select_from(sa.table(plain, schema=schema or None))
    with engine.connect() as connection:
        header = list(connection.execute(query.limit(0)).keys())

    def rows() -> Iterator[list[str | None]]:
        with engine.connect().execution_options(stream_results=True) as connection:
            pieces = connection.execute(query).partitions(_FETCHED_ROWS)
            for row in chain.from_iterable(pieces):
                yield [as_written(value) for value in row]

    return of_texts(f"database table {table}", header, rows, [])
