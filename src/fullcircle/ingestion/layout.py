"""Where in a text the table stands: what comes before it, its header, its units and its end."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from fullcircle.ingestion.cells import CellKind, kind_of
from fullcircle.ingestion.footers import count_footer
from fullcircle.ingestion.headers import (
    count_filled,
    holds_no_values,
    is_group_row,
    is_header,
    is_second_header,
    join_headers,
    kinds_of,
    named_in,
)
from fullcircle.ingestion.inference.issues import Issue
from fullcircle.ingestion.lines import Record

_HEADER_ROWS = 60  # so deep a header is looked for
_MOST_LEVELS = 4  # rows of one header
_MOSTLY = 0.8


@dataclass(frozen=True)
class Layout:
    """Where the table stands in the records of a text.

    Attributes:
        skip: Records before the header, or before the first row where there is none.
        header_rows: Records that make up the header.
        names: Names of the columns; None where there is no header.
        units: Whether the record behind the header holds units.
        width: Fields of a row, as it is read.
        first_is_row_name: Whether rows begin with a name that the header does not count.
        drop_last: Whether rows end with a separator behind the last field.
        footer: Records at the end that are no rows.
        kinds: What the cells of each column are.
        skipped: Texts of what was passed over, for people.
    """

    skip: int
    header_rows: int
    names: list[str] | None
    units: bool
    width: int
    first_is_row_name: bool = False
    drop_last: bool = False
    footer: int = 0
    kinds: list[CellKind] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    unit_texts: list[str] = field(default_factory=list)


def find_layout(
    records: Sequence[Record],
    tail: Sequence[Record],
    *,
    header: bool | None,
    named: Sequence[str] = (),
    skip: int | None = None,
    complete: bool = True,
) -> Layout:
    """Find header, units and footer of a table.

    Args:
        records: The first records.
        tail: The last records of the text; ``records`` themselves where these are all.
        header: Whether there is a header; None to tell it by the records.
        named: Names that the header holds, as the user says.
        skip: Lines before the header, where the user says it.
        complete: Whether ``records`` are all that there are.
    """
    rows = [each.fields for each in records]
    width = _usual_width(rows)
    footer = count_footer(tail, width, rows)
    body_end = len(rows) - footer if complete else len(rows)
    if skip is not None:
        start = next((n for n, each in enumerate(records) if each.line > skip), 0)
    else:
        start = _find_start(rows[:body_end], width, header, named)
    stated = rows[start] if start < len(rows) else []
    kinds = kinds_of(rows[start + 1 : body_end], width)
    has_header = header if header is not None else is_header(stated, rows, start, body_end, named)
    if not has_header:
        start = _go_back(rows, start, kinds) if skip is None else start
        return Layout(
            skip=start,
            header_rows=0,
            names=None,
            units=False,
            width=width,
            footer=footer,
            kinds=kinds,
            drop_last=_ends_blank(rows[start:body_end], width),
            skipped=_tell(records[:start]),
        )
    start, levels = _find_levels(rows[:body_end], start, width, named)
    names = join_headers(levels)
    return _fit_header(records, rows, start, len(levels), names, width, footer, body_end)


def _go_back(rows: Sequence[list[str]], start: int, kinds: Sequence[CellKind]) -> int:
    """Return where the rows begin: rows before the first full one may lack some of their values."""
    while start and len(rows[start - 1]) == len(kinds) and count_filled(rows[start - 1]):
        cells = zip(rows[start - 1], kinds, strict=True)
        if any(
            kind in ("number", "moment") and kind_of(cell) not in (kind, "blank", "mark")
            for cell, kind in cells
        ):
            break
        start -= 1
    return start


def _find_levels(
    rows: Sequence[list[str]], start: int, width: int, named: Sequence[str]
) -> tuple[int, list[list[str]]]:
    """Return where the header begins, and its rows from the top: groups stand above names."""
    if start >= len(rows):
        return start, [[]]
    levels, body = [[cell.strip() for cell in rows[start]]], rows[start + 1 :]
    while start and len(levels) < _MOST_LEVELS and not named_in(named, levels[0]):
        above = [cell.strip() for cell in rows[start - 1]]
        if not is_group_row(above, levels[0], body, width):
            break
        start, levels = start - 1, [above, *levels]
    if len(levels) > 1:
        return start, levels
    # The lowest row of names fills the gaps of the first one; rows between them hold no values.
    for last in range(min(_MOST_LEVELS, len(body)) - 1, 0, -1):
        if named_in(named, levels[0]):
            break
        below = [[cell.strip() for cell in row] for row in body[:last]]
        rest = body[last:]
        if is_second_header(levels[0], below[-1], rest, width) and all(
            len(row) == width and holds_no_values(row, rest) for row in below
        ):
            return start, [*levels, *below]
    return start, levels


def _fit_header(
    records: Sequence[Record],
    rows: list[list[str]],
    start: int,
    header_rows: int,
    names: list[str],
    width: int,
    footer: int,
    body_end: int,
) -> Layout:
    """Fit header and rows, where one has a field more than the other."""
    first = start + header_rows
    body = rows[first:body_end]
    longer = [row for row in body if len(row) == len(names) + 1]
    row_name = drop_last = False
    if names and body and len(longer) >= _MOSTLY * len(body):
        drop_last = all(not row[-1].strip(" \t") for row in longer)
        # A quoted line break is a value that somebody wrote, though not the name of a row.
        row_name = not drop_last and any(row[-1].strip() for row in longer)
        if row_name:
            names = ["", *names]
        elif not drop_last:
            names = [*names, ""]
        width = len(names)
    elif len(names) == width + 1 and not names[-1] and width > 1:
        names = names[:-1]
    elif len(names) >= width:
        width = len(names)
    else:
        while len(names) < width:
            names = [*names, ""]
    kinds = kinds_of(rows[first + 1 : body_end], width)
    units = bool(body) and _is_units(body[0], kinds, width) and not _occurs_again(body)
    return Layout(
        skip=start,
        header_rows=header_rows,
        names=names,
        units=units,
        width=width,
        first_is_row_name=row_name,
        drop_last=drop_last,
        footer=footer,
        kinds=kinds,
        skipped=_tell(records[:start]),
        unit_texts=body[0] if units else [],
    )


def tell_other_headers(records: Sequence[Record], layout: Layout) -> list[Issue]:
    """Return a finding where a later line repeats names of the header beside other names.

    Such a line begins another table in the same file.
    """
    stated = set(filter(None, layout.names or []))
    if len(stated) < 2 or layout.header_rows != 1:
        return []
    for record in records[layout.skip + layout.header_rows :]:
        cells = [cell.strip() for cell in record.fields if cell.strip()]
        known = stated.intersection(cells)
        other = [cell for cell in cells if cell not in stated]
        if (
            len(known) >= 2
            and other
            and not any(kind_of(cell) in ("number", "moment") for cell in other)
        ):
            told = f"line {record.line} names other columns: {', '.join(cells)[:60]}"
            do = "the file seems to hold several tables; give each as a file of its own"
            return [Issue("danger", "layout", told, do)]
    return []


def _tell(records: Sequence[Record]) -> list[str]:
    return [" ".join(each.text.split())[:60] for each in records]


def _usual_width(rows: Sequence[list[str]]) -> int:
    """Return the width of most rows, wide rows counting for more: titles are narrow."""
    counts = Counter(map(len, rows))
    if not counts:
        return 0
    return max(counts, key=lambda each: (counts[each] * (0.3 if each == 1 else 1), each))


def _find_start(
    rows: Sequence[list[str]], width: int, header: bool | None, named: Sequence[str]
) -> int:
    """Return the place of the header, or of the first row."""
    near = range(min(len(rows), _HEADER_ROWS))
    for place in near:
        if header is not False and named_in(named, rows[place]):
            return place
    filled = (count_filled(row) for row in rows if len(row) >= width - 1)
    usual = sorted(filter(None, filled)) or [0]
    full = usual[len(usual) // 2]
    if width < 2:
        return 0
    for place in near:
        row = rows[place]
        fits = len(row) >= width - 1
        if fits and count_filled(row) >= max(0.6 * full, min(full, 2)):
            return _pass_over_pairs(rows, place, width)
    return 0


def _pass_over_pairs(rows: Sequence[list[str]], place: int, width: int) -> int:
    """Pass over lines that begin with a comment's sign, where rows without it follow."""
    last = place
    for at in range(place, min(len(rows), _HEADER_ROWS)):
        if not rows[at] or not rows[at][0].lstrip().startswith("#"):
            break
        last = at
    else:
        return place
    if last == place:
        return place
    # The last line of comments may be the header itself, where it has a name for each field.
    if len(rows[last]) == width and count_filled(rows[last]) == width and last > place:
        return last
    return last + 1


