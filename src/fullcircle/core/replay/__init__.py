"""Replay: what would have happened, window by window, and what it would have been worth."""

from fullcircle.core.replay.spans import Window, make_windows
from fullcircle.core.replay.worth import POLICIES, judge_policies

__all__ = ["POLICIES", "Window", "judge_policies", "make_windows"]
