"""Should the model be trained again? Declared rules, what holds them back, and what was done."""

from fullcircle.core.retraining.decision import check_limits, decide_retraining
from fullcircle.core.retraining.ledger import Retraining, find_begun, ledger_line
from fullcircle.core.retraining.planning import Plan, plan_retraining
from fullcircle.core.retraining.rules import RetrainingInputs, summarize_window
from fullcircle.core.retraining.settings import RetrainingSettings

__all__ = [
    "Plan",
    "Retraining",
    "RetrainingInputs",
    "RetrainingSettings",
    "check_limits",
    "decide_retraining",
    "find_begun",
    "ledger_line",
    "plan_retraining",
    "summarize_window",
]
