"""Whom or what a row is about: a column that repeats and fixes the label.

Rows of one entity on both sides of a split make a score that only says how well each is remembered.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import ibis.expr.types as ir
import pandas as pd

from fullcircle.core.contract import Task
from fullcircle.core.parsing.column_parser import ColumnParser
from fullcircle.core.questions import Choice, Question
from fullcircle.core.validation.entities import MIN_ENTITIES, Repetition, find_entities
from fullcircle.ingestion.inference.column_kinds import Column
from fullcircle.ingestion.inference.issues import Issue

_MAX_ROWS = 100_000
_MAX_COLUMNS = 50
_WHOLLY = 0.99
# A whole number with such a name says whom a row is about; any other number measures something.
_NAMES_AN_ENTITY = re.compile(
    r"(^|_)(id|uid|uuid|key|code|no|nr|number|subject|patient|person|people|member|customer|client|"
    r"user|account|household|machine|device|sensor|unit|vehicle|driver|store|shop|site|plant|case|"
    r"contract|policy|student|employee|worker|animal|donor|specimen|sample)(_|$)"
)


@dataclass(frozen=True)
class Entity:
    """A column that says whom or what a row is about.

    Attributes:
        source: The column in the source.
        entities: How many there are among the rows that were looked at.
        rows: Rows that were looked at.
        repetition: How far it fixes the label.
    """

    source: str
    entities: int
    rows: int
    repetition: Repetition


def find_entity(
    raw: ir.Table, columns: Sequence[Column], label: ir.Column, task: Task, reading: ColumnParser
) -> Entity | None:
    """Return the column whose rows share their label, if one repeats and fixes it.

    Args:
        raw: The table as it came, with ``source_row``.
        columns: The columns that may say whom a row is about.
        label: The label of each raw row: a number, null where it is not known.
        task: What is predicted.
        reading: How texts are read.
    """
    candidates = [column for column in columns if _may_be_entity(column)][:_MAX_COLUMNS]
    found: dict[Column, tuple[int, int, Repetition]] = {}
    rows = int(raw.count().execute()) if candidates else 0
    for column in candidates:
        frame = _take_whole_entities(raw, reading.text(raw, column.source), label, rows)
        measured = find_entities({column.source: frame["entity"]}, frame["label"], task)
        if column.source in measured:
            entities = int(frame["entity"].nunique())
            found[column] = (entities, len(frame), measured[column.source])
    if not found:
        return None
    # Of several, the one with the most entities: a family fixes what its members share.
    best = max(found, key=lambda column: (found[column][0], column.source))
    return Entity(best.source, *found[best])


def _may_be_entity(column: Column) -> bool:
    if column.distinct < MIN_ENTITIES or column.kind == "moment":
        return False
    return column.kind == "text" or bool(_NAMES_AN_ENTITY.search(column.name))


def _take_whole_entities(
    raw: ir.Table, entity: ir.StringColumn, label: ir.Column, rows: int
) -> pd.DataFrame:
    """Take all rows of some entities, about 100,000 rows at most."""
    pairs = raw.select(entity=entity, label=label)
    step = -(-rows // _MAX_ROWS)
    if step > 1:
        pairs = pairs.filter(pairs.entity.hash().abs() % step == 0)
    frame: pd.DataFrame = pairs.to_pandas()
    return frame


def describe_entity(entity: Entity, *, taken: bool, by_time: bool) -> Issue:
    """Say what a repeating column means for the split.

    Args:
        entity: The column.
        taken: Whether it was taken for the key.
        by_time: Whether rows are divided by time.
    """
    how = "fixes" if entity.repetition.fixed > _WHOLLY else "nearly fixes"
    told = (
        f"{entity.source} repeats ({entity.entities:,} in {entity.rows:,} rows) and {how} the label"
    )
    if by_time:
        what = "a score then says how well each is remembered, not how well a new one is predicted"
        return Issue("danger", "entity", f"{told}; {what}", "look at rows of new ones apart")
    if taken:
        told += ": it is taken for the key, so that no two sets share one"
        return Issue("danger", "entity", told, "--no-key if each row is about something else")
    told += ": with rows of one on both sides of the split, every score is too good"
    return Issue("danger", "entity", told, f"--key {entity.source}")


def ask_about_entity(entity: Entity, *, by_time: bool) -> Question:
    """Return the question whether a repeating column says whom a row is about."""
    told = f"{entity.source!r} repeats ({entity.entities:,} in {entity.rows:,} rows) and fixes the"
    key = Choice(
        "the key: rows of one are never on two sides of a split",
        ("--key", entity.source),
        {"keys": (entity.source,)},
    )
    none = Choice("a column as others", ("--no-key",), {"no_key": True})
    choices = (none, key) if by_time else (key, none)
    return Question("key", f"{told} label.", choices, "strong")
