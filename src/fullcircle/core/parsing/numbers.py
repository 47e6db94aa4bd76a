"""Numbers as people write them: signs, groups, currencies and units, alike on every engine."""

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache

import ibis
import ibis.expr.types as ir

BLANKS = " \u00a0\u202f\u2009"
_POWERS = "\u00b2\u00b3"  # engines know no escapes for these in a pattern
_QUOTES = "'\u2019"
_MINUS = "-\u2212\u2013\ufe63\uff0d"
_LARGEST = 1.7976931348623157e308
_INFINITE = "^[+-]?(?:[iI][nN][fF](?:[iI][nN][iI][tT][yY])?|\u221e)$"


@dataclass(frozen=True)
class NumberFormat:
    """How the numbers of a column are written.

    Attributes:
        decimal: The decimal sign.
        thousands: What stands between groups of digits: ``,``, ``.``, a blank, an apostrophe, or
            nothing.
        affixes: Currencies or units that may stand before or behind a number, and are left out.
        scales: ``(unit, factor)`` of units that a column mixes, as 5 ft 3 in: each number is taken
            by the factor of the unit behind it, and all are added up.
        loose: Whether minus signs of print, minus signs behind and brackets for less than zero are
            read; they are wherever anything else is not as programs write it.
    """

    decimal: str = "."
    thousands: str = ""
    affixes: tuple[str, ...] = ()
    loose: bool = False
    scales: tuple[tuple[str, float], ...] = ()

    @cached_property
    def body(self) -> str:
        """The pattern of digits and signs between them."""
        point = re.escape(self.decimal)
        whole = "[0-9]+"
        if self.thousands:
            sign = self._separators
            whole = f"(?:[0-9]{{1,3}}(?:{sign}[0-9]{{2,3}})*{sign}[0-9]{{3}}|[0-9]+)"
        return rf"(?:{whole}(?:{point}[0-9]*)?|{point}[0-9]+)(?:[eE][+-]?[0-9]+)?"

    @cached_property
    def pattern(self) -> str:
        """The pattern of a whole text that is a number of this format."""
        if self.is_plain:
            return rf"^[+-]?{self.body}$"
        if self.scales:
            names = sorted((name for name, _ in self.scales), key=len, reverse=True)
            unit = "|".join(map(re.escape, names))
            piece = f"{self.body}[{BLANKS}]*(?:{unit})(?:[{BLANKS}]*(?:,|and)?[{BLANKS}]*|$)"
            return rf"^[+{_escape(_MINUS)}]?(?:{piece})+$"
        minus = rf"[+{_escape(_MINUS)}]?"
        gap = f"[{BLANKS}]*"
        affix = "|".join(re.escape(each) for each in sorted(self.affixes, key=len, reverse=True))
        unit = f"(?:{affix})?" if affix else ""
        inner = f"{minus}{gap}{unit}{gap}{minus}{gap}{self.body}{gap}{unit}{gap}-?"
        return rf"^(?:{inner}|\({inner}\))$"

    @cached_property
    def digits(self) -> str:
        """The pattern of the first digits in a text, with all signs that may stand in them."""
        signs = re.escape(self.decimal) + (self._separators.strip("[]") if self.thousands else "")
        start = f"[0-9{re.escape(self.decimal)}]"
        return rf"({start}[0-9{signs}]*(?:[eE][+-]?[0-9]+)?)"

    @cached_property
    def negative(self) -> str:
        """The pattern of a text that says that its number is below zero."""
        return rf"^\(|^[^0-9]*[{_escape(_MINUS)}]|[^eE]-\)?$"

    @property
    def _separators(self) -> str:
        """The signs between groups, as a class of a pattern."""
        if self.thousands and self.thousands in BLANKS:
            return f"[{BLANKS}]"
        if self.thousands in _QUOTES:
            return f"[{_QUOTES}]"
        return f"[{re.escape(self.thousands)}]"

    def part(self, unit: str) -> str:
        """Return the pattern of the number before a unit."""
        return rf"({self.body})[{BLANKS}]*{re.escape(unit)}(?:[^A-Za-z{_POWERS}]|$)"

    def read(self, text: str) -> float | None:
        """Return the number that a text writes, or None where it writes none."""
        return _read(self, text)

    def expression(self, text: ir.StringColumn) -> ir.FloatingColumn:
        """Return the same as a column of an engine: null where a text writes no number."""
        if self.scales:
            number = sum((self._measure(text, *each) for each in self.scales), ibis.literal(0.0))
        else:
            number = self._as_number(text.re_extract(self.digits, 1))
        signed = ibis.ifelse(text.re_search(self.negative), -number, number)
        fine = text.re_search(self.pattern) & is_finite(signed)
        return ibis.ifelse(fine, signed, ibis.null("float64"))

    def _as_number(self, digits: ir.StringValue) -> ir.FloatingValue:
        if self.thousands:
            digits = digits.re_replace(self._separators, "")
        if self.decimal != ".":
            digits = digits.replace(self.decimal, ".")
        return digits.try_cast("float64")

    def _measure(self, text: ir.StringColumn, unit: str, factor: float) -> ir.FloatingValue:
        number = self._as_number(text.re_extract(self.part(unit), 1))
        return ibis.coalesce(number * factor, 0.0)

    def example(self) -> str:
        """Return one and a half, as it is written."""
        return f"1{self.decimal}5{self.scales[0][0] if self.scales else ''}"

    @property
    def is_plain(self) -> bool:
        """Whether numbers are written as programs write them."""
        return self.decimal == "." and not (
            self.thousands or self.affixes or self.loose or self.scales
        )


PLAIN = NumberFormat()


def _escape(signs: str) -> str:
    return signs.replace("-", r"\-")


@lru_cache(maxsize=256)
def _compiled(form: NumberFormat) -> tuple[re.Pattern[str], ...]:
    return tuple(map(re.compile, (form.pattern, form.digits, form.negative)))


@lru_cache(maxsize=1 << 16)
def _read(form: NumberFormat, text: str) -> float | None:
    whole, digits, negative = _compiled(form)
    if not whole.search(text) or text.endswith("\n"):
        return None
    try:
        if form.scales:
            number = sum(_measure(form, text, *each) for each in form.scales)
        else:
            found = digits.search(text)
            number = _as_number(form, found[1] if found else "")
    except ValueError:
        return None
    number = -number if negative.search(text) else number
    return None if number in (float("inf"), float("-inf")) else number


def is_finite(number: ir.FloatingColumn) -> ir.BooleanValue:
    """Return whether a number is finite; Spark's own test for infinity does not hold here."""
    return number.abs() <= _LARGEST


def _as_number(form: NumberFormat, digits: str) -> float:
    if form.thousands:
        digits = re.sub(form._separators, "", digits)
    return float(digits.replace(form.decimal, "."))


def _measure(form: NumberFormat, text: str, unit: str, factor: float) -> float:
    found = re.search(form.part(unit), text)
    return _as_number(form, found[1]) * factor if found else 0.0


def is_infinite(text: ir.StringColumn) -> ir.BooleanValue:
    """Return whether a text is a word for infinity, which no feature can hold."""
    return text.re_search(_INFINITE)


def is_infinite_text(text: str) -> bool:
    """Return the same of one text."""
    return re.search(_INFINITE, text) is not None
