"""What a page on a table shows of each column: examples, what is missing, and a distribution."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import pandas as pd

from fullcircle.ingestion.inference.column_kinds import Column

Role = Literal["target", "row id", "key", "time", "feature", "left out"]

_EXAMPLES = 5
_BINS = 24
_MOST_VALUES = 8
_LONGEST = 40


@dataclass(frozen=True)
class Bar:
    """One bar of a distribution.

    Attributes:
        name: The value, or the range of values.
        share: Share of the known rows of the sample.
        height: Share of the highest bar, 0 to 1.
    """

    name: str
    share: float
    height: float


@dataclass(frozen=True)
class ColumnLook:
    """What is shown of one column.

    Attributes:
        source: Its name in the source.
        name: Its name in the problem.
        kind: number, moment or text.
        role: What it is in the contract.
        missing: Share of the sample's rows without a value.
        distinct: Number of distinct texts in the sample.
        examples: The commonest texts, as they are written.
        bars: Its distribution: ranges of numbers and moments in order, else the commonest texts.
        strength: How well it alone tells the label, from 0 (chance) to 1 (all); None where that
            was not asked.
        remarks: What was found about it.
    """

    source: str
    name: str
    kind: str
    role: Role
    missing: float
    distinct: int
    examples: tuple[str, ...]
    bars: tuple[Bar, ...]
    strength: float | None
    remarks: tuple[str, ...]


def look_at(
    column: Column,
    texts: pd.Series,
    values: pd.Series,
    *,
    role: Role,
    strength: float | None,
    remarks: Sequence[str],
) -> ColumnLook:
    """Return what is shown of a column.

    Args:
        column: The column.
        texts: Its stripped texts, None where nothing is known.
        values: The same rows as they are read: numbers, moments or texts.
        role: What it is in the contract.
        strength: How well it alone tells the label.
        remarks: What was found about it.
    """
    counts = texts.dropna().value_counts()
    return ColumnLook(
        source=column.source,
        name=column.name,
        kind=column.kind,
        role=role,
        missing=column.missing,
        distinct=column.distinct,
        examples=tuple(_shorten(str(text)) for text in counts.index[:_EXAMPLES]),
        bars=_draw_ordered(values) if column.kind != "text" else _draw_texts(counts),
        strength=None if strength is None or math.isnan(strength) else strength,
        remarks=tuple(remarks),
    )


def _draw_texts(counts: pd.Series) -> tuple[Bar, ...]:
    total = int(counts.sum())
    if not total:
        return ()
    shown = [(_shorten(str(text)), int(rows)) for text, rows in counts.head(_MOST_VALUES).items()]
    if rest := total - sum(rows for _, rows in shown):
        shown.append((f"{len(counts) - _MOST_VALUES:,} others", rest))
    return _scale([name for name, _ in shown], [rows / total for _, rows in shown])


def _draw_ordered(values: pd.Series) -> tuple[Bar, ...]:
    """Count each of few values; cut the middle 98 % of many into ranges, the rest to the ends."""
    known = values.dropna()
    is_moment = isinstance(known.dtype, pd.DatetimeTZDtype) or known.dtype.kind == "M"
    numbers = known.astype("int64") if is_moment else known.astype("float64")
    numbers = numbers[np.isfinite(numbers)]
    if numbers.empty:
        return ()
    if numbers.nunique() <= _BINS:
        counts = numbers.value_counts(normalize=True).sort_index()
        return _scale([_name(v, is_moment, known) for v in counts.index], list(counts))
    low, high = (float(numbers.quantile(share)) for share in (0.01, 0.99))
    if low == high:
        low, high = float(numbers.min()), float(numbers.max())
    edges = np.linspace(low, high, _BINS + 1)
    counted, _ = np.histogram(np.clip(numbers, low, high), edges)
    names = [
        f"{_name(first, is_moment, known)} to {_name(last, is_moment, known)}"
        for first, last in pairwise(edges)
    ]
    return _scale(names, list(counted / len(numbers)))


def _name(value: float, is_moment: bool, known: pd.Series) -> str:
    if not is_moment:
        return f"{value:,.6g}"
    moment = pd.Series([round(value)]).astype(known.dtype).iloc[0]
    return f"{moment:%Y-%m-%d}"


def _scale(names: list[str], shares: list[float]) -> tuple[Bar, ...]:
    highest = max(shares)
    return tuple(
        Bar(name, float(share), float(share / highest) if highest else 0.0)
        for name, share in zip(names, shares, strict=True)
    )


def _shorten(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= _LONGEST else f"{plain[: _LONGEST - 1]}…"
