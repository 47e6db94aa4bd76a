"""Tables of known values, written in a random way: what people's programs and countries differ in.

A table is drawn from a ``random.Random``, so that a seed gives the same table everywhere.
"""

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

Kind = Literal["number", "moment", "text"]
Value = Decimal | datetime | str | None

SCRIPTS = {
    "german": ["Müller", "Größe", "straße", "über", "grün", "plain", "north", "Öl"],
    "french": ["café", "élève", "forêt", "où", "garçon", "plain", "Noël"],
    "spanish": ["señor", "niño", "corazón", "plain", "jamás", "pingüino"],
    "nordic": ["Ångström", "smörgås", "køb", "gård", "plain", "fjäll"],
    "polish": ["Łódź", "żółw", "Kraków", "mały", "świat", "piątek", "środa"],
    "czech": ["příliš", "kůň", "děti", "žluťoučký", "večer", "plain", "čas"],
    "cyrillic": ["Москва", "улица", "хорошо", "дом", "работа", "вечер", "город", "книга", "Россия"],
    "japanese": [
        "東京都",
        "大阪市",
        "ありがとう",
        "カタカナ",
        "日本語",
        "山田太郎",
        "会社員",
        "電車",
    ],
    "ascii": ["red", "green", "blue", "north", "south", "on hold", "new york", "x-ray", "type b"],
}
_UNICODE = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]
ENCODINGS = {
    **{each: [*_UNICODE, "cp1252"] for each in ("german", "french", "spanish", "nordic")},
    **{each: [*_UNICODE, "cp1250"] for each in ("polish", "czech")},
    "cyrillic": [*_UNICODE, "cp1251", "koi8-r"],
    "japanese": [*_UNICODE, "cp932", "euc_jp"],
    "ascii": [*_UNICODE, "ascii"],
}
THOUSANDS = {
    ".": ["", "", ",", " ", "\u00a0", "\u202f", "'", "\u2019"],
    ",": ["", "", ".", " ", "\u00a0", "\u202f", "'"],
}
DATES = [
    "%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%Y/%m/%d", "%d-%b-%Y", "%Y%m%d", "%d-%m-%Y",
]  # fmt: skip
CLOCKS = ["", "", " %H:%M:%S", " %H:%M"]
MARKS = ["", "", "NA", "N/A", "-", "?", "n.a.", "NULL", "#N/A", ".", "\\N", "nan", "keine"]
NAMES = [
    "size", "weight (kg)", "Age", "price", "Höhe", "rate", "amount due", "count_of_items", "width",
    "temp", "x1", "load", "score", "income", "Depth", "speed", "volume", "length",
]  # fmt: skip
UNITS = ["kg", "m", "EUR", "m/s", "mm", "km", "years"]


@dataclass(frozen=True)
class Column:
    """One column: its name, what its values are, and these."""

    name: str
    kind: Kind
    values: list[Value]
    layout: str = ""
    group: str = ""
    digits: int = 0
    minus: str = "-"


@dataclass
class Style:
    """How a table is written."""

    separator: str
    quote: str
    quoting: Literal["minimal", "all", "texts"]
    escape: str
    decimal: str
    encoding: str
    end: str
    mark: str
    header: bool = True
    preamble: list[str] = field(default_factory=list)
    footer: list[str] = field(default_factory=list)
    units: bool = False
    repeated: bool = False
    trailing: bool = False
    ragged: bool = False
    overlong: bool = False


@dataclass(frozen=True)
class Written:
    """A table as bytes, and what is to come back."""

    content: bytes
    columns: list[Column]
    style: Style

    @property
    def target(self) -> str:
        """The name by which the last column is asked for."""
        return self.columns[-1].name if self.style.header else f"column_{len(self.columns)}"


