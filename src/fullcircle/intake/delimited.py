"""Delimited text: encoding, separator and header told by the file's beginning."""

import csv
import gzip
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, cast

import pandas as pd

from fullcircle.core.errors import DataError
from fullcircle.core.survey.findings import Finding
from fullcircle.core.survey.kinds import read_number_texts
from fullcircle.intake.source import MAX_COLUMNS, Source, of_texts

_HEAD_BYTES = 1 << 20
_HEAD_ROWS = 200
_SEPARATORS = (",", ";", "\t", "|")
_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_BOMS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_LONGEST_FIELD = 1 << 24


@dataclass(frozen=True)
class Dialect:
    """How a delimited text is written.

    Attributes:
        encoding: Its encoding, as Python names it.
        separator: What stands between fields.
        header: Whether the first line names the columns.
    """

    encoding: str
    separator: str
    header: bool = True


def open_delimited(path: Path, target: str | None, *, header: bool = True) -> Source:
    """Open delimited text.

    Args:
        path: The file; ``.gz`` is unpacked while reading.
        target: A column that the header must name, if there is one.
        header: Whether the first line is a header.

    Raises:
        DataError: The file is empty, is no text, has no header though it should, or lines that
            do not fit it.
    """
    with _unpack(path) as file:
        head = _read_head(path, file)
    encoding = find_encoding(path, head)
    text = head.decode(encoding, errors="ignore")
    separator = find_separator(text)
    first = next(csv.reader(text.splitlines(), delimiter=separator), [])
    if header:
        _refuse_no_header(path, first, target)
    names = first if header else [f"column_{n}" for n in range(1, len(first) + 1)]
    dialect = Dialect(encoding, separator, header)
    told = f"{encoding} text, separated by {_NAMES[separator]}"
    findings = [Finding("assumed", "file", told)]
    if encoding == "cp1252":
        do = "save the file as UTF-8 if letters look wrong"
        findings.append(Finding("danger", "encoding", "not UTF-8: taken for Windows-1252", do))
    return of_texts("CSV", names, lambda: _read_rows(path, dialect, len(names)), findings)


def _unpack(path: Path) -> IO[bytes]:
    return (
        cast("IO[bytes]", gzip.open(path, "rb"))
        if path.suffix.lower() == ".gz"
        else path.open("rb")
    )


def _read_head(path: Path, file: IO[bytes]) -> bytes:
    try:
        head = file.read(_HEAD_BYTES)
    except (OSError, EOFError) as error:
        raise DataError(f"{path} cannot be unpacked: {error}.") from error
    if not head.strip():
        raise DataError(f"{path} is empty. Give a file with a header and rows.")
    return head


def find_encoding(path: Path, head: bytes) -> str:
    """Tell the encoding: by its mark, or UTF-8 where the bytes allow it, or Windows-1252.

    Raises:
        DataError: The bytes are no text.
    """
    for mark, encoding in _BOMS.items():
        if head.startswith(mark):
            return encoding
    if b"\0" in head:
        raise DataError(
            f"{path} is no text: it holds zero bytes. Give CSV, Parquet, Excel or JSON lines."
        )
    # The last character may be cut.
    for cut in range(min(4, len(head))):
        try:
            head[: len(head) - cut].decode("utf-8")
        except UnicodeDecodeError:
            continue
        return "utf-8"
    if sum(byte < 32 and byte not in b"\t\n\r\f" for byte in head) > len(head) / 100:
        raise DataError(f"{path} is no text. Give CSV, Parquet, Excel or JSON lines.")
    return "cp1252"


def find_separator(text: str) -> str:
    """Tell the separator: the one that cuts most lines into the same number of fields."""
    lines = text.splitlines()[:_HEAD_ROWS]

    def regularity(separator: str) -> tuple[float, int]:
        with_fields = csv.reader(lines, delimiter=separator)
        counts = Counter(len(fields) for fields in with_fields if fields)
        if not counts:
            return 0.0, 0
        width, rows = counts.most_common(1)[0]
        return (rows / sum(counts.values()) if width > 1 else 0.0), width

    csv.field_size_limit(_LONGEST_FIELD)
    return max(_SEPARATORS, key=regularity)


def _refuse_no_header(path: Path, first: list[str], target: str | None) -> None:
    """Refuse a first line that holds values where names should stand."""
    named = [field.strip() for field in first]
    if target is None or target in named:
        return
    numbers = read_number_texts(pd.Series(named, dtype=object), ".").notna().sum()
    if numbers == 0:
        return
    shown = ", ".join(named[:6]) + (", …" if len(named) > 6 else "")
    raise DataError(
        f"{path} seems to have no header: its first line is {shown}. Say --no-header and name "
        f"columns by place, as --target column_{len(named)}, or write a header."
    )


def _read_rows(path: Path, dialect: Dialect, width: int) -> Iterator[list[str | None]]:
    """Read data rows; a short one is filled with nothing known, a long one is refused."""
    csv.field_size_limit(_LONGEST_FIELD)
    number = 0
    try:
        with (
            _unpack(path) as packed,
            io.TextIOWrapper(packed, encoding=dialect.encoding, newline="") as file,
        ):
            reader = csv.reader(file, delimiter=dialect.separator)
            for fields in islice(reader, int(dialect.header), None):
                number = reader.line_num
                if not fields:
                    continue
                if len(fields) > width:
                    raise DataError(_explain_long(path, number, len(fields), width, dialect))
                yield [*fields, *[None] * (width - len(fields))]
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is {dialect.encoding} at first, but not behind line {number}: "
            f"{error.reason}. Save it as UTF-8."
        ) from error
    except (csv.Error, OSError, EOFError) as error:
        raise DataError(f"{path} cannot be read behind line {number}: {error}.") from error


def _explain_long(path: Path, line: int, fields: int, width: int, dialect: Dialect) -> str:
    if width > MAX_COLUMNS:
        return f"{path} has {width} columns, more than {MAX_COLUMNS}."
    return (
        f"Line {line} of {path} has {fields} fields, the header {width}. Quote fields that hold a "
        f"{_NAMES[dialect.separator]}, or mend the line."
    )
