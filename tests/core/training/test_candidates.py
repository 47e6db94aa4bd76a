"""Tests of the candidates: preparation inside the estimator, the same for training and scoring."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from fullcircle.core.errors import DataError
from fullcircle.core.models.prediction import as_inputs, predict
from fullcircle.core.preparation import PreparationSettings, diagnose_columns
from fullcircle.core.training.candidates import CANDIDATES
from fullcircle.core.training.estimators import assemble, fit, refuse_single_class
from fullcircle.core.training.settings import SearchSettings, TrainingSettings

SETTINGS = PreparationSettings()
COLUMNS = ["amount", "flag", "city"]
TASKS = ("binary", "multiclass", "regression")
FAMILIES = [name for name, family in CANDIDATES.items() if family.requires in (None, "lightgbm")]
CLASSIFIERS = [n for n in FAMILIES if CANDIDATES[n].fits("binary", ordered=True)]
SKILLED = [name for name in CLASSIFIERS if name != "baseline"]
EVERY_CLASSIFIER = pytest.mark.parametrize("name", CLASSIFIERS)
EVERY_PAIR = pytest.mark.parametrize(
    ("name", "task"),
    [(n, t) for n in FAMILIES for t in TASKS if CANDIDATES[n].fits(t, ordered=True)],
)


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
    inputs = as_inputs(frame, COLUMNS)
    plan = diagnose_columns(inputs, target, task, SETTINGS)
    return fit(assemble(name, task, seed, {}, plan, SETTINGS), inputs, target)


@pytest.mark.parametrize("name", SKILLED)
def test_every_family_learns(name: str) -> None:
    """Each family ranks fresh rows far better than chance."""
    frame, label = draw(seed=5)
    predicted = predict(fitted(name), "binary", as_inputs(frame, COLUMNS))
    assert predicted.shape == (300,)
    assert predicted[label == 1].mean() - predicted[label == 0].mean() > 0.4


@EVERY_PAIR
def test_predictions_have_the_shape_of_the_task(name: str, task: str) -> None:
    """One number a row, or one probability a class that add up to one."""
    predicted = predict(fitted(name, task), task, as_inputs(draw()[0].head(6), COLUMNS))
    assert predicted.shape == ((6, 3) if task == "multiclass" else (6,))
    assert np.isfinite(predicted).all()
    if task == "multiclass":
        np.testing.assert_allclose(predicted.sum(axis=1), 1, atol=1e-6)


@EVERY_CLASSIFIER
def test_a_row_is_predicted_alike_alone_and_in_a_batch(name: str) -> None:
    """A prediction depends on its own row: batch and endpoint agree, trees to the last bit."""
    estimator, rows = fitted(name), draw(seed=9)[0].head(8)
    batch = predict(estimator, "binary", as_inputs(rows, COLUMNS))
    alone = [
        predict(estimator, "binary", as_inputs(rows.iloc[[n]], COLUMNS))[0]
        for n in range(len(rows))
    ]
    # A sum of products ends in another bit where the library takes rows by the block.
    loose = 1e-12 if CANDIDATES[name].preparation == "linear" else 0
    np.testing.assert_allclose(batch, alone, rtol=loose)


@EVERY_CLASSIFIER
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


@EVERY_CLASSIFIER
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


@EVERY_CLASSIFIER
def test_predictions_run_on_one_thread(name: str) -> None:
    """A fitted model predicts on one thread, so that sums always add up in one order."""
    assert fitted(name)[-1].get_params().get("n_jobs", 1) in (1, None)


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_a_single_class_cannot_be_learned(task: str) -> None:
    """A label of one class is refused by name; a constant value to predict is not."""
    label = draw()[1] * 0
    with pytest.raises(DataError, match="'late' has a single class in the train set"):
        refuse_single_class(task, label)
    refuse_single_class("regression", label)


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
    search = SearchSettings(trials=0)
    settings = {"seed": 1, "bootstrap_resamples": 100, "confidence": 0.9, "search": search}
    assert TrainingSettings(candidates=["xgboost"], **settings).candidates == ["xgboost"]
    with pytest.raises(ValidationError, match=r"'xgbost' \(nearest: 'xgboost'\); known: baseline"):
        TrainingSettings(candidates=["xgbost"], **settings)
    with pytest.raises(ValidationError):
        TrainingSettings(candidates=[], **settings)


def test_families_are_those_that_can_do_the_task() -> None:
    """A family that cannot do the task, or needs an order that rows lack, is left out."""
    search = SearchSettings(trials=0)
    names = ["last_value", "lasso", "logistic_regression", "baseline"]
    settings = TrainingSettings(
        seed=1, candidates=names, search=search, bootstrap_resamples=100, confidence=0.9
    )
    assert settings.families("binary", ordered=True) == ["baseline", "logistic_regression"]
    assert settings.families("regression", ordered=True) == ["baseline", "last_value", "lasso"]
    assert settings.families("regression", ordered=False) == ["baseline", "lasso"]


def test_the_last_value_is_the_last() -> None:
    """The naive forecast repeats the label of the last row, whatever came before."""
    frame, label = draw()
    inputs = as_inputs(frame, COLUMNS)
    plan = diagnose_columns(inputs, label, "regression", SETTINGS)
    target = label.astype(float).where(label.index < 299, 7.5)
    model = fit(assemble("last_value", "regression", 1, {}, plan, SETTINGS), inputs, target)
    assert set(predict(model, "regression", inputs)) == {7.5}


@pytest.mark.parametrize("name", [n for n, family in CANDIDATES.items() if family.space])
def test_what_the_search_draws_can_be_built(name: str) -> None:
    """Whatever the space gives, for the corners as for the middle, is a model of that family."""
    import optuna

    family = CANDIDATES[name]
    task = family.tasks[0]
    for seed in range(20):
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
        parameters = family.space(study.ask())  # type: ignore[misc]
        built = family.build(task, 1, parameters).get_params()
        assert {key: built[key] for key in parameters} == parameters
