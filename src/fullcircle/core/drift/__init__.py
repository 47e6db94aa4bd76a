"""Drift: how far a window is from training, and whether that is more than chance and season."""

from fullcircle.core.drift.arrivals import ArrivedRows, Period, group_days
from fullcircle.core.drift.measures import homogeneity_p_value, population_stability_index
from fullcircle.core.drift.report import measure_drift, measure_windows
from fullcircle.core.drift.settings import DriftSettings
from fullcircle.core.drift.sources import NOTHING_SCORED, Scored, build_windows
from fullcircle.core.drift.violations import DataViolation, check_versions
from fullcircle.core.drift.windows import DriftWindow

__all__ = [
    "NOTHING_SCORED",
    "ArrivedRows",
    "DataViolation",
    "DriftSettings",
    "DriftWindow",
    "Period",
    "Scored",
    "build_windows",
    "check_versions",
    "group_days",
    "homogeneity_p_value",
    "measure_drift",
    "measure_windows",
    "population_stability_index",
]
