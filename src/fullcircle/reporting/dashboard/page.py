"""The monitoring page: self-contained HTML, readable without its script, also on a phone."""

from collections.abc import Sequence
from typing import Any

from fullcircle.core.predictions.sources import BATCH, CHAMPION, has_several, name_source
from fullcircle.reporting.dashboard.charts import chart_drift, chart_latency, chart_sources
from fullcircle.reporting.dashboard.columns import describe_columns, describe_sources
from fullcircle.reporting.dashboard.state import Reports, find_cards, find_findings, format_headline
from fullcircle.reporting.dashboard.tables import (
    describe_beside,
    describe_metrics,
    describe_service,
    list_windows,
)
from fullcircle.reporting.pages import fill_page

_TEMPLATE = "dashboard.html.jinja"
_MAX_ALERTS = 100
_FACTS = ("as_of", "severity", "state", "what", "since", "how_much", "what_to_do")


def draw_dashboard(
    problem: str,
    drift: dict[str, Any],
    performance: dict[str, Any],
    retraining: dict[str, Any],
    reference: dict[str, Any],
    service: dict[str, Any] | None = None,
    alerts: Sequence[dict[str, Any]] = (),
    watched: Sequence[dict[str, Any]] = (),
) -> str:
    """Write the monitoring page as HTML that needs no network.

    Args:
        problem: Name of the problem.
        drift: As measure_drift gives it, with ``as_of`` and ``model``.
        performance: As measure_performance gives it.
        retraining: As decide_retraining gives it.
        reference: The champion's profile, promise and age.
        service: As measure_service gives it; None without.
        alerts: What was told, oldest first: ``as_of``, ``severity``, ``what``, ``since``,
            ``how_much``, ``what_to_do``, ``state``; told later than the page's clock is left out.
        watched: Every window that was watched, as summarize_window gives it.
    """
    served = service if service and service["present"] else None
    reports = Reports(drift, performance, retraining, reference, served)
    findings = find_findings(reports)
    return fill_page(
        _TEMPLATE,
        problem=problem,
        drift=drift,
        metric=performance["metric"],
        promised=reference["promised"],
        headline=format_headline(drift, findings),
        findings=findings,
        cards=find_cards(reports),
        charts_by_source=chart_sources(performance, reference["promised"]),
        sources=describe_sources(drift),
        drift_over_time=chart_drift(watched, drift["as_of"]),
        roles=has_roles(performance),
        windows=list_windows(performance),
        metrics=describe_metrics(performance),
        worth=any(window.get("value") for window in performance["windows"]),
        blind_spot=performance.get("estimates", {}).get("told"),
        beside=describe_beside(performance),
        slices=_find_slices(performance),
        columns=describe_columns(drift["columns"]),
        service=describe_service(served),
        latency=chart_latency(served),
        no_service=None if served else (service or {}).get("told", "the endpoint has no log"),
        alerts=_list_alerts(alerts, drift["as_of"]),
    )


def has_roles(performance: dict[str, Any]) -> bool:
    """Whether periods are to be told apart by source or role."""
    usual = (BATCH, CHAMPION)
    windows = performance["windows"]
    return any((w.get("source", BATCH), w.get("role", CHAMPION)) != usual for w in windows)


def _find_slices(performance: dict[str, Any]) -> list[dict[str, Any]]:
    """Give the judged slices of each source's newest judged window, those served worse first."""
    found = performance.get("slices") or []
    several = has_several(found)
    rows = [
        {**row, "column": f"{name_source({**each, 'role': CHAMPION}, several)}{row['column']}"}
        for each in found
        for row in each["rows"]
    ]
    return sorted((row for row in rows if row["judged"]), key=lambda row: not row["worse"])


def _list_alerts(alerts: Sequence[dict[str, Any]], as_of: str) -> list[dict[str, str]]:
    """Give the alerts up to the clock, newest first; a fact that is missing stays blank."""
    known = [each for each in alerts if str(each.get("as_of", each.get("at", ""))) <= f"{as_of}~"]
    plain = [{name: str(each.get(name) or "") for name in _FACTS} for each in known]
    return [
        {**each, "as_of": each["as_of"][:10], "since": each["since"][:10]}
        for each in plain[::-1][:_MAX_ALERTS]
    ]
