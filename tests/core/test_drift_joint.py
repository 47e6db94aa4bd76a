"""Tests of the classifier that tells a window from the past."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from fullcircle.core.drift.joint import classify_window


def draw(rng: np.random.Generator, rows: int, likeness: float) -> pd.DataFrame:
    """Two numbers with this correlation, each normal by itself, and a text."""
    x, noise = rng.normal(size=rows), rng.normal(size=rows)
    y = likeness * x + np.sqrt(1 - likeness**2) * noise
    return pd.DataFrame({"x": x, "y": y, "t": rng.choice(["a", "b"], rows).astype(object)})


def test_columns_that_moved_together_are_found() -> None:
    """A changed correlation, which no single column shows, is told apart."""
    rng = np.random.default_rng(0)
    found = classify_window(draw(rng, 1000, 0.8), draw(rng, 1000, -0.8))
    assert found is not None
    assert found["auc"] > 0.7
    assert found["p_value"] == pytest.approx(1 / 1000)


@pytest.mark.untraced
def test_a_quiet_window_is_seldom_told_apart_though_days_resemble_themselves() -> None:
    """Exchanged by days, rows that depend on their day raise no more false alarms than stated."""
    rng = np.random.default_rng(1)
    alarms = 0
    for _ in range(30):
        sides = []
        for days in (20, 10):
            day = np.repeat(np.arange(days), 20)
            rows = draw(rng, len(day), 0.0)
            sides.append((rows.assign(x=rows["x"] + rng.normal(size=days)[day]), day))
        (reference, before), (window, now) = sides
        found = classify_window(
            reference, window, reference_blocks=before, window_blocks=now, permutations=99
        )
        assert found is not None
        alarms += found["p_value"] <= 0.1
    assert alarms <= binom.ppf(0.999, 30, 0.1)


def test_too_few_blocks_cannot_be_told_apart() -> None:
    """With fewer than four days on a side nothing is said."""
    rng = np.random.default_rng(2)
    rows = draw(rng, 90, 0.0)
    assert classify_window(rows, rows, window_blocks=np.repeat([1, 2, 3], 30)) is None
