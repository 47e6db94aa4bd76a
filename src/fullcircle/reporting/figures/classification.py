"""Figures of a classification: ranking, calibration, decisions."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
from sklearn import metrics as sk

from fullcircle.core.metrics import Vector
from fullcircle.reporting.figures.style import (
    BLUE,
    GREY,
    RED,
    SEQUENTIAL,
    add_diagonal,
    add_legend_entry,
    count_in_bins,
    new_figure,
    thin,
)

_MAX_CLASSES = 8  # as many curves as there are colours


def roc_figure(truth: Vector, probability: Vector) -> go.Figure:
    """Draw the receiver operating characteristic, of many classes one curve against the rest.

    Args:
        truth: 0 or 1, or the position of the class among the columns, shape (rows,).
        probability: Of class 1, shape (rows,), or of each class, shape (rows, classes).
    """
    figure = new_figure(
        "ROC: what part of the positives is found, at what cost",
        "false positive rate (share of negatives)",
        "true positive rate (share of positives)",
    )
    for name, hit, score in _one_against_rest(truth, probability):
        false_rate, true_rate, _ = sk.roc_curve(hit, score)
        x, y = thin(false_rate, true_rate)
        label = f"{name}: AUC {sk.auc(false_rate, true_rate):.3f}"
        figure.add_scatter(x=x, y=y, mode="lines", name=label)
    add_diagonal(figure, 0, 1, "no skill")
    return figure


def precision_recall_figure(truth: Vector, probability: Vector) -> go.Figure:
    """Draw precision over recall; arguments as in roc_figure."""
    figure = new_figure(
        "Precision and recall",
        "recall (share of positives that are found)",
        "precision (share of the found that are positive)",
    )
    for name, hit, score in _one_against_rest(truth, probability):
        precision, recall, _ = sk.precision_recall_curve(hit, score)
        x, y = thin(recall, precision)
        average = sk.average_precision_score(hit, score)
        label = f"{name}: average {average:.3f}, by chance {hit.mean():.3f}"
        figure.add_scatter(x=x, y=y, mode="lines", name=label)
    figure.update_yaxes(range=[0, 1.02])
    figure.update_layout(showlegend=True)
    return figure


def _one_against_rest(truth: Vector, probability: Vector) -> list[tuple[str, Vector, Vector]]:
    """Name, membership and score of class 1, or of each of the commonest classes seen."""
    if probability.ndim == 1:
        return [("class 1", truth == 1, probability)]
    classes, counts = np.unique(truth, return_counts=True)
    common = np.sort(classes[np.argsort(-counts, kind="stable")[:_MAX_CLASSES]])
    return [(f"class {int(c)}", truth == c, probability[:, int(c)]) for c in common]


def calibration_figure(check: dict[str, Any], probability: Vector) -> go.Figure:
    """Draw observed shares over predicted probabilities, with intervals and a histogram below.

    Args:
        check: As check_calibration gives it.
        probability: The probabilities that were checked, shape (rows,) or (rows, classes).
    """
    of = check["of"]
    figure = new_figure(
        f"Calibration: {_describe_verdict(check)}",
        f"predicted probability of {of}",
        "observed share",
        height=560,
    )
    bins = check["bins"]
    add_diagonal(figure, 0, 1, "calibrated")
    figure.add_scatter(
        x=[b["predicted"] for b in bins],
        y=[b["observed"] for b in bins],
        error_y={
            "array": [b["high"] - b["observed"] for b in bins],
            "arrayminus": [b["observed"] - b["low"] for b in bins],
            "symmetric": False,
        },
        mode="markers",
        marker={"size": 9, "color": [BLUE if b["inside"] else RED for b in bins]},
        text=[f"{b['rows']} rows" for b in bins],
        showlegend=False,
    )
    add_legend_entry(figure, f"observed, {check['confidence']:.0%} interval", BLUE)
    if not all(b["inside"] for b in bins):
        add_legend_entry(figure, "interval misses the prediction", RED)
    values = probability if probability.ndim == 1 else probability.max(axis=1)
    edges = np.linspace(0, 1, 41)
    middles, counts = (edges[:-1] + edges[1:]) / 2, count_in_bins(values, edges)
    bars = {"yaxis": "y2", "marker_color": GREY, "name": "rows", "showlegend": False}
    figure.add_bar(x=middles.round(4).tolist(), y=counts, **bars)
    figure.update_layout(
        bargap=0,
        xaxis={"anchor": "y2", "range": [-0.02, 1.02]},
        yaxis={"domain": [0.28, 1], "range": [-0.02, 1.02]},
        yaxis2={"domain": [0, 0.2], "title": {"text": "rows"}, "gridcolor": "#E5E5E5"},
    )
    return figure


def _describe_verdict(check: dict[str, Any]) -> str:
    if not check["judged"]:
        return f"not judged, {check['reason']}"
    return "no fault found" if check["calibrated"] else "probabilities are off"


def confusion_figure(truth: Vector, decided: Vector) -> go.Figure:
    """Draw how many rows of each class were decided to be of each class.

    Args:
        truth: Class of each row, shape (rows,).
        decided: Class decided for each row, shape (rows,).
    """
    classes = np.unique(np.concatenate([truth, decided]))
    counts = sk.confusion_matrix(truth, decided, labels=classes)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    names = [f"class {int(c)}" for c in classes]
    side = 260 + 60 * min(len(classes), 12)
    figure = new_figure("Decisions", "decided", "truth", width=side + 120, height=side)
    texts = [
        [f"{n:,}<br>{share:.1%}" for n, share in zip(*row, strict=True)]
        for row in zip(counts, shares, strict=True)
    ]
    figure.add_heatmap(
        x=names,
        y=names,
        z=shares.round(4).tolist(),
        zmin=0,
        zmax=1,
        text=texts,
        texttemplate="%{text}" if len(classes) <= 12 else None,
        colorscale=SEQUENTIAL,
        colorbar={"title": {"text": "share of<br>the truth"}, "tickformat": ".0%"},
        hovertemplate="truth %{y}, decided %{x}: %{text}<extra></extra>",
    )
    figure.update_yaxes(autorange="reversed")
    return figure
