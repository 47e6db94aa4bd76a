"""Which row names the columns: told by how it differs from those below it."""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from fullcircle.ingestion.cells import CellKind, kind_of

_MOSTLY = 0.8


def named_in(named: Sequence[str], names: Sequence[str]) -> bool:
    """Return whether a header holds a name that the user says."""
    plain = {" ".join(name.split()) for name in names}
    return bool(named) and any(" ".join(each.split()) in plain for each in named)


def is_header(
    stated: Sequence[str],
    rows: Sequence[list[str]],
    start: int,
    body_end: int,
    named: Sequence[str],
) -> bool:
    """Tell whether a row names columns, by how it differs from those below it."""
    if named_in(named, stated):
        return True
    # The header of a second table, or of a file put behind this one, is no row.
    body = [row for row in rows[start + 1 : body_end] if len(row) == len(stated) and row != stated]
    if not body and start + 1 < body_end:
        return all(kind_of(cell) not in ("number", "moment") for cell in stated)
    if not body:
        return not any(kind_of(cell) in ("number", "moment") for cell in stated)
    if _is_years(stated):
        return True
    kinds = kinds_of(body, len(stated))
    votes = 0.0
    for place, cell in enumerate(stated):
        own, usual = kind_of(cell), kinds[place]
        if own == "blank":
            continue
        if usual in ("number", "moment"):
            votes += -1.0 if own in (usual, "mark") else 1.0
        elif own in ("number", "moment"):
            votes -= 1.0
        else:
            votes += _vote_of_text(cell, [row[place] for row in body], usual)
    return votes > 0 or (votes == 0 and count_filled(stated) > 0 and _all_differ(stated))


def _vote_of_text(cell: str, below: list[str], usual: CellKind) -> float:
    """Weigh whether a text names the column above texts: a name does not stand among them."""
    if cell in below:
        return -0.7
    if usual == "word":
        return 0.7
    known = [each for each in below if each.strip()]
    repeated = len(set(known)) < 0.5 * len(known)
    if repeated and len(known) >= 8:
        return 0.7  # the values are few, and this is none of them
    return 0.1


def _is_years(stated: Sequence[str]) -> bool:
    years = [cell.strip() for cell in stated if re.fullmatch(r"(19|20)\d\d", cell.strip())]
    numbers = list(map(int, years))
    steps = [after - before for before, after in pairwise(numbers)]
    return len(numbers) >= 3 and len(numbers) >= len(stated) - 3 and set(steps) in ({1}, {-1})


def _all_differ(stated: Sequence[str]) -> bool:
    known = [cell.strip() for cell in stated if cell.strip()]
    return len(set(known)) == len(known) and all(
        kind_of(cell) not in ("number", "moment") for cell in known
    )


def is_second_header(
    names: list[str], second: list[str], body: Sequence[list[str]], width: int
) -> bool:
    """Tell whether the header goes on in a second row, below names of several columns."""
    if len(second) != width or len(names) != width or "" not in names or count_filled(second) < 2:
        return False
    if not any(cell and not name for name, cell in zip(names, second, strict=True)):
        return False
    return holds_no_values(second, body)


def holds_no_values(row: list[str], body: Sequence[list[str]]) -> bool:
    """Tell whether a row has texts, and nothing else, in the columns of numbers below it."""
    kinds = kinds_of(body, len(row))
    filled = [
        cell for cell, kind in zip(row, kinds, strict=True) if cell and kind in ("number", "moment")
    ]
    return bool(filled) and not any(kind_of(c) in ("number", "moment", "mark") for c in filled)


def is_group_row(above: list[str], names: list[str], body: Sequence[list[str]], width: int) -> bool:
    """Tell whether the row above the header names groups of its columns, as merged cells do."""
    if len(above) != width or len(names) != width or not 2 <= count_filled(above) < width:
        return False
    filled = [place for place, cell in enumerate(above) if cell]
    spread = filled[-1] - filled[0] >= len(filled)  # a title and its value stand side by side
    open_names = "" in names and spread
    repeated = len(set(names)) < len(names) and count_filled(names) == width
    return (repeated or open_names) and is_second_header(above, names, body, width)


def join_headers(levels: Sequence[list[str]]) -> list[str]:
    """Return the names of several rows as one; a name above stands for all columns to its right.

    A group goes on to the right while a row below it names columns and no row above it begins a
    group of its own.
    """
    carried = [""] * len(levels)
    joined = []
    for cells in zip(*levels, strict=True):
        for depth, cell in enumerate(cells):
            if cell:
                carried[depth:] = [cell, *[""] * (len(levels) - depth - 1)]
        lowest = max((depth for depth, cell in enumerate(cells) if cell), default=-1)
        joined.append(" ".join(filter(None, carried[: lowest + 1])))
    return joined


def kinds_of(rows: Sequence[list[str]], width: int) -> list[CellKind]:
    """Return what most of the known cells of each column are: ``text`` where they differ."""
    kinds: list[CellKind] = []
    for place in range(width):
        counts = Counter(kind_of(row[place]) for row in rows if len(row) == width)
        counts.pop("blank", None)
        counts.pop("mark", None)
        if not counts:
            kinds.append("blank")
            continue
        kind, count = counts.most_common(1)[0]
        mostly = count >= _MOSTLY * sum(counts.values()) or _is_marked(rows, place, width, kind)
        kinds.append(kind if mostly else "text")
    return kinds


def _is_marked(rows: Sequence[list[str]], place: int, width: int, kind: CellKind) -> bool:
    """Tell whether all that is not of a kind is one and the same word, which marks the missing."""
    if kind not in ("number", "moment"):
        return False
    cells = [row[place].strip() for row in rows if len(row) == width]
    other = {cell for cell in cells if kind_of(cell) not in (kind, "blank", "mark")}
    return len(other) == 1 and sum(cell in other for cell in cells) > 1


def count_filled(row: Sequence[str]) -> int:
    """Return how many cells of a row hold anything."""
    return sum(bool(cell.strip()) for cell in row)
