"""What rows have to do with each other: whom they are about, and which are states of one case."""

from collections.abc import Sequence
from dataclasses import dataclass

import ibis.expr.types as ir

from fullcircle.core.parsing.column_parser import ColumnParser, as_class, read_class
from fullcircle.core.questions import Question
from fullcircle.ingestion.inference.change_logs import (
    ChangeLog,
    ask_about_states,
    describe_states,
    find_states,
)
from fullcircle.ingestion.inference.column_kinds import Column
from fullcircle.ingestion.inference.entity import (
    ask_about_entity,
    describe_entity,
    find_entity,
)
from fullcircle.ingestion.inference.identity import Identity, choose_identity
from fullcircle.ingestion.inference.issues import Issue
from fullcircle.ingestion.inference.label import Label
from fullcircle.ingestion.inference.lags import find_lags
from fullcircle.ingestion.inference.options import ProblemOptions


@dataclass(frozen=True)
class Relations:
    """How rows belong together.

    Attributes:
        identity: Row id, keys and time.
        states: Rows that are states of one case, of which the first alone is kept; None for none.
        findings: What was assumed, and what looks dangerous.
        questions: What is open.
    """

    identity: Identity
    states: ChangeLog | None
    findings: tuple[Issue, ...]
    questions: tuple[Question, ...] = ()


def relate_rows(
    raw: ir.Table,
    columns: list[Column],
    label: Label,
    reading: ColumnParser,
    problem_options: ProblemOptions,
) -> Relations:
    """Return whom rows are about, and which of them are states of one case.

    Args:
        raw: The table as it came, with ``source_row``.
        columns: All its columns.
        label: What is predicted.
        reading: How texts are read.
        problem_options: What the user says.
    """
    identity = choose_identity(raw, columns, reading, problem_options)
    target = _as_number(raw, label, reading)
    others = [each for each in columns if each.source != problem_options.target]
    found: list[Issue] = []
    asked: list[Question] = []
    if not problem_options.keys and not problem_options.no_key:
        free = [each for each in others if each.source not in identity.sources]
        entity = find_entity(raw, free, target, label.task, reading)
        if entity is not None:
            by_time = identity.time is not None
            found.append(describe_entity(entity, taken=not by_time, by_time=by_time))
            asked.append(ask_about_entity(entity, by_time=by_time))
            if not by_time:
                problem_options = problem_options.model_copy(update={"keys": (entity.source,)})
                identity = choose_identity(raw, columns, reading, problem_options)
    states = _look_for_states(raw, others, identity, reading, problem_options, found)
    if states is not None and problem_options.states is None:
        asked.append(ask_about_states(states))
    if identity.time_column is not None:
        numbers = [each for each in others if each.kind == "number"]
        found += find_lags(
            raw, numbers, target, problem_options.keys, identity.time_column, reading
        )
    return Relations(identity, states, (*identity.findings, *found), tuple(asked))


def _as_number(raw: ir.Table, label: Label, reading: ColumnParser) -> ir.NumericColumn:
    if label.task == "regression":
        return reading.number(raw, label.source)
    text = read_class(raw[label.source], label.unknown, label.spellings)
    return as_class(text, label.classes)


def _look_for_states(
    raw: ir.Table,
    others: Sequence[Column],
    identity: Identity,
    reading: ColumnParser,
    problem_options: ProblemOptions,
    found: list[Issue],
) -> ChangeLog | None:
    """Return the states of cases of which the first is to be kept; a row id has one row each."""
    if identity.time_column is None or not identity.key_sources:
        return None
    states = find_states(raw, identity.key_sources, identity.time_column, others, reading)
    if states is None:
        return None
    kept = problem_options.states != "all"
    found.append(describe_states(states, kept=kept))
    return states if kept else None
