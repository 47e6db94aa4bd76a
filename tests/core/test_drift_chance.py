"""Tests of chance: known where theory knows it, and kept where the past varies."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from fullcircle.core.drift.column_tests import DriftTest
from fullcircle.core.drift.decision import adjust, find_alarms
from fullcircle.core.drift.past_variation import (
    INDEPENDENT,
    Variation,
    estimate_past_variation,
    estimate_variations,
    moderate,
    pool_variations,
)
from fullcircle.core.drift.significance import (
    Difference,
    chance_of,
    chance_of_more,
    compare,
    smallest_seen,
)

large = st.lists(st.integers(50, 500), min_size=4, max_size=4)


@given(large, large, st.booleans())
def test_of_independent_rows_the_chance_is_pearsons(
    reference: list[int], window: list[int], ordered: bool
) -> None:
    """Without a past and with full bins, the chance is the p-value of the chi-square test."""
    difference = compare(np.array(reference), np.array(window), ordered=ordered)
    assert difference is not None
    wanted = stats.chi2_contingency([reference, window], correction=False).pvalue
    assert chance_of(difference) == pytest.approx(wanted, abs=1e-12)


@given(st.floats(0.01, 10), st.floats(2, 60))
def test_with_all_variation_between_windows_the_chance_is_of_an_f_test(
    distance: float, freedom: float
) -> None:
    """Where sampling noise is nothing beside the windows' own, one direction has F(1, freedom)."""
    past = Variation(ratio=1e7, freedom=freedom, rows=1e7, windows=9)
    found = chance_of(Difference(distance, 1e-12, 1), past)
    wanted = stats.f.sf(distance / (1 + 1 / 9), 1, freedom)
    assert found == pytest.approx(wanted, rel=0.05, abs=1e-6)


def test_the_chance_falls_with_the_distance_and_rises_with_the_past() -> None:
    """A greater difference is less likely; one of a world that varies more is more likely."""
    quiet, lively = (Variation(ratio, 20, 1000, 9) for ratio in (1.5, 15))
    distances = [0.01, 0.05, 0.1, 0.5]
    for past in (INDEPENDENT, quiet, lively):
        chances = [chance_of(Difference(d, 0.01, 5), past) for d in distances]
        assert chances == sorted(chances, reverse=True)
    each = [chance_of(Difference(0.1, 0.01, 5), past) for past in (INDEPENDENT, quiet, lively)]
    assert each == sorted(each)


@given(st.lists(st.integers(0, 60), min_size=2, max_size=9), st.booleans())
def test_bins_too_small_for_the_test_are_joined(counts: list[int], ordered: bool) -> None:
    """No comparison rests on a bin that expects fewer than ten rows, and none is lost."""
    reference, window = np.array(counts), np.array(counts[::-1])
    difference = compare(reference, window, ordered=ordered)
    most = max(sum(counts) // 10, 1) - 1
    assert difference is None or 1 <= difference.rank <= max(most, 1)
    if sum(counts) >= 20 * len(counts) and min(counts) >= 10:
        assert difference is not None
        assert difference.rank == len(counts) - 1


def test_an_alarm_is_raised_on_the_smallest_visible_shift_with_the_stated_power() -> None:
    """Windows shifted by what is called visible are found in about 95 % of draws."""
    rng = np.random.default_rng(3)
    shares, rows, known = np.full(5, 0.2), 2000, 50_000
    expected = Difference(0, 4 * (1 / rows + 1 / known), 4)
    visible = smallest_seen(expected, INDEPENDENT, 1e-4, 0.95)
    assert visible is not None
    moved = shares + np.sqrt(visible * 0.2 / 2) * np.array([1, -1, 0, 0, 0])
    reference = rng.multinomial(known, shares, 1000)
    window = rng.multinomial(rows, moved, 1000)
    found = [
        chance_of(difference) < 1e-4
        for one, other in zip(reference, window, strict=True)
        if (difference := compare(one, other, ordered=False)) is not None
    ]
    assert np.mean(found) == pytest.approx(0.95, abs=0.03)


def test_the_smallest_visible_shift_follows_size_and_past() -> None:
    """More rows show smaller shifts, a lively past hides them, and the bar is never undercut."""
    expected = [Difference(0, 4 / rows, 4) for rows in (200, 2000, 20_000)]
    seen = [smallest_seen(each, INDEPENDENT, 1e-4, 0.95) or 0 for each in expected]
    assert seen == sorted(seen, reverse=True)
    lively = Variation(30, 10, 1000, 10)
    assert (smallest_seen(expected[2], lively, 1e-4, 0.95) or 0) > seen[2]
    assert (smallest_seen(expected[2], INDEPENDENT, 1e-4, 0.95, 0.1) or 0) > 0.1
    assert smallest_seen(expected[2], replace(lively, freedom=0.4), 1e-9, 0.95) is None


@given(st.integers(0, 40), st.integers(1, 400), st.integers(0, 40), st.integers(1, 400))
def test_the_chance_of_rare_rows_is_fishers(
    before: int, more_before: int, now: int, more_now: int
) -> None:
    """It is twice Fisher's one-sided p-value, on the side of the difference, at most 1."""
    table = [[now, more_now], [before, more_before]]
    sides = (stats.fisher_exact(table, alternative=side).pvalue for side in ("greater", "less"))
    wanted = min(1.0, 2 * min(sides))
    found = chance_of_more(before, before + more_before, now, now + more_now)
    assert found == pytest.approx(wanted, rel=1e-6)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_adjusted_chances_are_holms(values: list[float]) -> None:
    """The adjusted values are those of Holm's steps, in the given order."""
    order = sorted(range(len(values)), key=lambda place: values[place])
    wanted, highest = [0.0] * len(values), 0.0
    for step, place in enumerate(order):
        highest = max(highest, (len(values) - step) * values[place])
        wanted[place] = min(highest, 1.0)
    assert adjust(values) == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("p_value", "effect", "alarm"), [(1e-4, 0.2, True), (1e-4, 0.05, False), (0.02, 0.2, False)]
)
def test_an_alarm_needs_proof_and_size(p_value: float, effect: float, *, alarm: bool) -> None:
    """What is proven but small, or large but not proven, raises no alarm."""
    evidence = [
        DriftTest("distribution", "a", p_value, effect, 0.1),
        DriftTest("missing", "a", 1.0, 0.0, 0.1),
    ]
    assert find_alarms(evidence, 0.01) == (evidence[:1] if alarm else [])


