"""Tests of the folds: time, late labels and entities are respected."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fullcircle.core.contract import ProblemSpec
from fullcircle.core.errors import DataError
from fullcircle.core.training.folds import make_folds

Make = Callable[..., ProblemSpec]
START = pd.Timestamp("2024-01-01", tz="UTC")


def history(days: list[int], delays: list[int]) -> pd.DataFrame:
    moments = START + pd.to_timedelta(days, unit="D")
    return pd.DataFrame(
        {
            "order_id": range(len(days)),
            "buyer": range(len(days)),
            "ordered_at": moments,
            "returned": [n % 2 for n in range(len(days))],
            "returned_known_at": moments + pd.to_timedelta(delays, unit="D"),
        }
    )


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 9)), min_size=12, max_size=60),
    st.integers(2, 6),
)
def test_validation_rows_follow_labels_known_by_then(
    make_problem: Make, drawn: list[tuple[int, int]], folds: int
) -> None:
    """Every label of a fold's training rows was known when its first validation row happened."""
    days, delays = zip(*sorted(drawn), strict=True)
    rows = history(list(days), list(delays))
    problem = make_problem(task="regression", primary_metric="rmse", threshold=None)
    try:
        made = make_folds(rows, problem, folds, seed=0)
    except DataError:
        return
    for train, valid in made:
        first = rows["ordered_at"].iloc[valid].min()
        assert (rows["returned_known_at"].iloc[train] <= first).all()
        assert (rows["ordered_at"].iloc[train] < first).all()
    held_out = np.concatenate([valid for _, valid in made])
    assert len(set(held_out)) == len(held_out)


@given(st.lists(st.integers(0, 9), min_size=10, max_size=80), st.integers(2, 5))
def test_no_entity_is_on_both_sides(make_problem: Make, buyers: list[int], folds: int) -> None:
    """With a split by key, an entity trains or validates, and every row validates once."""
    rows = history([0] * len(buyers), [0] * len(buyers)).assign(buyer=buyers)
    problem = make_problem(history=False, task="regression", primary_metric="rmse", threshold=None)
    if len(set(buyers)) < 2:
        with pytest.raises(DataError, match="too few"):
            make_folds(rows, problem, folds, seed=0)
        return
    made = make_folds(rows, problem, folds, seed=0)
    for train, valid in made:
        assert not set(rows["buyer"].iloc[train]) & set(rows["buyer"].iloc[valid])
    assert sorted(np.concatenate([valid for _, valid in made])) == list(range(len(rows)))


def test_classes_keep_their_shares(make_problem: Make) -> None:
    """One row per entity and two classes give folds with equal shares of the classes."""
    rows = history([0] * 100, [0] * 100)
    made = make_folds(rows, make_problem(history=False), 5, seed=3)
    assert [rows["returned"].iloc[valid].mean() for _, valid in made] == [0.5] * 5


def test_a_fold_without_a_class_is_left_out(make_problem: Make) -> None:
    """A training side that lacks a class teaches nothing of it, so its fold is not used."""
    rows = history(list(range(60)), [0] * 60).assign(returned=[0] * 30 + [1, 0] * 15)
    made = make_folds(rows, make_problem(), 5, seed=0)
    assert 0 < len(made) < 5
    assert all(rows["returned"].iloc[train].nunique() == 2 for train, _ in made)


def test_one_moment_cannot_be_divided_by_time(make_problem: Make) -> None:
    """Rows of a single moment are refused in one line that says what to do."""
    with pytest.raises(DataError, match="20 train rows are too few for cross-validation"):
        make_folds(history([3] * 20, [0] * 20), make_problem(), 5, seed=0)
