"""Columns of which the label is made are found, also behind rounding, and no others."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fullcircle.ingestion.inference.arithmetic import find_formulas

ROWS = 3_000


@given(
    weights=st.lists(st.sampled_from([-2.0, -1.0, 0.5, 1.0, 3.0]), min_size=1, max_size=4),
    idle=st.integers(0, 4),
    decimals=st.sampled_from([None, 1, 2]),
    seed=st.integers(0, 2**16),
)
@settings(max_examples=60, deadline=None)
def test_a_sum_is_found_with_its_columns(
    weights: list[float], idle: int, decimals: int | None, seed: int
) -> None:
    """A weighted sum is found whatever its weights, exact or rounded, and idle columns are not."""
    rng = np.random.default_rng(seed)
    numbers = pd.DataFrame(
        rng.gamma(2.0, 20.0, (ROWS, len(weights) + idle)),
        columns=[f"c{place}" for place in range(len(weights) + idle)],
    )
    label = numbers.iloc[:, : len(weights)] @ np.array(weights)
    label = label if decimals is None else label.round(decimals)
    [formula, *_] = find_formulas(numbers, label)
    assert set(formula.columns) == {f"c{place}" for place in range(len(weights))}
    assert formula.exact == (decimals is None)


@pytest.mark.parametrize("decimals", [None, 2])
def test_a_product_is_found_also_where_factors_are_zero(decimals: int | None) -> None:
    """A product and a ratio are found, with zeros among the factors and amounts in cents."""
    rng = np.random.default_rng(2)
    numbers = pd.DataFrame(
        {
            "quantity": rng.integers(0, 30, ROWS).astype(float),
            "price": rng.gamma(2.0, 40.0, ROWS).round(2) + 0.01,
            "weight": rng.normal(size=ROWS),
        }
    )
    label = numbers["quantity"] * numbers["price"] * 1.19
    label = label if decimals is None else label.round(decimals)
    [formula] = find_formulas(numbers, label)
    assert set(formula.columns) == {"quantity", "price"}
    assert formula.how == "multiply to"
    [ratio] = find_formulas(numbers, numbers["quantity"] / numbers["price"])
    assert set(ratio.columns) == {"quantity", "price"}


@given(noise=st.floats(0.02, 2.0), columns=st.integers(1, 8), seed=st.integers(0, 2**16))
@settings(max_examples=60, deadline=None)
def test_a_relation_with_noise_is_no_formula(noise: float, columns: int, seed: int) -> None:
    """A label that is only closely related to columns is not taken for made of them."""
    rng = np.random.default_rng(seed)
    numbers = pd.DataFrame(rng.normal(size=(ROWS, columns)))
    label = numbers.sum(axis=1)
    label = label + label.std() * noise * rng.normal(size=ROWS)
    assert find_formulas(numbers, label) == []


def test_few_rows_prove_no_formula() -> None:
    """With hardly more rows than columns any label is a weighted sum: none is claimed."""
    rng = np.random.default_rng(3)
    numbers = pd.DataFrame(rng.normal(size=(40, 30)))
    assert find_formulas(numbers, pd.Series(rng.normal(size=40))) == []