def draw_table(draw: random.Random) -> Written:
    """Draw a table and a way of writing it."""
    script = draw.choice([*SCRIPTS, "ascii", "ascii"])
    style = _draw_style(draw, script)
    rows = draw.randint(31, 60)
    names = draw.sample([each for each in NAMES if _fits(each, style)], draw.randint(2, 5))
    columns = [_draw_column(draw, name, rows, style, script) for name in names]
    classes = draw.choice([("good", "bad"), ("yes", "no"), ("1", "0"), ("A", "B", "C")])
    target: list[Value] = [classes[n % len(classes)] for n in range(rows)]
    draw.shuffle(target)
    columns.append(Column("target", "text", target))
    text = _write(draw, columns, style)
    return Written(text.encode(style.encoding), columns, style)


def _fits(text: str, style: Style) -> bool:
    """Tell whether an encoding has all letters of a text."""
    return text.encode(style.encoding, "ignore").decode(style.encoding) == text


def _draw_style(draw: random.Random, script: str) -> Style:
    separator = draw.choice([",", ",", ";", ";", "\t", "|"])
    quote = draw.choice(['"', '"', '"', "'"])
    escape = draw.choice(["", "", "", "\\"])
    marks = [mark for mark in MARKS if not (escape and "\\" in mark)]
    preamble = draw.choice(
        [[], [], [], ["Report of the year"], ["# made by a program", "# version 3"],
         ["Sales by region", ""], ["Plant: north", "Date: 2024-01-31", ""]]
    )  # fmt: skip
    footer = draw.choice([[], [], [], ["TOTAL"], ["", "Source: the office"], ["", ""]])
    return Style(
        separator=separator,
        quote=quote,
        quoting=draw.choice(["minimal", "minimal", "all", "texts"]),
        escape=escape,
        decimal=draw.choice([".", ","]),
        encoding=draw.choice(ENCODINGS[script]),
        end=draw.choice(["\n", "\n", "\r\n"]),
        mark=draw.choice(marks),
        header=draw.random() < 0.93,
        preamble=preamble,
        footer=footer,
        units=draw.random() < 0.1,
        repeated=draw.random() < 0.1,
        trailing=draw.random() < 0.1,
        ragged=draw.random() < 0.1,
        overlong=draw.random() < 0.05,
    )


def _draw_column(draw: random.Random, name: str, rows: int, style: Style, script: str) -> Column:
    kind = draw.choice(["number", "number", "whole", "moment", "text", "free"])
    lost = draw.choice([0, 0, 0.1, 0.2])
    if kind in ("number", "whole"):
        column = _draw_numbers(draw, name, rows, style, whole=kind == "whole")
    elif kind == "moment":
        column = _draw_moments(draw, name, rows)
    else:
        column = _draw_texts(draw, name, rows, style, script, free=kind == "free")
    kept = [None if draw.random() < lost else value for value in column.values]
    return Column(
        column.name, column.kind, kept, column.layout, column.group, column.digits, column.minus
    )


def _draw_numbers(
    draw: random.Random, name: str, rows: int, style: Style, *, whole: bool
) -> Column:
    digits = 0 if whole else draw.randint(1, 4)
    scale = draw.choice([1, 50, 3_000, 250_000, 40_000_000])
    low = -scale if draw.random() < 0.3 else 0
    step = Decimal(1).scaleb(-digits)
    values: list[Value] = [
        Decimal(str(draw.uniform(low, scale))).quantize(step) for _ in range(rows)
    ]
    groups = THOUSANDS[style.decimal] if not (whole and draw.random() < 0.5) else [""]
    group = draw.choice([each for each in groups if each != style.quote and _fits(each, style)])
    minus = draw.choice(["-", "-", "\u2212"]) if style.encoding.startswith("utf") else "-"
    return Column(name, "number", values, "", group, digits, minus)


def _draw_moments(draw: random.Random, name: str, rows: int) -> Column:
    layout = draw.choice(DATES)
    clock = draw.choice(CLOCKS) if layout != "%Y%m%d" else ""
    start = datetime(2015, 1, 1) + timedelta(days=draw.randint(0, 3000))
    moments: list[Value] = []
    for _ in range(rows):
        moment = start + timedelta(days=draw.randint(0, 900), seconds=draw.randint(0, 86_399))
        kept = {"": {"hour": 0, "minute": 0, "second": 0}, " %H:%M": {"second": 0}}.get(clock, {})
        moments.append(moment.replace(**kept))
    return Column(name, "moment", moments, layout + clock)


