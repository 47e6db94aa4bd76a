"""Places on charts, in percent of their size, so that the text beside keeps its own."""

from collections.abc import Iterable, Sequence
from typing import Any

from fullcircle.core.predictions.sources import CHAMPION, name_role, split_by_source

_MANY = 12


def chart_sources(performance: dict[str, Any], promised: dict[str, float]) -> list[dict[str, Any]]:
    """Return by source its charts of ``performance`` and ``volume``, and its name for people."""
    return [
        {
            "source": source,
            "performance": chart_performance({**performance, "windows": windows}, promised),
            "volume": chart_volume(windows),
        }
        for source, windows in split_by_source(performance["windows"]).items()
    ]


def chart_performance(performance: dict[str, Any], promised: dict[str, float]) -> dict[str, Any]:
    """Place each period's score, its estimate without labels and the promise.

    Returns:
        ``points``: each with x, y, low and high in percent, ``kind`` (``score`` or ``estimate``)
        and words; ``promise``: low, y and high; ``promotions``: x and version wherever the version
        that answers has changed; ``ticks`` and ``labels`` of the axes; ``count`` of periods.
    """
    windows = performance["windows"]
    clocks = list(dict.fromkeys(window["as_of"] for window in windows))
    roles = list(dict.fromkeys(window.get("role", CHAMPION) for window in windows))
    shown = [window[kind] for window in windows for kind in ("score", "estimate")
             if window.get(kind)]  # fmt: skip
    scale = Scale([promised, *shown])
    points = []
    for window in windows:
        x = _across(clocks.index(window["as_of"]), len(clocks))
        x += 2.4 * roles.index(window.get("role", CHAMPION))
        for kind, aside in (("estimate", 1.2), ("score", -1.2)):
            if found := window.get(kind):
                words = _describe_point(kind, window, performance["metric"])
                place = {name: scale.place(found[name]) for name in ("low", "value", "high")}
                points.append({"x": x + aside, "kind": kind, "told": words, **place})
    return {
        "points": points,
        "promise": {name: scale.place(promised[name]) for name in ("low", "value", "high")},
        "promotions": _find_promotions(windows, clocks),
        "ticks": scale.ticks(),
        "labels": _label(clocks),
        "count": len(clocks),
    }


class Scale:
    """Where a value lies between the ends of an axis that holds all intervals, with a margin."""

    def __init__(self, intervals: Iterable[dict[str, float]]) -> None:
        found = list(intervals)
        low, high = min(each["low"] for each in found), max(each["high"] for each in found)
        margin = 0.1 * (high - low) or 0.01
        self.low, self.span = low - margin, high - low + 2 * margin

    def place(self, value: float) -> float:
        """Percent of the axis."""
        return 100 * (value - self.low) / self.span

    def ticks(self) -> list[dict[str, Any]]:
        """Four values along the axis, with their places."""
        values = [self.low + self.span * step for step in (0.1, 0.367, 0.633, 0.9)]
        return [{"y": self.place(value), "told": f"{value:.3g}"} for value in values]


def _across(place: int, count: int) -> float:
    return 100 * (place + 0.5) / max(count, 1)


