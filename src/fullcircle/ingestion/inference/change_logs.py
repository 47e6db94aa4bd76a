"""Rows that are states of one case: a change log, in which a column is known only later."""

from collections.abc import Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from fullcircle.core.parsing.column_parser import ColumnParser, as_moment
from fullcircle.core.questions import Choice, Question
from fullcircle.ingestion.inference.column_kinds import Column
from fullcircle.ingestion.inference.issues import Issue


@dataclass(frozen=True)
class ChangeLog:
    """Rows that are states of one case: the same key and time, again and again.

    Attributes:
        keys: Source columns of the key.
        time: Source column of the time.
        cases: How many different cases there are.
        rows: Rows of the table.
        changing: Source columns that differ between states of a case.
        known: Source column with the moment at which a state was known, and how it is written;
            None if there is none.
    """

    keys: tuple[str, ...]
    time: str
    cases: int
    rows: int
    changing: tuple[str, ...]
    known: tuple[str, str] | None

    @property
    def case(self) -> tuple[str, ...]:
        """Source columns that say which case a row is of."""
        return (*self.keys, self.time)


def find_states(
    raw: ir.Table,
    keys: tuple[str, ...],
    time: Column,
    columns: Sequence[Column],
    reading: ColumnParser,
) -> ChangeLog | None:
    """Return what repeats where rows share key and time, as the lines of a change log do.

    Args:
        raw: The table as it came.
        keys: Source columns of the key.
        time: The time column.
        columns: All other columns.
        reading: How texts are read.
    """
    texts = {f"k{place}": reading.text(raw, key) for place, key in enumerate(keys)}
    moment = as_moment(reading.moment_text(raw, time.source, time.clock), time.layout)
    others = [column for column in columns if column.source not in (*keys, time.source)]
    values = {f"c{place}": reading.text(raw, each.source) for place, each in enumerate(others)}
    later = {
        f"m{place}": as_moment(values[f"c{place}"], each.layout) >= moment
        for place, each in enumerate(others)
        if each.kind == "moment"
    }
    cases = raw.select(at=moment, **texts, **values, **later).group_by([*texts, "at"])
    measured = cases.aggregate(
        rows=ibis._.count(),
        **{name: ibis._[name].nunique() for name in values},
        **{name: ibis._[name].fill_null(False).all() for name in later},
    )
    facts = measured.aggregate(
        cases=measured.count(),
        rows=measured["rows"].sum(),
        **{name: (measured[name] > 1).sum() for name in values},
        **{name: measured[name].all() for name in later},
    )
    [row] = facts.to_pyarrow().to_pylist()
    if row["rows"] == row["cases"]:
        return None
    changing = [c.source for place, c in enumerate(others) if row[f"c{place}"]]
    known = (
        (each.source, each.layout)
        for place, each in enumerate(others)
        if row.get(f"m{place}") and row[f"c{place}"]
    )
    return ChangeLog(
        keys, time.source, row["cases"], row["rows"], tuple(changing), next(iter(known), None)
    )


def describe_states(states: ChangeLog, *, kept: bool) -> Issue:
    """Say which rows are states of one case, what is known only later, and what becomes of them."""
    case = " and ".join(states.case)
    told = f"{states.cases:,} cases stand in {states.rows:,} rows with the same {case}"
    at = states.known[0] if states.known else None
    if later := [name for name in states.changing if name != at]:
        until = f" at {at}" if at else ""
        told += f"; {', '.join(later)} change between them, known only later{until}"
    if not kept:
        told += "; all rows are kept, so that one case may be learnt from and judged by"
        return Issue("danger", "states", told, "--states first keeps the first of each")
    order = f"by {at}" if at else "in the source's order"
    told += f"; the first of each is kept, {order}"
    return Issue("danger", "states", told, "--states all keeps every row")


def ask_about_states(states: ChangeLog) -> Question:
    """Return the question which rows of one key and time are kept."""
    case = " and ".join(states.case)
    told = f"{states.cases:,} cases stand in {states.rows:,} rows with the same {case}."
    choices = (
        Choice(
            f"the first of each: {states.cases:,} rows", ("--states", "first"), {"states": "first"}
        ),
        Choice(f"all {states.rows:,} rows", ("--states", "all"), {"states": "all"}),
    )
    return Question("states", told, choices, "strong")
