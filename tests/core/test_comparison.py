"""An A/B comparison: right at every look, and honest about what it does not know."""

import numpy as np
import pytest
from scipy.stats import binomtest, ttest_ind

from fullcircle.core.performance.sequential_test import (
    compare_arms,
    compare_pairs,
    sequence_half_width,
)

LOOKS = range(100, 2001, 100)


@pytest.mark.untraced
def test_looking_often_cries_wolf_no_more_than_declared() -> None:
    """Of 300 comparisons of equals, looked at twenty times, at most 5 % ever name a winner.

    The same looks by a t-test name one in far more.
    """
    rng = np.random.default_rng(3)
    ours = tested = 0
    for _ in range(300):
        champion, challenger = rng.exponential(size=(2, 2000))
        looks = [compare_arms(champion[:n], challenger[:n], 0.5, 1e-9).verdict for n in LOOKS]
        ours += any(verdict in ("champion", "challenger") for verdict in looks)
        tested += any(ttest_ind(champion[:n], challenger[:n]).pvalue < 0.05 for n in LOOKS)
    assert binomtest(ours, 300, 0.05, "greater").pvalue > 0.01
    assert tested / 300 > 0.15


@pytest.mark.parametrize(("share", "gain"), [(0.5, 0.2), (0.1, 0.3), (0.5, -0.2)])
def test_a_real_difference_is_found(share: float, gain: float) -> None:
    """Of 60 comparisons with a true difference, nearly all name the better side, none the other."""
    rng = np.random.default_rng(4)
    better = "challenger" if gain > 0 else "champion"
    verdicts = []
    for _ in range(60):
        dealt = rng.random(8000) < share
        champion = rng.normal(1.0, 1.0, (~dealt).sum())
        challenger = rng.normal(1.0 - gain, 1.0, dealt.sum())
        verdicts.append(compare_arms(champion, challenger, share, 1e-9).verdict)
    assert verdicts.count(better) >= 57
    assert set(verdicts) <= {better, "undecided"}


def test_equals_are_called_equal_when_the_data_suffice() -> None:
    """Within the margin, equals are told from the undecided, and few rows leave it undecided."""
    rng = np.random.default_rng(5)
    champion, challenger = rng.normal(1, 1, (2, 60_000))
    many = compare_arms(champion, challenger, 0.5, margin=0.1)
    few = compare_arms(champion[:200], challenger[:200], 0.5, margin=0.1)
    assert many.verdict == "equal"
    assert few.verdict == "undecided"
    assert few.needed is not None
    assert 400 < few.needed < 60_000


def test_a_shadow_needs_fewer_rows_than_arms_of_its_own() -> None:
    """On the same rows a difference shows that the same number of rows apart does not show."""
    rng = np.random.default_rng(6)
    champion = rng.exponential(size=400)
    challenger = champion - 0.1 + rng.normal(0, 0.1, 400)
    assert compare_pairs(champion, challenger, 1e-9).verdict == "challenger"
    assert compare_arms(champion, rng.permutation(challenger), 0.5, 1e-9).verdict == "undecided"


@pytest.mark.parametrize("sizes", [(0, 0), (0, 500), (49, 500)])
def test_too_few_entities_say_nothing(sizes: tuple[int, int]) -> None:
    """With fewer than fifty entities on a side no interval is given, and nothing fails."""
    rng = np.random.default_rng(7)
    found = compare_arms(rng.normal(size=sizes[0]), rng.normal(size=sizes[1]), 0.5, 0.1)
    assert (found.gain, found.verdict, found.needed) == (None, "undecided", None)
    assert found.loss[0] is None or np.isfinite(found.loss[0])
    assert compare_pairs(np.ones(10), np.ones(10), 0.1).verdict == "undecided"


def test_interval_shrinks_with_rows() -> None:
    """The sequence narrows with every observation, and widens with surer intervals."""
    widths = [sequence_half_width(n, 1.0, 0.05) for n in (10, 100, 1000, 10_000, 10**6)]
    assert widths == sorted(widths, reverse=True)
    assert sequence_half_width(1000, 1.0, 0.01) > sequence_half_width(1000, 1.0, 0.05)
