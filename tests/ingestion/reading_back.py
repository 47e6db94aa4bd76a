"""What becomes of a written table when the front door reads it: equal, asked, refused, or wrong."""

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pandas as pd
from tests.ingestion.random_tables import Column, Value, Written

from fullcircle.core.errors import FullCircleError
from fullcircle.ingestion import ReadOptions
from fullcircle.ingestion.decisions import Decider
from fullcircle.ingestion.inference import ProblemOptions
from fullcircle.ingestion.typed_rows import TypedRows, read_typed_rows

End = Literal["equal", "asked", "refused", "told", "wrong"]


class Outcome(NamedTuple):
    """How reading a table ended, and what was said or what differs."""

    end: End
    said: str = ""


def read_back(written: Written, path: Path) -> Outcome:
    """Write a table to a file, read it by the whole front door, and compare.

    ``told`` is a difference that the reader itself points at: letters of a code page that it had to
    guess, or a class of words that it left open.
    """
    path.write_bytes(written.content)
    problem_options = ProblemOptions(
        name="table",
        target=written.target,
        no_key=True,
        snapshot=True,
        today=date(2025, 1, 1),
    )
    try:
        read = read_typed_rows(str(path), problem_options, ReadOptions(), Decider())
    except FullCircleError as error:
        return Outcome("asked" if "Say which: " in str(error) else "refused", str(error))
    wrong = _compare(written, read)
    if not wrong:
        return Outcome("equal")
    guessed = [each.found for each in read.findings if _explains(each.what, each.found)]
    if guessed and "letters" in wrong:
        return Outcome("told", f"{guessed[0]}; {wrong}")
    return Outcome("wrong", wrong)


def _explains(what: str, found: str) -> bool:
    return what == "encoding" and "taken for" in found


def _compare(written: Written, read: TypedRows) -> str:
    """Say how what was read differs from what was written, or nothing."""
    rows = len(written.columns[0].values)
    if len(read.frame) != rows:
        return f"{len(read.frame)} rows instead of {rows}"
    names = _names_read(written)
    sources = read.sources
    # A separator behind the last field, in the header as well, is a column without name or value.
    if written.style.trailing and sources[-1:] == [f"column_{len(names) + 1}"]:
        sources = sources[:-1]
    if list(map(_plain, sources)) != list(map(_plain, names)):
        return f"names (letters): {sources} instead of {names}"
    for column, source in zip(written.columns, sources, strict=True):
        if source not in read.frame:
            continue  # left out, which is told
        wrong = _compare_column(column, read.frame[source], written.style.mark)
        if wrong:
            return f"{source}: {wrong}"
    return ""


def _plain(name: str) -> str:
    return " ".join(name.split())


def _names_read(written: Written) -> list[str]:
    if written.style.header:
        return [column.name for column in written.columns]
    return [f"column_{place}" for place in range(1, len(written.columns) + 1)]


def _compare_column(column: Column, read: pd.Series, mark: str) -> str:
    for place, (value, found) in enumerate(zip(column.values, read, strict=True)):
        if not _is_same(value, found, column, mark):
            letters = " (letters)" if column.kind == "text" else ""
            return f"row {place + 1}{letters}: {found!r} instead of {value!s} ({column.layout})"
    return ""


def _is_same(value: Value, found: Any, column: Column, mark: str) -> bool:
    missing = found is None or (not isinstance(found, str) and pd.isna(found))
    if value is None:
        return missing or (column.kind == "text" and found == mark)
    if missing:
        return False
    if isinstance(value, Decimal):
        return _as_number(found) == float(value)
    if isinstance(value, datetime):
        return _as_moment(found) == value.replace(tzinfo=UTC)
    if not isinstance(found, str):  # classes and words that are numbers
        return value in ("0", "1") and float(found) == float(value)
    return " ".join(str(found).split()) == " ".join(value.split())


def _as_number(found: Any) -> float:
    try:
        return float(found)
    except (TypeError, ValueError):
        return math.nan


def _as_moment(found: Any) -> datetime | None:
    try:
        return pd.Timestamp(found).to_pydatetime().astimezone(UTC)
    except (TypeError, ValueError):
        return None
