"""What a scoring run did, in numbers."""

from collections.abc import Mapping
from typing import Any

_PHASES = ("read", "lookup", "predict", "write")


def summarise_scoring(
    plan: list[dict[str, Any]], scored: Mapping[str, Any], reasons: Mapping[str, int]
) -> dict[str, Any]:
    """Sum up the days of a plan.

    Args:
        plan: As plan_days gives it.
        scored: What is known of each scored day, by day.
        reasons: Rows set aside, by reason.

    Returns:
        ``rows`` scored now and ``rows_kept`` from a run that was cut short, ``days`` and
        ``days_kept``, ``rejected`` with ``reasons``, ``seconds`` (``wall``; ``read``, ``lookup``
        and ``predict`` are added up over threads), ``rows_per_second``, ``peak_memory_mb`` and
        ``stale_share``, the share of rows with a feature that was too old.
    """
    done = [scored[entry["day"]] for entry in plan if not entry["keep"]]
    kept = [entry for entry in plan if entry["keep"]]
    rows = sum(day["rows"] for day in done)
    wall = sum(day["seconds"]["wall"] for day in done)
    phases = {name: sum(day["seconds"].get(name, 0.0) for day in done) for name in _PHASES}
    return {
        "rows": rows,
        "rows_kept": sum(entry["rows"] for entry in kept),
        "days": len(done),
        "days_kept": len(kept),
        "first_day": plan[0]["day"],
        "last_day": plan[-1]["day"],
        "rejected": sum(reasons.values()),
        "reasons": dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
        "seconds": {"wall": round(wall, 3), **{n: round(spent, 3) for n, spent in phases.items()}},
        "rows_per_second": round(rows / wall) if wall else 0,
        "peak_memory_mb": max((day["peak_memory_mb"] for day in done), default=0.0),
        "stale_share": sum(day["stale_rows"] for day in done) / rows if rows else 0.0,
    }
