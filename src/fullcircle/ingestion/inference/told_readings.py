"""How a column is read where the user says it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from fullcircle.core.errors import ConfigurationError
from fullcircle.core.parsing.date_layouts import find_moments
from fullcircle.core.parsing.layouts import EPOCHS, EXCEL, ISO, parse_layout
from fullcircle.core.parsing.number_formats import find_numbers
from fullcircle.core.parsing.numbers import PLAIN, NumberFormat
from fullcircle.core.parsing.timestamps import is_local_hour_odd, read_moment
from fullcircle.core.parsing.units import find_mixed_units, list_scales
from fullcircle.ingestion.inference.columns import Column, read_number_texts
from fullcircle.ingestion.inference.sentinels import find_sentinels

_MOSTLY = 0.95


def read_as_told(column: Column, known: pd.Series, counts: Mapping[str, int], how: str) -> Column:
    """Return how a column is read.

    Args:
        column: What is known of it.
        known: Its known texts.
        counts: Rows of each text.
        how: What the user says (see ``recognise``).

    Raises:
        ConfigurationError: It is not valid, or does not fit the texts.
    """
    signs = {"decimal-comma": (",", "."), "decimal-point": (".", ",")}
    if how in (*signs, "number"):
        found = find_numbers(counts)
        if how == "number":
            form = found.form if found else PLAIN
            signs["number"] = (form.decimal, form.thousands)
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
    if scales := list_scales(how):
        return _convert(column, known, counts, scales)
    how, _, clock = how.partition(" + ")
    layout = _find_told_layout(column, known, how)
    texts = list(counts)
    if clock:
        return replace(column, kind="moment", layout=layout, clock=clock)
    read = [text for text in texts if read_moment(text, layout) is not None]
    if len(read) < _MOSTLY * len(texts):
        wrong = next(text for text in texts if text not in set(read))
        raise ConfigurationError(
            f"--read {column.source}={how} does not fit: {wrong!r} is not written so."
        )
    return replace(column, kind="moment", layout=layout, odd_hours=_count_odd(texts, layout))


def _convert(
    column: Column,
    known: pd.Series,
    counts: Mapping[str, int],
    scales: tuple[tuple[str, float], ...],
) -> Column:
    """Read a column that mixes units in one of them."""
    units = find_mixed_units(counts)
    decimal = "," if any("," in text for text in counts) and "." not in "".join(counts) else "."
    form = NumberFormat(decimal, scales=tuple(each for each in scales if each[0] in units))
    if not units or not form.scales:
        raise ConfigurationError(
            f"--read {column.source} in a unit does not fit: {known.iloc[0]!r} is no number with "
            "one of its units behind it."
        )
    return replace(column, kind="number", form=form)


def _find_told_layout(column: Column, known: pd.Series, how: str) -> str:
    """Return the layout that the user says; of a place alone, with the one that the texts tell."""
    said = parse_layout(how)
    if not said.ways:
        found = find_moments(list(known), name=column.source)
        if found is None or found.layouts:
            raise ConfigurationError(
                f"--read {column.source}={how} does not fit: {known.iloc[0]!r} is no date of one "
                f"known layout. Say it before, as '%d/%m/%Y {how}'."
            )
        own = parse_layout(found.layout)
        return str(replace(own, zone=said.zone))
    if "%" not in how and any(way not in (ISO, EXCEL, *EPOCHS) for way in said.ways):
        raise ConfigurationError(
            f"--read {column.source}={how} is not valid. Say text, number, decimal-comma, "
            "decimal-point, ISO, excel, 'epoch s', 'epoch ms', or a layout as %d/%m/%Y; behind "
            "it local:Europe/Berlin for clocks of a place, or ' + COLUMN' to join a column."
        )
    return how


def _count_odd(texts: Sequence[str], layout: str) -> tuple[int, int]:
    """Return how many texts name an hour that occurs twice at its place, and one that never is."""
    odd = Counter(is_local_hour_odd(text, layout) for text in texts)
    return odd["twice"], odd["never"]