def _draw_texts(
    draw: random.Random, name: str, rows: int, style: Style, script: str, *, free: bool
) -> Column:
    words = SCRIPTS[script]
    chosen = draw.sample(words, draw.randint(2, 5))
    if not free:
        return Column(name, "text", [draw.choice(chosen) for _ in range(rows)])
    odd = [style.separator, style.quote, "\n", "'", ",", ";", ".", "!", ":"]
    values: list[Value] = []
    for _ in range(rows):
        said = " ".join(draw.choice(words) for _ in range(draw.randint(1, 5)))
        if draw.random() < 0.3:
            said = said.replace(" ", f"{draw.choice(odd)} ", 1)
        if draw.random() < 0.1:
            said = f"{style.quote}{draw.choice(words)}{style.quote} {said}"
        values.append(said)
    return Column(name, "text", values)


def write_value(value: Value, column: Column, style: Style) -> str:
    """Write one value as its column and the table's style have it."""
    if value is None:
        return style.mark
    if isinstance(value, datetime):
        return value.strftime(column.layout)
    if isinstance(value, str):
        return value
    plain = f"{abs(value):,.{column.digits}f}"
    whole, _, rest = plain.partition(".")
    text = whole.replace(",", column.group) + (style.decimal + rest if rest else "")
    return f"{column.minus}{text}" if value < 0 else text


def _write(draw: random.Random, columns: list[Column], style: Style) -> str:
    rows = [
        [write_value(value, column, style) for value, column in zip(row, columns, strict=True)]
        for row in zip(*(column.values for column in columns), strict=True)
    ]
    lines = [style.separator.join(_write_row(row, columns, style)) for row in rows]
    if style.ragged and not style.trailing:
        lines = [_shorten(row, line, columns, style) for row, line in zip(rows, lines, strict=True)]
    if style.overlong:
        place = draw.randrange(len(lines))
        lines.insert(place, style.separator.join([*_write_row(rows[0], columns, style), "x", "y"]))
    header = style.separator.join(_quote(column.name, style, text=True) for column in columns)
    if style.repeated and style.header:
        lines.insert(draw.randrange(1, len(lines)), header)
    if style.units and style.header and any(each.kind == "number" for each in columns):
        lines.insert(0, style.separator.join(_write_units(draw, columns)))
    if style.header:
        lines.insert(0, header)
    if style.trailing:
        lines = [line + style.separator for line in lines]
    total = [f"{each}{style.separator * (len(columns) - 1)}" if each == "TOTAL" else each
             for each in style.footer]  # fmt: skip
    return style.end.join([*style.preamble, *lines, *total, ""])


def _write_row(row: list[str], columns: list[Column], style: Style) -> list[str]:
    return [
        _quote(cell, style, text=column.kind == "text")
        for cell, column in zip(row, columns, strict=True)
    ]


def _write_units(draw: random.Random, columns: list[Column]) -> list[str]:
    return [draw.choice(UNITS) if each.kind == "number" else "" for each in columns]


def _shorten(row: list[str], line: str, columns: list[Column], style: Style) -> str:
    """Leave the last separators away where nothing stands behind them."""
    while style.mark == "" and row and row[-1] == "":
        row, line = row[:-1], line.removesuffix(style.separator)
    return line


def _quote(cell: str, style: Style, *, text: bool) -> str:
    needed = any(sign in cell for sign in (style.separator, style.quote, "\n", "\r"))
    needed = needed or (bool(style.escape) and style.escape in cell)
    wanted = style.quoting == "all" or (style.quoting == "texts" and text and cell != "")
    if not needed and not wanted:
        return cell
    inner = cell.replace(style.escape, style.escape * 2) if style.escape else cell
    doubled = (style.escape or style.quote) + style.quote
    return f"{style.quote}{inner.replace(style.quote, doubled)}{style.quote}"
