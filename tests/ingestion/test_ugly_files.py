"""Ugly files of many countries and programs: what is in them is what is read, to the last cell."""

import io
import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fullcircle.core.validation.row_validation import SOURCE_ROW
from fullcircle.datasets import RawParquetDataset
from fullcircle.engines.engine import connect
from fullcircle.ingestion import ReadOptions, copy_table
from fullcircle.ingestion.decisions import Decider
from fullcircle.ingestion.inference import ProblemOptions, propose_problem

ROWS = 120
RNG = np.random.default_rng(11)
AMOUNTS = RNG.normal(1500, 900, ROWS).round(2)
COUNTS = RNG.integers(1, 50, ROWS)
CITIES = RNG.choice(["north", "south", "east"], ROWS)
TARGET = RNG.choice(["p", "q"], ROWS)
DAYS = [
    datetime(2023, 1, 3, tzinfo=UTC) + timedelta(days=3 * int(n)) for n in RNG.permutation(ROWS)
]
BIRTHS = [datetime(1935 + 3 * n % 70, n % 12 + 1, n % 28 + 1, tzinfo=UTC) for n in range(ROWS)]


MOSCOW, KAZAN = "\u041c\u043e\u0441\u043a\u0432\u0430", "\u041a\u0430\u0437\u0430\u043d\u044c"
SPANISH = ["ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic"]


def as_german(value: float) -> str:
    return f"{value:,.2f}".replace(",", "_").replace(".", ",").replace("_", ".")


def write(sep: str = ";", before: str = "", after: str = "", **columns: Any) -> str:
    rows = [list(columns), *zip(*columns.values(), strict=True)]
    return before + "".join(sep.join(map(str, row)) + "\n" for row in rows) + after


def write_sheets(first: pd.DataFrame, **others: pd.DataFrame) -> bytes:
    book = io.BytesIO()
    with pd.ExcelWriter(book) as writer:
        first.to_excel(writer, sheet_name="Info", index=False)
        for name, frame in others.items():
            frame.to_excel(writer, sheet_name=name, index=False)
    return book.getvalue()


