"""Checks of the score: against a bar, against no skill, and against the champion."""

import numpy as np

from fullcircle.core.evaluation import Estimate
from fullcircle.core.gate.context import GateContext
from fullcircle.core.metrics import METRICS


def above_minimum(case: GateContext) -> tuple[bool, str]:
    """Does the worse end of the challenger's interval clear each declared bar?

    Where none is declared for the primary metric, the interval must exist all the same.
    """
    problem, settings = case.evidence.problem, case.settings
    bars: dict[str, float | None] = {problem.primary_metric: None, **settings.minimum}
    fine, said = [], []
    for name, bar in bars.items():
        if problem.task not in METRICS[name].tasks:
            return False, f"minimum names {name}, which is no metric of a {problem.task} task"
        score = Estimate(**case.scores[name])
        fine.append(_clears(name, score, bar))
        said.append(f"{name} {score}, bar {'not set' if bar is None else f'{bar:g}'}")
    return all(fine), "; ".join(said)


def _clears(metric: str, score: Estimate, bar: float | None) -> bool:
    worse = METRICS[metric].find_worse_end(score.as_dict())
    if bar is None:
        return bool(np.isfinite(worse))
    return bool(METRICS[metric].gain(worse, bar) >= 0)


def better_than_baseline(case: GateContext) -> tuple[bool, str]:
    """Is the challenger significantly better than a model without skill?"""
    gain = case.over_baseline.estimate(case.settings.confidence)
    return gain.low > 0, _format_gain(case, gain, 0.0)


def better_than_champion(case: GateContext) -> tuple[bool, str]:
    """Is the challenger significantly better than the champion, or not worse by the margin?

    The interval is that of the paired bootstrap on the same rows. For superiority it must lie above
    0, where a tie is not; for non-inferiority above minus the margin (Piaggio et al., JAMA 308
    (2012) 2594-2604).
    """
    evidence, settings = case.evidence, case.settings
    if evidence.champion is None:
        return False, f"the champion could not predict the gate rows: {evidence.champion_error}"
    gain = case.over_champion.estimate(settings.confidence)
    return gain.low > -settings.tolerated_loss, _format_gain(
        case, gain, 0.0 - settings.tolerated_loss
    )


def _format_gain(case: GateContext, gain: Estimate, floor: float) -> str:
    metric = case.evidence.problem.primary_metric
    return f"{metric} better by {gain}, the interval must lie above {floor:g}"
