"""What predictions were worth, by a declared table."""

from statistics import NormalDist
from typing import Any

import numpy as np

from fullcircle.core.metrics import Vector
from fullcircle.core.performance.settings import ValueTable


def value_rows(table: ValueTable, truth: Vector, answer: Vector) -> Vector:
    """Give the worth of each row, shape (rows,).

    Args:
        table: What predictions are worth.
        truth: Class or value, shape (rows,).
        answer: Decided class, or predicted value, shape (rows,).
    """
    if table.per_unit_of_error is not None:
        error = answer - truth
        costs = table.per_unit_of_error
        return np.where(error > 0, -costs.over * error, costs.under * error)
    worth = np.zeros(len(truth))
    for cell, value in (table.cells or {}).items():
        happened, decided = (int(part) for part in cell.split("/"))
        worth[(truth == happened) & (answer == decided)] = value
    return worth


def sum_value(table: ValueTable, worth: Vector, confidence: float) -> dict[str, Any]:
    """Sum the worth of labelled rows, with the normal interval of the mean.

    Returns:
        ``unit``, ``rows``, ``total``, and ``per_row`` with its interval.
    """
    mean = float(worth.mean())
    error = float(worth.std(ddof=1)) / len(worth) ** 0.5 if len(worth) > 1 else float("inf")
    reach = NormalDist().inv_cdf((1 + confidence) / 2) * error
    interval = {"low": mean - reach, "high": mean + reach} if np.isfinite(reach) else {}
    return {
        "unit": table.unit,
        "rows": len(worth),
        "total": float(worth.sum()),
        "per_row": {"value": mean, **interval, "confidence": confidence},
    }
