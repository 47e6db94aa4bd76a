"""One self-contained page that says how things stand, and the drift plot."""

from typing import TYPE_CHECKING, Any

from fullcircle.core.pages import fill_page

if TYPE_CHECKING:
    import plotly.graph_objects as go

_TEMPLATE = "dashboard.html.jinja"


def draw_dashboard(
    problem: str,
    drift: dict[str, Any],
    performance: dict[str, Any],
    retraining: dict[str, Any],
    reference: dict[str, Any],
) -> str:
    """Write the monitoring page as HTML that needs no network and no script.

    Args:
        problem: Name of the problem.
        drift: As measure_drift gives it, with ``as_of`` and ``model``.
        performance: As measure_performance gives it.
        retraining: As decide_retraining gives it.
        reference: The champion's profile, promise and age.
    """
    return fill_page(
        _TEMPLATE,
        problem=problem,
        drift=drift,
        performance=performance,
        retraining=retraining,
        reference=reference,
        columns=[_with_bars(column) for column in drift["columns"]],
        axis=_metric_axis(performance, reference["promised"]),
    )


def _with_bars(column: dict[str, Any]) -> dict[str, Any]:
    """Add each bin's bar lengths, in percent of the longest bar of the column."""
    longest = max([*column["before"], *column["now"], 1e-9])
    bars = [
        {
            "label": label,
            "before": before,
            "now": now,
            "before_length": 100 * before / longest,
            "now_length": 100 * now / longest,
        }
        for label, before, now in zip(column["bins"], column["before"], column["now"], strict=True)
        if before or now
    ]
    return {**column, "bars": bars}


def _metric_axis(performance: dict[str, Any], promised: dict[str, float]) -> dict[str, float]:
    """Range that holds the promise and every period's interval, with a margin."""
    scores = [w["score"] for w in performance["windows"] if w["score"]] + [promised]
    low, high = min(s["low"] for s in scores), max(s["high"] for s in scores)
    margin = 0.1 * (high - low) or 0.01
    return {"low": low - margin, "span": high - low + 2 * margin}


def plot_drift(drift: dict[str, Any]) -> "go.Figure":
    """Draw how far each column moved, drifted ones marked, and what would have been seen."""
    import plotly.graph_objects as go

    columns = list(reversed(drift["columns"]))
    figure = go.Figure(
        go.Bar(
            x=[column["psi"] for column in columns],
            y=[column["name"] for column in columns],
            orientation="h",
            marker_color=["#c2410c" if column["drifted"] else "#64748b" for column in columns],
            text=["drifted" if column["drifted"] else "" for column in columns],
            hovertext=["; ".join(column["reasons"]) for column in columns],
            name="moved by",
        )
    )
    figure.add_scatter(
        x=[column["smallest_seen"]["psi"] for column in columns],
        y=[column["name"] for column in columns],
        mode="markers",
        marker={"symbol": "line-ns-open", "size": 14, "color": "#0f766e"},
        name="smallest shift that would have been seen",
    )
    figure.update_layout(
        title=f"Drift of {drift['model']}, rows scored as of {drift['as_of']}",
        xaxis_title="population stability index",
        margin={"l": 160, "r": 20, "t": 50, "b": 50},
        height=140 + 22 * len(columns),
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
    )
    return figure
