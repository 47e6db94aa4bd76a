"""A column that repeats and fixes the label is found, and chance is not taken for one."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fullcircle.core.contract import Task
from fullcircle.core.validation.entities import find_entities, measure_repetition


def deal(seed: int, entities: int, rows_each: int, task: Task, fixed: float) -> Any:
    """Deal labels to entities, and new ones by chance to all but a share of their rows."""
    rng = np.random.default_rng(seed)
    entity = np.repeat(np.arange(entities), rows_each)
    draw = rng.integers(0, 2, entities) if task == "binary" else rng.normal(size=entities)
    label = draw[entity].astype(float)
    other = rng.random(len(label)) > fixed
    chance = rng.integers(0, 2, len(label)) if task == "binary" else rng.normal(size=len(label))
    return entity, np.where(other, chance, label)


@given(
    seed=st.integers(0, 2**20),
    entities=st.integers(30, 300),
    rows_each=st.integers(2, 9),
    task=st.sampled_from(["binary", "regression"]),
)
@settings(deadline=None)
def test_an_entity_that_fixes_the_label_is_found(
    seed: int, entities: int, rows_each: int, task: Task
) -> None:
    """Each entity with one label is seen for what it is, however few rows it has."""
    entity, label = deal(seed, entities, rows_each, task, fixed=1.0)
    measured = measure_repetition(entity, label, task)
    assert measured.groups == entities
    assert measured.fixed == pytest.approx(1.0)
    assert measured.fixes_label


@given(
    seed=st.integers(0, 2**20),
    entities=st.integers(20, 400),
    rows_each=st.integers(2, 9),
    task=st.sampled_from(["binary", "regression"]),
    positive=st.floats(0.01, 0.5),
)
@settings(deadline=None, max_examples=300)
def test_chance_is_no_entity(
    seed: int, entities: int, rows_each: int, task: Task, positive: float
) -> None:
    """A column that has nothing to do with the label is never taken for an entity."""
    rng = np.random.default_rng(seed)
    rows = entities * rows_each
    label = rng.random(rows) < positive if task == "binary" else rng.normal(size=rows)
    columns = {"entity": pd.Series(rng.integers(0, entities, rows))}
    assert find_entities(columns, pd.Series(label).astype(float), task) == {}


def test_rows_without_label_or_entity_say_nothing() -> None:
    """Unknown labels and unknown entities are left out, and neither hides what is known."""
    entity, label = deal(1, 60, 6, "binary", fixed=1.0)
    column, known = pd.Series(entity).astype("Int64"), pd.Series(label)
    column[::7], known[::5] = pd.NA, np.nan
    assert list(find_entities({"who": column}, known, "binary")) == ["who"]


def test_few_values_are_categories() -> None:
    """A category of few values that tells the label is a feature or a leak, no entity."""
    entity, label = deal(2, 8, 50, "binary", fixed=1.0)
    assert find_entities({"colour": pd.Series(entity)}, pd.Series(label), "binary") == {}
