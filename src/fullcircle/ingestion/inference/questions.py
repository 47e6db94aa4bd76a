"""Columns that can be read in two ways, each with what it would give."""

from fullcircle.core.parsing.numbers import NumberFormat
from fullcircle.core.parsing.timestamps import read_moment
from fullcircle.core.parsing.units import list_scales
from fullcircle.core.questions import Choice, Question
from fullcircle.ingestion.inference.column_kinds import Column


def ask_about(column: Column) -> Question | None:
    """Return the question that a column raises, or None where its texts decide."""
    if column.units:
        return _ask_about_units(column)
    if column.clock and column.layout.startswith("%Y ") and not column.told:
        return _ask_about_month(column)
    if not column.guessed or not column.other:
        return None
    if column.kind == "number":
        own = "decimal-comma" if column.form.decimal == "," else "decimal-point"
        asked = f"The numbers of {column.source!r}, as {column.example!r}, can be read in two ways."
        previews = {how: _preview_number(column.example, how) for how in (own, column.other)}
        return Question("numbers", asked, _list_readings(column, previews))
    asked = f"The dates of {column.source!r}, as {column.example!r}, can be read in two ways."
    previews = {how: _preview_moment(column.example, how) for how in (column.layout, column.other)}
    return Question("dates", asked, _list_readings(column, previews))


def _ask_about_units(column: Column) -> Question:
    asked = f"{column.source!r} mixes the units {', '.join(column.units)}, as {column.example!r}."
    unit = column.units[0]
    form = NumberFormat(scales=list_scales(unit))
    number = form.read(column.example)
    shown = f"{column.example} as {number:g} {unit}" if number is not None else f"all in {unit}"
    choices = (
        read_as(column.source, unit, shown),
        read_as(column.source, "text", f"{column.example} as a text"),
    )
    return Question("units", asked, choices)


def _ask_about_month(column: Column) -> Question:
    asked = f"{column.source!r} and {column.clock!r} look like year and month of one date."
    how = f"{column.layout} + {column.clock}"
    joined = read_as(column.source, how, f"joined: {column.source} becomes the month's first day")
    apart = read_as(column.source, "number", "apart: two numbers")
    return Question("dates", asked, (joined, apart), "strong")


def _list_readings(column: Column, previews: dict[str, str]) -> tuple[Choice, ...]:
    return tuple(read_as(column.source, how, preview) for how, preview in previews.items())


def read_as(source: str, how: str, preview: str) -> Choice:
    """Return the choice of one way of reading a column."""
    return Choice(preview, ("--read", f"{source}={how}"), {"read": {source: how}})


def _preview_number(text: str, how: str) -> str:
    form = NumberFormat(",", ".") if how == "decimal-comma" else NumberFormat(".", ",")
    number = form.read(text)
    return f"{text} as {number:g}" if number is not None else f"{text} as missing"


def _preview_moment(text: str, how: str) -> str:
    moment = read_moment(text, how)
    return f"{text} as {moment:%d %B %Y}" if moment else f"{text} as missing"