Data = Callable[[], str | bytes]
FILES: dict[str, tuple[str, Data, dict[str, Any]]] = {
    "French money": (
        "t.csv",
        lambda: write(
            x=[f"{a:,.2f}".replace(",", "\u202f").replace(".", ",") + " \u20ac" for a in AMOUNTS],
            d=[d.strftime("%d/%m/%Y") for d in DAYS],
            y=TARGET,
        ),
        {"x": AMOUNTS, "d": DAYS},
    ),
    "Swiss francs": (
        "t.csv",
        lambda: write(
            ",", x=[f"CHF {a:,.2f}".replace(",", "'") for a in AMOUNTS],
            d=[d.strftime("%d.%m.%y") for d in DAYS], y=TARGET,
        ),
        {"x": AMOUNTS, "d": DAYS},
    ),
    "Spanish months": (
        "t.csv",
        lambda: write(
            x=[as_german(a) for a in AMOUNTS], y=TARGET,
            d=[f"{d.day} de {SPANISH[d.month - 1]} "
               f"de {d.year}" for d in DAYS],
        ),
        {"x": AMOUNTS, "d": DAYS},
    ),
    "Japanese dates": (
        "t.txt",
        lambda: write(
            "\t", d=[f"{d.year}\u5e74{d.month}\u6708{d.day}\u65e5" for d in DAYS],
            x=[f"{int(a):,}" for a in AMOUNTS], y=TARGET,
        ).encode("cp932"),
        {"d": DAYS, "x": [int(a) for a in AMOUNTS]},
    ),
    "Russian title, total and mark": (
        "t.csv",
        lambda: write(
            x=["\u043d/\u0434" if n % 13 == 0 else as_german(a) for n, a in enumerate(AMOUNTS)],
            c=COUNTS, city=[MOSCOW if c == "north" else KAZAN for c in CITIES], y=TARGET,
            before="\u041e\u0442\u0447\u0451\u0442 \u0437\u0430 2023\n\n",
            after="\u0418\u0442\u043e\u0433\u043e;;;\n",
        ).encode("cp1251"),
        {"x": [None if n % 13 == 0 else a for n, a in enumerate(AMOUNTS)], "c": COUNTS},
    ),
    "marks in the first row": (
        "t.csv",
        lambda: write(
            ",", x=["XX" if n % 9 == 0 else a for n, a in enumerate(AMOUNTS)],
            c=["pending" if n % 6 == 0 else c for n, c in enumerate(COUNTS)], y=TARGET,
        ),
        {
            "x": [None if n % 9 == 0 else a for n, a in enumerate(AMOUNTS)],
            "c": [None if n % 6 == 0 else c for n, c in enumerate(COUNTS)],
        },
    ),
    "births of two digits": (
        "t.csv",
        lambda: write(",", d=[d.strftime("%d.%m.%y") for d in BIRTHS], c=COUNTS, y=TARGET),
        {"d": BIRTHS, "c": COUNTS},
    ),
    "year first, of two digits": (
        "t.csv",
        lambda: write(",", d=[d.strftime("%y-%m-%d") for d in DAYS], c=COUNTS, y=TARGET),
        {"d": DAYS},
    ),
    "mail dates": (
        "t.csv",
        lambda: write(
            d=[d.strftime("%a, %d %b %Y %H:%M:%S +0200") for d in DAYS], c=COUNTS, y=TARGET
        ),
        {"d": [d - timedelta(hours=2) for d in DAYS], "c": COUNTS},
    ),
    "minus behind": (
        "t.csv",
        lambda: write(
            ",", x=[f"{abs(a):.2f}{'-' if a < 0 else ''}" for a in AMOUNTS], c=COUNTS, y=TARGET
        ),
        {"x": AMOUNTS},
    ),
    "one unit in capitals and not": (
        "t.csv",
        lambda: write(
            ",", x=[f"{c} {'km' if n % 2 else 'KM'}" for n, c in enumerate(COUNTS)], z=AMOUNTS,
            y=TARGET,
        ),
        {"x": COUNTS},
    ),
    "target on the second sheet": (
        "t.xlsx",
        lambda: write_sheets(
            pd.DataFrame({"Hinweis": ["nur zur Info", "siehe Daten"]}),
            Daten=pd.DataFrame({"x": AMOUNTS, "c": COUNTS, "y": TARGET}),
        ),
        {"x": AMOUNTS, "c": COUNTS},
    ),
    "wrapped JSON with NaN": (
        "t.json",
        lambda: json.dumps(
            {
                "items": [
                    {"x": float("nan") if n % 9 == 0 else float(AMOUNTS[n]), "y": str(TARGET[n])}
                    for n in range(ROWS)
                ]
            }
        ),
        {"x": [None if n % 9 == 0 else a for n, a in enumerate(AMOUNTS)]},
    ),
    "two bad cells": (
        "t.csv",
        lambda: write(
            ",", x=[{7: "see note", 90: "?!"}.get(n, a) for n, a in enumerate(AMOUNTS)], c=COUNTS,
            y=TARGET,
        ),
        {"x": [None if n in (7, 90) else a for n, a in enumerate(AMOUNTS)], "c": COUNTS},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_an_ugly_file_is_read_as_it_is_meant(tmp_path: Path, name: str) -> None:
    """Without a word of the user each cell is what it means; no row is lost, none is added."""
    file, make, wanted = FILES[name]
    data = make()
    path = tmp_path / file
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    decider = Decider()
    source = decider.open(str(path), ReadOptions(named=("y",)))
    copied = copy_table(source, tmp_path / "t.parquet")
    raw = RawParquetDataset(filepath=str(copied.path)).load()
    said = ProblemOptions(name="shop", target="y", today=date(2026, 1, 1))
    reading = decider.propose(said, partial(propose_problem, raw)).reading
    columns = reading.columns(raw)
    names = {source: name for name, source in {**reading.texts, **reading.numbers}.items()}
    names |= {source: name for name, (source, _) in reading.moments.items()}
    chosen = raw.select(SOURCE_ROW, **{name: columns[names[name]] for name in wanted})
    read = connect().execute(chosen.order_by(SOURCE_ROW))
    assert len(read) == ROWS
    for column, values in wanted.items():
        found = [None if pd.isna(each) else each for each in read[column]]
        assert found == list(values), column
