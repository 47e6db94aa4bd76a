"""A source column as it is to be read, its name in the problem, and its texts."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from keyword import iskeyword
from typing import Literal

import pandas as pd

from fullcircle.core.parsing.layouts import ISO
from fullcircle.core.parsing.numbers import PLAIN, NumberFormat

Kind = Literal["number", "moment", "text"]

_RESERVED = ("source_row", "source_file", "rejection_reason", "row_id", "scored_on", "label")


@dataclass(frozen=True)
class Column:
    """A source column and how it is to be read.

    Attributes:
        source: Its name in the source.
        name: Its name in the problem.
        kind: number, moment or text.
        layout: How its moments are written (see fullcircle.core.parsing.column_parser.Reading).
        distinct: Number of distinct texts in the sample.
        missing: Share of the sample's rows without a value.
        sentinels: Numbers that seem to mean "nothing known".
        form: How its numbers are written.
        marks: Texts that mean that nothing is known in this column.
        infinite: Share of the known texts that are infinite.
        unreadable: Share of the known texts that are not of the kind.
        layouts: Ways in which the column writes dates, if more than one.
        guessed: Whether it could be read otherwise as well, so that the user must say.
        other: The other reading, as ``--read`` takes it.
        why: What decided, where two readings were possible.
        naive: Whether its clocks are written without a zone.
        clock: Source column of its time of day, or of its month, where that stands by itself.
    odd_hours: How many of its local clocks name an hour that occurs twice, and one that never does.
        counted: The layout of moments that its numbers seem to be.
        odd: What is odd about it, in words.
        example: One of its texts.
        with_clock: Whether its moments have a time of day.
        told: Whether the user says how it is read.
        units: Units of one measure that its texts mix.
        span: The least and the largest of its numbers, where all are whole.
        month: How its texts write a month alone: ``%m``, ``%b``, or nothing.
    """

    source: str
    name: str
    kind: Kind
    distinct: int
    missing: float
    layout: str = ISO
    sentinels: tuple[float, ...] = ()
    form: NumberFormat = PLAIN
    marks: tuple[str, ...] = ()
    infinite: float = 0.0
    unreadable: float = 0.0
    layouts: tuple[str, ...] = ()
    guessed: bool = False
    other: str = ""
    why: str = ""
    naive: bool = False
    clock: str = ""
    odd_hours: tuple[int, int] = (0, 0)
    counted: str = ""
    odd: str = ""
    example: str = ""
    with_clock: bool = False
    told: bool = False
    units: tuple[str, ...] = ()
    span: tuple[float, float] | None = None
    month: str = ""


def name_columns(sources: Iterable[str]) -> dict[str, str]:
    """Give each source column a name in small letters, digits and underscores, all different."""
    taken, names = set(_RESERVED), {}
    for number, source in enumerate(sources, start=1):
        plain = as_identifier(source) or f"column_{number}"
        name, count = plain, 2
        while name in taken or iskeyword(name):
            name, count = f"{plain}_{count}", count + 1
        taken.add(name)
        names[source] = name
    return names


def as_identifier(text: str) -> str:
    """Turn a text into an identifier: ``Total Charges (EUR)`` and ``TotalCharges`` alike."""
    ascii_only = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", ascii_only)
    plain = re.sub(r"[^a-z0-9]+", "_", parted.lower()).strip("_")[:60]
    return f"n_{plain}" if plain[:1].isdigit() else plain


def count_texts(texts: pd.Series) -> dict[str, int]:
    """Count the rows of each known text, the commonest first."""
    return {str(text): int(rows) for text, rows in texts.dropna().value_counts().items()}


def read_number_texts(texts: pd.Series, form: NumberFormat | str) -> pd.Series:
    """Read texts as the declared reading will: float64, NaN for whatever is no number.

    Args:
        texts: Stripped texts, None where nothing is known.
        form: How the numbers are written, or the decimal sign alone.
    """
    if isinstance(form, str):
        form = NumberFormat(",", ".") if form == "," else PLAIN
    return texts.map(form.read, na_action="ignore").astype("float64")
