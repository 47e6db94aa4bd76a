"""Reading a table by a declaration: which source column becomes which typed column, and how."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import ibis
import ibis.expr.types as ir

from fullcircle.core.parsing.layouts import accept_iso
from fullcircle.core.parsing.numbers import PLAIN, NumberFormat, is_finite, is_infinite
from fullcircle.core.parsing.raw_schema import ColumnSchema, Default, Kind, RawSchema
from fullcircle.core.parsing.timestamps import ISO, as_moment, write_example
from fullcircle.core.validation.row_validation import SOURCE_ROW, as_number, as_text, unless

__all__ = [
    "ISO",
    "ColumnParser",
    "Default",
    "NumberFormat",
    "as_class",
    "as_moment",
    "name_rows",
    "read_class",
]

_ID_DIGITS = 6
_WHOLE = r"^([+-]?[0-9]{1,18})(?:\.0*)?$"


@dataclass(frozen=True)
class ColumnParser:
    """How the columns of a problem's raw table are read.

    A model carries the same declaration (``schema``), so that requests are read alike.

    Attributes:
        texts: ``{column: source column}`` of categories and other texts.
        codes: The same of whole numbers that stand for something, such as a zone: texts.
        numbers: The same of numbers.
        moments: ``{column: (source column, layout)}`` of dates and times; layouts are those of
            ``fullcircle.core.parsing.timestamps.as_moment``. Those without a zone are in UTC.
        clocks: ``{column of moments: source column}`` where the time of day stands by itself.
        formats: ``{source column: how its numbers are written}``, where not as programs do.
        missing: Words that mean that nothing is known.
        marks: ``{source column: texts}`` that mean the same in that column alone.
        sentinels: ``{column: numbers}`` that mean the same in that column of numbers.
        decimal: The decimal sign of numbers whose column has no format of its own.
        spellings: ``{column of texts: {text: what it means}}``.
        required: Columns whose blank rejects a row.
        strict: Columns of which an unreadable cell rejects a row; it is missing otherwise.
        least: ``{column: smallest number}``; a smaller one rejects a row.
        allowed: ``{column: texts}``; any other text rejects a row.
        defaults: ``{column of numbers: what a blank means}``.
    """

    texts: Mapping[str, str] = field(default_factory=dict)
    codes: Mapping[str, str] = field(default_factory=dict)
    numbers: Mapping[str, str] = field(default_factory=dict)
    moments: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    clocks: Mapping[str, str] = field(default_factory=dict)
    formats: Mapping[str, NumberFormat] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    marks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sentinels: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    decimal: str = "."
    spellings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    strict: tuple[str, ...] = ()
    least: Mapping[str, float] = field(default_factory=dict)
    allowed: Mapping[str, Sequence[str]] = field(default_factory=dict)
    defaults: Mapping[str, Default] = field(default_factory=dict)

    @property
    def sources(self) -> tuple[str, ...]:
        """The source columns, each once."""
        dated = [source for source, _ in self.moments.values()]
        whole = [*self.texts.values(), *self.codes.values(), *self.numbers.values()]
        return tuple(dict.fromkeys([*whole, *dated, *self.clocks.values()]))

    def example(self) -> dict[str, str]:
        """Give a raw row that reads well, for tests: ``{source column: text}``."""
        written = dict.fromkeys(self.texts.values(), "a")
        written |= {each: self.format_of(each).example() for each in self.numbers.values()}
        written |= {source: write_example(layout) for source, layout in self.moments.values()}
        return {**written, **dict.fromkeys(self.clocks.values(), "00:00")}

    def schema(self, booleans: Mapping[str, tuple[str, ...]] | None = None) -> RawSchema:
        """Return the schema that a model carries.

        Args:
            booleans: ``{column: texts of true and false}`` of texts that are nothing else.
        """
        kinds: dict[Kind, Mapping[str, str]] = {
            "text": self.texts,
            "code": self.codes,
            "number": self.numbers,
            "moment": {name: source for name, (source, _) in self.moments.items()},
        }
        told = booleans or {}
        return RawSchema(
            {
                name: self._column_schema(name, kind, source, told.get(name, ()))
                for kind, sources in kinds.items()
                for name, source in sources.items()
            }
        )

    def _column_schema(
        self, name: str, kind: Kind, source: str, booleans: tuple[str, ...]
    ) -> ColumnSchema:
        return ColumnSchema(
            name,
            kind,
            source,
            missing=tuple(dict.fromkeys([*self.missing, *self.marks.get(source, ())])),
            form=self.format_of(source) if kind == "number" else PLAIN,
            sentinels=tuple(map(float, self.sentinels.get(name, ()))),
            layout=self.moments[name][1] if kind == "moment" else ISO,
            clock=self.clocks.get(name, ""),
            spellings=dict(self.spellings.get(name, {})),
            booleans=booleans,
            required=name in self.required,
            strict=name in self.strict,
            least=self.least.get(name),
            allowed=tuple(self.allowed.get(name, ())),
            default=self.defaults.get(name),
        )

    def columns(self, raw: ir.Table) -> dict[str, ir.Value]:
        """Give each declared column as an expression of the raw table."""
        return {
            **{name: self._spelt_text(raw, name) for name in self.texts},
            **{name: self.code(raw, source) for name, source in self.codes.items()},
            **{name: self._number(raw, name) for name in self.numbers},
            **{name: self._moment(raw, name) for name in self.moments},
        }

    def text(self, raw: ir.Table, source: str) -> ir.StringColumn:
        """Read a source column as stripped text; blanks and the words for missing become null."""
        text = as_text(raw[source])
        missing = (*self.missing, *self.marks.get(source, ()))
        return ibis.ifelse(text.isin(missing), ibis.null("string"), text) if missing else text

    def _spelt_text(self, raw: ir.Table, name: str) -> ir.StringColumn:
        text = self.text(raw, self.texts[name])
        spelt = self.spellings.get(name)
        return text.substitute(dict(spelt)) if spelt else text

    def code(self, raw: ir.Table, source: str) -> ir.StringColumn:
        """Read a source column of whole numbers as texts, alike for every type of numbers."""
        text = self.text(raw, source)
        whole = ibis.ifelse(text.re_search(_WHOLE), text.re_extract(_WHOLE, 1), None)
        return whole.try_cast("int64").cast("string")

    def format_of(self, source: str) -> NumberFormat:
        """Say how the numbers of a source column are written."""
        usual = NumberFormat(",", ".") if self.decimal == "," else PLAIN
        return self.formats.get(source, usual)

    def number(self, raw: ir.Table, source: str) -> ir.FloatingColumn:
        """Read a source column as finite numbers; whatever is none becomes null."""
        form, text = self.format_of(source), self.text(raw, source)
        if not form.is_plain:
            return form.expression(text)
        number = as_number(text)
        return ibis.ifelse(is_finite(number), number, ibis.null("float64"))

    def unreadable(self, raw: ir.Table, *names: str) -> Iterator[ir.StringValue]:
        """Give the reasons for which a row must be set aside: what its numbers and moments are not.

        Args:
            raw: The raw table.
            names: The columns that a row cannot do without; all numbers and moments if none.
        """
        for name, source in self.numbers.items():
            if not names or name in names:
                text = self.text(raw, source)
                yield unless(self._is_read(raw, name), f"{source} is no number", text)
        for name, (source, layout) in self.moments.items():
            if not names or name in names:
                text = self.moment_text(raw, source, self.clocks.get(name, ""))
                told = f"{source} is no date written as {layout}"
                yield unless(self._is_read(raw, name), told, text)

    def unreadable_cells(self, raw: ir.Table, *names: str) -> ir.StringValue:
        """Name the columns whose cell in a row cannot be read: it is missing then; or give null.

        Args:
            raw: The raw table.
            names: Columns that are left out, since an unreadable cell sets their row aside.
        """
        told = [
            ibis.ifelse(self._is_read(raw, name), "", f"{name}; ")
            for name in (*self.codes, *self.numbers, *self.moments)
            if name not in names
        ]
        # Joined at once: hundreds of sums within one another are too deep for Python.
        return ibis.literal("").join(told).nullif("") if told else ibis.null("string")

    def _is_read(self, raw: ir.Table, name: str) -> ir.BooleanValue:
        """Tell whether a cell is a number or moment, or says that nothing is known."""
        if name in self.numbers:
            text = self.text(raw, self.numbers[name])
            read = self.number(raw, self.numbers[name]).notnull()
            return text.isnull() | read | is_infinite(text)
        if name in self.codes:
            source = self.codes[name]
            return self.text(raw, source).isnull() | self.code(raw, source).notnull()
        # With the clock: a year alone is no moment where the month stands beside it.
        return self.text(raw, self.moments[name][0]).isnull() | self._moment(raw, name).notnull()

    def _number(self, raw: ir.Table, name: str) -> ir.FloatingColumn:
        number = self.number(raw, self.numbers[name])
        for sentinel in self.sentinels.get(name, ()):
            number = number.nullif(sentinel)
        return number

    def _moment(self, raw: ir.Table, name: str) -> ir.TimestampColumn:
        source, layout = self.moments[name]
        text = self.moment_text(raw, source, self.clocks.get(name, ""))
        return as_moment(text, accept_iso(layout))

    def moment_text(self, raw: ir.Table, source: str, clock: str = "") -> ir.StringColumn:
        """Read a source column of dates as text, with the clock that stands by itself."""
        text = self.text(raw, source)
        if not clock:
            return text
        return text + ibis.coalesce(ibis.literal(" ") + self.text(raw, clock), "")


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
