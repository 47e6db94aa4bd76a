"""How the texts of a column are to be read: as numbers, as moments, or as they are."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from keyword import iskeyword
from typing import Literal

import numpy as np
import pandas as pd

from fullcircle.core.declared import ISO

Kind = Literal["number", "moment", "text"]

# Words for "nothing known" that tables really hold. A dash or a dot alone is one too.
MISSING_WORDS = ("?", "NA", "N/A", "n/a", "na", "NaN", "nan", "NULL", "null", "None", "none", "-")
_SENTINELS = frozenset(sign * (10**n - 1) for n in range(2, 7) for sign in (-1, 1)) | {-9}
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_COMMA_NUMBER = re.compile(r"[+-]?(\d{1,3}(\.\d{3})+|\d+),\d+")
_CODE = re.compile(r"[+-]?0\d+")  # 00123 is a code: as a number it would lose its zeros
_CLOCK = r"([ T]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?)?"
_ISO_DATE = re.compile(rf"\d{{4}}-\d{{2}}-\d{{2}}{_CLOCK}\s?(Z|UTC|[+-]\d{{2}}(:?\d{{2}})?)?")
_YEAR_FIRST = re.compile(rf"(\d{{4}})([/.])(\d{{1,2}})\2(\d{{1,2}}){_CLOCK}")
_YEAR_LAST = re.compile(rf"(\d{{1,2}})([-/.])(\d{{1,2}})\2(\d{{4}}|\d{{2}}){_CLOCK}")
_MONTH_NAME = re.compile(
    r"(?i)(\d{1,2}[ -])?(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*[ .-].*\d.*"
)
_CODE_NAMES = ("id", "uid", "uuid", "guid", "key", "code", "zip", "postcode", "plz")
_MOSTLY = 0.95
_MIN_SENTINELS = 5
_RESERVED = ("source_row", "source_file", "rejection_reason", "row_id", "scored_on", "label")


@dataclass(frozen=True)
class Column:
    """A source column and how it is to be read.

    Attributes:
        source: Its name in the source.
        name: Its name in the problem.
        kind: number, moment or text.
        layout: How its moments are written (see fullcircle.core.declared.Reading).
        distinct: Number of distinct texts in the sample.
        missing: Share of the sample's rows without a value.
        sentinels: Numbers that seem to mean "nothing known".
        unreadable: Share of the known texts that are not of the kind.
        layouts: Ways in which the column writes dates, if more than one.
        guessed: Whether day and month could be the other way round.
    """

    source: str
    name: str
    kind: Kind
    distinct: int
    missing: float
    layout: str = ISO
    sentinels: tuple[float, ...] = ()
    unreadable: float = 0.0
    layouts: tuple[str, ...] = ()
    guessed: bool = False


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
    """Tell whether numbers are written with a comma: where some are, and none with a point."""
    commas = points = 0
    for name in sample.columns:
        texts = pd.unique(sample[name].dropna())[:500]
        commas += sum(_COMMA_NUMBER.fullmatch(text) is not None for text in texts)
        points += sum(re.fullmatch(r"[+-]?\d+\.\d+", text) is not None for text in texts)
    return "," if commas > points else "."


def find_missing_words(sample: pd.DataFrame) -> tuple[str, ...]:
    """Find the words for "nothing known" that the sample holds."""
    return tuple(word for word in MISSING_WORDS if (sample == word).any(axis=None))


def read_number_texts(texts: pd.Series, decimal: str) -> pd.Series:
    """Read texts as the declared reading will: float64, NaN for whatever is no number."""
    if decimal == ",":
        texts = texts.str.replace(".", "", regex=False).str.replace(",", ".", regex=False)
    fine = texts.str.fullmatch(_NUMBER).fillna(False).astype(bool)
    return pd.to_numeric(texts.where(fine), errors="coerce").astype("float64")


def recognise(name: str, texts: pd.Series, decimal: str) -> Column:
    """Tell how a column is to be read.

    Args:
        name: Its name in the problem; the series carries the source's.
        texts: Stripped texts, None where nothing is known; shape (rows,).
        decimal: The decimal sign.
    """
    known = texts.dropna()
    column = Column(
        source=str(texts.name),
        name=name,
        kind="text",
        distinct=int(known.nunique()),
        missing=1 - len(known) / max(len(texts), 1),
    )
    if known.empty or known.str.fullmatch(_CODE).any():
        return column
    numbers = read_number_texts(known, decimal)
    if numbers.notna().mean() >= _MOSTLY and not _is_code(name, known[numbers.isna()]):
        unreadable = float(numbers.isna().mean())
        found = find_sentinels(numbers.dropna())
        return replace(column, kind="number", unreadable=unreadable, sentinels=found)
    return _recognise_moments(column, known)


def _is_code(name: str, odd: pd.Series) -> bool:
    """Whether digits are a name: C536379 among 536365, or a column whose name says so."""
    return name.rpartition("_")[2] in _CODE_NAMES or bool(odd.str.contains(r"\d").any())


def _recognise_moments(column: Column, known: pd.Series) -> Column:
    counts = Counter(filter(None, map(_find_layout, known)))
    if sum(counts.values()) < _MOSTLY * len(known):
        return column
    guessed = not {"day first", "month first"} & {part for _, part in counts}
    shapes = {shape for shape, _ in counts}
    if len(shapes) > 1 or {"day first", "month first"} <= {part for _, part in counts}:
        return replace(column, layouts=tuple(sorted(_first_of_each(known))))
    [shape] = shapes
    if shape == "named":
        return replace(column, layouts=("a month's name",))
    if shape == ISO or shape.startswith("%Y"):
        return replace(column, kind="moment", layout=shape)
    sign, year = shape[0], shape[1:]
    day_first = any(part == "day first" for _, part in counts) or (guessed and sign == ".")
    layout = sign.join(["%d", "%m", year] if day_first else ["%m", "%d", year])
    return replace(column, kind="moment", layout=layout, guessed=guessed)


def _find_layout(text: str) -> tuple[str, str] | None:
    """Give the shape of a date, and which of day and month comes first where that can be told."""
    if _ISO_DATE.fullmatch(text):
        return ISO, ""
    if match := _YEAR_FIRST.fullmatch(text):
        return f"%Y{match[2]}%m{match[2]}%d", ""
    if match := _YEAR_LAST.fullmatch(text):
        first, second = int(match[1]), int(match[3])
        part = "day first" if first > 12 else "month first" if second > 12 else ""
        return f"{match[2]}{'%Y' if len(match[4]) == 4 else '%y'}", part
    return ("named", "") if _MONTH_NAME.fullmatch(text) else None


def _first_of_each(known: pd.Series) -> list[str]:
    examples: dict[tuple[str, str], str] = {}
    for text in known:
        if (layout := _find_layout(text)) is not None:
            examples.setdefault(layout, text)
    return list(examples.values())[:4]


def find_sentinels(numbers: pd.Series) -> tuple[float, ...]:
    """Find numbers such as -999 that stand apart from all others and come again and again.

    A number counts if it consists of nines, is the smallest or largest, occurs five times, and
    lies further from the next one than half of what all others span.
    """
    counts = numbers.value_counts()
    found: list[float] = []
    for value in (v for v in counts.index if v in _SENTINELS and counts[v] >= _MIN_SENTINELS):
        others = numbers[(numbers != value) & ~numbers.isin(found)]
        if others.empty:
            continue
        span, gap = np.ptp(others.to_numpy()), np.abs(others - value).min()
        outside = value < others.min() or value > others.max()
        if outside and gap > span / 2 and gap > 1:
            found.append(float(value))
    return tuple(sorted(found))
