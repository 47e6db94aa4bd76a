"""How often the gate errs, by simulation: the whole gate over evidence whose truth is known."""

import numpy as np
import pytest
from scipy.stats import binom
from tests.core.gate_cases import SETTINGS, clear_case, draw_rows, draw_signal, see

from fullcircle.core.gate import GateInputs, GateSettings, decide_promotion
from fullcircle.core.metrics import roc_auc

pytestmark = pytest.mark.untraced
SMALL = SETTINGS.model_copy(update={"slice_min_rows": 30})
# AUC of a model that sees the signal through noise, by the noise.
AUC = {0.3: 0.818, 0.7: 0.768, 1.0: 0.730, 2.0: 0.640}


def contest(seed: int, challenger_noise: float, champion_noise: float, rows: int) -> GateInputs:
    """Two calibrated models that see the same signal, each through noise of its own."""
    rng = np.random.default_rng(seed)
    signal, truth = draw_signal(rng, rows)
    return clear_case(
        rows=draw_rows(rows),
        truth=truth,
        baseline=np.full(rows, 0.5),
        challenger=see(signal, challenger_noise, rng),
        champion=see(signal, champion_noise, rng),
    )


def promotions(
    draws: int,
    challenger_noise: float,
    champion_noise: float,
    rows: int,
    settings: GateSettings = SMALL,
) -> int:
    """Count how many of so many contests the challenger wins."""
    contests = (contest(seed, challenger_noise, champion_noise, rows) for seed in range(draws))
    return sum(decide_promotion(evidence, settings).promote for evidence in contests)


@pytest.mark.parametrize("noise", AUC)
def test_the_models_are_as_good_as_stated(noise: float) -> None:
    """The simulated models have the stated AUC, so that the sizes below are what they say."""
    rng = np.random.default_rng(0)
    signal, truth = draw_signal(rng, 200_000)
    assert roc_auc(truth, see(signal, noise, rng)) == pytest.approx(AUC[noise], abs=0.003)


def test_an_equal_challenger_is_rarely_promoted() -> None:
    """Of 200 challengers exactly as good as the champion, at most 7.5 % get past the gate.

    The interval errs on this side in 2.5 % of the draws, so that more than 15 would have a chance
    below one in 10 000. And it is some, or nothing is tested. (Of 1 000, 29 got past.)
    """
    assert binom.sf(15, 200, 0.025) < 1e-4
    promoted = promotions(200, 0.7, 0.7, rows=120)
    assert 0 < promoted <= 15


def test_a_truly_better_challenger_is_promoted() -> None:
    """Of 80 challengers with an AUC of 0.82, against 0.77 on 900 rows, at least 90 % get past."""
    assert promotions(80, 0.3, 0.7, rows=900, settings=SETTINGS) >= 72


def test_a_worse_challenger_is_never_promoted() -> None:
    """A challenger with an AUC of 0.73, against 0.77, is promoted in none of 60 draws."""
    assert promotions(60, 1.0, 0.7, rows=150) == 0


def test_non_inferiority_lets_equals_pass_and_holds_its_margin() -> None:
    """With a margin of 0.088, 90 % of equals pass; of those that are 0.088 worse, at most 5 %."""
    tolerant = SETTINGS.model_copy(
        update={"comparison": "non_inferiority", "margin": 0.088, "slice_margin": 0.088}
    )
    assert promotions(60, 0.3, 0.3, rows=500, settings=tolerant) >= 54
    assert promotions(100, 1.0, 0.3, rows=500, settings=tolerant) <= 5
