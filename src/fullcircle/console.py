"""What a person reads in a terminal or a log: tables, facts and lines that lose nothing.

A name, number, path or address is never broken or cut: what does not fit beside its neighbours is
written below them, and what is too long for a line is left to the terminal, which copies it whole.
"""

import io
import math
import os
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

_LINE_OF_A_LOG = 10_000
_READABLE = 24
_DIGITS = 4
_LARGE = 10
_GAP = "  "


def forgive_encoding() -> None:
    """Let a terminal or file that knows no arrow show a question mark instead of an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def make_console(*, log_width: int = _LINE_OF_A_LOG) -> Console:
    """Make the console that answers are printed to.

    Args:
        log_width: Columns where no terminal says how many there are (a file, a pipe), and
            ``COLUMNS`` neither: by default as many as a row needs, so that it stays one line.
    """
    console = Console(highlight=False)
    if not console.is_terminal and not os.environ.get("COLUMNS"):
        console.width = log_width
    return console


def show(answer: RenderableType) -> None:
    """Print an answer."""
    make_console().print(answer, crop=False)


def format_score(value: float, like: float | None = None) -> str:
    """Write a score with the digits that can be read: 0.8367, 93.48, 1,204.

    Args:
        value: The score.
        like: The score whose decimals it shares, where several stand together.
    """
    scale = abs(value if like is None else like)
    if not (math.isfinite(value) and math.isfinite(scale)):
        return f"{value:.4f}"
    decimals = _DIGITS if scale < _LARGE else max(0, _DIGITS - 1 - math.floor(math.log10(scale)))
    return f"{value:,.{decimals}f}"


def format_interval_ends(score: Mapping[str, float]) -> str:
    """Write the ends of a score's interval with the score's decimals."""
    return " to ".join(format_score(score[end], score["value"]) for end in ("low", "high"))


def count(number: int, noun: str) -> str:
    """Write a number and its noun: 1 day, 2 days."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def as_text(value: Any) -> str:
    """Write a value of an answer; what is nested comes one a line."""
    if isinstance(value, Mapping):
        return "\n".join(f"{name}: {as_text(inner)}" for name, inner in value.items())
    if isinstance(value, list | tuple):
        if any(isinstance(item, Mapping) for item in value):
            return "\n".join(as_text(item).replace("\n", ", ") for item in value)
        return ", ".join(as_text(item) for item in value)
    return "" if value is None else str(value)


@dataclass(frozen=True)
class Facts:
    """Names and values, one below the other.

    Attributes:
        pairs: Names with their values.
    """

    pairs: Sequence[tuple[str, Any]]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Give lines; a text is continued below its beginning."""
        names = [name for name, _ in self.pairs]
        width = max(map(len, names), default=0)
        free = max(options.max_width - width - len(_GAP), _READABLE)
        for name, (_, value) in zip(names, self.pairs, strict=True):
            lines = [piece for line in as_text(value).splitlines() for piece in wrap(line, free)]
            for number, line in enumerate(lines or [""]):
                head = (f"{name:<{width}}{_GAP}", "bold") if not number else " " * (width + 2)
                yield Text.assemble(head, line, no_wrap=True, overflow="ignore")


def wrap(line: str, width: int) -> list[str]:
    """Break a line at blanks alone."""
    return textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False) or [""]


@dataclass(frozen=True)
class Rows:
    """Rows with the same names: a table, or blocks of facts where the terminal is too narrow.

    Attributes:
        rows: Each row's values by column.
        right: Columns whose values are numbers, to stand one below the other.
        bold: Places of rows that stand out.
    """

    rows: Sequence[Mapping[str, Any]]
    right: frozenset[str] = field(default_factory=frozenset)
    bold: frozenset[int] = field(default_factory=frozenset)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Give the table, if it can be read at this width."""
        if not self.rows:
            yield "nothing"
        elif self.__rich_measure__(console, options).minimum <= options.max_width:
            yield self._as_table(options.max_width)
        else:
            for place, row in enumerate(self.rows):
                if place:
                    yield ""
                yield Facts([(name, value) for name, value in row.items() if as_text(value)])

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """Say how much room the table needs, and how much it would take."""
        spans = self._measure()
        gaps = len(_GAP) * len(spans)
        return Measurement(*(sum(each[end] for each in spans) + gaps for end in (0, 1)))

    def _measure(self) -> list[tuple[int, int]]:
        """Give the least and the natural width of each column: only texts with blanks may wrap."""
        spans = []
        for name in self.rows[0] if self.rows else ():
            lines = [line for row in self.rows for line in as_text(row.get(name)).splitlines()]
            natural = max(map(len, [name, *lines]))
            word = max((len(word) for line in [name, *lines] for word in line.split()), default=0)
            wraps = any(" " in line for line in lines)
            spans.append((max(word, min(natural, _READABLE)) if wraps else natural, natural))
        return spans

    def _as_table(self, free: int) -> Table:
        spans = self._measure()
        left = free - sum(least for least, _ in spans) - len(_GAP) * len(spans)
        table = Table(box=None, padding=(0, len(_GAP), 0, 0), pad_edge=False, header_style="bold")
        for name, (least, natural) in zip(self.rows[0], spans, strict=True):
            width = min(natural, least + left)
            left -= width - least
            justify: Literal["right", "left"] = "right" if name in self.right else "left"
            table.add_column(name, width=width, justify=justify)
        for place, row in enumerate(self.rows):
            cells = (Text(as_text(row.get(name))) for name in self.rows[0])
            table.add_row(*cells, style="bold" if place in self.bold else None)
        return table


def as_table(rows: Iterable[Mapping[str, Any]]) -> Rows:
    """Set rows with the same names as a table."""
    return Rows([{name.replace("_", " "): row[name] for name in row} for row in rows])


def as_facts(facts: Mapping[str, Any]) -> Facts:
    """Set names and values, one a line."""
    return Facts([(name.replace("_", " "), value) for name, value in facts.items()])


@dataclass(frozen=True)
class Sections:
    """Titles with what belongs to each: beside it, or below where it does not fit beside.

    Attributes:
        parts: Titles with what stands under them.
    """

    parts: Sequence[tuple[str, RenderableType]]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Give each section."""
        width = max((len(title) for title, _ in self.parts), default=0)
        free = options.max_width - width - len(_GAP)
        for title, part in self.parts:
            if Measurement.get(console, options, part).minimum <= free:
                beside = Table.grid(padding=(0, len(_GAP), 0, 0), pad_edge=False)
                beside.add_column(style="bold", width=width)
                beside.add_column()
                beside.add_row(title, part)
                yield beside
            else:
                yield Text(title, style="bold")
                yield Padding(part, (0, 0, 0, len(_GAP)))
