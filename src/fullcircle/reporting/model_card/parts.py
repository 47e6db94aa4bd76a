"""What a card is made of, whatever prints it, and how its numbers are worded."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Literal

from fullcircle.core.contract import Clock

Tone = Literal["plain", "good", "bad"]
UNKNOWN = "unknown"
NOT_STATED = "not stated"
_LONGEST = 400


@dataclass(frozen=True)
class Paragraph:
    """One or more sentences."""

    text: str
    tone: Tone = "plain"


@dataclass(frozen=True)
class FactList:
    """Names with their values, in order."""

    pairs: list[tuple[str, str]]


@dataclass(frozen=True)
class Bullets:
    """A list of statements."""

    items: list[Paragraph]


@dataclass(frozen=True)
class CommandLines:
    """Lines for a terminal."""

    lines: list[str]


@dataclass(frozen=True)
class Range:
    """An interval to draw, with a mark to compare it with."""

    low: float
    value: float
    high: float
    mark: float | None = None


@dataclass(frozen=True)
class Row:
    """Cells, and what a page may draw beside them; None where nothing can be drawn."""

    cells: list[str]
    tone: Tone = "plain"
    drawn: Range | None = None


@dataclass(frozen=True)
class Table:
    """Rows under a head.

    Attributes:
        caption: What the rows are.
        head: One name a column.
        rows: As many cells each as there are names.
        drawing: Name of the column of drawings; empty where there are none.
    """

    caption: str
    head: list[str]
    rows: list[Row]
    drawing: str = ""


Block = Paragraph | FactList | Bullets | CommandLines | Table


@dataclass(frozen=True)
class Section:
    """Blocks under a title; ``key`` addresses it within a page."""

    key: str
    title: str
    blocks: list[Block]


@dataclass(frozen=True)
class Highlight:
    """What one wants to know first: a question, its short answer and a remark."""

    question: str
    answer: str
    remark: str = ""
    tone: Tone = "plain"


@dataclass(frozen=True)
class Card:
    """All that is said of a model."""

    title: str
    subtitle: str
    glimpses: list[Highlight]
    sections: list[Section] = field(default_factory=list)


def format_number(value: Any) -> str:
    """Word a number with four decimals; what is absent or not finite is unknown."""
    return f"{round(value, 4) + 0.0:.4f}" if _is_finite(value) else UNKNOWN  # no minus before 0


def format_share(value: Any) -> str:
    """Word a share as percent."""
    return f"{100 * value:.1f} %" if _is_finite(value) else UNKNOWN


def format_points(value: Any) -> str:
    """Word a difference of two shares."""
    return f"{100 * value:.1f} points" if _is_finite(value) else UNKNOWN


def format_interval(estimate: Mapping[str, Any] | None) -> str:
    """Word the interval of an estimate."""
    if estimate is None or not all(_is_finite(estimate.get(end)) for end in ("low", "high")):
        return UNKNOWN
    return f"{format_number(estimate['low'])} to {format_number(estimate['high'])}"


def format_estimate(estimate: Mapping[str, Any] | None) -> str:
    """Word an estimate with its interval."""
    if estimate is None or not _is_finite(estimate.get("value")):
        return UNKNOWN
    return f"{format_number(estimate['value'])} ({format_interval(estimate)})"


def format_timestamp(text: str | None) -> str:
    """Word a moment in UTC; midnight as its date."""
    return str(Clock.model_validate(text)) if text else UNKNOWN


def format_value(value: Any) -> str:
    """Word any plain value on one line, cut where it is very long."""
    if isinstance(value, list):
        value = ", ".join(map(str, value)) or "none"
    text = " ".join(str(value).split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} … ({len(text)} characters)"


def draw(estimate: Mapping[str, Any] | None, mark: float | None = None) -> Range | None:
    """Give the drawing of an estimate; None where an end of it is unknown."""
    ends = [estimate.get(name) for name in ("low", "value", "high")] if estimate else [None]
    if not all(map(_is_finite, ends)):
        return None
    low, value, high = map(float, ends)  # type: ignore[arg-type]  # finite, hence numbers
    return Range(low, value, high, mark if _is_finite(mark) else None)


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and isfinite(value)
