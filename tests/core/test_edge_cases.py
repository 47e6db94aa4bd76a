"""Rows of a bad day: what each family makes of them, and what is found of others."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.small_models import make_model

from fullcircle.core.models.edge_cases import (
    CASES,
    find_edge_faults,
    make_edge_cases,
    predict_edge_cases,
)
from fullcircle.core.training.candidates import CANDIDATES


@pytest.mark.parametrize(
    ("candidate", "task"),
    [
        (name, task)
        for name, family in CANDIDATES.items()
        for task in ("binary", "multiclass", "regression")
        if family.fits(task, ordered=True)
    ],
)
def test_every_family_stands_the_edge_cases(candidate: str, task: str) -> None:
    """Each family gives one finite answer for empty, extreme and unheard-of rows."""
    assert find_edge_faults(predict_edge_cases(make_model(candidate, task))) == []


def test_the_cases_are_what_they_are_called() -> None:
    """A row without values, two of extremes and one of new texts are among them."""
    model = make_model()
    rows = make_edge_cases(model.example).set_index(pd.Index(CASES))
    assert rows.loc["all missing"].isna().all()
    assert rows.loc["highest", "size"] == -rows.loc["lowest", "size"] == 1e30
    assert rows.loc["unseen categories", "colour"] not in set(model.example["colour"])


class Leaning:
    """Predicts by the mean of all rows that it is asked for at once."""

    def predict_proba(self, inputs: pd.DataFrame) -> Any:
        shares = np.full(len(inputs), inputs["size"].clip(-1, 1).fillna(0).mean() / 2 + 0.5)
        return np.column_stack([1 - shares, shares])


class Picky:
    """Takes no row without values."""

    def predict_proba(self, inputs: pd.DataFrame) -> Any:
        if inputs.isna().any().any():
            raise ValueError("Input contains NaN.\nAnd more.")
        return np.full((len(inputs), 2), 0.5)


def test_a_model_that_leans_on_its_neighbours_is_found() -> None:
    """One row that is predicted otherwise alone than among others is a fault."""
    faults = find_edge_faults(predict_edge_cases(replace(make_model(), estimator=Leaning())))
    assert any("alone" in fault and "among other rows" in fault for fault in faults)


def test_a_model_that_raises_is_found() -> None:
    """What a model raises becomes the fault, in its first line."""
    faults = find_edge_faults(predict_edge_cases(replace(make_model(), estimator=Picky())))
    assert len(faults) == len(CASES)
    assert faults[0].endswith("Input contains NaN.")
