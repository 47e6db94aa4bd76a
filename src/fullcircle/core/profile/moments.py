"""Mean, spread and range of numbers, in a form that can be merged."""

from typing import Any

import numpy as np

from fullcircle.core.profile.bins import Vector

Moments = dict[str, Any]
NOTHING: Moments = {"count": 0, "mean": None, "variance": None, "min": None, "max": None}


def describe_numbers(values: Vector) -> Moments:
    """Describe numbers, NaN where missing: count, mean, variance (of the population), range."""
    present = values[~np.isnan(values)]
    if not len(present):
        return NOTHING
    return {
        "count": len(present),
        "mean": float(present.mean()),
        "variance": float(present.var()),
        "min": float(present.min()),
        "max": float(present.max()),
    }


def combine_moments(one: Moments, other: Moments) -> Moments:
    """Merge the moments of two sets of numbers.

    Source: Chan, Golub and LeVeque, Updating formulae and a pairwise algorithm for computing sample
    variances, COMPSTAT (1982).
    """
    if not one["count"] or not other["count"]:
        return one if one["count"] else other
    count = one["count"] + other["count"]
    share, gap = other["count"] / count, other["mean"] - one["mean"]
    return {
        "count": count,
        "mean": one["mean"] + share * gap,
        "variance": (1 - share) * one["variance"]
        + share * other["variance"]
        + share * (1 - share) * gap**2,
        "min": min(one["min"], other["min"]),
        "max": max(one["max"], other["max"]),
    }
