"""One page that says how things stand."""

from fullcircle.reporting.dashboard.page import draw_dashboard

__all__ = ["draw_dashboard"]