def _occurs_again(body: Sequence[Sequence[str]]) -> bool:
    """Tell whether a text of the first row comes again below it: a mark does, a unit does not."""
    return any(
        cell.strip() and cell in {row[place] for row in body[1:] if len(row) > place}
        for place, cell in enumerate(body[0])
        if kind_of(cell) not in ("number", "moment")
    )


def _is_units(row: Sequence[str], kinds: Sequence[CellKind], width: int) -> bool:
    """Tell whether a row holds units: no number in any column of numbers, and few blanks there."""
    if len(row) != width:
        return False
    numbers = [
        row[place].strip() for place, kind in enumerate(kinds) if kind in ("number", "moment")
    ]
    known = [cell for cell in numbers if cell]
    # A row that holds nothing but texts where numbers stand is none of the table's.
    alone = len(known) == count_filled(row)
    if not known or (not alone and (len(known) < 2 or len(known) < len(numbers) / 2)):
        return False
    texts = [cell for cell in known if kind_of(cell) not in ("number", "moment", "mark")]
    return len(texts) == len(known) and all(len(cell) <= 16 for cell in known)


def _ends_blank(rows: Sequence[list[str]], width: int) -> bool:
    full = [row for row in rows if len(row) == width]
    return width > 2 and len(full) > 1 and all(not row[-1].strip() for row in full)
