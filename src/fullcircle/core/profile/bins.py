"""The bins of a column: fixed once, on the rows that train, and the same ever after."""

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Vector = npt.NDArray[Any]
Bins = dict[str, Any]

PREDICTION = "predicted"

_DECILES = tuple(step / 10 for step in range(1, 10))
_TAILS = (0.01, 0.05, 0.95, 0.99)
_MAX_CATEGORIES = 50
# So few different numbers each get a bin of their own.
_FEW_VALUES = 20
_SMALLEST = float(np.finfo("float64").tiny)


def choose_number_bins(values: Vector, lows: Vector, highs: Vector) -> Bins:
    """Fix the bins of a column of numbers at quantiles of its values.

    The first and the last bin lie beyond the range of the values, widened by as much as the
    smallest and the largest value differ among windows of the past.

    Args:
        values: Numbers, NaN where missing, shape (rows,).
        lows: Smallest value in each window of the past, shape (windows,); may be empty.
        highs: Largest value in each window of the past, shape (windows,); may be empty.

    Returns:
        ``{"kind": "number", "edges": [...], "groups": [...], "exact": bool}``. Of n edges there are
        n + 2 bins: up to and including each edge, beyond the last, missing. ``groups`` are the
        positions at which the coarser bins begin that are compared and drawn: deciles, where the
        edges hold tails besides. ``exact`` says that each value has a bin of its own.
    """
    present = values[~np.isnan(values)]
    if not len(present):
        return {"kind": "number", "edges": [], "groups": [0, 1], "exact": False}
    distinct = _few_distinct(present)
    if distinct is not None:
        edges = [_just_below(distinct[0]), *distinct.tolist()]
        return {
            "kind": "number",
            "edges": edges,
            "groups": list(range(len(edges) + 2)),
            "exact": True,
        }
    levels = np.sort([*_DECILES, *_TAILS])
    cuts = np.quantile(present, levels, method="lower")
    low = _just_below(present.min() - (np.ptp(lows) if len(lows) else 0.0))
    high = present.max() + (np.ptp(highs) if len(highs) else 0.0)
    edges = np.unique([low, *cuts, high]).astype(float).tolist()
    deciles = set(np.quantile(present, _DECILES, method="lower").tolist()) | {low, high}
    starts = [place + 1 for place, edge in enumerate(edges) if edge in deciles]
    groups = sorted({0, *starts, len(edges) + 1})
    return {"kind": "number", "edges": edges, "groups": groups, "exact": False}


def _few_distinct(present: Vector) -> Vector | None:
    """Give the distinct values if they are few; most columns show in a sample that they are not."""
    if len(np.unique(present[: 50 * _FEW_VALUES])) > _FEW_VALUES:
        return None
    distinct: Vector = pd.unique(present)
    return np.sort(distinct) if len(distinct) <= _FEW_VALUES else None


def _just_below(value: float) -> float:
    return float(np.nextafter(value, -np.inf))


def choose_text_bins(counts: "pd.Series[int]") -> Bins:
    """Fix the bins of a column of texts: its commonest values, ties by name.

    Of many different values those that occur once are no categories.

    Args:
        counts: Rows of each distinct text.

    Returns:
        ``{"kind": "text", "categories": [...], "distinct": int}``. Of n categories there are n + 2
        bins: each category, all others, missing.
    """
    distinct = len(counts)
    if distinct > _MAX_CATEGORIES:
        counts = counts[counts > 1]
    common = counts.sort_index().sort_values(ascending=False, kind="stable").index[:_MAX_CATEGORIES]
    return {"kind": "text", "categories": sorted(common), "distinct": distinct}


def count_groups(bins: Bins, counts: Any) -> Vector:
    """Sum counts per bin, shape (..., bins), over the coarser bins that are compared."""
    fine = np.asarray(counts, dtype="int64")
    return np.add.reduceat(fine, bins["groups"], axis=-1) if "groups" in bins else fine


def bin_labels(bins: Bins) -> list[str]:
    """Name each bin that is compared, in order."""
    if bins["kind"] == "text":
        return [*bins["categories"], "(other)", "(missing)"]
    if not bins["edges"]:
        return ["any", "(missing)"]
    ends = [bins["edges"][start - 1] for start in bins["groups"][1:-1]]
    names = [f"{end if abs(end) > _SMALLEST else 0:.6g}" for end in ends]
    inner = [high if bins["exact"] else f"{low} to {high}" for low, high in pairwise(names)]
    return [f"below {names[0]}", *inner, f"above {names[-1]}", "(missing)"]
