"""Thresholds, bins and roundings of a label are leaks; what only goes with it is none."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fullcircle.ingestion.inference.thresholds import find_thresholds

ROWS = 600
RNG = np.random.default_rng(5)
LABEL = pd.Series(RNG.gamma(3, 10, ROWS).round(2))
NOISY = LABEL + RNG.normal(0, LABEL.std() / 5, ROWS)


@pytest.mark.parametrize(
    ("column", "found"),
    [
        (np.where(LABEL.median() < LABEL, "high", "low"), True),
        (pd.cut(LABEL, 5).astype(str), True),
        ((LABEL / 10).round() * 10, True),
        ((LABEL > 40).astype(float), True),
        (np.where(np.arange(ROWS) % 200 == 7, LABEL <= 30, LABEL > 30).astype(float), True),
        (np.where(NOISY > 30, "high", "low"), False),
        (pd.cut(NOISY, 5).astype(str), False),
        (RNG.choice(["a", "b"], ROWS), False),
        (np.where(LABEL.max() <= LABEL, "max", "rest"), False),
        (LABEL + RNG.normal(0, 1, ROWS), False),
    ],
)
def test_only_ranges_that_do_not_overlap_are_found(column: Any, found: bool) -> None:
    """A threshold, bins and a rounding are found, a few strays allowed; a good feature is not."""
    features = pd.DataFrame({"x": np.asarray(column)})
    assert find_thresholds(features, LABEL) == (["x"] if found else [])


@given(seed=st.integers(0, 10_000), groups=st.integers(2, 60), rows=st.integers(60, 800))
@settings(deadline=None, max_examples=60)
def test_chance_makes_no_ranges(seed: int, groups: int, rows: int) -> None:
    """No random column of any number of groups is taken for ranges of the label."""
    rng = np.random.default_rng(seed)
    features = pd.DataFrame({"x": rng.integers(0, groups, rows), "z": rng.normal(size=rows)})
    assert find_thresholds(features, pd.Series(rng.normal(size=rows))) == []
