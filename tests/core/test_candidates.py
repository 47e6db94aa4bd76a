"""Tests of the candidates: preparation inside the estimator, the same for training and scoring."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from fullcircle.core.candidates import CANDIDATES, TrainingSettings, as_inputs, fit, predict
from fullcircle.core.errors import DataError

COLUMNS = ["amount", "flag", "city"]
EVERY_FAMILY = pytest.mark.parametrize("name", CANDIDATES)


def draw(rows: int = 300, seed: int = 0) -> tuple[pd.DataFrame, pd.Series]:
    """Rows with missing numbers and texts, and a label that amount and city decide."""
    rng = np.random.default_rng(seed)
    amount = rng.normal(size=rows)
    city = rng.choice(["Rome", "Oslo"], rows).astype(object)
    label = pd.Series((amount + (city == "Rome") + 0.3 * rng.normal(size=rows) > 0.5).astype(int))
    amount[::17] = np.nan
    city[::13] = None
    frame = pd.DataFrame({"amount": amount, "flag": rng.random(rows) < 0.5, "city": city})
    return frame, label.rename("late")


def fitted(name: str, task: str = "binary", seed: int = 1) -> Any:
    frame, label = draw()
    target = label + (frame["city"] == "Oslo") if task == "multiclass" else label
    return fit(name, task, seed, as_inputs(frame, COLUMNS), target)


@EVERY_FAMILY
def test_every_family_learns(name: str) -> None:
    """Each family ranks fresh rows far better than chance."""
    frame, label = draw(seed=5)
    predicted = predict(fitted(name), "binary", as_inputs(frame, COLUMNS))
    assert predicted.shape == (300,)
    assert predicted[label == 1].mean() - predicted[label == 0].mean() > 0.4


@EVERY_FAMILY
@pytest.mark.parametrize(
    ("task", "shape"), [("binary", (6,)), ("multiclass", (6, 3)), ("regression", (6,))]
)
def test_predictions_have_the_shape_of_the_task(
    name: str, task: str, shape: tuple[int, ...]
) -> None:
    """One number a row, or one probability a class that add up to one."""
    predicted = predict(fitted(name, task), task, as_inputs(draw()[0].head(6), COLUMNS))
    assert predicted.shape == shape
    assert np.isfinite(predicted).all()
    if task == "multiclass":
        np.testing.assert_allclose(predicted.sum(axis=1), 1, atol=1e-6)


@EVERY_FAMILY
def test_a_row_is_predicted_alike_alone_and_in_a_batch(name: str) -> None:
    """A prediction depends on its own row, to the last bit: batch and endpoint agree."""
    estimator, rows = fitted(name), draw(seed=9)[0].head(8)
    batch = predict(estimator, "binary", as_inputs(rows, COLUMNS))
    alone = [
        predict(estimator, "binary", as_inputs(rows.iloc[[n]], COLUMNS))[0]
        for n in range(len(rows))
    ]
    assert batch.tolist() == alone


@EVERY_FAMILY
def test_the_seed_decides_the_model(name: str) -> None:
    """Fitting twice with one seed gives the same predictions to the last bit."""
    rows = as_inputs(draw(seed=9)[0], COLUMNS)
    first, again = (predict(fitted(name, seed=3), "binary", rows) for _ in range(2))
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("name", ["random_forest", "xgboost"])
def test_another_seed_is_another_model(name: str) -> None:
    """The seed reaches the families that draw at random."""
    rows = as_inputs(draw(seed=9)[0], COLUMNS)
    first, other = (predict(fitted(name, seed=seed), "binary", rows) for seed in (3, 4))
    assert (first != other).any()


@EVERY_FAMILY
@pytest.mark.parametrize(
    "row",
    [
        {"amount": 0.1, "flag": True, "city": "Atlantis"},
        {"amount": None, "flag": True, "city": "Rome"},
        {"amount": 0.1, "flag": None, "city": "Rome"},
        {"amount": 0.1, "flag": True, "city": None},
        {"amount": float("nan"), "flag": False, "city": float("nan")},
        {"amount": 1, "flag": 1, "city": "Rome"},
    ],
    ids=["unseen text", "no number", "no flag", "no text", "all NaN", "integers"],
)
def test_what_training_never_saw_is_predicted_nonetheless(name: str, row: dict[str, Any]) -> None:
    """Unseen texts and missing values of any kind give a probability, not an error."""
    [predicted] = predict(fitted(name), "binary", as_inputs(pd.DataFrame([row]), COLUMNS))
    assert 0 <= predicted <= 1


@EVERY_FAMILY
def test_predictions_run_on_one_thread(name: str) -> None:
    """A fitted model predicts on one thread, so that sums always add up in one order."""
    assert fitted(name)[-1].get_params().get("n_jobs", 1) == 1


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_a_single_class_cannot_be_learned(task: str) -> None:
    """A label of one class is refused by name; a constant value to predict is not."""
    frame, label = draw()
    inputs = as_inputs(frame, COLUMNS)
    with pytest.raises(DataError, match="'late' has a single class in the train set"):
        fit("logistic_regression", task, 1, inputs, label * 0)
    constant = fit("logistic_regression", "regression", 1, inputs, label * 0)
    np.testing.assert_allclose(predict(constant, "regression", inputs), 0)


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (pd.Series([1, 2]), "number"),
        (pd.Series([1.5, None]), "number"),
        (pd.Series([True, False]), "number"),
        (pd.Series([1, None], dtype="Int64"), "number"),
        (pd.Series([True, None], dtype="boolean"), "number"),
        (pd.Series(["a", None]), "text"),
        (pd.Series(["a", None], dtype=object), "text"),
        (pd.Series(["a", None], dtype="category"), "text"),
    ],
    ids=["int", "float", "bool", "Int64", "boolean", "str", "object", "category"],
)
def test_inputs_have_two_kinds(column: pd.Series, kind: str) -> None:
    """However a column comes, it is a float64 number or an object text, and missing is NaN."""
    given = as_inputs(pd.DataFrame({"x": column}), ["x"])["x"]
    assert given.dtype == ("float64" if kind == "number" else object)
    assert given.isna().tolist() == column.isna().tolist()
    assert all(isinstance(value, float | str) for value in given)


def test_inputs_are_the_named_columns_in_order() -> None:
    """Inputs come in the model's order, without other columns, and leave the frame untouched."""
    frame = pd.DataFrame({"b": [1], "other": [2], "a": ["x"]}, index=[7])
    before = frame.copy()
    given = as_inputs(frame, ["a", "b"])
    assert (list(given.columns), list(given.index)) == (["a", "b"], [7])
    pd.testing.assert_frame_equal(frame, before)


def test_an_unknown_candidate_is_named() -> None:
    """A candidate that does not exist is named with its nearest and the known ones."""
    settings = {"seed": 1, "bootstrap_resamples": 100, "confidence": 0.9}
    assert TrainingSettings(candidates=["xgboost"], **settings).candidates == ["xgboost"]
    with pytest.raises(ValidationError, match=r"'xgbost' \(nearest: 'xgboost'\); known: logistic"):
        TrainingSettings(candidates=["xgbost"], **settings)
    with pytest.raises(ValidationError):
        TrainingSettings(candidates=[], **settings)
