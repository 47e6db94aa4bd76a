"""How far a window is from the reference: effect sizes, none of which depends on a p-value."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats
from scipy.spatial import distance

from fullcircle.core.profile.bins import Bins, count_groups

Vector = npt.NDArray[Any]


def population_stability_index(reference: Any, window: Any) -> float:
    """Population stability index: the symmetric Kullback-Leibler divergence of two histograms.

    Each count is raised by a half, so that an empty bin gives a finite value. Source: Siddiqi,
    Credit Risk Scorecards (2006); Yurdakul and Naranjo, J. Risk Model Validation 14 (2020).

    Example:
        >>> round(population_stability_index([500, 500], [500, 500]), 4)
        0.0
        >>> round(population_stability_index([500, 500], [250, 750]), 4)
        0.274
    """
    p, q = (np.asarray(counts, dtype=float) + 0.5 for counts in (reference, window))
    p, q = p / p.sum(), q / q.sum()
    return float(np.sum((q - p) * np.log(q / p)))


def jensen_shannon_distance(reference: Any, window: Any) -> float | None:
    """Jensen-Shannon distance of two histograms, to base 2: 0 if alike, 1 without common bins.

    Source: Endres and Schindelin, IEEE Trans. Information Theory 49 (2003).
    """
    p, q = np.asarray(reference, dtype=float), np.asarray(window, dtype=float)
    if not p.sum() or not q.sum():
        return None
    return float(np.nan_to_num(distance.jensenshannon(p, q, base=2)))


def homogeneity_p_value(reference: Any, window: Any) -> float:
    """P-value of Pearson's chi-square test that two histograms come from one distribution.

    It takes rows for independent, and no difference for too small; so it decides nothing here.

    Example:
        >>> homogeneity_p_value([500, 500], [500, 500])
        1.0
        >>> homogeneity_p_value([500, 500], [250, 750]) < 1e-20
        True
    """
    counts = np.asarray([reference, window])
    counts = counts[:, counts.sum(axis=0) > 0]
    if counts.shape[1] < 2 or not counts.sum(axis=1).all():
        return 1.0
    return float(stats.chi2_contingency(counts, correction=False).pvalue)


def cramers_v(reference: Any, window: Any) -> float | None:
    """Cramér's V of histogram and set: the chi-square statistic as an effect size, 0 to 1.

    Source: Cramér, Mathematical Methods of Statistics (1946).
    """
    counts = np.asarray([reference, window])
    counts = counts[:, counts.sum(axis=0) > 0]
    if not counts.size or not counts.sum(axis=1).all():
        return None
    if counts.shape[1] < 2:
        return 0.0
    return float(stats.contingency.association(counts, method="cramer"))


def kolmogorov_smirnov(reference: Bins, window: Bins) -> float | None:
    """Largest difference of the two distribution functions, at the edges of the bins, 0 to 1.

    It is at most what all values would give, and the same where each value has its own bin. None
    where either side has no value. Source: Kolmogorov (1933); Smirnov (1948).
    """
    shares = _cumulated(reference["counts"]), _cumulated(window["counts"])
    if shares[0] is None or shares[1] is None:
        return None
    return float(np.max(np.abs(shares[0] - shares[1]), initial=0.0))


def _cumulated(counts: list[int]) -> Vector | None:
    """Give the share of the present values up to each edge."""
    present = np.asarray(counts[:-1], dtype=float)
    return np.cumsum(present)[:-1] / present.sum() if present.sum() else None


def wasserstein(reference: Bins, window: Bins) -> float | None:
    """Wasserstein-1 distance in units of the column: how far a value has moved on average.

    Within a bin values count as spread evenly, beyond the outer edges as lying at them; where each
    value has its own bin it is exact. None where either side has no value. Source: Vallender,
    Theory of Probability and its Applications 18 (1974).
    """
    low, high = (_cumulated(side["counts"]) for side in (reference, window))
    if low is None or high is None or not len(low):
        return None
    edges = np.asarray(reference["edges"])
    if reference["exact"]:
        return float(np.sum(np.abs(low - high)[:-1] * np.diff(edges)))
    nodes = [_with_ends(edges, side["moments"]) for side in (reference, window)]
    grid = np.unique(np.concatenate([edges, *nodes]))
    one, other = np.interp(grid, nodes[0], low), np.interp(grid, nodes[1], high)
    return _integrate_absolute(grid, one - other)


def _with_ends(edges: Vector, moments: Bins) -> Vector:
    """Let the outermost bins between the edges begin and end where the side's own values do."""
    if len(edges) < 3:
        return edges
    first = np.clip(moments["min"], edges[0], edges[1])
    last = np.clip(moments["max"], edges[-2], edges[-1])
    return np.asarray([first, *edges[1:-1], last])


def _integrate_absolute(x: Vector, y: Vector) -> float:
    """Integrate the absolute value of a line through points exactly, zero crossings included."""
    left, right = np.abs(y[:-1]), np.abs(y[1:])
    both = left + right
    crossed = (y[:-1] * y[1:] < 0) & (both > 0)
    area = np.where(crossed, (left**2 + right**2) / np.where(both > 0, both, 1), both) / 2
    return float(np.sum(area * np.diff(x)))


def measure(reference: Bins, window: Bins) -> dict[str, float | None]:
    """Measure one column.

    Args:
        reference: Bins and counts, of numbers ``moments`` too.
        window: Counts in the same bins, of numbers ``moments`` too.

    Returns:
        ``jensen_shannon``, ``cramers_v`` and, of numbers, ``kolmogorov_smirnov``, ``wasserstein``
        (units of the column), ``wasserstein_scaled`` (standard deviations of the reference) and
        ``mean_before``, ``mean_now``.
    """
    before, now = (count_groups(reference, side["counts"]) for side in (reference, window))
    found = {
        "jensen_shannon": jensen_shannon_distance(before, now),
        "cramers_v": cramers_v(before, now),
    }
    if reference["kind"] == "text":
        return found
    moved = wasserstein(reference, window)
    deviation = (reference["moments"]["variance"] or 0.0) ** 0.5
    return {
        **found,
        "kolmogorov_smirnov": kolmogorov_smirnov(reference, window),
        "wasserstein": moved,
        "wasserstein_scaled": moved / deviation if moved is not None and deviation else None,
        "mean_before": reference["moments"]["mean"],
        "mean_now": window["moments"]["mean"],
    }
