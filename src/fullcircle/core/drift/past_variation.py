"""How much windows differ among themselves without any drift, told by the reference's own past."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import optimize, special, stats

Vector = npt.NDArray[Any]

# A column whose past varies more than this chance among the others' stands by itself.
_SURPRISE = 0.05
_MIN_RATIO = 1e-3
# Columns that move together tell less than as many independent ones.
_MOST_BORROWED = 4


@dataclass(frozen=True)
class Variation:
    """How much more the windows of the past differ than independent rows would.

    Attributes:
        ratio: Between-window variance over that of independent rows; 1 where rows are independent.
        freedom: Degrees of freedom of ``ratio``; infinite where it is known.
        rows: Rows of a typical window of the past.
        windows: Windows of the past; of windows that resemble the one before, so many independent
            ones as tell as much.
    """

    ratio: float = 1.0
    freedom: float = np.inf
    rows: float = np.inf
    windows: float = np.inf


#: What sampling theory says of independent rows.
INDEPENDENT = Variation()


@dataclass(frozen=True)
class Past:
    """How the windows of the past differ in one histogram.

    Attributes:
        ratio: Cochran's Q over its degrees of freedom.
        rank: Bins less one.
        windows: Windows with rows.
        rows: Rows of a typical one.
        spread: Sum of the squared deviations of the windows, in units of sampling noise.
        repeated: Sum of the products of each window's deviation with the next one's.
    """

    ratio: float
    rank: int
    windows: int
    rows: float
    spread: float
    repeated: float


def estimate_past_variation(history: Vector) -> Past | None:
    """Measure how the windows of the past differ in one histogram.

    Args:
        history: Counts, shape (windows, bins).

    Returns:
        None where there are not three windows with rows, or not two bins with any.
    """
    counts = history[history.sum(axis=1) > 0].astype(float)
    counts = counts[:, counts.sum(axis=0) > 0]
    if len(counts) < 3 or counts.shape[1] < 2:
        return None
    rows, total = counts.sum(axis=1), counts.sum()
    shares = counts.sum(axis=0) / total
    apart = (counts / rows[:, None] - shares) / np.sqrt(shares) * np.sqrt(rows)[:, None]
    rank, number = counts.shape[1] - 1, len(counts)
    return Past(
        ratio=float((apart**2).sum() / ((number - 1) * rank)),
        rank=rank,
        windows=number,
        rows=float((total - (rows**2).sum() / total) / (number - 1)),
        spread=float((apart**2).sum()),
        repeated=float((apart[:-1] * apart[1:]).sum()),
    )


def _likeness(spread: float, repeated: float, windows: float) -> float:
    """Lag-1 autocorrelation without its bias (Kendall, Biometrika 41, 1954), at least 0."""
    found = repeated / max(spread, 1e-12)
    return float(np.clip((windows * found + 1) / max(windows - 4, windows / 2), 0.0, 0.95))


def estimate_variations(pasts: Mapping[Any, Past | None]) -> dict[Any, Variation]:
    """Estimate the variation of each histogram over the windows of the past.

    The ratio is that of a random-effects meta-analysis (DerSimonian and Laird, Controlled Clinical
    Trials 7, 1986), of all bins together. Its degrees of freedom are those of Satterthwaite
    (Biometrics 2, 1946), as if all that varies beyond sampling did so in one direction, the least
    favourable case (Székely and Bakirov, Probability Theory and Related Fields 126, 2003). Windows
    that resemble the one before count as fewer (Zwiers and von Storch, J. Climate 8, 1995): by the
    lag-1 autocorrelation of the histogram or of all together, whichever is greater.
    """
    known = {key: past for key, past in pasts.items() if past is not None}
    if not known:
        return {}
    common = _likeness(
        sum(past.spread for past in known.values()),
        sum(past.repeated for past in known.values()),
        float(np.median([past.windows for past in known.values()])),
    )
    return {key: _settle(past, common) for key, past in known.items()}


def _settle(past: Past, common: float) -> Variation:
    number = past.windows
    likeness = max(_likeness(past.spread, past.repeated, number), common)
    # Only what varies beyond sampling can resemble the window before.
    beyond = max(1 - 1 / past.ratio, 0.0) if past.ratio else 0.0
    independent = number / (1 + beyond * 2 * likeness / (1 - likeness))
    independent = float(np.clip(independent, 1.5, number))
    ratio = past.ratio * (1 - 1 / number) / (1 - 1 / independent)
    between = max(ratio - 1, 0.0)
    rank = (1 + between) ** 2 / ((1 + 2 * between) / past.rank + between**2)
    return Variation(max(ratio, _MIN_RATIO), (independent - 1) * rank, past.rows, independent)


@dataclass(frozen=True)
class Prior:
    """What the variation of all columns says of one: a scaled inverse chi-square distribution."""

    ratio: float
    freedom: float
    total: float


def pool_variations(found: Iterable[Variation]) -> Prior | None:
    """Estimate how variation is spread over columns, to borrow strength where windows are few.

    Source: Smyth, Statistical Applications in Genetics and Molecular Biology 3 (2004), section 6.2.

    Returns:
        None of fewer than three columns.
    """
    known = list(found)
    if len(known) < 3:
        return None
    freedom = np.array([each.freedom for each in known])
    logs = np.log([each.ratio for each in known]) - special.digamma(freedom / 2)
    logs += np.log(freedom / 2)
    spread = float(np.var(logs, ddof=1) - special.polygamma(1, freedom / 2).mean())
    total = float(freedom.sum())
    if spread <= 0:
        return Prior(max(float(np.exp(logs.mean())), 1.0), np.inf, total)
    half = _inverse_trigamma(spread)
    ratio = float(np.exp(logs.mean() + special.digamma(half) - np.log(half)))
    return Prior(max(ratio, 1.0), 2 * half, total)


def _inverse_trigamma(value: float) -> float:
    def miss(log: float) -> float:
        return float(special.polygamma(1, np.exp(log)) - value)

    return float(np.exp(optimize.brentq(miss, -15, 15))) if 1e-6 < value < 1e6 else 1e3


def moderate(own: Variation, prior: Prior | None) -> Variation:
    """Draw a column's variation towards that of the others, in proportion to what each tells.

    One that varies surprisingly much stands by itself. Source: Phipson, Lee, Majewski, Alexander
    and Smyth, Annals of Applied Statistics 10 (2016).
    """
    if prior is None:
        return own
    surprise = (
        stats.chi2.sf(own.ratio / prior.ratio * own.freedom, own.freedom)
        if np.isinf(prior.freedom)
        else stats.f.sf(own.ratio / prior.ratio, own.freedom, prior.freedom)
    )
    if surprise < _SURPRISE:
        return own
    freedom = min(prior.freedom + own.freedom, prior.total, _MOST_BORROWED * own.freedom)
    ratio = prior.ratio
    if np.isfinite(prior.freedom):
        weighed = prior.freedom * prior.ratio + own.freedom * own.ratio
        ratio = weighed / (prior.freedom + own.freedom)
    return Variation(ratio, freedom, own.rows, own.windows)
