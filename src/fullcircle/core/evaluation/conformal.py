"""Intervals around predicted values that hold the truth as often as they say.

Method: split conformal prediction (Lei, G'Sell, Rinaldo, Tibshirani and Wasserman, Journal of the
American Statistical Association 113 (2018) 1094-1111), separately for low and high predictions
(Mondrian categories; Vovk, Gammerman and Shafer, 2005, chapter 4), since long trips err by more.
"""

from math import ceil
from typing import Any

import numpy as np

from fullcircle.core.metrics import Vector

_MAX_BINS = 10
_ROWS_PER_BIN = 100


def fit_interval(truth: Vector, predicted: Vector, coverage: float) -> dict[str, Any] | None:
    """Learn how far off predictions are, from rows that did not teach the model.

    Args:
        truth: Values, shape (rows,).
        predicted: Predictions of them, shape (rows,).
        coverage: Share of rows whose truth the interval shall hold, between 0 and 1.

    Returns:
        Plain values: ``coverage``, inner ``edges`` between bins of the prediction and the
        ``half_widths`` of each bin, in the unit of the value; None where the rows are too few.
    """
    errors = np.abs(np.asarray(truth, dtype="float64") - predicted)
    bins = int(np.clip(len(errors) // _ROWS_PER_BIN, 1, _MAX_BINS))
    for edges in (_cut(predicted, bins), np.empty(0)):
        places = np.searchsorted(edges, predicted, side="right")
        widths = [_quantile(errors[places == place], coverage) for place in range(len(edges) + 1)]
        if np.isfinite(widths).all():
            return {"coverage": coverage, "edges": edges.tolist(), "half_widths": widths}
    return None


def _cut(predicted: Vector, bins: int) -> Vector:
    """Inner edges of bins of about as many predictions, none of them empty."""
    if bins == 1:
        return np.empty(0)
    edges = np.unique(np.quantile(predicted, np.arange(1, bins) / bins, method="lower"))
    return np.asarray(edges[edges > predicted.min()])


def _quantile(errors: Vector, coverage: float) -> float:
    """The error that a further row exceeds with a chance of at most 1 - coverage."""
    rank = ceil((len(errors) + 1) * coverage)
    return float(np.sort(errors)[rank - 1]) if rank <= len(errors) else float("inf")


def apply_interval(interval: dict[str, Any], predicted: Vector) -> tuple[Vector, Vector]:
    """Give the lower and upper ends around predictions, each of shape (rows,)."""
    places = np.searchsorted(interval["edges"], predicted, side="right")
    half = np.asarray(interval["half_widths"])[places]
    return predicted - half, predicted + half
