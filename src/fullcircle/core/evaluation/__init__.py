"""How good a model is, how sure that is, for whom, and what it leans on."""

from fullcircle.core.evaluation.intervals import (
    Estimate,
    bootstrap_gain,
    bootstrap_metric,
    estimate_scores,
    resample_metric,
    resample_metrics,
)
from fullcircle.core.evaluation.thresholds import choose_threshold, find_threshold

__all__ = [
    "Estimate",
    "bootstrap_gain",
    "bootstrap_metric",
    "choose_threshold",
    "estimate_scores",
    "find_threshold",
    "resample_metric",
    "resample_metrics",
]
