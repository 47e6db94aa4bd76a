"""Replay: what would have happened, window by window, and what it would have been worth."""

from fullcircle.core.backtest.policy_value import POLICIES, compare_policies
from fullcircle.core.backtest.windows import Window, make_windows

__all__ = ["POLICIES", "Window", "compare_policies", "make_windows"]
