"""Check of the past: is the challenger another one than what people rolled back?"""

import hashlib
import json

import numpy as np

from fullcircle.core.gate.context import GateContext, GateModel
from fullcircle.core.gate.inputs import RolledBack
from fullcircle.core.models.model import Model

# Of a model's settings, what says from which rows and by which declaration it was made.
_ORIGIN = ("rows_sha256", "problem", "training", "seed", "adopted")


def unlike_rolled_back(case: GateContext) -> tuple[bool, str]:
    """Is the challenger distinguishable from every version that was rolled back?

    It is not where it was made from the same rows and settings, where it predicts the same, or
    where the interval of the difference in score holds 0. A person lifts the objection by
    ``kedro model allow``.
    """
    faults = [fault for each in case.evidence.rolled_back if (fault := _find_likeness(case, each))]
    counted = f"compared with {len(case.evidence.rolled_back)} that were rolled back"
    return not faults, "; ".join([counted, *faults])


def _find_likeness(case: GateContext, former: RolledBack) -> str | None:
    """Say how the challenger is like a version that was rolled back; None where it is not."""
    named = f"{former.name}, rolled back for '{former.why or 'no reason given'}'"
    if former.same_origin:
        return f"made from the same rows and settings as {named}"
    if former.predicted is None:
        return f"cannot be compared with {named}: {former.error}"
    if np.array_equal(former.predicted, case.challenger.predicted):
        return f"predicts the same as {named}"
    compared = case.resample(GateModel(former.predicted, former.threshold))
    gain = case.score.gain(compared).estimate(case.settings.confidence)
    if gain.low > 0 or gain.high < 0:
        return None
    return f"not distinguishable from {named}: better by {gain}"


def digest_origin(model: Model) -> str | None:
    """Return a digest of the rows and the declaration that made a model; None where unknown."""
    made = {name: model.settings[name] for name in _ORIGIN if name in model.settings}
    if "rows_sha256" not in made and "adopted" not in made:
        return None
    return hashlib.sha256(json.dumps(made, sort_keys=True, default=str).encode()).hexdigest()


def have_same_origin(one: Model, other: Model) -> bool:
    """Whether two models were made from the same rows and settings."""
    return (origin := digest_origin(one)) is not None and origin == digest_origin(other)
