"""Delimited text: encoding, dialect and layout told by the text itself."""

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path

from fullcircle.core.errors import ConfigurationError, DataError
from fullcircle.ingestion.cells import kind_of
from fullcircle.ingestion.dialect import find_dialect
from fullcircle.ingestion.encoding import TextFile, open_text
from fullcircle.ingestion.fast import find_fast_reader
from fullcircle.ingestion.headers import named_in
from fullcircle.ingestion.inference.issues import Issue
from fullcircle.ingestion.layout import Layout, find_layout, tell_other_headers
from fullcircle.ingestion.lines import Record, read_records
from fullcircle.ingestion.options import ReadOptions
from fullcircle.ingestion.packing import open_bytes
from fullcircle.ingestion.separators import ask_about_separator
from fullcircle.ingestion.source import MAX_COLUMNS, Source, of_rows
from fullcircle.ingestion.tally import RowCounts
from fullcircle.ingestion.writing import Dialect

_HEAD_LINES = 1_000
_BY_PLACE = re.compile(r"column_\d+")
_LONGEST_LINE = 1 << 22
_PAGE = re.compile(r"(?is)\s*(?:<!doctype html|<html|<head|<table|<\?xml)")


def open_delimited(path: Path, options: ReadOptions) -> Source:
    """Open delimited text.

    Args:
        path: The file; packed ones are unpacked while reading.
        options: What the user says of it.

    Raises:
        DataError: The file is empty, is no text, has no header though it should, or is no table.
    """
    text = open_text(path, partial(open_bytes, path, options.table))
    if options.encoding is not None:
        text = _with_encoding(path, options.encoding)
    refuse_page(path, text.head)
    lines, complete = _head_lines(text)
    if any(len(line) > _LONGEST_LINE for line in lines):
        raise DataError(
            f"{path} has a line of more than {_LONGEST_LINE:,} letters: it is no table of lines. "
            "Write one row a line."
        )
    found = find_dialect(lines, options.separator)
    dialect = found.best
    records = list(read_records(lines, dialect))
    if not complete and len(records) > 1:
        records.pop()
    tail = records if complete else _read_tail(text, dialect)
    layout = find_layout(
        records,
        tail,
        header=_settle_header(options, records),
        named=options.named,
        skip=options.skip_lines,
        complete=complete,
    )
    if options.header is None:
        _refuse_no_header(path, records, layout, options.named)
    _refuse_wide(path, layout.width)
    findings = [*_tell(text, dialect, layout), *text.findings, *tell_other_headers(records, layout)]
    asked = [*ask_about_separator(path.name, lines, found), *filter(None, [text.question])]
    row_counts = RowCounts(str(path))
    names = layout.names or [f"column_{n}" for n in range(1, layout.width + 1)]
    fast = find_fast_reader(text, dialect, layout, row_counts, records)
    read = partial(_read_rows, text, dialect, layout, row_counts)
    return of_rows("CSV", names, read, findings, row_counts, fast, questions=asked)


def _settle_header(options: ReadOptions, records: list[Record]) -> bool | None:
    """Return whether there is a header, as the user says it: by option, or by column_7 for a name.

    None leaves it to the records.
    """
    by_place = bool(options.named) and all(_BY_PLACE.fullmatch(each) for each in options.named)
    if options.header is None and by_place and records:
        return named_in(options.named, records[0].fields) or False
    return options.header


def _with_encoding(path: Path, encoding: str) -> TextFile:
    import codecs

    try:
        codecs.lookup(encoding)
    except LookupError as error:
        raise ConfigurationError(
            f"There is no encoding {encoding!r}. Give one as Python does: utf-8, cp1252."
        ) from error
    text = open_text(path, partial(open_bytes, path))
    with text.open() as file:
        head = file.read(len(text.head.encode("utf-8", "ignore")) or 1 << 20)
    decoded = head.decode(encoding, errors="replace").replace("\0", "")
    return replace(
        text, encoding=encoding, clean=False, head=decoded, tail="", findings=(), question=None
    )


def refuse_page(path: Path, head: str) -> None:
    """Refuse a page of the web that was saved under the name of a table.

    Raises:
        DataError: Says what to do.
    """
    if _PAGE.match(head):
        raise DataError(
            f"{path} is a web page (HTML) or XML, not a table: often what a server sends in place "
            "of the file, as a page to sign in. Download the file itself."
        )


