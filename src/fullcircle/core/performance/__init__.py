"""How well past predictions do, as their labels arrive, and what can be said before."""

from fullcircle.core.performance.estimation import estimate_metric
from fullcircle.core.performance.joining import join_labels
from fullcircle.core.performance.labelled import Labelled, LabelledWindow
from fullcircle.core.performance.report import measure_performance, measure_sources
from fullcircle.core.performance.settings import ErrorCosts, PerformanceSettings, ValueTable
from fullcircle.core.performance.sources import label_sources

__all__ = [
    "ErrorCosts",
    "Labelled",
    "LabelledWindow",
    "PerformanceSettings",
    "ValueTable",
    "estimate_metric",
    "join_labels",
    "label_sources",
    "measure_performance",
    "measure_sources",
]
