"""From raw rows to clean events."""

from typing import Any

import ibis.expr.types as ir

from fullcircle.core.contract import ProblemSpec, require_columns
from fullcircle.core.validation.row_validation import (
    REASON,
    SOURCE_ROW,
    UNREADABLE,
    IntakeSettings,
    reject_repeated,
    stop_if_too_many,
    stop_if_unreadable,
    summarise_intake,
)
from fullcircle.problems import load_problem


def validate_rows(raw: ir.Table, problem: ProblemSpec) -> ir.Table:
    """Type every raw row and mark those that must be set aside with the reason.

    Raises:
        DataError: A column is missing, before or after cleaning.
    """
    package = load_problem(problem.name)
    present = [name for name in raw.columns if name != SOURCE_ROW]
    require_columns(present, list(package.RAW_COLUMNS), "raw")
    judged = package.clean(raw)
    require_columns(list(judged.columns), problem.event_columns, "events")
    return reject_repeated(judged, problem.row_id)


def collect_rejected(raw: ir.Table, judged_rows: ir.Table) -> ir.Table:
    """Keep each rejected row as it came, with its reason."""
    reasons = judged_rows.filter(judged_rows[REASON].notnull()).select(SOURCE_ROW, REASON)
    return raw.inner_join(reasons, SOURCE_ROW).order_by(SOURCE_ROW)


def report_intake(
    judged_rows: ir.Table, rejected_rows: ir.Table, intake: IntakeSettings
) -> dict[str, Any]:
    """Count what came in and what was set aside; stop where that is too much.

    Raises:
        DataError: Nothing came in, or a larger share was set aside than is allowed.
    """
    kind = rejected_rows[REASON].split(":")[0]
    counts = rejected_rows.group_by(reason=kind).aggregate(rows=rejected_rows.count())
    reasons = {row["reason"]: row["rows"] for row in counts.to_pyarrow().to_pylist()}
    first = rejected_rows.order_by(SOURCE_ROW).limit(5).to_pyarrow().to_pylist()
    report = summarise_intake(int(judged_rows.count().execute()), reasons)
    stop_if_too_many(report, intake, [f"row {row[SOURCE_ROW]}: {row[REASON]}" for row in first])
    report["unreadable_cells"] = count_unreadable(judged_rows)
    stop_if_unreadable(report["unreadable_cells"], report["rows_read"], intake)
    return report


def count_unreadable(judged_rows: ir.Table) -> dict[str, int]:
    """Count the unreadable cells of each column, where a problem names them."""
    if UNREADABLE not in judged_rows.columns:
        return {}
    named = judged_rows.filter(judged_rows[UNREADABLE].notnull())
    counted = named.group_by(UNREADABLE).aggregate(rows=lambda t: t.count())
    counts: dict[str, int] = {}
    for row in counted.to_pyarrow().to_pylist():
        for name in filter(None, row[UNREADABLE].split("; ")):
            counts[name] = counts.get(name, 0) + row["rows"]
    return dict(sorted(counts.items()))


def select_events(judged_rows: ir.Table, intake_report: dict[str, Any]) -> ir.Table:
    """Keep the good rows, once the intake was found bearable."""
    del intake_report
    noted = [name for name in (REASON, SOURCE_ROW, UNREADABLE) if name in judged_rows.columns]
    return judged_rows.filter(judged_rows[REASON].isnull()).drop(*noted)


def select_labels(events: ir.Table, problem: ProblemSpec) -> ir.Table:
    """Keep each row's label and, where there is a history, the moment it became known."""
    columns = [problem.row_id, problem.label, *filter(None, [problem.label_time])]
    return events.select(*columns).filter(events[problem.label].notnull())
