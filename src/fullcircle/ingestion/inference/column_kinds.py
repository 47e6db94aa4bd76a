"""How the texts of a column are to be read: as numbers, as moments, or as they are."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from keyword import iskeyword
from typing import Literal

import pandas as pd

from fullcircle.core.errors import ConfigurationError
from fullcircle.core.parsing.date_layouts import (
    find_counted_moments,
    find_moments,
    is_clock,
    is_compact_date,
)
from fullcircle.core.parsing.number_formats import find_numbers
from fullcircle.core.parsing.numbers import PLAIN, NumberFormat, is_infinite_text
from fullcircle.core.parsing.timestamps import EPOCHS, EXCEL, ISO, read_moment
from fullcircle.ingestion.inference.sentinels import find_sentinels

Kind = Literal["number", "moment", "text"]

# Words for "nothing known" that tables really hold. A dash or a dot alone is one too.
MISSING_WORDS = ("?", "NA", "N/A", "n/a", "na", "NaN", "nan", "NULL", "null", "None", "none", "-")
_CODE = re.compile(r"[+-]?0\d+")  # 00123 is a code: as a number it would lose its zeros
_LONG_CODE = re.compile(r"\d{16,}")  # beyond what a float tells apart
_ROUNDED = re.compile(r"\d(?:[.,]\d{1,6})?[eE]\+?1\d")  # 4.50000E+15: an account, once
_FEW = 2_000
_CODE_NAMES = ("id", "uid", "uuid", "guid", "key", "code", "zip", "postcode", "plz")
_MOSTLY = 0.95
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
        clock: Source column of its time of day, where that stands by itself.
        counted: The layout of moments that its numbers seem to be.
        odd: What is odd about it, in words.
        example: One of its texts.
        with_clock: Whether its moments have a time of day.
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
    counted: str = ""
    odd: str = ""
    example: str = ""
    with_clock: bool = False


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


def find_decimal(sample: pd.DataFrame) -> str:
    """Tell the decimal sign of a table's columns that are sure of it; nothing where they differ."""
    signs = set()
    for name in sample.columns:
        counts = count_texts(sample[name])
        # A column that follows whatever the others say decides nothing.
        found = find_numbers(counts, ",")
        if found is None or not found.sure or not _shows_decimal(sample[name], found.form.decimal):
            continue
        if find_numbers(counts, ".") == found:
            signs.add(found.form.decimal)
    return signs.pop() if len(signs) == 1 else ""


def _shows_decimal(texts: pd.Series, sign: str) -> bool:
    return bool(texts.dropna().head(_FEW).str.contains(re.escape(sign)).any())


def count_texts(texts: pd.Series) -> dict[str, int]:
    """Count the rows of each known text, the commonest first."""
    return {str(text): int(rows) for text, rows in texts.dropna().value_counts().items()}


def find_missing_words(sample: pd.DataFrame) -> tuple[str, ...]:
    """Find the words for "nothing known" that the sample holds."""
    return tuple(word for word in MISSING_WORDS if (sample == word).any(axis=None))


def read_number_texts(texts: pd.Series, form: NumberFormat | str) -> pd.Series:
    """Read texts as the declared reading will: float64, NaN for whatever is no number.

    Args:
        texts: Stripped texts, None where nothing is known.
        form: How the numbers are written, or the decimal sign alone.
    """
    if isinstance(form, str):
        form = NumberFormat(",", ".") if form == "," else PLAIN
    return texts.map(form.read, na_action="ignore").astype("float64")


def recognise(name: str, texts: pd.Series, hint: str = "", how: str = "") -> Column:
    """Tell how a column is to be read.

    Args:
        name: Its name in the problem; the series carries the source's.
        texts: Stripped texts in the order of the rows, None where nothing is known.
        hint: The decimal sign of the table's other columns, where these are sure of it.
        how: What the user says: ``text``, ``decimal-comma``, ``decimal-point`` or a layout of
            moments; empty to tell it by the texts.

    Raises:
        ConfigurationError: What the user says does not fit the texts.
    """
    known = texts.dropna()
    column = Column(
        source=str(texts.name),
        name=name,
        kind="text",
        distinct=int(known.nunique()),
        missing=1 - len(known) / max(len(texts), 1),
        example=_choose_example(known),
    )
    if known.empty or how == "text":
        return column
    counts = count_texts(known)
    if how:
        return _read_as_told(column, known, counts, how)
    if found := _recognise_numbers(column, known, counts, hint):
        return found
    if is_clock(list(counts)):
        return replace(column, odd="times of day")
    return _recognise_moments(column, list(known))


