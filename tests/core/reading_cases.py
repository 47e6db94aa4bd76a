# ruff: noqa: E501 - a table reads best a case beside the next
"""The grammar of numbers and moments in raw texts: one table, which every reader keeps."""

from dataclasses import dataclass
from typing import Any

from fullcircle.core.parsing.column_parser import ColumnParser, NumberFormat

MISSING, UNREADABLE = "missing", "unreadable"

FORMS = {
    "plain": NumberFormat(),
    "loose": NumberFormat(loose=True),
    "german": NumberFormat(",", "."),
    "american": NumberFormat(".", ","),
    "french": NumberFormat(",", " "),
    "swiss": NumberFormat(".", "'"),
    "comma": NumberFormat(","),
    "euro": NumberFormat(",", ".", ("€", "EUR")),
    "dollar": NumberFormat(".", ",", ("$",)),
    "percent": NumberFormat(affixes=("%",)),
    "area": NumberFormat(affixes=("m2",)),
    "feet": NumberFormat(scales=(("ft", 12.0), ("in", 1.0))),
}


@dataclass(frozen=True)
class Case:
    """A raw text, and what it means under a form of numbers or a layout of moments.

    Attributes:
        form: Name in ``FORMS``, or a layout.
        text: As it came.
        value: A number, a moment in ISO 8601, MISSING or UNREADABLE.
    """

    form: str
    text: str
    value: Any


NUMBERS = [
    *(Case("plain", *each) for each in [
        ("1", 1.0), ("-1", -1.0), ("+1", 1.0), ("1.5", 1.5), (" 2 ", 2.0), ("\t2", 2.0),
        ("1.", 1.0), (".5", 0.5), ("1e5", 1e5), ("1E-3", 1e-3), ("00501", 501.0), ("-0", 0.0),
        ("9007199254740993", 2.0**53), ("123456789012345678901234567890", 123456789012345678901234567890.0),
        ("1e308", 1e308), ("1e309", UNREADABLE), ("-1e400", UNREADABLE),
        ("", MISSING), ("  ", MISSING), ("N/A", MISSING), (" N/A ", MISSING), ("?", MISSING),
        ("n/a", UNREADABLE), ("-999", MISSING), ("-999.0", MISSING), ("-9.99e2", MISSING), ("999", 999.0),
        ("inf", MISSING), ("-Infinity", MISSING), ("∞", MISSING), ("nan", UNREADABLE),
        ("1,5", UNREADABLE), ("1,240", UNREADABLE), ("--5", UNREADABLE), ("1..5", UNREADABLE),
        ("0x1F", UNREADABLE), ("1_000", UNREADABLE), ("٣", UNREADABLE), ("1e", UNREADABLE),
        ("e5", UNREADABLE), ("true", UNREADABLE), ("abc", UNREADABLE), ("1 2", UNREADABLE),
        ("\u00a02", UNREADABLE), ("\u22125", UNREADABLE), ("(5)", UNREADABLE), ("5-", UNREADABLE),
    ]),
    *(Case("loose", *each) for each in [
        ("\u22125", -5.0), ("\u20135", -5.0), ("(5)", -5.0), ("5-", -5.0), ("\u00a02", 2.0),
        ("5", 5.0), ("-5", -5.0), ("1e-3", 1e-3), ("()", UNREADABLE), ("(5", UNREADABLE),
    ]),
    *(Case("german", *each) for each in [
        ("1.240,50", 1240.5), ("1.240", 1240.0), ("1,5", 1.5), ("-1.240,5", -1240.5), ("12", 12.0),
        ("12.34", UNREADABLE), ("1,240.50", UNREADABLE), ("-999,0", MISSING), ("(1.200,00)", -1200.0),
    ]),
    *(Case("american", *each) for each in [
        ("1,240.50", 1240.5), ("1,240", 1240.0), ("1.5", 1.5), ("12,34,567", 1234567.0), ("-999", MISSING),
        ("1.240,50", UNREADABLE), ("1,2,3", UNREADABLE), ("(1,200.00)", -1200.0),
    ]),
    *(Case("french", *each) for each in [
        ("1 240,5", 1240.5), ("1\u00a0240,5", 1240.5), ("1\u202f240,5", 1240.5), ("1240,5", 1240.5),
        ("1 240.5", UNREADABLE), ("1 2", UNREADABLE),
    ]),
    Case("swiss", "1'240.5", 1240.5), Case("swiss", "1\u2019240.5", 1240.5),
    Case("comma", "1,240", 1.24), Case("comma", "1,5", 1.5), Case("comma", "1.5", UNREADABLE),
    Case("euro", "1.240,50 €", 1240.5), Case("euro", "€ 5", 5.0), Case("euro", "EUR 5", 5.0),
    Case("euro", "-5 €", -5.0), Case("euro", "$5", UNREADABLE), Case("euro", "5", 5.0),
    Case("dollar", "$1,234.50", 1234.5), Case("dollar", "($1,234.50)", -1234.5),
    Case("dollar", "-$5", -5.0), Case("dollar", "$", UNREADABLE),
    Case("percent", "12.5%", 12.5), Case("percent", "12.5 %", 12.5), Case("percent", "12.5", 12.5),
    Case("feet", "5 ft 3 in", 63.0), Case("feet", "2 ft", 24.0), Case("feet", "abc", UNREADABLE),
    Case("area", "80 m2", 80.0), Case("area", "80m2", 80.0), Case("area", "80 m3", UNREADABLE),
]  # fmt: skip

