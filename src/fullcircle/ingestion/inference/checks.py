"""What a run needs of a problem, looked at before the run."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import ibis
import ibis.expr.types as ir

from fullcircle.core.contract import Clock, ProblemSpec
from fullcircle.core.errors import name_missing
from fullcircle.core.gate import GateSettings
from fullcircle.core.training_data.splits import is_held_out
from fullcircle.core.validation.row_validation import (
    REASON,
    SOURCE_ROW,
    UNREADABLE,
    IntakeSettings,
    reject_repeated,
)
from fullcircle.ingestion.inference.issues import Issue, Level
from fullcircle.ingestion.inference.label import MIN_ROWS, RARE_ROWS

_SHOWN = 5


@dataclass(frozen=True)
class ProblemCheck:
    """A problem with its data and what is asked of them.

    Attributes:
        raw: The rows as they came, with ``source_row``.
        clean: The problem's own function from raw to judged rows.
        raw_columns: Columns that raw rows must have.
        problem: The contract.
        as_of: The clock.
        gate: What the gate demands.
        intake: How many bad rows are bearable.
    """

    raw: ir.Table
    clean: Callable[[ir.Table], ir.Table]
    raw_columns: tuple[str, ...]
    problem: ProblemSpec
    as_of: Clock
    gate: GateSettings
    intake: IntakeSettings


def examine(case: ProblemCheck, validate: Callable[[ir.Table], str | None]) -> list[Issue]:
    """Look at everything that would stop a run, or make its outcome worth little.

    Args:
        case: The problem.
        validate: Gives what breaks the data contract, or None.

    Returns:
        A finding for each look, in the order in which a run would meet them. The first looks end
        the list where those behind them need what is missing.
    """
    found = [_check_columns(case.raw.columns, case.raw_columns, "raw columns")]
    if found[0].level == "fault":
        return found
    judged = case.clean(case.raw)
    found.append(_check_columns(judged.columns, case.problem.event_columns, "events' columns"))
    if found[-1].level == "fault":
        return found
    judged = reject_repeated(judged, case.problem.row_id).cache()
    found += _check_intake(judged, case.intake)
    noted = [name for name in (REASON, SOURCE_ROW, UNREADABLE) if name in judged.columns]
    events = judged.filter(judged[REASON].isnull()).drop(*noted)
    if not events.count().execute():
        return found
    found.append(_check_contract(validate(events)))
    found += _check_nulls(events, case.problem)
    found += _check_label(events, case.problem)
    found += _check_times(events, case)
    found += _check_sets(events, case)
    return found


def _check_columns(present: Any, wanted: Any, what: str) -> Issue:
    if missing := name_missing(wanted, present):
        do = "fix the source, or RAW_COLUMNS and clean in the problem's package"
        return Issue("fault", what, f"missing: {missing}", do)
    return Issue("fine", what, f"all {len(tuple(wanted))} are there")


def _check_intake(judged: ir.Table, intake: IntakeSettings) -> Iterator[Issue]:
    counted = judged.group_by(REASON).aggregate(rows=judged.count()).order_by(ibis.desc("rows"))
    counts = {row[REASON]: row["rows"] for row in counted.to_pyarrow().to_pylist()}
    good = counts.pop(None, 0)
    bad = sum(counts.values())
    if not good + bad:
        yield Issue("fault", "rows", "there are none", "take some in: kedro problem take")
        return
    share, limit = bad / (good + bad), intake.max_rejected_share
    told = f"{good + bad} rows, {bad} set aside ({share:.1%}; {limit:.1%} are allowed)"
    stops = share > limit or not good
    do = "fix the rows or clean; or allow more: max_rejected_share in parameters.yml"
    yield Issue("fault" if stops else "fine", "rows", told, do if stops else "")
    reasons: dict[str, int] = {}
    for reason, rows in counts.items():
        kind = reason.split(":")[0]
        reasons[kind] = reasons.get(kind, 0) + rows
    for kind, rows in list(reasons.items())[:_SHOWN]:
        yield Issue("danger", "set aside", f"{rows} rows: {kind}")


def _check_contract(broken: str | None) -> Issue:
    if broken is None:
        return Issue("fine", "data contract", "kept by every row that is not set aside")
    return Issue("fault", "data contract", broken, "fix clean, or EVENTS in contract.py")


def _check_nulls(events: ir.Table, problem: ProblemSpec) -> Iterator[Issue]:
    names = [*problem.identity, *problem.request_columns]
    counts = {f"c{place}": events[name].count() for place, name in enumerate(names)}
    [row] = events.aggregate(rows=events.count(), **counts).to_pyarrow().to_pylist()
    known = {name: row[f"c{place}"] for place, name in enumerate(names)}
    for name in problem.identity:
        if blank := row["rows"] - known[name]:
            do = "reject these rows in clean"
            yield Issue("fault", "identity", f"{name}: missing in {blank} rows", do)
    empty = [name for name in problem.request_columns if not known[name]]
    if empty:
        do = "leave them out of request_columns"
        yield Issue("danger", "empty columns", ", ".join(empty[:_SHOWN]), do)
    sparse = [name for name in problem.request_columns if 0 < known[name] < row["rows"] / 2]
    if sparse:
        yield Issue("danger", "sparse columns", f"mostly missing: {', '.join(sparse[:_SHOWN])}")


def _check_label(events: ir.Table, problem: ProblemSpec) -> Iterator[Issue]:
    label = events[problem.label]
    [row] = events.aggregate(known=label.count(), distinct=label.nunique()).to_pyarrow().to_pylist()
    told = f"{row['known']} rows have one, {row['distinct']} distinct"
    wrong = row["known"] < MIN_ROWS or row["distinct"] < 2
    if problem.task == "binary" and row["distinct"] > 2:
        wrong = True
    do = f"{MIN_ROWS} rows and two values are needed" if wrong else ""
    yield Issue("fault" if wrong else "fine", "label", told, do)
    if problem.task != "regression" and not wrong:
        counts = events.filter(label.notnull()).group_by(problem.label)
        smallest = int(counts.aggregate(rows=lambda t: t.count()).rows.min().execute())
        if smallest < RARE_ROWS:
            told = f"the rarest has {smallest} rows"
            yield Issue("danger", "rare class", told, "join it with another")


def _check_times(events: ir.Table, case: ProblemCheck) -> Iterator[Issue]:
    problem = case.problem
    if problem.event_time is None or problem.period_days is None:
        yield Issue("fine", "time", "a snapshot: as_of only stamps what a run makes")
        return
    moment, known = events[problem.event_time], events[str(problem.label_time)]
    start = case.as_of.moment
    end = start + timedelta(days=problem.period_days)
    facts = events.aggregate(
        first=moment.min(),
        last=moment.max(),
        scored=((moment >= ibis.literal(start)) & (moment < ibis.literal(end))).sum(),
        backwards=(known < moment).sum(),
    )
    [row] = facts.to_pyarrow().to_pylist()
    told = f"{row['first']:%Y-%m-%d} to {row['last']:%Y-%m-%d}"
    scored = row["scored"] or 0
    level: Level = "fine" if scored else "fault"
    do = "" if scored else "choose an as_of among them, or another period_days"
    counted = f"{told}; {scored} rows to score from {case.as_of}"
    yield Issue(level, "time", counted, do)
    if row["backwards"]:
        told = f"{row['backwards']} labels are known before their row's moment"
        yield Issue("danger", "time", told, f"look at {problem.label_time} in clean")


def _check_sets(events: ir.Table, case: ProblemCheck) -> Iterator[Issue]:
    problem = case.problem
    known = events[problem.label].notnull()
    if problem.label_time is not None:
        known &= events[problem.label_time] <= ibis.literal(case.as_of.moment)
    share = problem.split.gate
    if problem.split.by == "key":
        held_out = is_held_out(events, problem)
        scored = int(events.filter(held_out).count().execute())
        if not scored:
            do = "more rows, or a larger split.scoring"
            yield Issue("fault", "scored rows", "none fall into their share", do)
        known &= ~held_out
        share /= 1 - problem.split.scoring
    rows = int(events.filter(known).count().execute())
    gate = round(rows * share)
    told = f"{rows} labels known at as_of={case.as_of}; about {gate} rows gate"
    if rows < MIN_ROWS:
        do = f"{MIN_ROWS} are needed: choose a later as_of, or take more in"
        yield Issue("fault", "labelled rows", told, do)
    elif gate < case.gate.min_rows:
        few = max(gate * 8 // 10, 10)
        do = f"set gate_min_rows: {few} in the problem's parameters.yml; so few prove little"
        yield Issue("edit", "gate", f"{told}, of {case.gate.min_rows} asked for", do)
    else:
        yield Issue("fine", "labelled rows", told)
