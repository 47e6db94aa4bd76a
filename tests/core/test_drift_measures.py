"""Tests of effect sizes, against scipy on the same rows."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

from fullcircle.core.drift import measures
from fullcircle.core.profile import build_profile
from fullcircle.core.profile.reference import count_numbers

few = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=60)
histograms = st.integers(1, 6).flatmap(
    lambda size: st.tuples(*[st.lists(st.integers(0, 500), min_size=size, max_size=size)] * 2)
)


def sides(reference: Any, window: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Profile both sides in the bins of the first."""
    before, now = (np.asarray(values, dtype=float) for values in (reference, window))
    frame = pd.DataFrame({"x": before})
    column = build_profile(frame, np.zeros(len(frame)))["columns"]["x"]
    return column, count_numbers(now, column, np.full(len(now), -1), 0)


def farthest(reference: Any, window: Any) -> float:
    """Largest difference of the empirical distribution functions."""
    grid = np.concatenate([reference, window])
    one, other = (stats.ecdf(values).cdf.evaluate(grid) for values in (reference, window))
    return float(np.max(np.abs(one - other)))


@given(few, few)
def test_with_a_bin_for_each_value_the_measures_are_those_of_the_rows(
    reference: list[float], window: list[float]
) -> None:
    """Of few values within the range both distances are those of scipy."""
    low, high = min(reference), max(reference)
    inside = np.clip(window, low, high)
    before, now = sides(reference, inside)
    exact = np.isin(inside, reference).all()
    found = measures.kolmogorov_smirnov(before, now)
    wanted = farthest(reference, inside)
    assert found == pytest.approx(wanted) if exact else found <= wanted + 1e-12
    if exact:
        distance = stats.wasserstein_distance(reference, inside)
        assert measures.wasserstein(before, now) == pytest.approx(distance)


@given(histograms)
def test_jensen_shannon_is_scipys_and_bounded(pair: tuple[list[int], list[int]]) -> None:
    """The distance is scipy's, the same both ways, 0 to 1; without rows there is none."""
    found = measures.jensen_shannon_distance(*pair)
    if not sum(pair[0]) or not sum(pair[1]):
        assert found is None
        return
    assert found == pytest.approx(np.nan_to_num(jensenshannon(*pair, base=2)), abs=1e-9)
    assert found == pytest.approx(measures.jensen_shannon_distance(*pair[::-1]), abs=1e-7)
    assert 0 <= found <= 1 + 1e-12


@given(histograms)
def test_cramers_v_is_bounded_and_nought_for_equal_shares(
    pair: tuple[list[int], list[int]],
) -> None:
    """The effect size is 0 to 1, 0 for equal shares, and absent without rows."""
    found = measures.cramers_v(*pair)
    if not sum(pair[0]) or not sum(pair[1]):
        assert found is None
        return
    assert 0 <= found <= 1 + 1e-12
    assert measures.cramers_v(pair[0], pair[0]) == pytest.approx(0)


@given(st.integers(1, 10_000), st.integers(1, 10_000), st.integers(0, 3))
@settings(max_examples=30)
def test_nothing_in_common_is_the_greatest_distance(one: int, other: int, gap: int) -> None:
    """Histograms without a common bin have distance 1 by each bounded measure."""
    before, now = [one, *[0] * gap, 0], [0, *[0] * gap, other]
    assert measures.jensen_shannon_distance(before, now) == pytest.approx(1)
    assert measures.cramers_v(before, now) == pytest.approx(1)


@pytest.mark.parametrize("shift", [0.0, 0.1, 0.5, 1.0])
def test_of_many_values_the_measures_come_close(shift: float) -> None:
    """From a dozen bins, both are near those of all values: by 0.03, by 0.1 standard deviations."""
    rng = np.random.default_rng(4)
    reference, window = rng.normal(10, 2, 20_000), rng.normal(10 + 2 * shift, 2, 20_000)
    before, now = sides(reference, window)
    real = farthest(reference, window)
    assert measures.kolmogorov_smirnov(before, now) == pytest.approx(real, abs=0.03)
    assert measures.kolmogorov_smirnov(before, now) <= real + 1e-12
    distance = stats.wasserstein_distance(reference, window)
    assert measures.wasserstein(before, now) == pytest.approx(distance, abs=0.2)


def test_every_measure_grows_with_the_shift() -> None:
    """The further a column moves, the greater each measure of it."""
    rng = np.random.default_rng(5)
    reference, noise = rng.normal(size=5000), rng.normal(size=5000)
    found = [measures.measure(*sides(reference, noise + shift)) for shift in (0.1, 0.3, 0.6, 1.2)]
    for name in ("jensen_shannon", "cramers_v", "kolmogorov_smirnov", "wasserstein", "mean_now"):
        values = [each[name] for each in found]
        assert values == sorted(values), name
    assert found[2]["wasserstein_scaled"] == pytest.approx(0.6, abs=0.05)


def test_the_units_are_those_of_the_column() -> None:
    """In other units the Wasserstein distance changes with them, and no other measure changes."""
    rng = np.random.default_rng(6)
    reference, window = rng.normal(size=2000), rng.normal(0.5, 1.2, 2000)
    one, other = (measures.measure(*sides(k * reference, k * window)) for k in (1.0, 1024.0))
    assert other["wasserstein"] == pytest.approx(1024 * one["wasserstein"])
    for name in ("jensen_shannon", "cramers_v", "kolmogorov_smirnov", "wasserstein_scaled"):
        assert other[name] == pytest.approx(one[name]), name


def test_without_values_there_is_nothing_to_measure() -> None:
    """A side without any value gives no distance instead of one that looks small."""
    nothing = [np.nan] * 5
    found = measures.measure(*sides([1.0, 2.0, 3.0], nothing))
    assert found["wasserstein"] is None
    assert found["kolmogorov_smirnov"] is None
    assert found["mean_now"] is None
    assert found["jensen_shannon"] == pytest.approx(1)
    assert measures.measure(*sides(nothing, [1.0]))["wasserstein"] is None
