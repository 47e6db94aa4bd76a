"""The pictures of a replay."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from fullcircle.reporting.figures.style import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    RED,
    name_metric,
    new_figure,
)

_COLOURS = {"rules": BLUE, "never": GREY, "always": ORANGE}
_SHAPES = {"rules": "circle", "never": "square", "always": "diamond"}
_WIDTH = 900

Lines = Sequence[Mapping[str, Any]]


def draw_replay(report: Mapping[str, Any]) -> list[go.Figure]:
    """Draw the scores of each policy by window, and what retraining gained over never doing it.

    Args:
        report: As report_replay gives it.
    """
    return [_draw_scores(report), _draw_gains(report)]


def _draw_scores(report: Mapping[str, Any]) -> go.Figure:
    metric, lines = report["metric"], report["windows"]
    figure = new_figure(
        "Score of each policy, by window", "window from", name_metric(metric), width=_WIDTH
    )
    judged = [line for line in lines if line["scores"]]
    for policy, colour in _COLOURS.items():
        figure.add_scatter(
            x=[line["window"] for line in judged],
            y=[line["scores"][policy]["value"] for line in judged],
            mode="lines+markers",
            name=f"{policy}: {report['trainings'][policy]['models']} models",
            line={"color": colour, "width": 3 if policy == "rules" else 1.5},
            marker={"symbol": _SHAPES[policy], "size": 8},
            error_y=_reach(line["scores"][policy] for line in judged)
            if policy == "rules"
            else None,
        )
    _mark(figure, lines)
    return figure


def _mark(figure: go.Figure, lines: Lines) -> None:
    """Mark alerts below the lines, and retrainings at the end of their windows."""
    told = {line["window"]: _list_news(line) for line in lines}
    alarmed = [line for line in lines if told[line["window"]]]
    hover = [_fold(told[line["window"]]) for line in alarmed]
    marks = (
        ("alert", alarmed, RED, "triangle-up", hover),
        *(
            (name, chosen, colour, shape, [line["retrained"]["why"] for line in chosen])
            for name, promoted, colour, shape in (
                ("trained again, promoted", True, GREEN, "star"),
                ("trained again, refused", False, GREY, "x"),
            )
            for chosen in [
                [x for x in lines if x["retrained"] and x["retrained"]["promoted"] is promoted]
            ]
        ),
    )
    for place, (name, chosen, colour, shape, hover) in enumerate(marks):
        figure.add_scatter(
            x=[line["window"] for line in chosen],
            y=[0.02 + 0.05 * place] * len(chosen),
            yaxis="y2",
            mode="markers",
            name=name,
            marker={"color": colour, "symbol": shape, "size": 12},
            hovertext=hover,
        )
    figure.update_layout(
        yaxis2={"overlaying": "y", "range": [0, 1], "visible": False}, hovermode="closest"
    )


def _list_news(line: Mapping[str, Any]) -> list[str]:
    """Say what a window's alerts told, but not what was over."""
    return [
        f"{notice['what']}: {notice['how_much']}"
        for notice in line["notices"]
        if notice["state"] != "over"
    ]


def _fold(told: Sequence[str]) -> str:
    return "<br>".join([*told[:5], *([f"and {len(told) - 5} more"] if len(told) > 5 else [])])


def _draw_gains(report: Mapping[str, Any]) -> go.Figure:
    figure = new_figure(
        "Gain over never training again, by window",
        "window from",
        f"gain in {report['metric']}",
        width=_WIDTH,
        height=360,
    )
    judged = [line for line in report["windows"] if line["gains"]]
    for policy in ("rules", "always"):
        gains = [line["gains"][f"{policy} over never"] for line in judged]
        figure.add_scatter(
            x=[line["window"] for line in judged],
            y=[gain["value"] for gain in gains],
            mode="lines+markers",
            name=policy,
            line={"color": _COLOURS[policy]},
            marker={"symbol": _SHAPES[policy], "size": 8},
            error_y=_reach(gains),
        )
    figure.add_hline(y=0, line={"dash": "dash", "color": GREY, "width": 1})
    return figure


def _reach(scores: Any) -> dict[str, Any]:
    """Give the error bars of scores."""
    listed = list(scores)
    return {
        "array": [score["high"] - score["value"] for score in listed],
        "arrayminus": [score["value"] - score["low"] for score in listed],
        "symmetric": False,
        "thickness": 1,
        "width": 3,
    }