def _label(clocks: list[str]) -> list[dict[str, Any]]:
    """Label some of many clocks, the newest among them."""
    step = -(-len(clocks) // _MANY)
    return [
        {"x": _across(place, len(clocks)), "told": clock[:10]}
        for place, clock in enumerate(clocks)
        if (len(clocks) - 1 - place) % max(step, 1) == 0
    ]


def _describe_point(kind: str, window: dict[str, Any], metric: str) -> str:
    found = window[kind]
    name = metric if kind == "score" else f"{metric}, estimated without labels"
    role = name_role(window)
    who = f"{'' if role == CHAMPION else f'{role} '}v{window['model_version']}"
    return (
        f"{window['as_of']}, {who}: {name} {found['value']:.4f}, "
        f"{found['low']:.4f} to {found['high']:.4f}"
    )


def _find_promotions(windows: list[dict[str, Any]], clocks: list[str]) -> list[dict[str, Any]]:
    """Find where another version began to answer."""
    found, before = [], None
    for window in (each for each in windows if each.get("role", CHAMPION) == CHAMPION):
        version = window["model_version"]
        if before is not None and version != before:
            left = 100 * clocks.index(window["as_of"]) / len(clocks)
            found.append({"x": left, "told": f"v{version}", "as_of": window["as_of"]})
        before = version
    return found


def chart_volume(windows: list[dict[str, Any]]) -> dict[str, Any]:
    """Give each period's rows, and how many of them have labels, in percent of the most."""
    clocks = list(dict.fromkeys(window["as_of"] for window in windows))
    totals = {clock: [0, 0] for clock in clocks}
    for window in windows:
        totals[window["as_of"]][0] += window["rows"]
        totals[window["as_of"]][1] += window["labelled"]
    most = max([rows for rows, _ in totals.values()], default=0) or 1
    # Few bars are no wall.
    width = min(70.0, 10.0 * len(clocks)) / max(len(clocks), 1)
    bars = [
        {
            "x": _across(place, len(clocks)) - width / 2,
            "width": width,
            "rows": 100 * rows / most,
            "labelled": 100 * labelled / most,
            "told": f"{clock}: {rows:,} rows scored, {labelled:,} of them labelled",
        }
        for place, (clock, (rows, labelled)) in enumerate(totals.items())
    ]
    return {"bars": bars, "most": most, "labels": _label(clocks), "count": len(clocks)}


def chart_drift(watched: Sequence[dict[str, Any]], as_of: str) -> list[dict[str, Any]]:
    """Return by source how many columns drifted in each window up to the clock.

    Args:
        watched: Windows as ``summarize_window`` gives them, in any order.
        as_of: The page's clock; what was watched later is left out.

    Returns:
        By source ``bars`` in percent of the ``most``, each with words, and the axis' labels; empty
        with fewer than two windows, which show no course.
    """
    known = sorted(
        (each for each in watched if str(each["as_of"])[:10] <= as_of[:10]),
        key=lambda each: str(each["as_of"]),
    )
    if len(known) < 2:
        return []
    sources = dict.fromkeys(name for each in known for name in each.get("sources", {}))
    return [{"source": source, **_chart_drift_of(source, known)} for source in sources]


def _chart_drift_of(source: str, known: list[dict[str, Any]]) -> dict[str, Any]:
    clocks = [str(each["as_of"]) for each in known]
    seen = [each.get("sources", {}).get(source) for each in known]
    most = max([len(one["drifted"]) for one in seen if one], default=0) or 1
    width = min(70.0, 10.0 * len(clocks)) / len(clocks)
    bars = [
        {
            "x": _across(place, len(clocks)) - width / 2,
            "width": width,
            "height": 100 * len(one["drifted"]) / most if one else 0,
            "judged": bool(one and one["judged"]),
            "told": f"{clock[:10]}: {_describe_watched(one)}",
        }
        for place, (clock, one) in enumerate(zip(clocks, seen, strict=True))
    ]
    return {"bars": bars, "most": most, "labels": _label(clocks), "count": len(clocks)}


def _describe_watched(one: dict[str, Any] | None) -> str:
    if one is None:
        return "not watched"
    if not one["judged"]:
        return f"{one['rows']:,} rows are too few to judge"
    names = ", ".join(one["drifted"]) or "nothing"
    return f"{names} drifted, {one['rows']:,} rows"


def chart_latency(service: dict[str, Any] | None) -> dict[str, Any] | None:
    """Place the median and the 95th percentile of each day, and the latter's declared limit."""
    if service is None:
        return None
    days = [day for day in service["by_day"] if day["latency_ms"]["p95"] is not None]
    limits = [o["limit"] for o in service["objectives"] if o["name"].startswith("p95")]
    most = 1.1 * max([day["latency_ms"]["p95"] for day in days] + limits, default=1.0)
    points = [
        {
            "x": _across(place, len(days)),
            "p50": 100 * day["latency_ms"]["p50"] / most,
            "p95": 100 * day["latency_ms"]["p95"] / most,
            "told": (
                f"{day['date'][:10]}: p50 {day['latency_ms']['p50']:,.0f} ms, "
                f"p95 {day['latency_ms']['p95']:,.0f} ms, {day['requests']:,} requests, "
                f"{day['error_share']:.2%} failed"
            ),
        }
        for place, day in enumerate(days)
    ]
    return {
        "points": points,
        "limit": 100 * limits[0] / most if limits else None,
        "limit_ms": limits[0] if limits else None,
        "ticks": [{"y": y, "told": f"{most * y / 100:,.0f}"} for y in (0, 45, 90)],
        "labels": _label([day["date"][:10] for day in days]),
        "count": len(days),
    }
