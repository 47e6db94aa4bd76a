"""How the texts of a column are to be read: as numbers, as moments, or as they are."""

import re
from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from fullcircle.core.parsing.date_layouts import (
    find_counted_moments,
    find_dates_like_numbers,
    find_moments,
    is_clock,
    is_compact_date,
)
from fullcircle.core.parsing.date_orders import TimestampColumn
from fullcircle.core.parsing.month_names import MONTHS
from fullcircle.core.parsing.number_formats import find_numbers
from fullcircle.core.parsing.numbers import PLAIN, NumberFormat, is_infinite_text
from fullcircle.core.parsing.timestamps import read_moment
from fullcircle.core.parsing.units import find_mixed_units
from fullcircle.ingestion.inference.columns import (
    Column,
    as_identifier,
    count_texts,
    name_columns,
    read_number_texts,
)
from fullcircle.ingestion.inference.sentinels import find_sentinels
from fullcircle.ingestion.inference.told_readings import read_as_told

__all__ = [
    "Column",
    "as_identifier",
    "count_texts",
    "find_decimal",
    "find_missing_words",
    "name_columns",
    "read_number_texts",
    "recognise",
]


# Words for "nothing known" that tables really hold. A dash or a dot alone is one too.
MISSING_WORDS = ("?", "NA", "N/A", "n/a", "na", "NaN", "nan", "NULL", "null", "None", "none", "-")
_CODE = re.compile(r"[+-]?0\d+")  # 00123 is a code: as a number it would lose its zeros
_LONG_CODE = re.compile(r"\d{16,}")  # beyond what a float tells apart
_MONTH = re.compile(r"0?[1-9]|1[0-2]")
_ROUNDED = re.compile(r"\d(?:[.,]\d{1,6})?[eE]\+?1\d")  # 4.50000E+15: an account, once
_FEW = 2_000
_CODE_NAMES = ("id", "uid", "uuid", "guid", "key", "code", "zip", "postcode", "plz")
_MOSTLY = 0.95


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


def find_missing_words(sample: pd.DataFrame) -> tuple[str, ...]:
    """Find the words for "nothing known" that the sample holds."""
    return tuple(word for word in MISSING_WORDS if (sample == word).any(axis=None))


def recognise(name: str, texts: pd.Series, hint: str = "", how: str = "") -> Column:
    """Tell how a column is to be read.

    Args:
        name: Its name in the problem; the series carries the source's.
        texts: Stripped texts in the order of the rows, None where nothing is known.
        hint: The decimal sign of the table's other columns, where these are sure of it.
        how: What the user says: ``text``, ``number``, ``decimal-comma``, ``decimal-point``, a
            layout of moments, the place of its clocks (``local:Europe/Berlin``), or a layout with
            the column that belongs to it (``%Y %m + month``); empty to tell it by the texts.

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
        return replace(column, told=bool(how))
    counts = count_texts(known)
    column = replace(column, month=_find_month(counts))
    if how:
        return replace(read_as_told(column, known, counts, how), told=True)
    if layout := find_dates_like_numbers(counts, column.source):
        return replace(column, kind="moment", layout=layout)
    return _recognise_numbers(column, known, counts, hint) or _recognise_texts(
        column, known, counts
    )


def _recognise_texts(column: Column, known: pd.Series, counts: Mapping[str, int]) -> Column:
    if units := find_mixed_units(counts):
        return replace(column, units=units, odd=f"mixes the units {', '.join(units)}")
    if is_clock(list(counts)):
        return replace(column, odd="times of day")
    return _recognise_moments(column, list(known))


def _find_month(counts: Mapping[str, int]) -> str:
    if all(_MONTH.fullmatch(text) for text in counts):
        return "%m"
    return "%b" if all(text.lower().rstrip(".") in MONTHS for text in counts) else ""


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
        span=(finite.min(), finite.max()) if (finite % 1 == 0).all() else None,
    )


def _name_form(form: NumberFormat | None) -> str:
    if form is None:
        return ""
    return "decimal-comma" if form.decimal == "," else "decimal-point"


def _is_code(name: str, odd: pd.Series) -> bool:
    """Whether digits are a name: C536379 among 536365, or a column whose name says so."""
    return name.rpartition("_")[2] in _CODE_NAMES or bool(odd.str.contains(r"\d").any())


def _find_telling(known: list[str], found: TimestampColumn) -> str:
    """Return a text that means another moment in the other layout: only such a one asks."""
    if found.sure or not found.other:
        return ""
    ways = (found.layout, found.other)
    telling = (text for text in known[:_FEW] if len({read_moment(text, way) for way in ways}) > 1)
    return next(telling, "")


def _recognise_moments(column: Column, known: list[str]) -> Column:
    found = find_moments(known, name=column.source)
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
        example=_find_telling(known, found) or column.example,
    )
