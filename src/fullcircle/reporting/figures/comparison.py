"""Figures that compare: candidates, slices, columns, numbers of rows."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from fullcircle.core.metrics import METRICS
from fullcircle.reporting.figures.style import (
    BLUE,
    GREY,
    ORANGE,
    RED,
    add_band,
    add_legend_entry,
    forest_figure,
    name_metric,
    new_figure,
)

_MAX_COLUMNS = 30


def leaderboard_figure(
    leaderboard: list[dict[str, Any]],
    chosen: str | None = None,
    excluded: Sequence[str] = (),
) -> go.Figure:
    """Draw the candidates' scores with their intervals, the best on top, the chosen one marked.

    Args:
        leaderboard: Each with ``candidate``, ``metric``, ``value``, ``low`` and ``high``.
        chosen: Name of the chosen candidate; None takes the row that says ``chosen``.
        excluded: Families that could not be fitted, which the title names.
    """
    metric = leaderboard[0]["metric"]
    sign = -1 if METRICS[metric].greater_is_better else 1
    rows = sorted(leaderboard, key=lambda row: sign * row["value"])
    is_chosen = [row["candidate"] == chosen if chosen else row.get("chosen", False) for row in rows]
    named = [{**row, "name": row["candidate"]} for row in rows]
    colours = [ORANGE if marked else BLUE for marked in is_chosen]
    title = "Candidates on the selection set"
    if excluded:
        title += f" (without {', '.join(excluded)}: every trial failed)"
    figure = forest_figure(title, name_metric(metric), named, colours)
    if any(is_chosen):
        add_legend_entry(figure, "chosen", ORANGE)
    figure.update_layout(showlegend=True)
    return figure


def slices_figure(slices: list[dict[str, Any]], metric: str) -> go.Figure | None:
    """Draw each judged slice's score with its interval; None where none was judged.

    Args:
        slices: As score_slices gives them.
        metric: Name in METRICS.
    """
    judged = [row for row in slices if row["judged"]]
    if not judged:
        return None
    rows = [
        {**row["score"], "name": f"{row['column']} = {row['slice']} ({row['rows']:,} rows)"}
        for row in judged
    ]
    colours = [RED if row["worse"] else BLUE for row in judged]
    left_out = len(slices) - len(judged)
    title = "Slices" + (f" ({left_out} too small to judge)" if left_out else "")
    figure = forest_figure(title, name_metric(metric), rows, colours)
    if RED in colours:
        add_legend_entry(figure, "significantly worse than the rest", RED)
    return figure


def importance_figure(importances: list[dict[str, Any]]) -> go.Figure:
    """Draw by how much the score falls without each column, the first 30 columns.

    Args:
        importances: As permutation_importance gives them.
    """
    shown = importances[:_MAX_COLUMNS]
    rows = [{**row, "name": row["column"]} for row in shown]
    colours = [BLUE if row["low"] > 0 else GREY for row in rows]
    axis = f"fall of {shown[0]['metric']} when the column is shuffled" if shown else ""
    figure = forest_figure("What the model leans on", axis, rows, colours)
    if GREY in colours:
        add_legend_entry(figure, "may be no help at all", GREY)
    figure.update_xaxes(zeroline=True, zerolinecolor=GREY)
    return figure


def learning_curve_figure(points: list[dict[str, Any]], metric: str) -> go.Figure | None:
    """Draw the score over the rows fitted on; None where no size could be fitted.

    Args:
        points: As learning_curve gives them.
        metric: Name in METRICS.
    """
    scored = [point for point in points if "value" in point]
    if not scored:
        return None
    figure = new_figure("Would more rows help?", "rows fitted on", name_metric(metric))
    x = [point["rows"] for point in scored]
    add_band(figure, x, [p["low"] for p in scored], [p["high"] for p in scored], BLUE)
    name = f"score, {scored[0]['confidence']:.0%} interval"
    line = {"color": BLUE}
    y = [point["value"] for point in scored]
    figure.add_scatter(x=x, y=y, mode="lines+markers", line=line, name=name)
    figure.update_layout(showlegend=True)
    return figure


def shap_figure(explained: dict[str, Any]) -> go.Figure:
    """Draw each row's SHAP value per column, or the mean size per column of many classes.

    Args:
        explained: As shap_values gives it.
    """
    unit = explained["output"]
    if not explained["swarm"]:
        columns = explained["columns"][:_MAX_COLUMNS][::-1]
        figure = new_figure(
            "SHAP values", f"mean size ({unit})", "", height=160 + 24 * len(columns)
        )
        x, y = [row["mean_abs"] for row in columns], [row["column"] for row in columns]
        figure.add_bar(x=x, y=y, orientation="h", marker_color=BLUE)
        return figure
    swarm = explained["swarm"]
    figure = new_figure("SHAP values", f"push on the {unit}", "", height=160 + 46 * len(swarm))
    for place, row in enumerate(swarm):
        marker: dict[str, Any] = {"size": 5, "opacity": 0.7, "color": GREY}
        if any(level is not None for level in row["level"]):
            bar = {"title": {"text": "value"}, "tickvals": [0, 1], "ticktext": ["low", "high"]}
            levels = [None if level is None else round(level, 3) for level in row["level"]]
            scale = {"colorscale": [[0, BLUE], [1, ORANGE]], "cmin": 0, "cmax": 1}
            marker |= {"color": levels, **scale, "colorbar": bar, "showscale": place == 0}
        figure.add_scatter(
            x=[round(value, 6) for value in row["shap"]],
            y=_spread_out(row["shap"], place),
            mode="markers",
            marker=marker,
            name=row["column"],
            showlegend=False,
        )
    ticks = {"tickvals": list(range(len(swarm))), "ticktext": [row["column"] for row in swarm]}
    figure.update_yaxes(range=[len(swarm) - 0.5, -0.5], **ticks)
    figure.update_xaxes(zeroline=True, zerolinecolor=GREY)
    return figure


def _spread_out(values: list[float], place: int) -> list[float]:
    """Put values that crowd side by side, alternately above and below the line."""
    low, high = min(values), max(values)
    width = (high - low) / 60 or 1.0
    seen: dict[int, int] = {}
    heights = []
    for value in values:
        box = int((value - low) / width)
        seen[box] = seen.get(box, 0) + 1
        step = seen[box] // 2 * (1 if seen[box] % 2 else -1)
        heights.append(round(place + max(-0.4, min(0.4, 0.05 * step)), 3))
    return heights
