"""Reading a table by a declaration: which source column becomes which typed column, and how."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import ibis
import ibis.expr.types as ir

from fullcircle.core.rejection import SOURCE_ROW, as_number, as_text, unless

ISO = "ISO"
_ID_DIGITS = 6
_PARTS = {"%Y": r"(\d{4})", "%y": r"(\d{2})", "%m": r"(\d{1,2})", "%d": r"(\d{1,2})"}
_TIME = r"(?:[ T](\d{1,2}):(\d{2})(?::(\d{2}))?)?"


@dataclass(frozen=True)
class Reading:
    """How the columns of a problem's raw table are read.

    Attributes:
        texts: ``{column: source column}`` of categories and other texts.
        numbers: The same of numbers.
        moments: ``{column: (source column, layout)}`` of dates and times; a layout is ``ISO``, or
            the order of ``%d``, ``%m`` and ``%Y`` (or ``%y``, of this century), as ``%d.%m.%Y``. A
            time of day may follow. Moments without a zone are taken as UTC.
        missing: Words that mean that nothing is known.
        sentinels: ``{column: numbers}`` that mean the same in that column of numbers.
        decimal: The decimal sign of numbers written as text.
    """

    texts: Mapping[str, str] = field(default_factory=dict)
    numbers: Mapping[str, str] = field(default_factory=dict)
    moments: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    sentinels: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    decimal: str = "."

    @property
    def sources(self) -> tuple[str, ...]:
        """The source columns, each once."""
        dated = [source for source, _ in self.moments.values()]
        return tuple(dict.fromkeys([*self.texts.values(), *self.numbers.values(), *dated]))

    def example(self) -> dict[str, str]:
        """Give a raw row that reads well, for tests: ``{source column: text}``."""
        day = {"%d": "31", "%m": "12", "%Y": "2024", "%y": "24"}
        written = dict.fromkeys(self.texts.values(), "a")
        written |= dict.fromkeys(self.numbers.values(), f"1{self.decimal}5")
        for source, layout in self.moments.values():
            text = "2024-12-31" if layout == ISO else layout
            for part, digits in day.items():
                text = text.replace(part, digits)
            written[source] = text
        return written

    def columns(self, raw: ir.Table) -> dict[str, ir.Value]:
        """Give each declared column as an expression of the raw table."""
        return {
            **{name: self.text(raw, source) for name, source in self.texts.items()},
            **{name: self._number(raw, name) for name in self.numbers},
            **{name: self._moment(raw, name) for name in self.moments},
        }

    def text(self, raw: ir.Table, source: str) -> ir.StringColumn:
        """Read a source column as stripped text; blanks and the words for missing become null."""
        text = as_text(raw[source])
        if not self.missing:
            return text
        return ibis.ifelse(text.isin(self.missing), ibis.null("string"), text)

    def number(self, raw: ir.Table, source: str) -> ir.FloatingColumn:
        """Read a source column as finite numbers; whatever is none becomes null."""
        text = self.text(raw, source)
        if self.decimal == ",":
            text = text.replace(".", "").replace(",", ".")
        return as_number(text)

    def unreadable(self, raw: ir.Table) -> Iterator[ir.StringValue]:
        """Give, for each number and moment, the reason for which a row must be set aside."""
        for source in self.numbers.values():
            text = self.text(raw, source)
            fine = text.isnull() | self.number(raw, source).notnull()
            yield unless(fine, f"{source} is no number", text)
        for name, (source, layout) in self.moments.items():
            text = self.text(raw, source)
            fine = text.isnull() | self._moment(raw, name).notnull()
            yield unless(fine, f"{source} is no date written as {layout}", text)

    def _number(self, raw: ir.Table, name: str) -> ir.FloatingColumn:
        number = self.number(raw, self.numbers[name])
        for sentinel in self.sentinels.get(name, ()):
            number = number.nullif(sentinel)
        return number

    def _moment(self, raw: ir.Table, name: str) -> ir.TimestampColumn:
        source, layout = self.moments[name]
        return as_moment(self.text(raw, source), layout)


def as_moment(text: ir.StringColumn, layout: str = ISO) -> ir.TimestampColumn:
    """Read text as moments in UTC; whatever is not written as the layout says becomes null.

    Args:
        text: Stripped text.
        layout: ``ISO``, or an order of year, month and day (see Reading).
    """
    if layout == ISO:
        return text.try_cast("timestamp('UTC')")
    pattern, order = _as_pattern(layout)
    day, month, year = (text.re_extract(pattern, order[part]) for part in "dmy")
    century = ibis.literal("20") if "%y" in layout else ibis.literal("")
    date = ibis.literal("-").join([century + year, month.lpad(2, "0"), day.lpad(2, "0")])
    clock = ibis.literal(":").join(
        [_or_zeros(text.re_extract(pattern, group)) for group in (4, 5, 6)]
    )
    written = ibis.ifelse(
        text.re_search(pattern), date + ibis.literal(" ") + clock, ibis.null("string")
    )
    return written.try_cast("timestamp('UTC')")


def _as_pattern(layout: str) -> tuple[str, dict[str, int]]:
    """Turn a layout into a pattern, and the number of the group that holds day, month and year."""
    names = re.findall(r"%[YymdD]", layout)
    order = {name[1].lower(): place for place, name in enumerate(names, start=1)}
    pattern = re.escape(layout).replace(r"\%", "%")
    for name, part in _PARTS.items():
        pattern = pattern.replace(name, part)
    return f"^{pattern}{_TIME}$", order


def _or_zeros(digits: ir.StringValue) -> ir.StringValue:
    return ibis.ifelse(digits.length() > 0, digits.lpad(2, "0"), ibis.literal("00")).fill_null("00")


def read_class(
    column: ir.Column, missing: tuple[str, ...], spellings: Mapping[str, str]
) -> ir.StringColumn:
    """Read a target as the texts of its classes; null where the label is not known.

    Args:
        column: The target's column of the raw table.
        missing: Words that mean that the label is not known.
        spellings: ``{text: class}`` of texts that are written otherwise than their class.
    """
    text = as_text(column)
    if missing:
        text = ibis.ifelse(text.isin(missing), ibis.null("string"), text)
    return text.substitute(dict(spellings)) if spellings else text


def as_class(text: ir.StringColumn, classes: tuple[str, ...]) -> ir.IntegerColumn:
    """Give the place of a text among the classes, from 0; null for any other text."""
    return text.cases(*((name, place) for place, name in enumerate(classes))).cast("int64")


def name_rows(raw: ir.Table, prefix: str) -> ir.StringValue:
    """Name rows by their place in the source: ``row-000017``.

    Such a name means the same row only as long as the source keeps its order.
    """
    number = raw[SOURCE_ROW].cast("string")
    padded = number.lpad(_ID_DIGITS, "0")
    return ibis.literal(f"{prefix}-") + ibis.ifelse(number.length() < _ID_DIGITS, padded, number)