def _choose_example(known: pd.Series) -> str:
    """Give a text that shows the signs of the column, where there is one."""
    first = known.head(_FEW)
    signed = first[first.str.contains("[.,/-]")]
    return str((signed if len(signed) else first).iloc[0]) if len(first) else ""


def _recognise_numbers(
    column: Column, known: pd.Series, counts: Mapping[str, int], hint: str
) -> Column | None:
    """Give a column of numbers, or of codes that only look like numbers; None for another kind."""
    found = find_numbers(counts, hint)
    if found is None:
        return None
    if is_compact_date(counts):
        return None
    numbers = read_number_texts(known, found.form)
    odd = known[numbers.isna() & ~known.isin(found.marks)]
    odd = odd[~odd.map(is_infinite_text)]
    codes = [text for text in counts if _CODE.fullmatch(text)]
    if codes or _is_code(column.name, odd):
        return column
    if any(_LONG_CODE.fullmatch(text) for text in counts):
        return replace(column, odd="whole numbers of more than 15 digits: kept as texts")
    rounded = [text for text in counts if _ROUNDED.fullmatch(text)]
    if len(rounded) > _MOSTLY * len(counts):
        told = f"numbers such as {rounded[0]} were rounded by a spreadsheet: {len(counts)} are left"
        return replace(column, odd=told)
    finite = numbers.dropna()
    form = PLAIN if found.form.is_plain else found.form
    return replace(
        column,
        kind="number",
        form=form,
        marks=found.marks,
        infinite=found.infinite,
        unreadable=found.unreadable,
        sentinels=find_sentinels(finite),
        guessed=not found.sure,
        other=_name_form(found.other),
        counted=find_counted_moments(counts) or "",
    )


def _name_form(form: NumberFormat | None) -> str:
    if form is None:
        return ""
    return "decimal-comma" if form.decimal == "," else "decimal-point"


def _read_as_told(column: Column, known: pd.Series, counts: Mapping[str, int], how: str) -> Column:
    signs = {"decimal-comma": (",", "."), "decimal-point": (".", ",")}
    if how in signs:
        found = find_numbers(counts)
        affixes = found.form.affixes if found else ()
        form = NumberFormat(*signs[how], affixes)
        numbers = read_number_texts(known, form)
        if numbers.notna().mean() < _MOSTLY:
            raise ConfigurationError(
                f"--read {column.source}={how} does not fit: {known[numbers.isna()].iloc[0]!r} is "
                "no such number."
            )
        marks = found.marks if found else ()
        return replace(
            column,
            kind="number",
            form=form,
            marks=marks,
            sentinels=find_sentinels(numbers.dropna()),
        )
    if "%" not in how and how not in (ISO, EXCEL, *EPOCHS):
        raise ConfigurationError(
            f"--read {column.source}={how} cannot be meant. Say text, decimal-comma, "
            "decimal-point, ISO, excel, 'epoch s', 'epoch ms', or a layout as %d/%m/%Y."
        )
    read = [text for text in counts if read_moment(text, how) is not None]
    if len(read) < _MOSTLY * len(counts):
        wrong = next(text for text in counts if text not in set(read))
        raise ConfigurationError(
            f"--read {column.source}={how} does not fit: {wrong!r} is not written so."
        )
    return replace(column, kind="moment", layout=how)


def _is_code(name: str, odd: pd.Series) -> bool:
    """Whether digits are a name: C536379 among 536365, or a column whose name says so."""
    return name.rpartition("_")[2] in _CODE_NAMES or bool(odd.str.contains(r"\d").any())


def _recognise_moments(column: Column, known: list[str]) -> Column:
    found = find_moments(known)
    if found is None:
        return column
    if found.layouts:
        return replace(column, layouts=found.layouts)
    return replace(
        column,
        kind="moment",
        layout=found.layout,
        marks=found.marks,
        guessed=not found.sure,
        other=found.other,
        why=found.why,
        naive=found.naive,
        with_clock=any(":" in text for text in known[:_FEW]),
    )
