"""What each policy of retraining was worth, on the same rows, by the truth that came later."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fullcircle.core.evaluation.intervals import Resampled, resample_metric
from fullcircle.core.metrics import AS_DECIDED, METRICS, Vector

POLICIES = ("rules", "never", "always")
"""Retraining by the declared rules and the gate; never; and in every window, without a gate."""

_PAIRS = (("rules", "never"), ("rules", "always"), ("always", "never"))


@dataclass(frozen=True)
class LabelledPredictions:
    """The rows of one window whose truth is known.

    Attributes:
        name: The window's name.
        truth: Labels, shape (rows,).
        predicted: By policy, shape (rows,) or (rows, classes); decisions, 0 or 1, where two classes
            are judged by a metric of those.
    """

    name: str
    truth: Vector
    predicted: Mapping[str, Vector]


def compare_policies(
    windows: Sequence[LabelledPredictions],
    metric: str,
    *,
    resamples: int,
    confidence: float,
    seed: int,
) -> dict[str, Any]:
    """Score every policy in each window, and all windows together.

    Within a window the policies are compared on the very same resamples of its rows (a paired
    bootstrap). Over all windows a score is the mean of the windows' scores, each weighted by its
    rows: a ranking metric would otherwise compare the predictions of one model with those of
    another.

    Args:
        windows: What is judged, in the order of time.
        metric: Name in METRICS.
        resamples: Resamples behind each interval.
        confidence: Coverage of each interval, 0 to 1.
        seed: Seed of the resamples.

    Returns:
        ``windows``: per window its ``scores`` by policy and ``gains`` by pair, None where its rows
        do not define the metric. ``scores`` and ``gains`` of all windows, and how many ``rows``
        and windows are behind them. A gain is positive where the first of the pair is better.
    """
    drawn = [
        {
            policy: resample_metric(
                metric,
                window.truth,
                predicted,
                threshold=AS_DECIDED,
                resamples=resamples,
                seed=seed + number,
            )
            for policy, predicted in window.predicted.items()
        }
        if _is_defined(metric, window)
        else None
        for number, window in enumerate(windows)
    ]
    weights = np.array([len(w.truth) for w, d in zip(windows, drawn, strict=True) if d is not None])
    whole = _pool([each for each in drawn if each is not None], weights)
    return {
        "metric": metric,
        "windows": [
            {"name": window.name, "labelled": len(window.truth), **_tell(each, confidence)}
            for window, each in zip(windows, drawn, strict=True)
        ],
        "rows": int(weights.sum()),
        "windows_judged": len(weights),
        **_tell(whole, confidence),
    }


def _is_defined(metric: str, window: LabelledPredictions) -> bool:
    """Tell whether the rows say anything: there are two at least, and the metric has a value."""
    if len(window.truth) < 2:
        return False
    values = [METRICS[metric](window.truth, each, AS_DECIDED) for each in window.predicted.values()]
    return bool(np.isfinite(values).all())


def _pool(drawn: Sequence[dict[str, Resampled]], weights: Vector) -> dict[str, Resampled] | None:
    if not drawn:
        return None
    shares = weights / weights.sum()
    return {
        policy: Resampled(
            scored.metric,
            float(sum(s * each[policy].value for s, each in zip(shares, drawn, strict=True))),
            np.sum([s * each[policy].draws for s, each in zip(shares, drawn, strict=True)], axis=0),
        )
        for policy, scored in drawn[0].items()
    }


def _tell(drawn: dict[str, Resampled] | None, confidence: float) -> dict[str, Any]:
    if drawn is None:
        return {"scores": None, "gains": None}
    scores = {policy: each.estimate(confidence).as_dict() for policy, each in drawn.items()}
    gains = {
        f"{better} over {other}": drawn[better].gain(drawn[other]).estimate(confidence).as_dict()
        for better, other in _PAIRS
    }
    return {"scores": scores, "gains": gains}
