"""The schema of a model's inputs: how each raw value is written, as training read it.

It is made from the problem's ``READING``, travels with the model as plain JSON, and is what every
reader without an engine goes by. Each fact in it means what it means in ``Reading``.
"""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, Literal

from fullcircle.core.errors import ModelError
from fullcircle.core.parsing.layouts import EPOCHS, EXCEL, ISO, parse_layout
from fullcircle.core.parsing.numbers import PLAIN, NumberFormat
from fullcircle.core.parsing.timestamps import write_example

VERSION = 1
Kind = Literal["number", "text", "code", "moment"]
_NOON = datetime(2024, 12, 31, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Default:
    """What a blank means where another column has a certain value.

    Attributes:
        value: What the blank means.
        column: The other column.
        equals: Its value.
    """

    value: float
    column: str
    equals: float


@dataclass(frozen=True)
class ColumnSchema:
    """How the raw values of one column are read.

    Attributes:
        name: Of the column that a model knows.
        kind: ``number``, ``text``, ``code`` (a text made of a whole number) or ``moment``.
        source: Its name in the source.
        missing: Texts that mean that nothing is known.
        form: How numbers are written.
        sentinels: Numbers that mean that nothing is known.
        layout: How moments are written (see ``fullcircle.core.parsing.timestamps.as_moment``).
        clock: Source column with the time of day, where it stands by itself.
        spellings: Texts that are written otherwise than what they mean.
        booleans: Texts of true and false, where the column holds no others.
        required: Whether a blank rejects the row.
        strict: Whether an unreadable value rejects the row; it is missing otherwise.
        least: The smallest number allowed.
        allowed: The only texts allowed; empty for all.
        default: What a blank means.
    """

    name: str
    kind: Kind
    source: str = ""
    missing: tuple[str, ...] = ()
    form: NumberFormat = PLAIN
    sentinels: tuple[float, ...] = ()
    layout: str = ISO
    clock: str = ""
    spellings: Mapping[str, str] = field(default_factory=dict)
    booleans: tuple[str, ...] = ()
    required: bool = False
    strict: bool = False
    least: float | None = None
    allowed: tuple[str, ...] = ()
    default: Default | None = None

    def example(self) -> str | float:
        """Return a raw value that is read well, as the source writes it."""
        if self.kind == "moment":
            return write_example(self.layout)
        if self.kind == "number":
            return 1.5 if self.form.is_plain else self.form.example()
        if self.kind == "code":
            return "12"
        written = [*self.spellings, *self.booleans, *self.allowed]
        return written[0] if written else "a"

    def write(self, value: Any) -> Any:
        """Return a read value as the source writes it, for examples; None stays None."""
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return None
        if self.kind == "moment" and isinstance(value, int | float):
            return _write_moment(float(value), self.layout)
        if self.kind == "number" and not self.form.is_plain:
            return f"{float(value):.12g}".replace(".", self.form.decimal)
        return value

    def describe(self) -> str:
        """Return what may be sent, for people."""
        parts = [_DESCRIPTIONS[self.kind], *self._describe_writing()]
        if words := [*self.missing, *(f"{each:g}" for each in self.sentinels)]:
            parts.append(f"missing if null, blank or {', '.join(words)}")
        return "; ".join(parts) + "."

    def _describe_writing(self) -> Iterable[str]:
        if self.kind == "number" and not self.form.is_plain:
            yield f"a text is written as {self.form.example()}"
        if self.kind == "moment":
            yield f"a text is written as {write_example(self.layout)} or in ISO 8601"
        if self.booleans:
            yield f"true is {self.booleans[0]}, false is {self.booleans[1]}"
        if self.allowed:
            yield f"one of {', '.join(self.allowed)}"
        if self.least is not None:
            yield f"{self.least:g} or more"
        if self.required:
            yield "never blank"


_DESCRIPTIONS: dict[Kind, str] = {
    "number": "A number",
    "text": "A text",
    "code": "A whole number that stands for something",
    "moment": "A date or a moment in UTC",
}


@dataclass(frozen=True)
class RawSchema:
    """How the raw values of a model's inputs are read.

    Attributes:
        columns: By name, those that come from one column of the source.
    """

    columns: Mapping[str, ColumnSchema] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values that JSON can hold; what is usual is left out."""
        return {
            "version": VERSION,
            "columns": {name: _as_plain(column) for name, column in self.columns.items()},
        }

    @classmethod
    def from_dict(cls, given: Mapping[str, Any] | None) -> "RawSchema | None":
        """Return the schema that a model carries; None for a model of before there was one.

        Raises:
            ModelError: It was written by a later version of the library.
        """
        if given is None:
            return None
        if given.get("version") != VERSION:
            raise ModelError(
                f"its input schema has version {given.get('version')!r}, and this version of "
                f"fullcircle reads {VERSION}. Install the version that trained it, or a later one"
            )
        return cls({name: _from_plain(name, each) for name, each in given["columns"].items()})

    @property
    def aliases(self) -> dict[str, str]:
        """Names of the source that differ from the model's: ``{source: name}``."""
        sources = [each.source for each in self.columns.values()]
        return {
            each.source: name
            for name, each in self.columns.items()
            if each.source and each.source not in self.columns and sources.count(each.source) == 1
        }

    @property
    def clocks(self) -> dict[str, str]:
        """Source columns of times of day, by the moment that they belong to."""
        return {name: each.clock for name, each in self.columns.items() if each.clock}


_FIELDS = tuple(each.name for each in fields(ColumnSchema) if each.name not in ("name", "form"))
_TUPLES = ("missing", "sentinels", "booleans", "allowed")


def _as_plain(column: ColumnSchema) -> dict[str, Any]:
    usual = ColumnSchema(column.name, column.kind)
    plain = {
        name: getattr(column, name)
        for name in _FIELDS
        if name == "kind" or getattr(column, name) != getattr(usual, name)
    }
    for name in _TUPLES:
        if name in plain:
            plain[name] = list(plain[name])
    if "spellings" in plain:
        plain["spellings"] = dict(plain["spellings"])
    if column.default is not None:
        plain["default"] = asdict(column.default)
    if column.form != PLAIN:
        plain["form"] = json.loads(json.dumps(asdict(column.form)))
    return plain


def _from_plain(name: str, given: Mapping[str, Any]) -> ColumnSchema:
    read = dict(given)
    read |= {each: tuple(read[each]) for each in _TUPLES if each in read}
    if "default" in read:
        read["default"] = Default(**read["default"])
    if "form" in read:
        form = {**read["form"], "affixes": tuple(read["form"]["affixes"])}
        form["scales"] = tuple((unit, factor) for unit, factor in form["scales"])
        read["form"] = NumberFormat(**form)
    return ColumnSchema(name, **read)


def _write_moment(seconds: float, layout: str) -> Any:
    """Return seconds since 1970 as a layout counts or writes them."""
    said = parse_layout(layout)
    first = (said.ways or (ISO,))[0]
    if first in EPOCHS:
        return int(seconds) * EPOCHS[first]
    if first == EXCEL:
        return seconds / 86_400 + 25_569
    moment = datetime.fromtimestamp(seconds, UTC)
    written = "%Y-%m-%d" if first == ISO else first
    if said.zone:
        return moment.isoformat()  # a clock of a place would have to say which of two hours it is
    if {"%b", "%q"} & {written[place : place + 2] for place in range(len(written))}:
        written = "%Y-%m-%d"  # names of months depend on the machine's language
    has_clock = moment.time() != _NOON.min.time()
    return moment.strftime(f"{written} %H:%M:%S" if has_clock else written)


def name_missing_values(
    plan: list[dict[str, Any]], schema: RawSchema | None
) -> list[dict[str, Any]]:
    """Return a preparation's plan that also names what means missing in its raw columns."""
    if schema is None:
        return plan
    return [{**entry, **_name_missing(entry, schema)} for entry in plan]


def _name_missing(entry: Mapping[str, Any], schema: RawSchema) -> dict[str, Any]:
    column = schema.columns.get(entry["column"])
    if column is None or entry["treatment"] not in ("number", "text"):
        return {}
    if entry["treatment"] == "number":
        return {"sentinels": list(column.sentinels)} if column.sentinels else {}
    named = {"missing_words": list(column.missing), "spellings": dict(column.spellings)}
    return {name: each for name, each in named.items() if each}


def find_booleans(texts: Iterable[Any]) -> tuple[str, ...]:
    """Return the texts of true and false, where a column holds no others; else nothing."""
    found = {text for text in texts if isinstance(text, str)}
    pairs = {text.lower(): text for text in found}
    if len(found) == 2 and set(pairs) == {"true", "false"}:
        return pairs["true"], pairs["false"]
    return ()
