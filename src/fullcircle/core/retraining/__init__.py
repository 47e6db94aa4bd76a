"""Should the model be trained again? Declared rules, what holds them back, and what was done."""

from fullcircle.core.retraining.decision import decide_retraining, hold_back
from fullcircle.core.retraining.ledger import Retraining, find_begun, note_retraining
from fullcircle.core.retraining.planning import Plan, plan_retraining
from fullcircle.core.retraining.rules import Evidence, note_window
from fullcircle.core.retraining.settings import RetrainingSettings

__all__ = [
    "Evidence",
    "Plan",
    "Retraining",
    "RetrainingSettings",
    "decide_retraining",
    "find_begun",
    "hold_back",
    "note_retraining",
    "note_window",
    "plan_retraining",
]
