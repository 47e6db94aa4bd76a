"""How good a model is, how sure that is, for whom, and what it leans on."""

from fullcircle.core.evaluation.intervals import (
    Estimate,
    bootstrap_gain,
    bootstrap_metric,
    resample_metric,
)
from fullcircle.core.evaluation.thresholds import choose_threshold

__all__ = ["Estimate", "bootstrap_gain", "bootstrap_metric", "choose_threshold", "resample_metric"]
