"""The service held against what was declared, over the newest days of its log."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd

from fullcircle.core.drift.violations import DataViolation
from fullcircle.core.predictions.sources import mark_canaries
from fullcircle.core.service.costs import MachineHours, measure_costs
from fullcircle.core.service.counting import (
    COLUMNS,
    busiest_minute,
    count_requests,
    measure_memory,
    summarise,
)
from fullcircle.core.service.settings import ServiceSettings

_DAY_SECONDS = 86_400
_DAY_HOURS = 24


def measure_service(
    log: ir.Table | None,
    settings: ServiceSettings,
    as_of: datetime,
    uptime: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Report on the days up to the clock, or on the newest days where the log begins later.

    The log is of wall time, and the clock may stand elsewhere. Requests after the clock are left
    out as soon as any came before it; else the newest days are taken, and ``basis`` says so.

    Args:
        log: One row per request: ``answered_at``, ``date``, ``route``, ``status``, ``rows``,
            ``latency_ms``, ``cpu_ms``, ``role``, ``model_version``; None where there is none.
        settings: What is expected.
        as_of: The clock.
        uptime: When the endpoint was up, as it keeps it; None where it kept nothing.

    Returns:
        ``present``, and where it is: ``basis``, ``first``, ``last`` and ``days``; ``requests``,
        ``rows``, ``latency_ms``, ``error_share``, ``refused_share`` of the routes that predict;
        ``per_second`` on average and in the busiest minute; ``objectives``: each with limit,
        value, and whether it is met (None: too few requests); ``cost``; ``costs`` by hours up and
        by processor time, by hour of the day, before and after a change; ``memory`` of the workers;
        ``by_day``, ``by_route``,
        ``by_version``; ``problems``.
    """
    if log is None:
        return {"present": False, "told": "the endpoint has no log", "problems": []}
    if missing := [name for name in COLUMNS if name not in log.columns]:
        told = f"the endpoint's log has no column {missing[0]!r}"
        found = [DataViolation("vanished", told, missing[0]).as_dict()]
        return {"present": False, "told": told, "problems": found}
    span = _find_span(log, settings.window_days, as_of)
    if span is None:
        return {"present": False, "told": "the endpoint's log is empty", "problems": []}
    first, last, basis = span
    window = log.filter(log["date"].between(first, last))
    if basis == "clock":
        window = window.filter(window["answered_at"] <= ibis.literal(as_of))
    counted = count_requests(window)
    answers = counted.groupby("route")["rows"].sum()
    routes = answers[answers > 0].index.tolist()
    predicting = counted[counted["route"].isin(routes)] if routes else counted
    whole = summarise(predicting)
    served = window.filter(window["route"].isin(routes)) if routes else window
    per_second = _rate(whole, predicting, busiest_minute(served))
    return {
        "present": True,
        "basis": basis,
        "told": _describe_basis(basis, last),
        "first": str(first),
        "last": str(last),
        "days": int(counted["date"].nunique()),
        **whole,
        "per_second": per_second,
        "objectives": _judge(whole, per_second, settings),
        "cost": _price(whole["rows"], int(counted["date"].nunique()), settings),
        "costs": _describe_costs(window, uptime, settings),
        "memory": describe_memory(measure_memory(window)),
        "by_day": _split(predicting, ["date"]),
        "by_route": _split(counted, ["route"]),
        "by_version": mark_canaries(_split(predicting, ["role", "model_version"])),
        "problems": [each.as_dict() for each in _find_problems(counted, last, basis, as_of)],
    }


def _find_span(log: ir.Table, days: int, as_of: datetime) -> tuple[date, date, str] | None:
    """Give first and last day, and whether the clock or the log says where they end."""
    newest = log.aggregate(
        before=log["date"].max(where=log["answered_at"] <= ibis.literal(as_of)),
        ever=log["date"].max(),
    )
    found = newest.to_pyarrow().to_pylist()[0]
    if found["ever"] is None:
        return None
    last = found["before"] or found["ever"]
    basis = "clock" if found["before"] else "newest day"
    return last - timedelta(days=days - 1), last, basis


