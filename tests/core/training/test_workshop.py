"""Tests of the workshop: what the search sees of the rows, and the name that it goes by."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fullcircle.core.contract import ProblemSpec
from fullcircle.core.metrics import roc_auc
from fullcircle.core.models.prediction import as_inputs, predict
from fullcircle.core.preparation import diagnose_columns
from fullcircle.core.training.context import TrainingContext
from fullcircle.core.training.model_config import ModelConfig
from fullcircle.core.training.settings import SearchSettings, TrainingSettings

Make = Callable[..., ProblemSpec]
TRAINING = TrainingSettings(
    seed=3,
    candidates=["logistic_regression", "xgboost"],
    search=SearchSettings(trials=1, folds=3, max_rows=100),
    bootstrap_resamples=100,
    confidence=0.9,
)
LINEAR = ModelConfig("simple", "logistic_regression")


def open_workshop(make_problem: Make, *, history: bool = True, rows: int = 150) -> TrainingContext:
    """Rows in random order of time, whose label follows the price."""
    rng = np.random.default_rng(0)
    problem = make_problem(history=history)
    at = pd.date_range("2024-01-01", periods=rows, freq="h", tz="UTC")[rng.permutation(rows)]
    price = rng.normal(size=rows)
    frame = pd.DataFrame(
        {
            "order_id": range(rows),
            "buyer": range(rows),
            "ordered_at": at,
            "returned_known_at": at + pd.Timedelta("1h"),
            "price": price,
            "colour": rng.choice(["red", "blue"], rows),
            "returned": (price + rng.normal(size=rows) > 0).astype(int),
        }
    )
    inputs = as_inputs(frame, problem.features)
    plan = diagnose_columns(inputs, frame["returned"], "binary", TRAINING.preparation)
    return TrainingContext(frame, problem, TRAINING, plan)


def trained(training_context: TrainingContext, **changes: Any) -> TrainingContext:
    return replace(training_context, training=training_context.training.model_copy(update=changes))


def searched(training_context: TrainingContext, **changes: Any) -> TrainingContext:
    return trained(
        training_context, search=training_context.training.search.model_copy(update=changes)
    )


def test_the_search_sees_the_newest_rows_of_a_history(make_problem: Make) -> None:
    """Past the limit the newest rows are kept, in order of time; up to it all, as they came."""
    training_context = open_workshop(make_problem)
    kept = training_context.bounded()
    newest = np.sort(training_context.rows["ordered_at"])[-100:]
    assert list(kept.rows["ordered_at"]) == list(pd.DatetimeIndex(newest, tz="UTC"))
    assert list(kept.rows.index) == list(range(100))
    assert (kept.problem, kept.training) == (training_context.problem, training_context.training)
    assert kept.plan == training_context.plan
    assert searched(training_context, max_rows=150).bounded().rows is training_context.rows
    assert len(searched(training_context, max_rows=149).bounded().rows) == 149


def test_the_search_sees_a_seeded_draw_of_a_snapshot(make_problem: Make) -> None:
    """Of a snapshot rows are drawn, none twice, in their order; the seed alone decides which."""
    training_context = open_workshop(make_problem, history=False)
    kept = list(training_context.bounded().rows["order_id"])
    assert kept == sorted(set(kept))
    assert len(kept) == 100
    assert kept[-1] > 100
    assert list(training_context.bounded().rows["order_id"]) == kept
    assert list(trained(training_context, seed=4).bounded().rows["order_id"]) != kept
    assert list(training_context.bounded().rows.index) == list(range(100))


def test_a_search_is_named_by_what_decides_its_course(make_problem: Make) -> None:
    """Rows, label, plan, contract, seed, families, folds and pruning name a search anew."""
    training_context = open_workshop(make_problem)
    rows = training_context.rows
    others = [
        replace(training_context, rows=rows.iloc[::-1]),
        replace(training_context, rows=rows.iloc[1:]),
        replace(training_context, rows=rows.assign(price=rows["price"] + 1e-9)),
        replace(training_context, rows=rows.assign(returned=1 - rows["returned"])),
        replace(training_context, plan=training_context.plan[:1]),
        replace(
            training_context,
            problem=training_context.problem.model_copy(update={"primary_metric": "brier"}),
        ),
        trained(training_context, seed=4),
        trained(training_context, candidates=["xgboost"]),
        searched(training_context, folds=4),
        searched(training_context, prune=False),
    ]
    names = [each.fingerprint() for each in [training_context, *others]]
    assert len(set(names)) == len(names)
    assert {len(name) for name in names} == {16}


def test_a_larger_budget_goes_on_under_the_same_name(make_problem: Make) -> None:
    """Budget, workers, resamples and what the features do not hold leave the name as it is."""
    training_context = open_workshop(make_problem)
    same = [
        searched(training_context, trials=99, seconds=9.0, workers=2, max_rows=200),
        trained(training_context, bootstrap_resamples=999, confidence=0.5, calibration="none"),
        replace(training_context, rows=training_context.rows.assign(order_id=7)),
    ]
    assert {each.fingerprint() for each in same} == {training_context.fingerprint()}


def test_the_digest_of_rows_is_of_features_and_label(make_problem: Make) -> None:
    """One other value or label changes it; another index or column beside them does not."""
    training_context = open_workshop(make_problem)
    rows, digest = training_context.rows, training_context.digest_rows()
    assert len(digest) == 64
    moved = rows.set_axis(range(5, 155)).assign(buyer=0)
    assert replace(training_context, rows=moved).digest_rows() == digest
    for name, value in (("price", 0.0), ("colour", "green"), ("returned", 2)):
        other = rows.copy()
        other.loc[149, name] = value
        assert replace(training_context, rows=other).digest_rows() != digest


@pytest.mark.parametrize("history", [True, False])
def test_rows_held_out_are_predicted_by_a_model_without_them(
    make_problem: Make, *, history: bool
) -> None:
    """Each fold's validation rows are predicted by the model of the fold's other rows, in order."""
    training_context = open_workshop(make_problem, history=history)
    known, predicted = training_context.predict_out_of_fold(LINEAR)
    labels, expected = [], []
    assert len(training_context.folds) == 3
    for train, valid in training_context.folds:
        model = replace(training_context, rows=training_context.rows.iloc[train]).fit(LINEAR)
        labels.append(training_context.label.iloc[valid])
        expected.append(predict(model, "binary", training_context.inputs.iloc[valid]))
    np.testing.assert_array_equal(known, np.concatenate(labels))
    np.testing.assert_allclose(predicted, np.concatenate(expected))


def test_cross_validation_is_over_the_workshops_own_rows(make_problem: Make) -> None:
    """A fold's score is that of the model of its training rows on its validation rows."""
    training_context = open_workshop(make_problem)
    validation = training_context.cross_validate()
    assert (validation.metric, validation.count) == ("roc_auc", 3)
    for number, (train, valid) in enumerate(training_context.folds):
        model = replace(training_context, rows=training_context.rows.iloc[train]).fit(LINEAR)
        score = roc_auc(
            training_context.label.iloc[valid].to_numpy(),
            predict(model, "binary", training_context.inputs.iloc[valid]),
        )
        found = validation.score_fold("logistic_regression", {}, number)
        assert found["roc_auc"] == pytest.approx(score)
