"""Drift: how far a window is from training, and whether that is more than chance and season."""

from fullcircle.core.drift.arrivals import Arrivals, Period, group_days
from fullcircle.core.drift.measures import homogeneity_p_value, population_stability_index
from fullcircle.core.drift.problems import Problem, check_versions
from fullcircle.core.drift.report import measure_drift
from fullcircle.core.drift.settings import DriftSettings

__all__ = [
    "Arrivals",
    "DriftSettings",
    "Period",
    "Problem",
    "check_versions",
    "group_days",
    "homogeneity_p_value",
    "measure_drift",
    "population_stability_index",
]
