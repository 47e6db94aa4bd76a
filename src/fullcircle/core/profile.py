"""Distributions as counts in fixed bins, taken in one pass and comparable over time."""

from itertools import pairwise
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

_BINS = 10
_MAX_CATEGORIES = 50
PREDICTION = "predicted"


def choose_bins(frame: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Fix the bins of each column: inner decile edges of numbers, the commonest texts.

    Returns:
        ``{column: {"kind": "number", "edges": [...]}}`` or
        ``{column: {"kind": "text", "categories": [...]}}``.
    """
    return {str(name): _choose(frame[name]) for name in frame.columns}


def _choose(column: pd.Series) -> dict[str, Any]:
    present = column.dropna()
    if pd.api.types.is_numeric_dtype(column):
        steps = np.arange(1, _BINS) / _BINS
        quantiles = np.quantile(present, steps, method="lower") if len(present) else np.empty(0)
        return {"kind": "number", "edges": np.unique(quantiles).astype(float).tolist()}
    counts = present.astype(str).value_counts()
    common = counts.sort_index().sort_values(ascending=False, kind="stable").index[:_MAX_CATEGORIES]
    return {"kind": "text", "categories": sorted(common)}


def bin_labels(bins: dict[str, Any]) -> list[str]:
    """Name each bin of a column in the order of its counts."""
    if bins["kind"] == "text":
        return [*bins["categories"], "(other)", "(missing)"]
    edges = [f"{edge:.4g}" for edge in bins["edges"]]
    if not edges:
        return ["any", "(missing)"]
    inner = [f"{low} to {high}" for low, high in pairwise(edges)]
    return [f"up to {edges[0]}", *inner, f"above {edges[-1]}", "(missing)"]


def count_bins(table: ir.Table, bins: dict[str, dict[str, Any]]) -> dict[str, list[int]]:
    """Count the rows in every bin of every column, in one aggregation over the table.

    Args:
        table: Rows with the columns named in ``bins``.
        bins: As choose_bins gives them.

    Returns:
        Counts by column, in the order of bin_labels.
    """
    aggregates = {"rows": table.count()}
    for number, (name, column_bins) in enumerate(bins.items()):
        column = _as_countable(table[name], column_bins)
        aggregates[f"present_{number}"] = column.count()
        for position, condition in enumerate(_conditions(column, column_bins)):
            aggregates[f"bin_{number}_{position}"] = condition.cast("int64").sum().fill_null(0)
    counted = table.aggregate(**aggregates).to_pyarrow().to_pylist()[0]
    return {
        name: _complete(column_bins, number, counted)
        for number, (name, column_bins) in enumerate(bins.items())
    }


def _as_countable(column: ir.Column, bins: dict[str, Any]) -> ir.Column:
    """Read booleans as numbers, as training does, and NaN as missing."""
    if bins["kind"] == "text":
        return column.cast("string")
    number = column.cast("float64")
    return ibis.ifelse(number.isnan(), ibis.null("float64"), number)


def _conditions(column: ir.Column, bins: dict[str, Any]) -> list[ir.BooleanValue]:
    if bins["kind"] == "number":
        return [column <= ibis.literal(edge, "float64") for edge in bins["edges"]]
    return [column == category for category in bins["categories"]]


def _complete(bins: dict[str, Any], number: int, counted: dict[str, int]) -> list[int]:
    """Turn one column's raw counts into counts per bin, other and missing included."""
    present = counted[f"present_{number}"]
    size = len(bins["edges"] if bins["kind"] == "number" else bins["categories"])
    raw = [int(counted[f"bin_{number}_{position}"]) for position in range(size)]
    if bins["kind"] == "number":
        raw = [int(step) for step in np.diff([0, *raw, present])]
    else:
        raw.append(present - sum(raw))
    return [*raw, counted["rows"] - present]


def take_profile(inputs: pd.DataFrame, predicted: np.ndarray) -> dict[str, Any]:
    """Profile a model's inputs and predictions at training.

    Args:
        inputs: The model's input columns, shape (rows, columns).
        predicted: Predictions for the same rows; of several classes, the likeliest class counts.

    Returns:
        ``{"rows": n, "columns": {name: {"kind", "edges" | "categories", "counts"}}}`` with the
        predictions under the name in PREDICTION.
    """
    value = predicted.argmax(axis=1).astype(float) if predicted.ndim == 2 else predicted
    frame = inputs.assign(**{PREDICTION: value})
    bins = choose_bins(frame)
    counts = count_bins(ibis.memtable(frame), bins)
    columns = {name: {**bins[name], "counts": counts[name]} for name in bins}
    return {"rows": len(frame), "columns": columns}
