"""Setting bad rows aside, each with its reason, so that nothing is lost in silence."""

from collections.abc import Sequence
from typing import Any

import ibis
import ibis.expr.types as ir
from pydantic import Field

from fullcircle.core.contract import Settings
from fullcircle.core.errors import DataError

REASON = "rejection_reason"
SOURCE_ROW = "source_row"
UNREADABLE = "unreadable_cells"
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"


class IntakeSettings(Settings):
    """How much bad data is bearable.

    Attributes:
        max_rejected_share: Largest share of rows that may be set aside before the run stops.
        max_unreadable_share: Largest share of a column's cells that may be unreadable, and so
            missing, before the run stops.
    """

    max_rejected_share: float = Field(ge=0, le=1)
    max_unreadable_share: float = Field(default=0.05, ge=0, le=1)


def as_number(column: ir.Column) -> ir.FloatingColumn:
    """Read a column as finite numbers; blanks and text that is no number become null."""
    text = as_text(column)
    return ibis.ifelse(text.re_search(_NUMBER), text.try_cast("float64"), ibis.null("float64"))


def as_text(column: ir.Column) -> ir.StringColumn:
    """Read a column as stripped text; blanks become null."""
    return column.cast("string").strip().nullif("")


def unless(fine: ir.BooleanValue, reason: str, value: ir.Column | None = None) -> ir.StringValue:
    """Give the reason where a condition does not hold (an unknown condition does not hold).

    Args:
        fine: Condition that a good row fulfils.
        reason: What is wrong, in the user's words.
        value: Column whose value is quoted behind the reason.
    """
    text: Any = ibis.literal(reason)
    if value is not None:
        text = text + ibis.literal(": ") + _quote(value).fill_null("(blank)")
    return ibis.ifelse(fine.fill_null(False), ibis.null("string"), text)


def _quote(value: ir.Column) -> ir.StringValue:
    """Write a value as text, alike on every engine: each has its own way with 10 million."""
    kind = value.type()
    if kind.is_timestamp():
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if kind.is_floating():
        return value.try_cast("decimal(38, 2)").cast("string")
    return value.cast("string")


def reject(table: ir.Table, *reasons: ir.StringValue) -> ir.Table:
    """Mark each row with the first reason that applies, or null where the row is good."""
    return table.mutate(**{REASON: ibis.coalesce(*reasons, ibis.null("string"))})


def reject_repeated(table: ir.Table, row_id: str) -> ir.Table:
    """Mark all but the first of the rows that share a row id."""
    good = table[REASON].isnull()
    within = ibis.window(group_by=[table[row_id], good], order_by=table[SOURCE_ROW])
    first = table[SOURCE_ROW].first().over(within)
    repeated = good & (table[SOURCE_ROW] != first)
    reason = ibis.literal("same row id as row ") + first.cast("string")
    return table.mutate(**{REASON: ibis.ifelse(repeated, reason, table[REASON])})


def reject_later(
    table: ir.Table, case: Sequence[ir.Value], known: ir.Value | None, what: str
) -> ir.Table:
    """Mark all but the first of the rows that are states of one case, as a change log has them.

    Args:
        table: Rows with ``source_row`` and a reason.
        case: Columns that say which case a row is of.
        known: Moment at which a state was known; None for the order of the source.
        what: What a case is, for the reason.
    """
    good = table[REASON].isnull()
    order = [*([] if known is None else [known]), table[SOURCE_ROW]]
    within = ibis.window(group_by=[*case, good], order_by=order)
    first = table[SOURCE_ROW].first().over(within)
    later = good & (table[SOURCE_ROW] != first)
    reason = ibis.literal(f"a later state of {what}, first in row ") + first.cast("string")
    return table.mutate(**{REASON: ibis.ifelse(later, reason, table[REASON])})


def summarise_intake(rows: int, reasons: dict[str, int]) -> dict[str, Any]:
    """Count what came in, what stays and what was set aside, with the reasons."""
    rejected = sum(reasons.values())
    return {
        "rows_read": rows,
        "rows_kept": rows - rejected,
        "rows_rejected": rejected,
        "rejected_share": rejected / rows if rows else 0.0,
        "reasons": dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
    }


def stop_if_unreadable(cells: dict[str, int], rows: int, settings: IntakeSettings) -> None:
    """Stop when too many cells of a column cannot be read: they would all be missing.

    Raises:
        DataError: Names the column.
    """
    for name, count in cells.items():
        if count > settings.max_unreadable_share * rows:
            raise DataError(
                f"{count} of {rows} rows hold a {name} that cannot be read ({count / rows:.1%}; "
                f"intake.max_unreadable_share allows {settings.max_unreadable_share:.1%}). Look at "
                "READING in the problem's cleaning.py: it may be written otherwise than before."
            )


def stop_if_too_many(report: dict[str, Any], settings: IntakeSettings, examples: list[str]) -> None:
    """Stop when nothing came in, or when a larger share was set aside than is allowed.

    Raises:
        DataError: Gives the counts, the commonest reasons and where to look.
    """
    if not report["rows_read"]:
        raise DataError("raw holds no rows. Check the file, or choose another DATA_SOURCE.")
    if report["rejected_share"] <= settings.max_rejected_share and report["rows_kept"]:
        return
    raise DataError(
        f"{report['rows_rejected']} of {report['rows_read']} rows were set aside "
        f"({report['rejected_share']:.1%}; intake.max_rejected_share allows "
        f"{settings.max_rejected_share:.1%}). First: {'; '.join(examples)}."
    )
