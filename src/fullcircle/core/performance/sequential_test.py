"""Whether one of two models that answer at the same time does better, at any moment one looks.

An A/B comparison is looked at again and again while it runs. A test made for one look would be
wrong far more often than it says. So the interval here is a confidence sequence: it holds the truth
at all looks together with the declared chance (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas,
Annals of Statistics 52 (2024), "Time-uniform central limit theory and asymptotic confidence
sequences").
"""

from dataclasses import asdict, dataclass
from math import ceil, log, sqrt
from typing import Any

import numpy as np

from fullcircle.core.metrics import Vector

_MIN_ENTITIES = 50  # per side; with fewer, a mean is not nearly normal


@dataclass(frozen=True)
class SequentialComparison:
    """What two models' losses say.

    Attributes:
        entities: Entities per side: champion, challenger.
        loss: Mean loss per side; None without entities.
        gain: By how much the challenger's loss is smaller; None where it cannot be said.
        low: Lower end of the interval of the gain.
        high: Upper end.
        confidence: Chance that the interval holds the truth at every look.
        verdict: ``challenger``, ``champion``, ``equal`` or ``undecided``.
        needed: Entities that would show a gain of ``margin``, about, where undecided.
    """

    entities: tuple[int, int]
    loss: tuple[float | None, float | None]
    gain: float | None
    low: float | None
    high: float | None
    confidence: float
    verdict: str
    needed: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def compare_arms(
    champion: Vector, challenger: Vector, share: float, margin: float, confidence: float = 0.95
) -> SequentialComparison:
    """Compare two models that answered different entities.

    Args:
        champion: Loss per entity that the champion answered, shape (entities,).
        challenger: Loss per entity that the challenger answered.
        share: Share of the entities that the challenger was given, between 0 and 1.
        margin: A difference below this does not matter; above 0.
        confidence: Of the interval, at all looks together.

    Returns:
        ``challenger`` or ``champion`` where the interval of the gain lies on one side of zero,
        ``equal`` where it lies within the margin, else ``undecided``.
    """
    sizes = (len(champion), len(challenger))
    means = _mean(champion), _mean(challenger)
    if min(sizes) < _MIN_ENTITIES or means[0] is None or means[1] is None:
        return SequentialComparison(sizes, means, None, None, None, confidence, "undecided")
    gain = means[0] - means[1]
    variance = float(np.var(champion, ddof=1) / (1 - share) + np.var(challenger, ddof=1) / share)
    half = sequence_half_width(sum(sizes), variance, 1 - confidence)
    low, high = gain - half, gain + half
    verdict = _judge(low, high, margin)
    needed = find_needed(variance, margin, 1 - confidence) if verdict == "undecided" else None
    return SequentialComparison(sizes, means, gain, low, high, confidence, verdict, needed)


def compare_pairs(
    champion: Vector, challenger: Vector, margin: float, confidence: float = 0.95
) -> SequentialComparison:
    """Compare two models that both predicted the same entities, as a shadow does."""
    sizes = (len(champion), len(challenger))
    if min(sizes) < _MIN_ENTITIES:
        nothing: tuple[None, None] = (None, None)
        return SequentialComparison(sizes, nothing, None, None, None, confidence, "undecided")
    means = (float(np.mean(champion)), float(np.mean(challenger)))
    variance = float(np.var(champion - challenger, ddof=1))
    gain = means[0] - means[1]
    half = sequence_half_width(sizes[0], variance, 1 - confidence)
    verdict = _judge(gain - half, gain + half, margin)
    needed = find_needed(variance, margin, 1 - confidence) if verdict == "undecided" else None
    return SequentialComparison(
        sizes, means, gain, gain - half, gain + half, confidence, verdict, needed
    )


def sequence_half_width(count: int, variance: float, alpha: float, tuned_for: int = 1000) -> float:
    """Half the width of a confidence sequence around a mean.

    Args:
        count: Observations so far.
        variance: Of one observation.
        alpha: Chance that the truth ever lies outside.
        tuned_for: The sequence is tightest at about this count; it holds at every count.

    Example:
        >>> round(sequence_half_width(1000, 1.0, 0.05), 4)
        0.096
    """
    rho2 = (-2 * log(alpha) + log(-2 * log(alpha)) + 1) / tuned_for
    scaled = count * rho2 + 1
    return sqrt(variance * 2 * scaled / (count**2 * rho2) * log(sqrt(scaled) / alpha))


def find_needed(variance: float, margin: float, alpha: float) -> int | None:
    """Find about how many observations would tell a difference of the margin from none."""
    count = 2 * _MIN_ENTITIES
    while sequence_half_width(count, variance, alpha) > margin:
        count = ceil(count * 1.1)
        if count > 10**12:
            return None
    return count


def _judge(low: float, high: float, margin: float) -> str:
    if low > 0:
        return "challenger"
    if high < 0:
        return "champion"
    return "equal" if -margin < low and high < margin else "undecided"


def _mean(losses: Vector) -> float | None:
    return float(np.mean(losses)) if len(losses) else None
