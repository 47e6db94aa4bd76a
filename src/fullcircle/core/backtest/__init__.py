"""Replay: what would have happened, window by window, and what it would have been worth."""

from fullcircle.core.backtest.policy_value import POLICIES, judge_policies
from fullcircle.core.backtest.windows import Window, make_windows

__all__ = ["POLICIES", "Window", "judge_policies", "make_windows"]
