"""Predictions joined with the labels that have arrived, and what is wrong with those."""

from datetime import datetime
from typing import Any

import ibis
import ibis.expr.types as ir

from fullcircle.core.contract import ProblemSpec
from fullcircle.core.drift.violations import DataViolation
from fullcircle.core.performance.labelled import CLOCK, ROLE, VERSION, Labelled
from fullcircle.core.predictions.sources import BATCH
from fullcircle.core.profile import PREDICTION

_KNOWN_AT = "label_known_at"


def join_labels(
    predictions: ir.Table,
    labels: ir.Table,
    problem: ProblemSpec,
    as_of: datetime,
    source: str = BATCH,
) -> Labelled:
    """Join by row id the labels known at a moment.

    A label that came twice and says the same counts once; one that contradicts itself, or cannot
    be read, is none.

    Args:
        predictions: Scored rows.
        labels: Row id, label and, by the contract, the moment from which it was known.
        problem: The contract.
        as_of: Later labels are not looked at.
        source: Where the rows come from.
    """
    columns = _list_columns(predictions, problem)
    if problems := _check_columns(labels, problem):
        nothing = predictions.mutate(**{problem.label: ibis.null("float64")})
        return Labelled(nothing, {}, problems, [*columns, problem.label], source)
    if problem.label_time is not None:
        labels = labels.filter(labels[problem.label_time] <= ibis.literal(as_of))
    known = _settle(labels, problem)
    counts = _count(known, predictions, problem)
    value = known.select(problem.row_id, **{problem.label: known["value"]})
    plain = predictions.drop(problem.label) if problem.label in predictions.columns else predictions
    joined = plain.left_join(value, problem.row_id)
    rows = joined.select(*plain.columns, problem.label)
    return Labelled(rows, counts, _tell(counts), [*columns, problem.label], source)


def _list_columns(predictions: ir.Table, problem: ProblemSpec) -> list[str]:
    """List what is needed of a scored row: the row id first."""
    beside = [
        name
        for name in predictions.columns
        if name.endswith((f"_{PREDICTION}", "_decision", f"_{VERSION}"))
    ]
    wanted = [
        problem.row_id,
        CLOCK,
        ROLE,
        VERSION,
        PREDICTION,
        "decision",
        *problem.slices,
        *beside,
    ]
    return [name for name in dict.fromkeys(wanted) if name in predictions.columns]


def _check_columns(labels: ir.Table, problem: ProblemSpec) -> list[DataViolation]:
    """Find columns without which no label can be joined."""
    wanted = [problem.row_id, problem.label, *filter(None, [problem.label_time])]
    missing = [name for name in wanted if name not in labels.columns]
    found = [
        DataViolation("vanished", f"the labels have no column {name!r}", name) for name in missing
    ]
    if problem.label_time in labels.columns:
        type_ = labels[problem.label_time].type()
        if not type_.is_timestamp():
            told = f"{problem.label_time!r} of the labels is {type_}, and no moment"
            found.append(DataViolation("type_changed", told, problem.label_time))
    return found


def _settle(labels: ir.Table, problem: ProblemSpec) -> ir.Table:
    """Give one row per row id that has a label: its value, null where it is none, and how many."""
    given = labels.filter(labels[problem.label].notnull(), labels[problem.row_id].notnull())
    if given[problem.label].type().is_floating():
        given = given.filter(~given[problem.label].isnan())
    label = given[problem.label]
    number = label.try_cast("float64") if label.type().is_string() else label.cast("float64")
    number = ibis.ifelse(_is_known(number, problem), number, ibis.null("float64"))
    moment = given[problem.label_time] if problem.label_time else ibis.null("timestamp")
    marked = given.select(problem.row_id, number=number, moment=moment)
    grouped = marked.group_by(problem.row_id).agg(
        **{
            "times": marked.count(),
            "low": marked["number"].min(),
            "high": marked["number"].max(),
            "unread": marked["number"].isnull().sum(),
            _KNOWN_AT: marked["moment"].min(),
        }
    )
    agrees = (grouped["low"] == grouped["high"]) & (grouped["unread"] == 0)
    return grouped.mutate(value=ibis.ifelse(agrees, grouped["low"], ibis.null("float64")))


def _is_known(number: ir.Column, problem: ProblemSpec) -> ir.BooleanValue:
    """Whether a number is a label of the task: 0 or 1, the number of a class, any finite value."""
    if problem.task == "binary":
        return number.isin([0.0, 1.0])
    if problem.task == "multiclass":
        return (number >= 0) & (number % 1 == 0)
    return number.abs() < float("inf")


def _count(known: ir.Table, predictions: ir.Table, problem: ProblemSpec) -> dict[str, int]:
    scored = predictions.group_by(problem.row_id).agg(
        at=predictions[problem.event_time].min() if problem.event_time else ibis.null("timestamp")
    )
    joined = known.left_join(scored.mutate(scored=True), problem.row_id)
    here = joined["scored"].fill_null(False)
    twice, unread = joined["times"] > 1, joined["unread"] > 0
    same = joined["low"] == joined["high"]

    def count(condition: ir.BooleanValue) -> ir.Value:
        return (here & condition.fill_null(False)).cast("int64").sum()

    facts = joined.aggregate(
        arrived=here.cast("int64").sum(),
        unknown=(~here).cast("int64").sum(),
        repeated=count(twice & same & ~unread),
        contradicting=count(twice & ~same & ~unread),
        unreadable=count(unread),
        before_their_row=count(joined[_KNOWN_AT] < joined["at"]),
        newest=joined[_KNOWN_AT].max(),
    )
    found = facts.to_pyarrow().to_pylist()[0]
    newest = found.pop("newest")
    counts = {name: int(number or 0) for name, number in found.items()}
    return {**counts, "due": int(_is_due(predictions, problem, newest))}


def _is_due(predictions: ir.Table, problem: ProblemSpec, newest: Any) -> bool:
    """Whether labels may be there of what was scored: some were known later than its first row."""
    if not problem.event_time or newest is None:
        return True
    first = predictions[problem.event_time].min().to_pyarrow().as_py()
    return first is not None and bool(first < newest)


def _tell(counts: dict[str, int]) -> list[DataViolation]:
    """Say in words what is wrong."""
    told = {
        "repeated": "labels came more than once and say the same; each counts once",
        "contradicting": "rows have labels that contradict each other; they count as unlabelled",
        "unreadable": "rows have a label that the task does not know; they count as unlabelled",
        "before_their_row": "labels were known before the row that they judge: clocks disagree",
    }
    found = [
        DataViolation(f"labels_{name}", f"{counts[name]:,} {words}")
        for name, words in told.items()
        if counts[name]
    ]
    if counts["unknown"] and counts["due"] and not counts["arrived"]:
        words = f"none of {counts['unknown']:,} labels belongs to a scored row: do row ids agree?"
        found.append(DataViolation("labels_unknown", words))
    return found
