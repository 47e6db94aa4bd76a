"""What a metric will be once labels come, told by calibrated probabilities alone."""

from typing import Any

import numpy as np

from fullcircle.core.evaluation.intervals import Estimate
from fullcircle.core.evaluation.recalibration import recalibrate
from fullcircle.core.metrics import AS_DECIDED, METRICS, Vector

_MAX_ROWS = 20_000

#: What no estimate without labels can do, for every report that shows one.
BLIND_SPOT = (
    "An estimate without labels takes the relation of features and label for unchanged: it sees a "
    "shift of the rows, and cannot see concept drift."
)


def estimate_metric(
    metric: str,
    predicted: Vector,
    calibration: dict[str, Any],
    *,
    decided: Vector | None = None,
    draws: int,
    confidence: float,
    seed: int,
) -> Estimate | None:
    """Estimate a metric of classes without labels: confidence-based performance estimation.

    Labels are drawn many times as the probabilities say, and scored. The probabilities are
    corrected first as they met the labels of rows that did not teach the model, anew in each draw
    within the uncertainty of that correction. So the interval holds the score of the labels to
    come, chance in them and in the calibration included, as long as features and label relate as
    they did. Source: Białek, Kuberski, Perrakis and Bifet, arXiv 2401.08348 (2024); the draws
    replace their expected confusion matrix, and give the interval.

    Args:
        metric: Name in METRICS, of classes.
        predicted: Shape (rows,) or (rows, classes). Of more than 20,000 rows so many are drawn,
            and the interval is a little wide.
        calibration: As fit_recalibration gives it.
        decided: Decisions, 0 or 1, shape (rows,), for a metric of those between two classes.
        draws: Number of sets of labels.
        confidence: Coverage of the interval, 0 to 1.
        seed: Of all draws.

    Returns:
        The median of the draws with their percentile interval; None where the metric is undefined
        in most of them.
    """
    rng = np.random.default_rng(seed)
    if len(predicted) > _MAX_ROWS:
        some = rng.choice(len(predicted), _MAX_ROWS, replace=False)
        predicted, decided = predicted[some], None if decided is None else decided[some]
    judged = predicted if decided is None else decided
    corrections = rng.multivariate_normal(
        calibration["coefficients"], calibration["covariance"], draws
    )
    scores = np.array(
        [
            METRICS[metric](_draw_labels(rng, recalibrate(predicted, each)), judged, AS_DECIDED)
            for each in corrections
        ]
    )
    scores = scores[np.isfinite(scores)]
    if len(scores) <= draws / 2:
        return None
    tail = (1 - confidence) / 2
    low, middle, high = np.quantile(scores, [tail, 0.5, 1 - tail])
    return Estimate(float(middle), float(low), float(high), confidence)


def _draw_labels(rng: np.random.Generator, shares: Vector) -> Vector:
    """Draw a class for each row, shape (rows,)."""
    level = rng.random(len(shares))
    if shares.ndim == 1:
        return (level < shares).astype("int64")
    drawn = (level[:, None] > np.cumsum(shares, axis=1)).sum(axis=1)
    return np.asarray(np.minimum(drawn, shares.shape[1] - 1))


def check_estimate(
    estimate: dict[str, Any] | None,
    score: dict[str, float] | None,
    labelled_share: float,
    at: float,
) -> bool | None:
    """Tell whether the truth lies in the estimate's interval; None where it is not known enough."""
    if estimate is None or score is None or labelled_share < at:
        return None
    return bool(estimate["low"] <= score["value"] <= estimate["high"])
