"""The log counted in the engine, by latency in narrow bins, whatever the number of requests."""

from math import log
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

# Bins whose ends differ by 2 %: a quantile is off by at most 1 %. Source: Masson, Rim and Lee,
# DDSketch, VLDB 12 (2019).
_WIDTH = log(1.02)
_SHORTEST_MS = 1e-3

COLUMNS = (
    "answered_at",
    "date",
    "route",
    "status",
    "rows",
    "latency_ms",
    "cpu_ms",
    "role",
    "model_version",
)
LEVELS = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}


def count_requests(log_: ir.Table) -> pd.DataFrame:
    """Count requests by day, route, role, version, outcome and latency.

    Returns:
        ``date``, ``route``, ``role``, ``model_version``, ``outcome`` (``answered``, ``refused``:
        the caller's fault, ``failed``: the service's), ``bin`` (of latency; null where none is
        known), ``requests``, ``rows``, ``cpu_ms``. Its size does not grow with the log's.
    """
    status, latency = log_["status"], log_["latency_ms"]
    outcome = ibis.cases((status >= 500, "failed"), (status >= 400, "refused"), else_="answered")
    known = ibis.ifelse(latency >= 0, latency, ibis.null("float64"))
    place = (ibis.greatest(known, _SHORTEST_MS).ln() / _WIDTH).floor()
    given = log_.mutate(
        outcome=outcome, bin=ibis.ifelse(known.isnull(), ibis.null("float64"), place)
    )
    keys = ["date", "route", "role", "model_version", "outcome", "bin"]
    counted: pd.DataFrame = (
        given.group_by(keys)
        .agg(requests=given.count(), rows=given["rows"].sum(), cpu_ms=given["cpu_ms"].sum())
        .order_by(keys)
        .to_pandas()
    )
    return counted.fillna({"rows": 0, "cpu_ms": 0})


def busiest_minute(log_: ir.Table) -> dict[str, float]:
    """Requests and predicted rows a second in the busiest minute, each by itself."""
    minute = log_["answered_at"].truncate("m")
    counted = log_.group_by(minute=minute).agg(requests=log_.count(), rows=log_["rows"].sum())
    most = counted.aggregate(requests=counted["requests"].max(), rows=counted["rows"].max())
    found = most.to_pyarrow().to_pylist()[0]
    return {name: float(value or 0) / 60 for name, value in found.items()}


def measure_memory(log_: ir.Table) -> list[dict[str, Any]]:
    """Return by worker the resident memory at its most and at its newest request, in megabytes.

    Empty where the log is of a version that did not keep it.
    """
    if not {"worker", "memory_mb"} <= set(log_.columns):
        return []
    known = log_.filter(log_["memory_mb"].notnull())
    found = known.group_by("worker").agg(
        most_mb=known["memory_mb"].max(),
        newest_mb=known["memory_mb"].argmax(known["answered_at"]),
    )
    return [
        {
            "worker": int(each["worker"]),
            "most_mb": float(each["most_mb"]),
            "newest_mb": float(each["newest_mb"]),
        }
        for each in found.order_by("worker").to_pyarrow().to_pylist()
    ]


def latencies(counted: pd.DataFrame) -> dict[str, float | None]:
    """Quantiles of the latency of requests that were answered, in milliseconds, within 1 %."""
    known = counted[(counted["outcome"] == "answered") & counted["bin"].notna()]
    if known.empty:
        return dict.fromkeys([*LEVELS, "most"])
    by_bin = known.groupby("bin")["requests"].sum().sort_index()
    up_to = by_bin.cumsum().to_numpy()
    places = by_bin.index.to_numpy(dtype=float)
    found: dict[str, float | None] = {}
    for name, level in {**LEVELS, "most": 1.0}.items():
        chosen = np.searchsorted(up_to, np.ceil(level * up_to[-1] - 1e-9))
        found[name] = float(np.exp((places[chosen] + 0.5) * _WIDTH))
    return found


def summarise(counted: pd.DataFrame) -> dict[str, Any]:
    """Sum counts: requests, rows, latency, shares of refused and failed requests."""
    requests = int(counted["requests"].sum())
    by_outcome = counted.groupby("outcome")["requests"].sum()
    shares = {name: float(by_outcome.get(name, 0)) / max(requests, 1) for name in by_outcome.index}
    return {
        "requests": requests,
        "rows": int(counted["rows"].sum()),
        "latency_ms": latencies(counted),
        "cpu_ms_per_request": float(counted["cpu_ms"].sum()) / max(requests, 1),
        "refused_share": shares.get("refused", 0.0),
        "error_share": shares.get("failed", 0.0),
    }
