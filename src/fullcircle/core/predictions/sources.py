"""Where predictions come from, and which of their rows a report looks at."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import ibis
import ibis.expr.types as ir

BATCH, STREAM, ENDPOINT = "batch", "stream", "endpoint"
SOURCES = (BATCH, STREAM, ENDPOINT)
CHAMPION = "champion"
CHALLENGER = "challenger"
CANARY = "canary"  # a challenger that answers some while the champion answers the others

DEFAULT_DAYS = 7.0
SCORED_AT = "scored_at"  # moment of a streamed row without an event time
_RECENT = {
    "clock": "rows up to the clock",
    "newest rows": "all rows are later than the clock, so the newest ones are looked at",
}


@dataclass(frozen=True)
class WallTimeSpan:
    """The newest rows of a source that is written by wall time.

    Attributes:
        start: First moment.
        end: First moment that is no part of it.
        basis: ``clock`` where it ends at the clock; ``newest rows`` where the first row of all is
            later than the clock, as in a simulated past.
    """

    start: datetime
    end: datetime
    basis: str

    @property
    def told(self) -> str:
        """Words on the basis."""
        return _RECENT[self.basis]


def find_span(rows: ir.Table, moment: str, as_of: datetime, days: float) -> WallTimeSpan | None:
    """Return the newest days of a source up to the clock; None where it has no row.

    Rows after the clock are left out as soon as any came before it.

    Args:
        rows: The source's rows.
        moment: Column with the moment of each row.
        as_of: The clock.
        days: Length of the span.
    """
    when = rows[moment]
    found = rows.aggregate(before=when.max(where=when < ibis.literal(as_of)), ever=when.max())
    newest = found.to_pyarrow().to_pylist()[0]
    if newest["ever"] is None:
        return None
    if newest["before"] is not None:
        return WallTimeSpan(as_of - timedelta(days=days), as_of, "clock")
    last = newest["ever"]
    last = last if last.tzinfo else last.replace(tzinfo=as_of.tzinfo)
    end = last + timedelta(microseconds=1)
    return WallTimeSpan(end - timedelta(days=days), end, "newest rows")


def select_span(rows: ir.Table, moment: str, span: WallTimeSpan) -> ir.Table:
    """Select the rows of a span."""
    when = rows[moment]
    return rows.filter(when >= ibis.literal(span.start), when < ibis.literal(span.end))


def select_known(rows: ir.Table, moment: str, as_of: datetime, basis: str) -> ir.Table:
    """Select the rows before the clock; all of them where the first is later than the clock."""
    return rows if basis == "newest rows" else rows.filter(rows[moment] < ibis.literal(as_of))


def list_windows(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return what a drift report says of each source; of one without sources, of the batch."""
    return list(report.get("sources") or [report])


def name_source(part: Mapping[str, Any], several: bool) -> str:
    """Return the words before what is said of a source: empty for the only batch's champion.

    Args:
        part: A part of a report: its ``source``, ``role`` and, for a role beside the champion,
            ``model_version``.
        several: Whether the report tells of several sources.
    """
    source, role = part.get("source", BATCH), name_role(part)
    if role != CHAMPION:
        version = part.get("model_version")
        return f"{source}, {role}{f' v{version}' if version else ''}: "
    return f"{source}: " if several or source != BATCH else ""


def name_role(part: Mapping[str, Any]) -> str:
    """Return the role that a part of a report is shown under."""
    return str(part.get("shown_role") or part.get("role", CHAMPION))


def mark_canaries(parts: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return parts of a report, each of a challenger beside an answering champion as a canary's.

    Args:
        parts: Each with its ``role`` and, where they have one, ``source`` and period (``as_of``).
    """
    given = [{n: v for n, v in part.items() if n != "shown_role"} for part in parts]
    led = {_find_period(part) for part in given if part.get("role", CHAMPION) == CHAMPION}
    for part in given:
        if part.get("role") == CHALLENGER and _find_period(part) in led:
            part["shown_role"] = CANARY
    return given


def _find_period(part: Mapping[str, Any]) -> tuple[str, str]:
    return part.get("source", BATCH), str(part.get("as_of", ""))


def has_several(parts: Iterable[Mapping[str, Any]]) -> bool:
    """Return whether parts of a report are of more than one source."""
    return len({part.get("source", BATCH) for part in parts}) > 1


def split_by_source(parts: Iterable[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return parts of a report by their source, in their order."""
    found: dict[str, list[Any]] = {}
    for part in parts:
        found.setdefault(part.get("source", BATCH), []).append(part)
    return found
