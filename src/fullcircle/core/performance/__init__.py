"""How well past predictions do, as their labels arrive, and what can be said before."""

from fullcircle.core.performance.estimation import estimate_metric
from fullcircle.core.performance.joining import Labelled, join_labels
from fullcircle.core.performance.report import measure_performance, measure_windows
from fullcircle.core.performance.settings import ErrorCosts, PerformanceSettings, ValueTable

__all__ = [
    "ErrorCosts",
    "Labelled",
    "PerformanceSettings",
    "ValueTable",
    "estimate_metric",
    "join_labels",
    "measure_performance",
    "measure_windows",
]