def draw_past(rng: np.random.Generator, spread: float, windows: int = 200) -> np.ndarray:
    """Windows of 500 rows whose share of the first of two bins varies with this deviation."""
    share = np.clip(0.5 + spread * rng.normal(size=windows), 0, 1)
    first = rng.binomial(500, share)
    return np.column_stack([first, 500 - first])


def test_the_ratio_is_one_for_independent_rows_and_states_what_is_beyond() -> None:
    """The variation of windows over that of sampling is estimated without bias."""
    rng = np.random.default_rng(8)
    for spread in (0.0, 0.05):
        past = estimate_past_variation(draw_past(rng, spread, 2000))
        assert past is not None
        assert past.ratio == pytest.approx(1 + spread**2 * 500 / 0.25, rel=0.1)
        assert past.rows == pytest.approx(500)


def test_a_past_without_windows_or_without_bins_tells_nothing() -> None:
    """Fewer than three windows with rows, or a single filled bin, give no estimate."""
    assert estimate_past_variation(np.array([[5, 5], [5, 5], [0, 0]])) is None
    assert estimate_past_variation(np.array([[5, 0], [5, 0], [4, 0]])) is None
    assert estimate_past_variation(np.zeros((0, 4), dtype=int)) is None


def test_windows_that_resemble_the_one_before_count_as_fewer() -> None:
    """A past that drifts slowly tells as little as a few independent windows."""
    rng = np.random.default_rng(9)
    steps = np.cumsum(rng.normal(size=30)) * 0.03
    slow = rng.binomial(500, np.clip(0.5 + steps, 0.05, 0.95))
    jumping = rng.permutation(slow)
    found = estimate_variations(
        {"slow": estimate_past_variation(np.column_stack([slow, 500 - slow]))},
    ) | estimate_variations(
        {"jumping": estimate_past_variation(np.column_stack([jumping, 500 - jumping]))}
    )
    assert found["slow"].windows < 8 < found["jumping"].windows
    assert found["slow"].freedom < found["jumping"].freedom


def test_columns_that_vary_alike_lend_each_other_strength() -> None:
    """Of few windows, many quiet columns together know what each alone does not."""
    rng = np.random.default_rng(10)
    pasts = {number: estimate_past_variation(draw_past(rng, 0.0, 6)) for number in range(20)}
    own = estimate_variations(pasts)
    prior = pool_variations(own.values())
    settled = [moderate(each, prior) for each in own.values()]
    assert all(each.freedom >= own[number].freedom for number, each in enumerate(settled))
    assert np.ptp([each.ratio for each in settled]) < np.ptp([each.ratio for each in own.values()])


def test_a_column_that_varies_more_than_the_others_stands_by_itself() -> None:
    """Its variation is not talked down by quiet columns."""
    rng = np.random.default_rng(11)
    pasts = {number: estimate_past_variation(draw_past(rng, 0.0, 8)) for number in range(20)}
    pasts["lively"] = estimate_past_variation(draw_past(rng, 0.2, 8))  # type: ignore[index]
    own = estimate_variations(pasts)
    lively = own["lively"]  # type: ignore[index]
    assert moderate(lively, pool_variations(own.values())) == lively


@pytest.mark.parametrize("spread", [0.0, 0.04, 0.2])
def test_quiet_windows_are_as_rarely_unlikely_as_stated(spread: float) -> None:
    """Of windows like the past's, at most about the stated share has a chance below 1 %."""
    rng = np.random.default_rng(12)
    unlikely, trials = 0, 600
    for _ in range(trials):
        past = draw_past(rng, spread, 13)
        window, history = past[-1], past[:-1]
        found = estimate_variations({0: estimate_past_variation(history)})[0]
        difference = compare(history.sum(axis=0), window, ordered=False)
        assert difference is not None
        unlikely += chance_of(difference, found) < 0.01
    assert unlikely <= stats.binom.ppf(0.999, trials, 0.013)


def test_the_prior_solves_its_equation() -> None:
    """The trigamma of half its freedom is the sample variance of the logs, less that of chance."""
    found = [Variation(ratio, 8, 1000, 9) for ratio in (0.5, 2.0, 11.0, 60.0)]
    prior = pool_variations(found)
    assert prior is not None
    logs = np.log([each.ratio for each in found])
    left = np.var(logs, ddof=1) - special.polygamma(1, 4)
    assert special.polygamma(1, prior.freedom / 2) == pytest.approx(left)
