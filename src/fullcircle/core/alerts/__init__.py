"""Alerts: what monitoring found worth telling, told once, and taken back when it is over."""

from fullcircle.core.alerts.conditions import Condition, WindowConditions, find_conditions
from fullcircle.core.alerts.decision import decide
from fullcircle.core.alerts.messages import Message, write_message
from fullcircle.core.alerts.settings import SEVERITIES, AlertSettings, Severity

__all__ = [
    "SEVERITIES",
    "AlertSettings",
    "Condition",
    "Message",
    "Severity",
    "WindowConditions",
    "decide",
    "find_conditions",
    "write_message",
]
