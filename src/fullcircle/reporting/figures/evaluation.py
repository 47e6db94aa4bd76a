"""Figures of predictions against the truth, and the choice of those that fit the task."""

import numpy as np
import plotly.graph_objects as go

from fullcircle.core.evaluation.reliability import check_calibration
from fullcircle.core.metrics import Vector
from fullcircle.reporting.figures.classification import (
    calibration_figure,
    confusion_figure,
    precision_recall_figure,
    roc_figure,
)
from fullcircle.reporting.figures.style import (
    BLUE,
    ORANGE,
    PALETTE,
    SEQUENTIAL,
    add_band,
    add_diagonal,
    count_in_bins,
    new_figure,
)

_EDGE = 0.005  # share of the rows at either end that is drawn at the edge


def evaluation_figures(
    task: str,
    truth: Vector,
    predicted: Vector,
    decided: Vector | None = None,
    *,
    confidence: float = 0.95,
) -> dict[str, go.Figure]:
    """Draw all figures that fit the task and the rows; of one class alone no curve can be drawn.

    Args:
        task: binary, multiclass or regression.
        truth: Shape (rows,).
        predicted: Probability of class 1, shape (rows,), of each class, shape (rows, classes), or
            the value, shape (rows,).
        decided: Class decided for each row, shape (rows,); None leaves out the confusion matrix.
        confidence: Coverage of the intervals.

    Returns:
        Figures by name: ``roc``, ``precision_recall``, ``calibration``, ``confusion``,
        ``predictions`` for classes; ``residuals``, ``residual_quantiles``, ``predictions`` for
        values. Empty without rows.
    """
    if not len(truth):
        return {}
    if task == "regression":
        return {
            "residuals": residual_figure(truth, predicted),
            "residual_quantiles": residual_quantiles_figure(truth, predicted),
            "predictions": prediction_histogram(task, truth, predicted),
        }
    figures = {}
    if len(np.unique(truth)) > 1:
        figures["roc"] = roc_figure(truth, predicted)
        figures["precision_recall"] = precision_recall_figure(truth, predicted)
    check = check_calibration(truth, predicted, confidence=confidence)
    figures["calibration"] = calibration_figure(check, predicted)
    if decided is not None:
        figures["confusion"] = confusion_figure(truth, decided)
    figures["predictions"] = prediction_histogram(task, truth, predicted)
    return figures


def residual_figure(truth: Vector, predicted: Vector) -> go.Figure:
    """Draw how many rows have which value and which prediction, in 40 by 40 bins.

    Args:
        truth: Values, shape (rows,).
        predicted: Predicted values, shape (rows,).
    """
    edges = _edges(np.concatenate([truth, predicted]), 40)
    x, y = (np.clip(values, edges[0], edges[-1]) for values in (predicted, truth))
    counts, _, _ = np.histogram2d(x, y, bins=edges)
    middles = _middles(edges)
    figure = new_figure(
        "Values and predictions",
        "predicted value (units of the label; extremes at the edge)",
        "true value (units of the label)",
        width=640,
        height=560,
    )
    decades = list(range(int(np.log10(counts.max())) + 1))
    figure.add_heatmap(
        x=middles,
        y=middles,
        z=[[round(float(np.log10(n)), 3) if n else None for n in row] for row in counts.T],
        text=[[int(n) for n in row] for row in counts.T],
        hovertemplate="predicted %{x}, true %{y}: %{text} rows<extra></extra>",
        colorscale=[[0, "#D6ECF9"], *SEQUENTIAL[1:]],
        colorbar={
            "title": {"text": "rows"},
            "tickvals": decades,
            "ticktext": [f"{10**decade:,}" for decade in decades],
        },
    )
    add_diagonal(figure, edges[0], edges[-1], "exact")
    figure.update_layout(showlegend=False)
    return figure


def residual_quantiles_figure(truth: Vector, predicted: Vector) -> go.Figure:
    """Draw the middle half and the middle 90 % of the residuals over ranges of the prediction.

    Args:
        truth: Values, shape (rows,).
        predicted: Predicted values, shape (rows,); cut into at most 20 ranges of equal counts.
    """
    figure = new_figure(
        "Residuals", "predicted value (units of the label)", "true minus predicted value"
    )
    ranges = np.array_split(
        np.argsort(predicted, kind="stable"), int(np.clip(len(truth) // 20, 1, 20))
    )
    x = [float(np.median(predicted[rows])) for rows in ranges]
    quantiles = np.array(
        [np.quantile((truth - predicted)[rows], [0.05, 0.25, 0.5, 0.75, 0.95]) for rows in ranges]
    ).T.tolist()
    add_band(figure, x, quantiles[0], quantiles[4], BLUE)
    add_band(figure, x, quantiles[1], quantiles[3], BLUE)
    line = {"color": BLUE}
    name = "median; bands hold 50 % and 90 %"
    figure.add_scatter(x=x, y=quantiles[2], mode="lines+markers", line=line, name=name)
    figure.update_yaxes(zeroline=True, zerolinecolor=PALETTE[-1])
    figure.update_layout(showlegend=True)
    return figure


def prediction_histogram(task: str, truth: Vector, predicted: Vector) -> go.Figure:
    """Draw how the predictions are spread: by class, or beside the values themselves.

    Of many classes the probability of the likeliest is drawn, by whether it was right. Arguments
    as in evaluation_figures.
    """
    if task == "regression":
        edges = _edges(np.concatenate([truth, predicted]), 50)
        groups = {"true": truth, "predicted": predicted}
        x_title = "value (units of the label; extremes at the edge)"
    else:
        edges = np.linspace(0, 1, 51)
        binary = predicted.ndim == 1
        score = predicted if binary else predicted.max(axis=1)
        hit = truth == (1 if binary else predicted.argmax(axis=1))
        names = ("class 0", "class 1") if binary else ("wrong", "right")
        groups = {names[0]: score[~hit], names[1]: score[hit]}
        x_title = f"predicted probability of {'class 1' if binary else 'the likeliest class'}"
    figure = new_figure("Predictions", x_title, "share of the group's rows")
    for (name, values), colour in zip(groups.items(), (ORANGE, BLUE), strict=True):
        shares = np.array(count_in_bins(values, edges)) / max(len(values), 1)
        label = f"{name} ({len(values):,} rows)"
        bars = {"marker_color": colour, "opacity": 0.6, "name": label}
        figure.add_bar(x=_middles(edges), y=shares.round(6).tolist(), **bars)
    figure.update_layout(barmode="overlay", bargap=0)
    return figure


def _edges(values: Vector, bins: int) -> Vector:
    """Edges of equal bins that hold all but the outermost values."""
    low, high = np.quantile(values, [_EDGE, 1 - _EDGE])
    if low == high:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, bins + 1)


def _middles(edges: Vector) -> list[float]:
    return [float(f"{middle:.6g}") for middle in (edges[:-1] + edges[1:]) / 2]
