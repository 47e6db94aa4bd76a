"""Rows of the page's tables, as words."""

from typing import Any

from fullcircle.core.predictions.sources import BATCH, CHAMPION, has_several, name_role, name_source


def list_windows(performance: dict[str, Any]) -> list[dict[str, str]]:
    """List the periods, newest first."""
    return [
        {
            "as_of": str(window["as_of"])[:10],
            "source": window.get("source", BATCH),
            "role": name_role(window),
            "version": window["model_version"],
            "predicted": _describe_predictions(window),
            "rows": f"{window['rows']:,}",
            "labelled": f"{100 - 100 * window['unlabelled_share']:.0f} %",
            "score": _interval(window["score"]) or window.get("reason") or "waits for labels",
            "estimate": _interval(window.get("estimate")) or "none",
            "held": _describe_held(window.get("estimate")),
            "value": _worth(window.get("value")),
        }
        for window in _sort_newest(performance["windows"])
    ]


def describe_metrics(performance: dict[str, Any]) -> dict[str, Any] | None:
    """Describe the newest judged period by every metric, and what was decided; None before any."""
    judged = [window for window in performance["windows"] if window.get("scores")]
    if not judged:
        return None
    newest = judged[-1]
    rows = [{"metric": n, "score": _interval(each)} for n, each in newest["scores"].items()]
    counts = newest.get("confusion") or []
    return {
        "source": name_source(newest, has_several(performance["windows"])),
        "as_of": str(newest["as_of"])[:10],
        "version": newest["model_version"],
        "rows": rows,
        "confusion": [[f"{count:,}" for count in row] for row in counts],
    }


def _sort_newest(windows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the windows of all sources, the newest first."""
    return sorted(windows, key=lambda window: str(window["as_of"]), reverse=True)


def _describe_predictions(window: dict[str, Any]) -> str:
    """Say what was predicted on average."""
    if window.get("predicted_mean") is None:
        return ""
    share = window.get("positive_share")
    mean = f"{window['predicted_mean']:.4g}"
    return mean if share is None else f"{mean}, {share:.1%} decided 1"


def _interval(found: dict[str, Any] | None) -> str:
    return "" if not found else f"{found['value']:.4f} ({found['low']:.4f} to {found['high']:.4f})"


def _describe_held(estimate: dict[str, Any] | None) -> str:
    held = (estimate or {}).get("holds")
    return "" if held is None else "held" if held else "missed the truth"


def _worth(found: dict[str, Any] | None) -> str:
    return "" if not found else f"{found['total']:,.0f} {found['unit']}"


def describe_beside(performance: dict[str, Any]) -> list[dict[str, str]]:
    """List who else predicted the same rows, newest period first, and what it would have gained."""
    return [
        {
            "as_of": str(window["as_of"])[:10],
            "role": f"{name_source({**window, 'role': CHAMPION}, several=False)}{other['role']}",
            "version": other["model_version"],
            "rows": f"{other['rows']:,}",
            "score": _interval(other["score"]) or other["reason"] or "waits for labels",
            "gain": _interval(other["gain"]),
            "verdict": _compare(other["gain"]),
            "value": _worth(other.get("value")),
        }
        for window in _sort_newest(performance["windows"])
        for other in window.get("beside", [])
    ]


def _compare(gain: dict[str, float] | None) -> str:
    if gain is None:
        return ""
    if gain["low"] > 0:
        return "significantly better"
    return "significantly worse" if gain["high"] < 0 else "no significant difference"


def describe_service(service: dict[str, Any] | None) -> dict[str, Any] | None:
    """Describe the endpoint: ``told``, ``facts``, ``objectives``, ``versions``."""
    if service is None:
        return None
    latency, rate = service["latency_ms"], service["per_second"]
    facts = [
        *((name, _milliseconds(latency[name])) for name in ("p50", "p90", "p95", "p99")),
        ("requests", f"{service['requests']:,}"),
        ("predictions", f"{service['rows']:,}"),
        ("predictions a second, busiest minute", f"{rate['rows_at_most']:,.1f}"),
        ("failed", f"{service['error_share']:.2%}"),
        ("refused, the caller's fault", f"{service['refused_share']:.2%}"),
        *_memory(service.get("memory")),
        *_costs(service["cost"]),
    ]
    return {
        "told": f"{service['told']}; {service['days']} days with requests",
        "facts": [{"name": name, "value": value} for name, value in facts],
        "objectives": [_objective(each) for each in service["objectives"]],
        "versions": [
            {
                "role": name_role(each),
                "version": each["model_version"],
                "requests": f"{each['requests']:,}",
                "p95": _milliseconds(each["latency_ms"]["p95"]),
                "failed": f"{each['error_share']:.2%}",
            }
            for each in service["by_version"]
        ],
    }


def _milliseconds(value: float | None) -> str:
    if value is None:
        return "unknown"
    return f"{value:,.0f} ms" if value >= 10 else f"{value:,.2g} ms"


def _memory(memory: dict[str, Any] | None) -> list[tuple[str, str]]:
    if not memory or memory["most_mb"] is None:
        return []
    return [("memory of a worker, at most", f"{memory['most_mb']:,.0f} MB")]


def _costs(cost: dict[str, Any] | None) -> list[tuple[str, str]]:
    if cost is None:
        return []
    found = [("cost a day", f"{cost['per_day']:,.2f} {cost['currency']}")]
    if (each := cost["per_thousand_predictions"]) is not None:
        found.append(("cost per thousand predictions", f"{each:,.4g} {cost['currency']}"))
    return found


def _objective(found: dict[str, Any]) -> dict[str, str]:
    met = {True: "met", False: "missed", None: "too few requests"}[found["met"]]
    return {
        "name": found["name"],
        "limit": f"{'at most' if found['at_most'] else 'at least'} {found['limit']:g}",
        "value": "unknown" if found["value"] is None else f"{found['value']:.4g}",
        "met": met,
    }