def _describe_basis(basis: str, last: date) -> str:
    if basis == "clock":
        return f"requests up to the clock, the newest of them on {last}"
    return (
        f"the log is of wall time and begins after the clock: its newest days, up to {last}, are "
        "shown"
    )


def _rate(
    whole: dict[str, Any], counted: pd.DataFrame, busiest: dict[str, float]
) -> dict[str, float]:
    """Requests and rows a second over the days with traffic, and in the busiest minute."""
    seconds = max(int(counted["date"].nunique()), 1) * _DAY_SECONDS
    return {
        "requests": whole["requests"] / seconds,
        "rows": whole["rows"] / seconds,
        "requests_at_most": busiest["requests"],
        "rows_at_most": busiest["rows"],
    }


def _judge(
    whole: dict[str, Any], per_second: dict[str, float], settings: ServiceSettings
) -> list[dict[str, Any]]:
    latency = whole["latency_ms"]
    declared = [
        ("p95 latency, ms", settings.max_p95_ms, latency["p95"], True),
        ("p99 latency, ms", settings.max_p99_ms, latency["p99"], True),
        ("share of failed requests", settings.max_error_share, whole["error_share"], True),
        ("rows a second, busiest minute", settings.min_rows_per_second,
         per_second["rows_at_most"], False),
    ]  # fmt: skip
    enough = whole["requests"] >= settings.min_requests
    return [
        {
            "name": name,
            "limit": limit,
            "value": value,
            # Fail closed: an objective without a value is not met.
            "met": _meets(value, limit, at_most=at_most) if enough else None,
            "at_most": at_most,
        }
        for name, limit, value, at_most in declared
        if limit is not None
    ]


def _meets(value: float | None, limit: float, *, at_most: bool) -> bool:
    if value is None:
        return False
    return value <= limit if at_most else value >= limit


def _describe_costs(
    window: ir.Table, uptime: Mapping[str, Any] | None, settings: ServiceSettings
) -> dict[str, Any] | None:
    """Return what the window cost, by hour of the day, and before and after a named change."""
    moment = settings.change_at.moment if settings.change_at else None
    found = measure_costs(window, MachineHours.read(uptime), settings, moment)
    if found is None:
        return None
    return {**found.whole, "by_hour_of_day": found.by_hour_of_day, "change": found.change}


def describe_memory(workers: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the workers' resident memory: the most of one, and each worker's."""
    most = max((each["most_mb"] for each in workers), default=None)
    return {"most_mb": most, "workers": workers}


def _price(rows: int, days: int, settings: ServiceSettings) -> dict[str, Any] | None:
    if settings.price_per_hour is None:
        return None
    per_day = settings.price_per_hour * _DAY_HOURS
    return {
        "currency": settings.currency,
        "per_day": per_day,
        "per_thousand_predictions": per_day * days / rows * 1000 if rows else None,
    }


def _split(counted: pd.DataFrame, keys: list[str]) -> list[dict[str, Any]]:
    """Sum by some columns; what is not known is named so."""
    named = counted.assign(
        **{key: counted[key].astype(object).where(counted[key].notna(), "none") for key in keys}
    )
    return [
        {**{key: str(value) for key, value in zip(keys, names, strict=True)}, **summarise(part)}
        for names, part in named.groupby(keys, sort=True)
    ]


def _find_problems(
    counted: pd.DataFrame, last: date, basis: str, as_of: datetime
) -> list[DataViolation]:
    found = []
    unknown = int(counted.loc[counted["bin"].isna(), "requests"].sum())
    if unknown:
        told = f"{unknown:,} requests have no latency, or a negative one: clocks disagree"
        found.append(DataViolation("no_latency", told, "latency_ms"))
    silent = (as_of.date() - last).days
    if basis == "clock" and silent > 1:
        found.append(
            DataViolation("silence", f"no request since {last}, {silent} days before the clock")
        )
    return found
