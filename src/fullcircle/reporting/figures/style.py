"""One look for all figures: white ground, colours that colour-blind readers can tell apart."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.colors import hex_to_rgb

from fullcircle.core.metrics import METRICS, Vector

# Okabe and Ito, Color Universal Design (2008); yellow is left out, for it fades on white.
BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PINK, SKY, BLACK, GREY = "#CC79A7", "#56B4E9", "#222222", "#8A8A8A"
PALETTE = [BLUE, ORANGE, GREEN, RED, PINK, SKY, BLACK, GREY]
SEQUENTIAL = [[0, "#FFFFFF"], [0.5, SKY], [1, "#003B5C"]]

MAX_POINTS = 500


def new_figure(
    title: str, x_title: str, y_title: str, *, width: int = 720, height: int = 460
) -> go.Figure:
    """Give an empty figure with the house's layout; axis titles name their units."""
    axis = {"automargin": True, "zeroline": False, "linecolor": GREY, "gridcolor": "#E5E5E5"}
    return go.Figure(
        layout={
            "template": "none",
            "title": {"text": title, "x": 0.02, "font": {"size": 17}},
            "font": {"family": "Helvetica, Arial, sans-serif", "size": 13, "color": BLACK},
            "paper_bgcolor": "#FFFFFF",
            "plot_bgcolor": "#FFFFFF",
            "colorway": PALETTE,
            "width": width,
            "height": height,
            "margin": {"l": 70, "r": 30, "t": 60, "b": 60},
            "legend": {"bgcolor": "rgba(255,255,255,0.8)"},
            "xaxis": {**axis, "title": {"text": x_title}},
            "yaxis": {**axis, "title": {"text": y_title}},
        }
    )


def add_diagonal(figure: go.Figure, low: float, high: float, name: str) -> None:
    """Draw the dashed line of equal values."""
    line = {"dash": "dash", "color": GREY, "width": 1}
    span = [low, high]
    figure.add_scatter(x=span, y=span, mode="lines", line=line, name=name, hoverinfo="skip")


def add_band(
    figure: go.Figure, x: Sequence[Any], low: Sequence[Any], high: Sequence[Any], colour: str
) -> None:
    """Shade the range between two lines over the same x."""
    red, green, blue = hex_to_rgb(colour)
    figure.add_scatter(
        x=[*x, *reversed(x)],
        y=[*high, *reversed(low)],
        mode="lines",
        fill="toself",
        fillcolor=f"rgba({red},{green},{blue},0.18)",
        line={"width": 0},
        hoverinfo="skip",
        showlegend=False,
    )


def forest_figure(
    title: str, x_title: str, rows: Sequence[dict[str, Any]], colours: Sequence[str]
) -> go.Figure:
    """Draw one line per row, the first on top: its ``name``, ``value`` and interval.

    Args:
        title: Title of the figure.
        x_title: What the values are, with units.
        rows: Each with ``name``, ``value``, ``low`` and ``high``; the ends may be infinite.
        colours: Colour of each row.
    """
    figure = new_figure(title, x_title, "", height=140 + 26 * max(len(rows), 2))
    value = np.array([row["value"] for row in rows], dtype=float)
    above = [_reach(row["high"] - row["value"]) for row in rows]
    below = [_reach(row["value"] - row["low"]) for row in rows]
    figure.add_scatter(
        x=value.tolist(),
        y=list(range(len(rows))),
        error_x={"array": above, "arrayminus": below, "symmetric": False, "color": GREY},
        mode="markers",
        marker={"color": list(colours), "size": 9},
        text=[row["name"] for row in rows],
        hovertemplate="%{text}: %{x:.4g}<extra></extra>",
        showlegend=False,
    )
    ticks = {"tickvals": list(range(len(rows))), "ticktext": [row["name"] for row in rows]}
    figure.update_yaxes(range=[len(rows) - 0.5, -0.5], showgrid=False, **ticks)
    return figure


def _reach(distance: float) -> float | None:
    return float(distance) if np.isfinite(distance) else None


def add_legend_entry(figure: go.Figure, name: str, colour: str) -> None:
    """Explain a colour in the legend."""
    marker = {"color": colour, "size": 9}
    figure.add_scatter(x=[None], y=[None], mode="markers", marker=marker, name=name)


def thin(*lines: Vector) -> list[list[float]]:
    """Keep at most 500 points of lines of equal length, first and last among them."""
    kept = np.unique(np.linspace(0, len(lines[0]) - 1, MAX_POINTS).round().astype("int64"))
    return [np.asarray(line, dtype=float)[kept].round(6).tolist() for line in lines]


def count_in_bins(values: Vector, edges: Vector) -> list[int]:
    """Rows in each bin; those beyond the edges are counted in the outermost."""
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    return [int(count) for count in counts]


def name_metric(metric: str) -> str:
    """Name of a metric with its direction, for an axis."""
    direction = "higher" if METRICS[metric].greater_is_better else "lower"
    return f"{metric} ({direction} is better)"
