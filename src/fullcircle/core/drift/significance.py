"""How likely chance alone makes a difference, and the smallest one that would have been seen."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import optimize, special, stats

from fullcircle.core.drift.past_variation import INDEPENDENT, Variation

Vector = npt.NDArray[Any]

# An expected count per bin below which the chi-square distribution is too far off in its tail.
_MIN_EXPECTED = 10.0
# Ranks from 1e-8 to 1 - 1e-8 over which the unknown variation is averaged.
_LOGITS = np.linspace(-18, 18, 181)
_RANKS = special.expit(_LOGITS)
_WEIGHTS = _RANKS * (1 - _RANKS)
_WEIGHTS /= _WEIGHTS.sum()


@dataclass(frozen=True)
class Difference:
    """The difference of a window from the reference in one histogram.

    Attributes:
        distance: Sum over bins of the squared difference of the shares, over the expected share.
        sampling: What ``distance`` is on average, of independent rows and without drift.
        rank: Bins less one.
    """

    distance: float
    sampling: float
    rank: int


def compare(reference: Vector, window: Vector, *, ordered: bool) -> Difference | None:
    """Compare two histograms; of independent rows this is Pearson's chi-square test.

    Bins too small for it are joined: with their neighbours where bins are ordered (the last, for
    missing, excepted), else all into one. None where fewer than two are left.
    """
    rows, known = float(window.sum()), float(reference.sum())
    if not rows or not known:
        return None
    pooled = (reference + window) / (rows + known)
    places = _join(pooled * min(rows, known), ordered=ordered)
    before, now, expected = (
        np.bincount(places, weights=counts) for counts in (reference / known, window / rows, pooled)
    )
    if len(expected) < 2:
        return None
    distance = float(((now - before) ** 2 / expected).sum())
    rank = len(expected) - 1
    return Difference(distance, rank * (1 / rows + 1 / known), rank)


def _join(expected: Vector, *, ordered: bool) -> Vector:
    """Number the joined bins, so that each expects enough rows, if all together do."""
    return _join_neighbours(expected) if ordered else _join_small(expected)


def _join_small(expected: Vector) -> Vector:
    """Join all bins that are too small, and if they still are, the smallest of the others."""
    small = expected < _MIN_EXPECTED
    if small.any() and expected[small].sum() < _MIN_EXPECTED and not small.all():
        small = small | (np.arange(len(expected)) == np.where(small, np.inf, expected).argmin())
    places = np.cumsum(~small) - 1
    return np.where(small, places.max(initial=-1) + 1, places)


def _join_neighbours(expected: Vector) -> Vector:
    """Join each bin that is too small with those after it, and the last with those before."""
    places, held = [0], 0.0
    for size in expected[:-1]:
        held += float(size)
        places.append(places[-1] + (held >= _MIN_EXPECTED))
        held = held if held < _MIN_EXPECTED else 0.0
    numbers = np.asarray(places)
    last = numbers[-1]
    if expected[numbers == last].sum() < _MIN_EXPECTED:
        numbers[numbers == last] = max(last - 1, 0)
    return numbers


def chance_of(difference: Difference, variation: Variation = INDEPENDENT) -> float:
    """Give the chance of so great a difference without drift.

    Windows differ by sampling and, beyond it, as the past shows; how much is itself uncertain, by
    the chi-square distribution of its estimate, over which the chance is averaged. With all
    variation beyond sampling this is an F test, of independent rows Pearson's.
    """
    return _chance(difference.distance, *_spread(difference, variation))


def _spread(difference: Difference, variation: Variation) -> tuple[Vector, Vector]:
    """Mean of the distance and its effective rank, for each rank of the unknown variation."""
    sampling, rank = difference.sampling, difference.rank
    if np.isinf(variation.freedom):
        ratios = np.array([variation.ratio])
    else:
        quantiles = 2 * special.gammaincinv(variation.freedom / 2, _RANKS)
        ratios = variation.ratio * variation.freedom / np.maximum(quantiles, 1e-300)
    beyond = np.maximum(ratios - 1, 0) * rank / variation.rows * (1 + 1 / variation.windows)
    beyond = np.minimum(beyond, 1e12)
    mean = sampling + beyond
    return mean, mean**2 / (sampling**2 / rank + 2 * sampling * beyond / rank + beyond**2)


def _chance(distance: float, mean: Vector, rank: Vector) -> float:
    """Chance of a chi-square variable beyond the distance, averaged over what is uncertain."""
    tails = special.gammaincc(rank / 2, rank * distance / mean / 2)
    return float(tails[0] if len(tails) == 1 else (tails * _WEIGHTS).sum())


def smallest_seen(
    difference: Difference,
    variation: Variation,
    level: float,
    power: float,
    at_least: float = 0.0,
) -> float | None:
    """Give the smallest true distance that would raise an alarm with the given power.

    Args:
        difference: Its sampling and rank are used, not its distance.
        variation: Of the past.
        level: Chance below which a difference counts as proven.
        power: Wanted chance of the alarm, 0 to 1.
        at_least: Distance below which no alarm is raised.

    Returns:
        On the scale of ``distance``, which is about that of the population stability index; None
        where no shift would be seen.
    """
    means, ranks = _spread(difference, variation)

    def miss(log: float) -> float:
        return float(np.log(max(_chance(np.exp(log), means, ranks), 1e-300) / level))

    if miss(np.log(1e6)) > 0:
        return None
    bar = max(float(np.exp(optimize.brentq(miss, np.log(1e-12), np.log(1e6), xtol=1e-4))), at_least)
    mean, rank = float(np.median(means)), float(np.median(ranks))

    def missed(noncentrality: float) -> float:
        return float(special.chndtr(bar * rank / mean, rank, noncentrality)) - (1 - power)

    if missed(1e-9) <= 0:
        return 0.0
    most = 10 * (bar * rank / mean + 100)
    return float(optimize.brentq(missed, 1e-9, most)) * mean / rank


def chance_of_more(before: int, rows_before: int, now: int, rows_now: int) -> float:
    """Give the chance, both ways, of so different a share of rare rows, of independent rows.

    Fisher's exact test (J. Royal Statistical Society 85, 1922), twice its one-sided chance.
    """
    marked, rows = before + now, rows_before + rows_now
    if not rows_before or not rows_now:
        return 1.0
    counted = stats.hypergeom(rows, marked, rows_now)
    return float(min(1.0, 2 * min(counted.sf(now - 1), counted.cdf(now))))
