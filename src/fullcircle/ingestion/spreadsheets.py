"""Sheets of workbooks, of every kind that spreadsheet programs write."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from fullcircle.core.errors import ConfigurationError, DataError, name_missing
from fullcircle.core.questions import Question
from fullcircle.ingestion.delimited import fit_row
from fullcircle.ingestion.headers import named_in
from fullcircle.ingestion.inference.issues import Issue
from fullcircle.ingestion.layout import find_layout
from fullcircle.ingestion.lines import Record
from fullcircle.ingestion.options import ReadOptions
from fullcircle.ingestion.packing import raise_if_archive_is_bomb
from fullcircle.ingestion.source import Source, of_rows
from fullcircle.ingestion.source_questions import ask_about_sheet
from fullcircle.ingestion.tally import RowCounts
from fullcircle.ingestion.workbook_probe import raise_if_too_large
from fullcircle.ingestion.written import as_written

_HEAD_ROWS = 1_000
_HEADER_ROWS = 60


def open_workbook(path: Path, options: ReadOptions) -> Source:
    """Open a sheet of a workbook.

    The size that a workbook states is not believed: exporters write a wrong one.

    Raises:
        ConfigurationError: There is no such sheet.
        DataError: The file is no workbook, is protected, or the sheet is empty.
    """
    raise_if_archive_is_bomb(path)
    raise_if_too_large(path, options.table)
    book = _open_book(path)
    names = list(book.sheet_names)
    if options.table is not None and options.table not in names:
        wrong = name_missing([options.table], names)
        raise ConfigurationError(f"{path} has no sheet {wrong}. It has: {', '.join(names)}.")
    question = None if options.table else _ask_about_sheets(book, path, options.named)
    default = question.choices[0].settings["table"] if question else _first_filled(book, names)
    sheet = options.table or default
    records = list(_read_records(book, sheet))
    if not records:
        raise DataError(f"The sheet {sheet!r} of {path} is empty. Give another by --table.")
    head = records[:_HEAD_ROWS]
    layout = find_layout(
        head,
        records[-_HEAD_ROWS:],
        header=True if options.header is None else options.header,
        named=options.named,
        skip=options.skip_lines,
        complete=len(head) == len(records),
    )
    found = []
    others = [name for name in names if name != sheet]
    if others:
        told = f"the sheet {sheet!r} was read; there are {len(others)} more: {', '.join(others)}"
        found.append(Issue("assumed", "sheet", told, "--table NAME"))
    if layout.skipped:
        told = f"{len(layout.skipped)} rows before the table were passed over: {layout.skipped[0]}"
        found.append(Issue("assumed", "layout", told, "--skip-lines N"))
    if layout.footer:
        told = f"the last {layout.footer} rows are a total or a note: left out"
        found.append(Issue("danger", "layout", told, "look at the end of the sheet"))
    if layout.units:
        found.append(Issue("assumed", "layout", "the row below the header holds units: left out"))
    header = layout.names or [f"column_{n}" for n in range(1, layout.width + 1)]
    row_counts = RowCounts(f"the sheet {sheet!r} of {path}")

    def rows() -> Iterator[list[str | None]]:
        first = layout.skip + layout.header_rows + int(layout.units)
        row_counts.passed["before the table"] += layout.skip
        row_counts.passed["header"] += layout.header_rows + int(layout.units)
        last = len(records) - layout.footer
        row_counts.passed["total or note at the end"] += layout.footer
        for record in records[first:last]:
            row = fit_row(record, layout, row_counts)
            if row is not None:
                yield [cell or None for cell in row]

    asked = [question] if question else []
    return of_rows(f"Excel, sheet {sheet!r}", header, rows, found, row_counts, questions=asked)


def _ask_about_sheets(book: Any, path: Path, named: Sequence[str]) -> Question | None:
    """Return the question which sheet is meant, where several hold what is looked for."""
    heads: dict[str, list[list[str]]] = {}
    for name in book.sheet_names:
        records = islice(_read_records(book, name, _HEADER_ROWS), _HEADER_ROWS)
        if rows := [each.fields for each in records]:
            heads[name] = rows
    fitting = {
        name: next(row for row in rows if named_in(named, row))
        for name, rows in heads.items()
        if any(named_in(named, row) for row in rows)
    }
    if len(fitting) == 1 and len(heads) > 1 and next(iter(fitting)) == next(iter(heads)):
        return None
    sheets = fitting or {name: rows[0] for name, rows in heads.items()}
    if len(sheets) == 1:
        others = {name: rows[0] for name, rows in heads.items() if name not in sheets}
        sheets = {**sheets, **others}
    if len(sheets) < 2:
        return None
    return ask_about_sheet(path.name, sheets, "strong" if fitting else "weak")


def _open_book(path: Path) -> Any:
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError

    try:
        return CalamineWorkbook.from_path(str(path))
    except PasswordError as error:
        raise DataError(_explain_password(path)) from error
    except (CalamineError, OSError, ValueError) as error:
        if "password" in str(error).lower() or _is_encrypted(path):
            raise DataError(_explain_password(path)) from error
        reason = " ".join(str(error).split())
        raise DataError(
            f"{path} cannot be read as Excel: {reason}. Open it in Excel, save it anew as .xlsx or "
            "CSV, and give that."
        ) from error


def _explain_password(path: Path) -> str:
    return (
        f"{path} is protected by a password. Open it in Excel, save it as .xlsx without one, and "
        "give that."
    )


def _is_encrypted(path: Path) -> bool:
    """Tell a protected workbook: an old container that holds an encrypted package."""
    with path.open("rb") as file:
        start = file.read(1 << 16)
    return start.startswith(bytes.fromhex("d0cf11e0a1b11ae1")) and (
        "EncryptedPackage".encode("utf-16-le") in start
    )


def _first_filled(book: Any, names: list[str]) -> str:
    """Return the first sheet that holds anything."""
    for name in names:
        if any(True for _ in _read_records(book, name)):
            return name
    return names[0]


def _read_records(book: Any, sheet: str, most: int | None = None) -> Iterator[Record]:
    """Yield the rows of a sheet that hold anything, as texts that give the values again."""
    cells = book.get_sheet_by_name(sheet).to_python(skip_empty_area=False, nrows=most)
    width = max((_last_filled(row) for row in cells), default=0)
    for number, row in enumerate(cells, start=1):
        fields = [as_written(cell) or "" for cell in row[:width]]
        if any(cell.strip() for cell in fields):
            yield Record(number, fields, " ".join(filter(None, fields)))


def _last_filled(row: list[Any]) -> int:
    filled = [place for place, cell in enumerate(row, start=1) if cell not in ("", None)]
    return max(filled, default=0)
