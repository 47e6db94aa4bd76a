"""Check of the predictions' own meaning: do they lie where the labels lie?"""

from typing import Any

import numpy as np

from fullcircle.core.evaluation import Estimate
from fullcircle.core.evaluation.reliability import check_calibration
from fullcircle.core.gate.context import GateContext


def calibrated(case: GateContext) -> tuple[bool, str]:
    """Do probabilities mean what they say, or do values lie around the truth?

    A classification fails where the tests of reliability.py reject it and its expected calibration
    error exceeds what chance explains by more than is allowed: the first alone would refuse a fault
    too small to matter, the second alone bad luck. A regression fails where the interval of its
    mean error, in standard deviations of the label, lies wholly beyond what is allowed.
    """
    if case.evidence.problem.task == "regression":
        return _check_bias(case)
    most, confidence = case.settings.max_calibration_error, case.settings.confidence
    found = check_calibration(case.truth, case.challenger.predicted, confidence=confidence)
    if not found["judged"]:
        return False, f"the calibration cannot be judged: {found['reason']}"
    error, chance = found["expected_calibration_error"], found["error_by_chance"]
    said = (
        f"expected calibration error {error:.4f}, {chance:.4f} by chance, "
        f"p-value {found['p_value']:.3g}, {_format_excess(most)}"
    )
    if not np.isfinite([error, chance, found["p_value"]]).all():
        return False, said
    return bool(most is None or found["calibrated"] or error - chance <= most), said


def _format_excess(most: float | None) -> str:
    return "no limit set" if most is None else f"{most:g} more than by chance allowed"


def _check_bias(case: GateContext) -> tuple[bool, str]:
    if not case.truth.std() > 0:
        return False, "the calibration cannot be judged: the label does not vary"
    bias, most = _estimate_bias(case), case.settings.max_calibration_error
    allowed = "no limit set" if most is None else f"{most:g} allowed"
    said = f"mean error of {bias} standard deviations of the label, {allowed}"
    if not np.isfinite([bias.low, bias.high]).all():
        return False, said
    return bool(most is None or (bias.low <= most and bias.high >= -most)), said


def _estimate_bias(case: GateContext) -> Estimate:
    """Mean of predicted minus true in standard deviations of the label, by the bootstrap."""
    truth, settings = case.truth, case.settings
    error: Any = (case.challenger.predicted - truth) / truth.std()
    rng = np.random.default_rng(settings.seed)
    draws = [
        error[rng.integers(0, len(error), len(error))].mean()
        for _ in range(settings.bootstrap_resamples)
    ]
    tail = (1 - settings.confidence) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    return Estimate(float(error.mean()), float(low), float(high), settings.confidence)
