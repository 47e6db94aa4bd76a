"""Figures of monitoring: what moved, how the model did, how the endpoint served."""

from typing import Any

import plotly.graph_objects as go

from fullcircle.core.predictions.sources import (
    BATCH,
    CHAMPION,
    ENDPOINT,
    STREAM,
    has_several,
    name_role,
    name_source,
    split_by_source,
)
from fullcircle.reporting.figures.comparison import slices_figure
from fullcircle.reporting.figures.style import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    RED,
    SKY,
    add_band,
    name_metric,
    new_figure,
)

_SYMBOLS = {BATCH: "circle", STREAM: "diamond", ENDPOINT: "square"}
_MAX_COLUMNS = 40
_MAX_DISTRIBUTIONS = 12


def drift_figure(drift: dict[str, Any]) -> go.Figure:
    """Draw how far each column moved, drifted ones marked, and what would have been seen."""
    columns = list(reversed(drift["columns"][:_MAX_COLUMNS]))
    several = has_several(drift["columns"])
    names = [f"{name_source(column, several)}{column['name']}" for column in columns]
    title = f"Drift of {drift['model']}, rows scored as of {drift['as_of']}"
    figure = new_figure(title, "population stability index", "", height=160 + 22 * len(columns))
    figure.add_bar(
        x=[column["psi"] for column in columns],
        y=names,
        orientation="h",
        marker_color=[RED if column["drifted"] else BLUE for column in columns],
        text=["drifted" if column["drifted"] else "" for column in columns],
        hovertext=["; ".join(column["reasons"]) for column in columns],
        name="moved by",
    )
    figure.add_scatter(
        x=[column["smallest_seen"]["psi"] for column in columns],
        y=names,
        mode="markers",
        marker={"symbol": "line-ns-open", "size": 14, "color": GREEN},
        name="smallest shift that would have been seen",
    )
    figure.update_layout(legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"})
    return figure


def distribution_figure(column: dict[str, Any]) -> go.Figure:
    """Draw the share of rows in each bin of one column, at training and now."""
    state = "drifted" if column["drifted"] else "steady"
    named = f"{name_source(column, several=False)}{column['name']}"
    figure = new_figure(f"{named}: {state}", "", "share of rows")
    for name, key, colour in (("at training", "before", GREY), ("now", "now", BLUE)):
        figure.add_bar(x=column["bins"], y=column[key], name=name, marker_color=colour)
    figure.update_layout(barmode="group", showlegend=True)
    figure.update_yaxes(tickformat=".0%")
    figure.update_xaxes(type="category")
    return figure


def performance_figure(performance: dict[str, Any], promised: dict[str, float]) -> go.Figure | None:
    """Draw each period's score and its estimate without labels; None before any period.

    A dashed line stands where another version began to answer, a band for what was promised. Each
    source has its own marks.
    """
    windows = performance["windows"]
    if not windows:
        return None
    figure = new_figure("Performance by period", "period from", name_metric(performance["metric"]))
    clocks = sorted({str(window["as_of"]) for window in windows})
    ends = [clocks[0], clocks[-1]]
    add_band(figure, ends, [promised["low"]] * 2, [promised["high"]] * 2, GREY)
    sources = split_by_source(windows)
    for source, own in sources.items():
        before = f"{source}, " if len(sources) > 1 or source != BATCH else ""
        symbol = _SYMBOLS[source]
        for kind, name, colour in (
            ("score", "with labels", BLUE),
            ("estimate", "estimated", ORANGE),
        ):
            shown = [window for window in own if window.get(kind)]
            _add_intervals(figure, shown, kind, f"{before}{name}", colour, symbol)
        _mark_versions(figure, own)
    figure.update_xaxes(type="category", categoryorder="array", categoryarray=clocks)
    figure.update_layout(showlegend=True)
    return figure


def _mark_versions(figure: go.Figure, windows: list[dict[str, Any]]) -> None:
    """Draw a line where another version began to answer as champion."""
    own = [window for window in windows if window.get("role", CHAMPION) == CHAMPION]
    before = own[0]["model_version"] if own else None
    for window in own:
        if window["model_version"] != before:
            before = window["model_version"]
            figure.add_vline(x=str(window["as_of"]), line={"dash": "dash", "color": GREEN})


def _add_intervals(
    figure: go.Figure,
    windows: list[dict[str, Any]],
    kind: str,
    name: str,
    colour: str,
    symbol: str,
) -> None:
    found = [window[kind] for window in windows]
    figure.add_scatter(
        x=[str(window["as_of"]) for window in windows],
        y=[each["value"] for each in found],
        error_y={
            "array": [each["high"] - each["value"] for each in found],
            "arrayminus": [each["value"] - each["low"] for each in found],
            "symmetric": False,
        },
        mode="markers",
        marker={"color": colour, "size": 9, "symbol": symbol},
        text=[f"version {window['model_version']}{_name_role(window)}" for window in windows],
        name=name,
    )


def _name_role(window: dict[str, Any]) -> str:
    role = name_role(window)
    return "" if role == CHAMPION else f", {role}"


def volume_figure(performance: dict[str, Any]) -> go.Figure | None:
    """Draw each period's rows, with and without a label; None before any period."""
    windows = performance["windows"]
    if not windows:
        return None
    figure = new_figure("Rows by period", "period from", "rows")
    clocks = sorted({str(window["as_of"]) for window in windows})
    sources = split_by_source(windows)
    for source, own in sources.items():
        before = f"{source}, " if len(sources) > 1 or source != BATCH else ""
        shown = [str(window["as_of"]) for window in own]
        labelled = [window["labelled"] for window in own]
        waiting = [window["rows"] - window["labelled"] for window in own]
        figure.add_bar(x=shown, y=labelled, name=f"{before}labelled", marker_color=BLUE)
        figure.add_bar(x=shown, y=waiting, name=f"{before}waiting for a label", marker_color=SKY)
    figure.update_layout(barmode="stack", showlegend=True)
    figure.update_xaxes(type="category", categoryorder="array", categoryarray=clocks)
    return figure


def latency_figure(service: dict[str, Any] | None) -> go.Figure | None:
    """Draw the latency of each day with the declared limits; None without a log."""
    if service is None or not service["present"]:
        return None
    figure = new_figure("Latency of the endpoint", "day", "milliseconds")
    days = [str(day["date"])[:10] for day in service["by_day"]]
    for level, colour in (("p50", GREEN), ("p95", BLUE), ("p99", ORANGE)):
        values = [day["latency_ms"][level] for day in service["by_day"]]
        figure.add_scatter(x=days, y=values, name=level, mode="lines+markers", marker_color=colour)
    for objective in service["objectives"]:
        if objective["name"].endswith(", ms"):
            line = {"dash": "dash", "color": RED}
            figure.add_hline(y=objective["limit"], line=line, annotation_text=objective["name"])
    figure.update_xaxes(type="category")
    figure.update_layout(showlegend=True)
    return figure


def monitoring_figures(
    drift: dict[str, Any],
    performance: dict[str, Any],
    promised: dict[str, float],
    service: dict[str, Any] | None = None,
) -> dict[str, go.Figure]:
    """Draw all figures of monitoring, by name; one that has nothing to show is left out.

    Args:
        drift: As measure_drift gives it, with ``as_of`` and ``model``.
        performance: As measure_performance gives it.
        promised: The champion's score at training, with its interval.
        service: As measure_service gives it.
    """
    slices = [row for each in performance.get("slices") or [] for row in each["rows"]]
    moved = sorted(drift["columns"], key=lambda column: not column["drifted"])
    figures = {
        "performance": performance_figure(performance, promised),
        "drift": drift_figure(drift),
        "volume": volume_figure(performance),
        "slices": slices_figure(slices, performance["metric"]) if slices else None,
        "latency": latency_figure(service),
        **{
            f"column_{place:02d}": distribution_figure(column)
            for place, column in enumerate(moved[:_MAX_DISTRIBUTIONS], start=1)
        },
    }
    return {name: figure for name, figure in figures.items() if figure is not None}