MOMENTS = [
    *(Case("ISO", *each) for each in [
        ("2024-01-05", "2024-01-05T00:00:00"), (" 2024-01-05 ", "2024-01-05T00:00:00"),
        ("2024-1-5", "2024-01-05T00:00:00"), ("2024-01-05 07:30", "2024-01-05T07:30:00"),
        ("2024-01-05T07:30:00Z", "2024-01-05T07:30:00"), ("2024-01-05T07:30:00+02:00", "2024-01-05T05:30:00"),
        ("2024-01-05 07:30 +0200", "2024-01-05T05:30:00"), ("2024-01-05T07:30:00-05", "2024-01-05T12:30:00"),
        ("2024-01-05 07:30:00.1234567", "2024-01-05T07:30:00.123456"),
        ("2024-01-05 07:30:00,5", "2024-01-05T07:30:00.500000"),
        ("2024-01-05 24:00", "2024-01-06T00:00:00"), ("2024-01-05 24:01", UNREADABLE),
        ("2024-01-05 25:00", UNREADABLE), ("2024-01-05 07:60", UNREADABLE),
        ("2024-02-30", UNREADABLE), ("2023-13-01", UNREADABLE), ("0000-01-01", UNREADABLE),
        ("10000-01-01", UNREADABLE), ("05.03.2023", UNREADABLE), ("now", UNREADABLE), ("today", UNREADABLE),
        ("2024-01-05 07:30 CET", UNREADABLE), ("", MISSING), ("N/A", MISSING), ("1735603200", UNREADABLE),
        ("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.500000"), ("0002-01-01", "0002-01-01T00:00:00"),
    ]),
    *(Case("%d.%m.%Y", *each) for each in [
        ("05.03.2023", "2023-03-05T00:00:00"), ("5.3.2023 7:05", "2023-03-05T07:05:00"),
        ("2023-03-05", "2023-03-05T00:00:00"), ("2023-03-05T07:05:00Z", "2023-03-05T07:05:00"),
        ("31.02.2023", UNREADABLE), ("05/03/2023", UNREADABLE), ("05.13.2023", UNREADABLE),
    ]),
    *(Case("%m/%d/%Y", *each) for each in [
        ("3/5/2023 3:07 PM", "2023-03-05T15:07:00"), ("3/5/2023 12:07 AM", "2023-03-05T00:07:00"),
        ("12/31/2023 12:00 pm", "2023-12-31T12:00:00"), ("3/5/2023 3:07:00 p.m.", "2023-03-05T15:07:00"),
        ("31/12/2023", UNREADABLE),
    ]),
    Case("%d.%m.%y", "05.03.23", "2023-03-05T00:00:00"), Case("%d.%m.%y", "05.03.70", "1970-03-05T00:00:00"),
    Case("%b %d %Y", "Mar 5, 2023", "2023-03-05T00:00:00"), Case("%d %b %Y", "5. März 2023", "2023-03-05T00:00:00"),
    Case("%d %b %Y", "05-Jan-2024 15:07", "2024-01-05T15:07:00"), Case("%d %b %Y", "5 Xyz 2023", UNREADABLE),
    Case("%d.%m.%Y local:Europe/Berlin", "05.07.2023 12:00", "2023-07-05T10:00:00"),
    Case("%d.%m.%Y local:Europe/Berlin", "05.01.2023 12:00", "2023-01-05T11:00:00"),
    Case("%d.%m.%Y local:Europe/Berlin", "2023-07-05T12:00:00Z", "2023-07-05T12:00:00"),
    Case("%d.%m.%y since:1930", "05.03.31", "1931-03-05T00:00:00"),
    Case("%d.%m.%y since:1930", "05.03.29", "2029-03-05T00:00:00"),
    Case("%Y%m%d", "20240105", "2024-01-05T00:00:00"), Case("%Y%m%d", "20240105 073000", "2024-01-05T07:30:00"),
    Case("%Y%m%d", "20241305", UNREADABLE), Case("%Y-Q%q", "2024-Q2", "2024-04-01T00:00:00"),
    Case("Q%q %Y", "Q3 2024", "2024-07-01T00:00:00"), Case("%Y-%m", "2024-02", "2024-02-01T00:00:00"),
    Case("epoch s", "1735603200", "2024-12-31T00:00:00"), Case("epoch s", "-86400", "1969-12-31T00:00:00"),
    Case("epoch s", "1735603200.7", "2024-12-31T00:00:00.700000"), Case("epoch s", "253402300800", UNREADABLE),
    Case("epoch s", "2024-12-31", UNREADABLE),
    Case("epoch ms", "1735603200000", "2024-12-31T00:00:00"), Case("epoch us", "1735603200000000", "2024-12-31T00:00:00"),
    Case("epoch ns", "1735603200000000000", "2024-12-31T00:00:00"),
    Case("excel", "45657", "2024-12-31T00:00:00"), Case("excel", "45657.5", "2024-12-31T12:00:00"),
    Case("excel", "3000000", UNREADABLE),
    Case("%d.%m.%Y|excel", "45657", "2024-12-31T00:00:00"), Case("%d.%m.%Y|excel", "31.12.2024", "2024-12-31T00:00:00"),
    Case("%m/%d/%Y|%d.%m.%Y", "31.12.2024", "2024-12-31T00:00:00"),
]  # fmt: skip

NUMBER_TEXTS = list(dict.fromkeys(case.text for case in NUMBERS))
MOMENT_TEXTS = list(dict.fromkeys(case.text for case in MOMENTS))
LAYOUTS = list(dict.fromkeys(case.form for case in MOMENTS))


def declare_all() -> ColumnParser:
    """Declare a column for each form of numbers (n0, n1, …) and each layout (m0, m1, …)."""
    numbers = {f"n{place}": f"N{place}" for place in range(len(FORMS))}
    return ColumnParser(
        numbers=numbers,
        formats={f"N{place}": form for place, form in enumerate(FORMS.values())},
        moments={f"m{place}": (f"M{place}", layout) for place, layout in enumerate(LAYOUTS)},
        missing=("N/A",),
        marks=dict.fromkeys(numbers.values(), ("?",)),
        sentinels=dict.fromkeys(numbers, (-999.0,)),
    )


def name_column(case: Case) -> str:
    """Name the column of ``declare_all`` that reads a case."""
    if case.form in FORMS:
        return f"n{list(FORMS).index(case.form)}"
    return f"m{LAYOUTS.index(case.form)}"
