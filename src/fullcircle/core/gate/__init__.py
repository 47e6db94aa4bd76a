"""The promotion gate: a list of named checks, each with its evidence, that fails closed."""

from fullcircle.core.gate.decision import Check, Decision, decide_promotion, describe_questions
from fullcircle.core.gate.inputs import GateInputs, RolledBack
from fullcircle.core.gate.rollbacks import have_same_origin
from fullcircle.core.gate.settings import GateSettings

__all__ = [
    "Check",
    "Decision",
    "GateInputs",
    "GateSettings",
    "RolledBack",
    "decide_promotion",
    "describe_questions",
    "have_same_origin",
]
