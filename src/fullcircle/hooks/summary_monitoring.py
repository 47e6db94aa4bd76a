"""What the summary says of monitoring: drift, performance, service, retraining, alerts."""

from collections.abc import Mapping
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from fullcircle.console import count, format_interval_ends, format_score
from fullcircle.core.predictions.sources import (
    BATCH,
    CHAMPION,
    has_several,
    list_windows,
    name_role,
    name_source,
    split_by_source,
)

_MAX_ALERTS = 10


def format_drift(report: dict[str, Any]) -> RenderableType:
    """Say of each source what drifted, and what was wrong with the rows."""
    windows = list_windows(report)
    several = has_several(windows)
    parts = [_describe_drift_of(report, window, several) for window in windows]
    wrong = any(len(lines) > 1 for lines in parts)
    told = "\n".join(line for lines in parts for line in lines)
    return Text(told, style="yellow") if wrong else told


def _describe_drift_of(
    report: dict[str, Any], window: Mapping[str, Any], several: bool
) -> list[str]:
    """Say what one window showed: its rows, then a line for each thing to look at."""
    scored = f"{name_source(window, several)}{count(window['rows'], 'row')} scored"
    named = [*window["drifted"], *(["the predictions"] if window["prediction_drifted"] else [])]
    lines = [
        *([f"drifted: {', '.join(named)}"] if named else []),
        *(a["told"] for a in report["alarms"] if a["column"] is None and _is_of(a, window)),
        *(problem["told"] for problem in report["problems"] if _is_of(problem, window)),
    ]
    if private := window.get("unwatched"):
        scored += f" (not watched, since private: {', '.join(private)})"
    if lines:
        return [scored, *(f"  {line}" if several else line for line in lines)]
    if not window["judged"]:
        return [f"{scored}, too few to judge"]
    columns = window["columns"]
    number = columns if isinstance(columns, int) else len(columns)
    return [f"{scored}, no drift in {count(number, 'column')}"]


def _is_of(part: Mapping[str, Any], window: Mapping[str, Any]) -> bool:
    """Return whether a part of the report is of this source and role."""
    return all(
        part.get(name, usual) == window.get(name, usual)
        for name, usual in (("source", BATCH), ("role", CHAMPION))
    )


def format_performance(report: dict[str, Any]) -> RenderableType:
    """Say how past periods of each source did."""
    several = has_several(report["windows"])
    by_source = split_by_source(report["windows"])
    lines = []
    for window in (each for windows in by_source.values() for each in windows[-3:]):
        score = window["score"]
        said = (
            f"{report['metric']} {format_score(score['value'])} ({format_interval_ends(score)})"
            if score
            else "waits for labels"
        )
        lines.append(
            f"{name_source({**window, 'role': CHAMPION}, several)}period from {window['as_of']}, "
            f"{_name_role(window)}v{window['model_version']}: "
            f"{1 - window['unlabelled_share']:.0%} labelled, {said}"
        )
    lines += [problem["told"] for problem in report.get("problems", [])]
    return "\n".join(lines) or "no predictions yet"


def _name_role(window: Mapping[str, Any]) -> str:
    role = name_role(window)
    return "" if role == CHAMPION else f"{role} "


def format_service(report: dict[str, Any]) -> RenderableType:
    """Say how the endpoint served, and which objective it missed."""
    if not report["present"]:
        return f"{report['told']}"
    slow = report["latency_ms"]["p95"]
    said = "unknown" if slow is None else f"{slow:,.0f} ms"
    missed = [each["name"] for each in report["objectives"] if each["met"] is False]
    lines = [
        f"{count(report['requests'], 'request')} in {count(report['days'], 'day')}, p95 {said}, "
        f"{report['error_share']:.2%} failed",
        *([f"missed: {', '.join(missed)}"] if missed else []),
        *(problem["told"] for problem in report["problems"]),
    ]
    return Text("\n".join(lines), style="yellow" if len(lines) > 1 else "")


def format_retraining(decision: dict[str, Any]) -> RenderableType:
    """Say whether to train again, why, and how."""
    said = f"{'yes' if decision['retrain'] else 'no'}: {'; '.join(decision['reasons'])}"
    return f"{said}\nkedro retrain acts on it" if decision["retrain"] else said


def format_alerts(report: dict[str, Any]) -> RenderableType:
    """Say what was sent and everything that is open, and which channels did not take it."""
    how = "would be sent (dry run)" if report["dry_run"] else "sent"
    sent = {notice["key"] for notice in report["sent"] if "key" in notice}
    kept = [alert for alert in report["open"] if alert.get("key") not in sent]
    lines = [f"{len(report['sent'])} {how}, {len(report['open'])} open"]
    listed = [(notice, notice["state"]) for notice in report["sent"]]
    listed += [(alert, "still open") for alert in kept]
    lines += [
        f"  {each['severity']}, {state}: {each['what']}, since {each['since'][:10]}"
        for each, state in listed[:_MAX_ALERTS]
    ]
    if len(listed) > _MAX_ALERTS:
        lines.append(f"  and {len(listed) - _MAX_ALERTS} more: kedro alerts list")
    lines += [f"  channel {name}: {told}" for name, told in report["channels"].items()]
    return Text("\n".join(lines))
