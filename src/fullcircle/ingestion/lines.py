"""Records of delimited text, read so that one bad line costs one row and never its neighbours."""

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from fullcircle.ingestion.writing import Dialect, allow_long_fields

MOST_LINES = 2_000  # of one record
_MOST_LETTERS = 1 << 22
_FEW_FIELDS = 4


@dataclass(frozen=True)
class Record:
    """One record of a text.

    Attributes:
        line: The number of its first line, from 1.
        fields: Its fields.
        text: The first line as it stands.
        fault: What is wrong with its quotes, or nothing.
    """

    line: int
    fields: list[str]
    text: str
    fault: str = ""


@dataclass
class _Lines:
    """Lines that can be given back."""

    source: Iterator[str]
    waiting: list[str] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    number: int = 0
    letters: int = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self.waiting.pop() if self.waiting else next(self.source)
        self.number += 1
        self.letters += len(line)
        self.taken.append(line)
        if len(self.taken) > MOST_LINES or self.letters > _MOST_LETTERS:
            raise _SwallowedError
        return line

    def begin(self) -> None:
        self.taken, self.letters = [], 0

    def give_back(self) -> str:
        """Give all lines but the first back, and return that one."""
        first, *others = self.taken
        self.waiting.extend(reversed(others))
        self.number -= len(others)
        return first


class _SwallowedError(Exception):
    """A quoted field goes on for longer than any field does."""


def read_records(
    lines: Iterable[str], dialect: Dialect, width: int | None = None
) -> Iterator[Record]:
    """Yield the records of a text; blank lines are left out.

    A quote that opens and never closes ends with its line: the record has a fault then, and the
    next line begins a record of its own.

    Args:
        lines: With their ends.
        dialect: How they are written.
        width: The usual number of fields, where it is known.
    """
    allow_long_fields()
    stripped = (line.lstrip(" ") for line in lines) if dialect.collapse else iter(lines)
    source = _Lines(stripped)
    options: dict[str, Any] = dialect.reader_options()
    reader = csv.reader(source, strict=True, **options)
    while True:
        source.begin()
        start = source.number + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except (csv.Error, _SwallowedError):
            if not source.taken:
                return
            line = source.give_back()
            reader = csv.reader(source, strict=True, **options)
            yield _read_alone(line, start, dialect, width)
            continue
        if len(source.taken) > 1 and _has_swallowed(source.taken, dialect, width or len(fields)):
            line = source.give_back()
            yield _read_alone(line, start, dialect, width)
        elif fields and (len(fields) > 1 or fields[0].strip()):
            if dialect.collapse and fields[-1] == "":
                fields = fields[:-1]
            yield Record(start, fields, source.taken[0])


def _has_swallowed(taken: list[str], dialect: Dialect, width: int) -> bool:
    """Tell whether the inner lines of a record are records themselves."""
    if width < 2:
        return False
    inner = taken[1:-1] if len(taken) > 2 else []
    if not inner:
        return False
    widths = Counter(len(_split_alone(line, dialect, _close_at_once)[0]) for line in inner)
    alike = widths[width] / len(inner)
    return alike > 0.5 and (width >= _FEW_FIELDS or len(inner) >= 20)


def _read_alone(line: str, number: int, dialect: Dialect, width: int | None) -> Record:
    """Read one line by itself, in the way of treating its quotes that gives the usual width."""
    for close in (_close_at_separator, _close_after_doubled):
        fields, stray = _split_alone(line, dialect, close)
        if len(fields) == width and not stray:
            return Record(number, fields, line)
    fields, stray = _split_alone(line, dialect, _close_at_once)
    fault = "a quote opens a field and never closes it" if stray else ""
    return Record(number, fields, line, fault)


Close = Callable[[str, int, str, str], int | None]


def _split_alone(line: str, dialect: Dialect, close: "Close") -> tuple[list[str], bool]:
    """Split one line by itself; a quote that does not close a field is a letter like others.

    Returns:
        The fields, and whether a quote opened that did not close.
    """
    text = line.rstrip("\r\n")
    separator, quote = dialect.separator, dialect.quote
    if not separator:
        return [text], False
    fields, place, stray = [], 0, False
    while True:
        start = place
        if dialect.blank_after or dialect.collapse:
            while text[place : place + 1] == " ":
                place += 1
        opened = bool(quote) and text[place : place + 1] == quote
        closed = _find_close(text, place, dialect, close) if opened else None
        if closed is None:
            stray = stray or opened
            end = text.find(separator, place)
            end = len(text) if end < 0 else end
            fields.append(text[start:end])
        else:
            inner = text[place + 1 : closed].replace(quote * 2, quote)
            fields.append(inner.replace(dialect.escape + quote, quote) if dialect.escape else inner)
            end = closed + 1
        if end >= len(text):
            return fields, stray
        place = end + 1


def _find_close(text: str, place: int, dialect: Dialect, close: "Close") -> int | None:
    """Return the place of the quote that closes a field, as a way of treating quotes has it."""
    at = place + 1
    while at < len(text):
        if dialect.escape and text[at] == dialect.escape:
            at += 2
        elif text[at] == dialect.quote:
            step = close(text, at, dialect.separator, dialect.quote)
            if step is None:
                return None
            if step == 0:
                return at
            at += step
        else:
            at += 1
    return None


def _ends(text: str, at: int, separator: str) -> bool:
    return at >= len(text) or text[at] == separator


def _close_at_once(text: str, at: int, separator: str, quote: str) -> int | None:
    """Let the first quote that is not doubled close, or nothing."""
    if text[at + 1 : at + 2] == quote:
        return 2
    return 0 if _ends(text, at + 1, separator) else None


def _close_at_separator(text: str, at: int, separator: str, quote: str) -> int | None:
    """Let a quote close before a separator; one within the text is a letter."""
    if text[at + 1 : at + 2] == quote:
        return 2
    return 0 if _ends(text, at + 1, separator) else 1


def _close_after_doubled(text: str, at: int, separator: str, quote: str) -> int | None:
    """Let the second of two quotes close before a separator: the first one is a letter."""
    if text[at + 1 : at + 2] == quote and not _ends(text, at + 2, separator):
        return 2
    return 0 if _ends(text, at + 1, separator) else 1
