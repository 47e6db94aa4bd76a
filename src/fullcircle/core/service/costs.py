"""What the endpoint costs: by hours that the machine is up and by processor time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd

from fullcircle.core.service.settings import ServiceSettings

_HOUR_SECONDS = 3600
_MONTH_DAYS = 365.25 / 12
_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class MachineHours:
    """When the machine was up.

    Attributes:
        spans: First and last moment of each span, in UTC, and how many problems shared it.
        cores: Of the machine.
    """

    spans: Sequence[tuple[datetime, datetime, int]]
    cores: int

    @classmethod
    def read(cls, content: Mapping[str, Any] | None) -> "MachineHours | None":
        """Read what the endpoint keeps; None where it kept nothing."""
        if not content:
            return None
        spans = [
            (datetime.fromisoformat(first), datetime.fromisoformat(last), *more)
            for first, last, *more in content["spans"]
        ]
        # A span without a number was written before problems could share a machine.
        return cls(
            [(first, last, *(more or [1])) for first, last, *more in spans], content["cores"]
        )

    def count_hours(self, start: datetime, end: datetime, *, own: bool = False) -> float:
        """Return how many hours the machine was up between two moments.

        Args:
            start: The first moment.
            end: The last.
            own: Count an hour that several problems shared in equal parts: what each pays.
        """
        seconds = sum(
            max((min(last, end) - max(first, start)).total_seconds(), 0.0)
            / (problems if own else 1)
            for first, last, problems in self.spans
        )
        return seconds / _HOUR_SECONDS


@dataclass(frozen=True)
class CostReport:
    """Costs of a window.

    Attributes:
        whole: Of the window.
        by_day: By day.
        by_hour_of_day: By hour of the day, in UTC: when the requests come.
        change: ``before`` and ``after`` a change, None where none was named.
    """

    whole: dict[str, Any]
    by_day: list[dict[str, Any]]
    by_hour_of_day: list[dict[str, Any]]
    change: dict[str, Any] | None


def measure_costs(
    log: ir.Table,
    uptime: MachineHours | None,
    settings: ServiceSettings,
    change_at: datetime | None = None,
) -> CostReport | None:
    """Price a window of the endpoint's log; None of an empty one.

    An hour of the machine costs its price whether it is asked or not. Problems that share it pay
    equal parts, so that the costs of all of them add up to the machine's. Processor time is priced
    at the price of an hour over the machine's cores: what a fully used machine would cost.

    Args:
        log: Requests, as the endpoint's log has them.
        uptime: When the machine was up; None prices no hours.
        settings: The price of an hour, and its currency.
        change_at: A moment before and after which costs are compared.
    """
    counted = _count_hours(log)
    if counted.empty:
        return None
    price = _Price(uptime, settings)
    first = _start_of(counted["date"].min())
    last = _start_of(counted["date"].max()) + timedelta(days=1)
    days = [
        {"date": str(day)[:10], **price.describe(rows, [(_start_of(day), _start_of(day, 1))])}
        for day, rows in counted.groupby("date", sort=True)
    ]
    starts = [first + timedelta(days=n) for n in range((last - first).days)]
    hours = [
        {
            "hour": hour,
            **price.describe(
                counted[counted["hour"] == hour],
                [(begun + hour * _HOUR, begun + (hour + 1) * _HOUR) for begun in starts],
            ),
        }
        for hour in range(24)
    ]
    whole = price.describe(counted, [(first, last)])
    if whole["cost"] is not None:
        whole["cost_per_month"] = whole["cost"] / len(starts) * _MONTH_DAYS
    change = None
    if change_at is not None:
        before = log.filter(log["answered_at"] < ibis.literal(change_at))
        after = log.filter(log["answered_at"] >= ibis.literal(change_at))
        change = {
            "at": change_at.isoformat(),
            "before": price.describe(_count_hours(before), [(first, change_at)]),
            "after": price.describe(_count_hours(after), [(change_at, last)]),
        }
    return CostReport(whole, days, hours, change)


def _start_of(day: Any, later: int = 0) -> datetime:
    plain = pd.Timestamp(day).to_pydatetime()
    return datetime(plain.year, plain.month, plain.day, tzinfo=UTC) + timedelta(days=later)


def _count_hours(log: ir.Table) -> pd.DataFrame:
    """Count answered requests, predictions and processor time by day and hour."""
    answered = log.filter(log["status"] < 400)
    grouped = answered.group_by(date=answered["date"], hour=answered["answered_at"].hour()).agg(
        requests=answered.count(),
        rows=answered["rows"].sum(),
        cpu_ms=answered["cpu_ms"].sum(),
    )
    counted: pd.DataFrame = grouped.order_by(["date", "hour"]).to_pandas()
    return counted


@dataclass(frozen=True)
class _Price:
    """Prices counts by what is known of the machine."""

    uptime: MachineHours | None
    settings: ServiceSettings

    def describe(
        self, counted: pd.DataFrame, spans: Sequence[tuple[datetime, datetime]]
    ) -> dict[str, Any]:
        """Return counts, hours, and what they cost; None of what is not known."""
        rows, cpu_seconds = int(counted["rows"].sum()), float(counted["cpu_ms"].sum()) / 1000
        hours = own = cores = None
        if self.uptime is not None:
            hours = sum(self.uptime.count_hours(*span) for span in spans)
            own = sum(self.uptime.count_hours(*span, own=True) for span in spans)
            cores = self.uptime.cores
        price = self.settings.price_per_hour
        cost = None if price is None or own is None else own * price
        cpu_hours = None if cores is None else cpu_seconds / _HOUR_SECONDS / cores
        cpu_cost = None if price is None or cpu_hours is None else cpu_hours * price
        return {
            "requests": int(counted["requests"].sum()),
            "predictions": rows,
            "cpu_seconds": round(cpu_seconds, 3),
            "cpu_ms_per_thousand": _per_thousand(cpu_seconds * 1000, rows),
            "up_hours": hours,
            "own_hours": own,
            "utilisation": cpu_hours / hours if cpu_hours is not None and hours else None,
            "cost": cost,
            "cost_per_thousand": _per_thousand(cost, rows),
            "processor_cost_per_thousand": _per_thousand(cpu_cost, rows),
        }


def _per_thousand(amount: float | None, rows: int) -> float | None:
    return None if amount is None or not rows else amount / rows * 1000
