"""How delimited text is written: the way of cutting under which the cells have one kind a column.

A separator that cuts every line into as many fields may still be the wrong one. So each way of
cutting is judged by both: how many lines have the usual width, and how well the cells of a column
agree on a kind (type consistency, after van den Burg, Nazabal and Sutton, 2019).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from fullcircle.ingestion.cells import kind_of
from fullcircle.ingestion.lines import read_records
from fullcircle.ingestion.writing import Dialect, allow_long_fields

SEPARATORS = (",", ";", "\t", "|", " ", "^", "~", ":", "\x01", "\x1f", "\u00a6")
_ROWS = 150
_CELLS = 12_000
# How much a kind says for the cut: a number is hardly met by chance, a text is.
_WORTH = {
    "number": 1.0,
    "moment": 1.0,
    "mark": 0.9,
    "word": 0.9,
    "blank": 0.5,
    "text": 0.6,
    "odd": 0.1,
}
# Signs that stand in texts and clocks as well have to be better by so much.
IN_TEXTS = frozenset({" ", ":"})
_HANDICAP = {" ": 0.72, ":": 0.6, "~": 0.9, "^": 0.9}


@dataclass(frozen=True)
class FoundDialect:
    """The way of cutting that explains lines best.

    Attributes:
        best: It.
        other: The best way with another separator; None where there is none.
        margin: How far that one is behind, from 0 (equal) to 1.
    """

    best: Dialect
    other: Dialect | None
    margin: float


def find_dialect(lines: Sequence[str], separator: str | None = None) -> FoundDialect:
    """Find the way of cutting that explains lines best.

    Args:
        lines: The first lines, with their ends; the last one may be cut.
        separator: The separator, where the user says it.
    """
    allow_long_fields()
    text = "".join(lines)
    tried = (separator,) if separator is not None else (*SEPARATORS, "")
    present = [each for each in tried if not each or each in text or separator is not None]
    best: dict[str, tuple[float, int, Dialect]] = {}
    for each in present:
        for dialect in _list_dialects(each, text):
            score = _score(dialect, lines)
            if each not in best or score > best[each][0]:
                best[each] = score, len(best), dialect
    ranked = sorted(best.values(), key=lambda entry: (-entry[0], entry[1]))
    if len(ranked) < 2 or ranked[0][0] <= 0:
        return FoundDialect(ranked[0][2], None, 1.0)
    return FoundDialect(ranked[0][2], ranked[1][2], 1 - ranked[1][0] / ranked[0][0])


def _list_dialects(separator: str, text: str) -> Iterable[Dialect]:
    """Yield the ways of quoting that a text gives reason to try, the commonest first."""
    collapse = separator == " " and "  " in text
    blank_after = separator not in ("", " ") and (
        f'{separator} "' in text or text.count(f"{separator} ") > 0.9 * text.count(separator)
    )
    made = [Dialect(separator, '"', "", collapse, blank_after)]
    if '\\"' in text and _stands_at_edges('"', separator, text):
        made.append(Dialect(separator, '"', "\\", collapse, blank_after))
    if _stands_at_edges("'", separator, text):
        escape = "\\" if "\\'" in text else ""
        made.append(Dialect(separator, "'", escape, collapse, f"{separator} '" in text))
    if '"' in text:
        made.append(Dialect(separator, "", "", collapse))
    return made


def _stands_at_edges(quote: str, separator: str, text: str) -> bool:
    """Tell whether a quote opens and closes fields, and does not only stand within them."""
    edges = (separator or "\n", "\n")
    opens = sum(text.count(edge + quote) for edge in edges) + text.startswith(quote)
    closes = sum(text.count(quote + edge) for edge in (*edges, "\r"))
    return opens > 1 and closes > 1


def _score(dialect: Dialect, lines: Sequence[str]) -> float:
    records = list(islice(read_records(lines, dialect), _ROWS))
    if not records:
        return 0.0
    records = records[:-1] if len(records) > 3 else records  # the last may be cut
    rows = [each.fields for each in records]
    faulty = sum(bool(each.fault) for each in records) / len(records)
    counts = Counter(len(row) for row in rows)
    width, usual = max(counts.items(), key=lambda entry: (entry[1] * _spread(entry[0]), entry[0]))
    share = usual / len(rows)
    alike = [row for row in rows if len(row) == width][: max(_CELLS // width, 20)]
    purity = _purity(alike, width)
    near = sum(abs(len(row) - width) <= 1 for row in rows) / len(rows)
    spread = _spread(width)
    score = (0.8 * share + 0.2 * near) * purity * spread
    if dialect.quote and not dialect.escape:
        score *= 1.001
    if not dialect.quote:
        score *= 0.9 if any('"' in field for row in alike for field in row) else 1
    return score * _HANDICAP.get(dialect.separator, 1.0) * (1 - faulty)


def _spread(width: int) -> float:
    """Return what a number of columns says for the cut: one column needs no separator at all."""
    return (width - 1) / width if width > 1 else 0.3


def _purity(rows: list[list[str]], width: int) -> float:
    """Return how well the cells of each column agree on a kind that says something."""
    body = rows[1:] if len(rows) > 1 else rows
    total = 0.0
    for place in range(width):
        kinds = Counter(kind_of(row[place]) for row in body)
        known = sum(kinds.values()) - kinds["blank"]
        if not known:
            total += _WORTH["blank"]
            continue
        marks = kinds.pop("mark", 0)
        kinds.pop("blank", 0)
        if not kinds:
            total += _WORTH["mark"]
            continue
        kind, count = kinds.most_common(1)[0]
        mixed = sum(_WORTH[each] * n for each, n in kinds.items()) / (known - marks)
        total += max(_WORTH[kind] * (count + marks) / known, 0.85 * mixed)
    return total / width