def _head_lines(text: TextFile) -> tuple[list[str], bool]:
    """Return the first lines with their ends, and whether they are all there are."""
    whole = len(text.head.encode("utf-8", "ignore")) >= text.size or not text.tail
    complete = whole and not text.tail
    lines = re.findall(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+$", text.head)
    if len(lines) > _HEAD_LINES:
        return lines[:_HEAD_LINES], False
    if not complete and len(lines) > 1:
        lines.pop()
    return lines, complete


def _read_tail(text: TextFile, dialect: Dialect) -> list[Record]:
    """Read the last records, from the first whole line of the text's end."""
    end = text.tail or text.head[-20_000:]
    _, _, rest = end.partition("\n")
    lines = re.findall(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+$", rest)
    return list(read_records(lines, dialect))


def _refuse_wide(path: Path, width: int) -> None:
    if width > MAX_COLUMNS:
        raise DataError(
            f"{path} has {width:,} columns, more than {MAX_COLUMNS:,}. Choose some of them."
        )


def _refuse_no_header(
    path: Path, records: list[Record], layout: Layout, named: tuple[str, ...]
) -> None:
    """Refuse a first line that holds values where the user's names should stand."""
    if layout.names is not None or not named or not records:
        return
    if all(_BY_PLACE.fullmatch(name) for name in named):
        return
    fields = records[min(layout.skip, len(records) - 1)].fields
    shown = ", ".join(fields[:6]) + (", …" if len(fields) > 6 else "")
    raise DataError(
        f"{path} seems to have no header: its first line is {shown}. Say --no-header and name "
        f"columns by place, as --target column_{len(fields)}, or write a header."
    )


def _tell(text: TextFile, dialect: Dialect, layout: Layout) -> list[Issue]:
    told = f"{text.encoding} text, {dialect.tell()}"
    found = [Issue("assumed", "file", told, "--separator, --encoding")]
    if layout.skipped:
        shown = "; ".join(layout.skipped[:3])
        told = f"{len(layout.skipped)} lines before the table were passed over: {shown}"
        found.append(Issue("assumed", "layout", told, "--skip-lines N"))
    if layout.header_rows > 1:
        told = f"{layout.header_rows} lines of names were joined into one"
        found.append(Issue("assumed", "layout", told))
    if layout.names is None:
        found.append(Issue("assumed", "layout", "no header: columns are named by their place"))
    if layout.units:
        shown = ", ".join(cell for cell in layout.unit_texts if cell.strip())[:60]
        found.append(Issue("assumed", "layout", f"the line below the header holds units: {shown}"))
    if layout.first_is_row_name:
        told = "each row has one field more than the header: the first is the row's name"
        found.append(Issue("assumed", "layout", told))
    if layout.drop_last and layout.names is not None:
        found.append(Issue("assumed", "layout", "each row ends with a separator: left out"))
    if layout.footer:
        told = f"the last {layout.footer} lines are a total or a note, not rows: left out"
        found.append(Issue("danger", "layout", told, "look at the end of the file"))
    return found


def _read_rows(
    text: TextFile, dialect: Dialect, layout: Layout, row_counts: RowCounts, given: int = 0
) -> Iterator[list[str | None]]:
    """Yield the rows, each as long as the header; what is none is counted.

    Args:
        text: The file.
        dialect: How it is written.
        layout: Where the table stands.
        row_counts: Counts what becomes of each record.
        given: Records behind the header that were read already.
    """
    width = layout.width + int(layout.drop_last and layout.names is not None)
    records = read_records(text.lines(), dialect, width)
    head = layout.skip + layout.header_rows + int(layout.units)
    if not given:
        row_counts.passed["before the table"] += sum(1 for _ in islice(records, layout.skip))
        row_counts.passed["header"] += sum(1 for _ in islice(records, layout.header_rows))
        row_counts.passed["units"] += sum(1 for _ in islice(records, int(layout.units)))
    else:
        for _ in islice(records, head + given):
            pass
    for record in _hold_back(records, layout.footer, row_counts):
        row = fit_row(record, layout, row_counts)
        if row is not None:
            yield row


def _hold_back(records: Iterator[Record], footer: int, row_counts: RowCounts) -> Iterator[Record]:
    """Yield all records but the last ones, which are no rows."""
    waiting: list[Record] = []
    for record in records:
        waiting.append(record)
        if len(waiting) > footer:
            yield waiting.pop(0)
    row_counts.passed["total or note at the end"] += len(waiting)


def fit_row(record: Record, layout: Layout, row_counts: RowCounts) -> list[str | None] | None:
    """Return a record as a row of the table's width; None where it is none, and count it."""
    fields, width = record.fields, layout.width
    if not any(cell.strip() for cell in fields):
        row_counts.passed["blank"] += 1
        return None
    if layout.names is not None and len(fields) == width and _repeats_header(fields, layout.names):
        row_counts.passed["repeated header"] += 1
        return None
    if reason := _find_fault(record, layout):
        row_counts.reject(record.line, reason, record.text)
        return None
    row_counts.read += 1
    if len(fields) < width:
        row_counts.filled += 1
        return [*fields, *[None] * (width - len(fields))]
    return [*fields[:width]]


def _find_fault(record: Record, layout: Layout) -> str:
    """Say why a record is no row of the table, or nothing."""
    fields, width = record.fields, layout.width
    if record.fault:
        return f"has a fault: {record.fault}"
    told = f"has {len(fields)} fields, the header {width}"
    if len(fields) > width and any(cell.strip() for cell in fields[width:]):
        return told
    if len(fields) < width and not _fits(fields, layout):
        return f"{told}, and they do not fit its columns"
    return ""


def _repeats_header(fields: list[str], names: list[str]) -> bool:
    return fields[-1].strip() == names[-1] and [cell.strip() for cell in fields] == names


def _fits(fields: list[str], layout: Layout) -> bool:
    """Tell whether a row that is too short still has its fields in the right columns."""
    for cell, wanted in zip(fields, layout.kinds, strict=False):
        if wanted in ("number", "moment") and kind_of(cell) not in (wanted, "blank", "mark"):
            return False
    return True
