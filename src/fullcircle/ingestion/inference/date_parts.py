"""Year and month in two columns: one date."""

import re
from dataclasses import replace

from fullcircle.ingestion.inference.columns import Column

_YEARS = {
    "year", "yr", "jahr", "annee", "ano", "anno", "jaar", "rok", "god", "yil", "ar", "vuosi",
    "\u0433\u043e\u0434", "\u5e74",
}  # fmt: skip
_MONTHS = {
    "month", "mo", "mon", "mnth", "monat", "mois", "mes", "mese", "maand", "mesic", "miesiac", "ay",
    "manad", "kuukausi", "\u043c\u0435\u0441\u044f\u0446", "\u6708",
}  # fmt: skip


def join_months(columns: list[Column]) -> list[Column]:
    """Return the columns, with the one year joined to the one month where no other date stands."""
    if any(each.kind == "moment" for each in columns):
        return columns
    years = [each for each in columns if _is_part(each, _YEARS) and each.kind == "number"]
    months = [each for each in columns if _is_part(each, _MONTHS)]
    if len(years) != 1 or len(months) != 1 or years[0].told or months[0].told:
        return columns
    [year], [month] = years, months
    if _rest(year, _YEARS) != _rest(month, _MONTHS) or not year.span or year.missing:
        return columns
    if not (year.span[0] >= 1900 and year.span[1] <= 2100) or not month.month:
        return columns
    layout = f"%Y {month.month}"
    joined = replace(
        year, kind="moment", layout=layout, clock=month.source, sentinels=(), guessed=False
    )
    return [joined if each is year else each for each in columns]


def _words(column: Column) -> list[str]:
    return [*column.name.split("_"), *re.findall(r"\w+", column.source.lower())]


def _is_part(column: Column, words: set[str]) -> bool:
    return bool(words & set(_words(column)))


def _rest(column: Column, words: set[str]) -> set[str]:
    """Return the other words of a name: yr_sold and mo_sold are of one thing."""
    return {each for each in column.name.split("_") if each not in words}
