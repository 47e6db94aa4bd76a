"""What is asked of a text that two separators cut nearly as well."""

from collections.abc import Sequence
from itertools import islice

from fullcircle.core.questions import Choice, Question
from fullcircle.ingestion.dialect import IN_TEXTS, FoundDialect
from fullcircle.ingestion.lines import read_records
from fullcircle.ingestion.writing import NAMES, Dialect

_EQUAL = 0.03  # a lead that says nothing
_CLOSE = 0.08  # one that a person should see
_SHOWN = 5
_WORDS = {"\t": "tab", " ": "blank"}


def ask_about_separator(
    name: str, lines: Sequence[str], found: FoundDialect
) -> tuple[Question, ...]:
    """Return the question that a text raises, with a preview of both ways of cutting it.

    Args:
        name: The file, for people.
        lines: Its first lines.
        found: The best way, and the next one.
    """
    other = found.other
    if other is None or not other.separator or found.margin >= _CLOSE:
        return ()
    # Blanks and colons stand in texts and clocks as well: they raise no doubt of another sign.
    if not found.best.separator or (
        other.separator in IN_TEXTS and found.best.separator not in IN_TEXTS
    ):
        return ()
    asked = f"The fields of {name} can be parted in two ways."
    choices = tuple(_preview(each, lines) for each in (found.best, other))
    return (Question("separator", asked, choices, "weak" if found.margin < _EQUAL else "strong"),)


def _preview(dialect: Dialect, lines: Sequence[str]) -> Choice:
    rows = [each.fields for each in islice(read_records(lines, dialect), _SHOWN)]
    widest = max(rows, key=len, default=[])
    shown = " | ".join(" ".join(cell.split())[:20] for cell in widest[:_SHOWN])
    more = " | …" if len(widest) > _SHOWN else ""
    sign = dialect.separator
    preview = f"by {NAMES.get(sign, sign)}, {len(widest)} columns: {shown}{more}"
    return Choice(preview, ("--separator", _WORDS.get(sign, sign)), {"separator": sign})
