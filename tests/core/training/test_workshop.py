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


def trained(workshop: TrainingContext, **changes: Any) -> TrainingContext:
    return replace(workshop, training=workshop.training.model_copy(update=changes))


def searched(workshop: TrainingContext, **changes: Any) -> TrainingContext:
    return trained(workshop, search=workshop.training.search.model_copy(update=changes))


def test_the_search_sees_the_newest_rows_of_a_history(make_problem: Make) -> None:
    """Past the limit the newest rows are kept, in order of time; up to it all, as they came."""
    workshop = open_workshop(make_problem)
    kept = workshop.bounded()
    newest = np.sort(workshop.rows["ordered_at"])[-100:]
    assert list(kept.rows["ordered_at"]) == list(pd.DatetimeIndex(newest, tz="UTC"))
    assert list(kept.rows.index) == list(range(100))
    assert (kept.problem, kept.training) == (workshop.problem, workshop.training)
    assert kept.plan == workshop.plan
    assert searched(workshop, max_rows=150).bounded().rows is workshop.rows
    assert len(searched(workshop, max_rows=149).bounded().rows) == 149


def test_the_search_sees_a_seeded_draw_of_a_snapshot(make_problem: Make) -> None:
    """Of a snapshot rows are drawn, none twice, in their order; the seed alone decides which."""
    workshop = open_workshop(make_problem, history=False)
    kept = list(workshop.bounded().rows["order_id"])
    assert kept == sorted(set(kept))
    assert len(kept) == 100
    assert kept[-1] > 100
    assert list(workshop.bounded().rows["order_id"]) == kept
    assert list(trained(workshop, seed=4).bounded().rows["order_id"]) != kept
    assert list(workshop.bounded().rows.index) == list(range(100))


def test_a_search_is_named_by_what_decides_its_course(make_problem: Make) -> None:
    """Rows, label, plan, contract, seed, families, folds and pruning name a search anew."""
    workshop = open_workshop(make_problem)
    rows = workshop.rows
    others = [
        replace(workshop, rows=rows.iloc[::-1]),
        replace(workshop, rows=rows.iloc[1:]),
        replace(workshop, rows=rows.assign(price=rows["price"] + 1e-9)),
        replace(workshop, rows=rows.assign(returned=1 - rows["returned"])),
        replace(workshop, plan=workshop.plan[:1]),
        replace(workshop, problem=workshop.problem.model_copy(update={"primary_metric": "brier"})),
        trained(workshop, seed=4),
        trained(workshop, candidates=["xgboost"]),
        searched(workshop, folds=4),
        searched(workshop, prune=False),
    ]
    names = [each.fingerprint() for each in [workshop, *others]]
    assert len(set(names)) == len(names)
    assert {len(name) for name in names} == {16}


def test_a_larger_budget_goes_on_under_the_same_name(make_problem: Make) -> None:
    """Budget, workers, resamples and what the features do not hold leave the name as it is."""
    workshop = open_workshop(make_problem)
    same = [
        searched(workshop, trials=99, seconds=9.0, workers=2, max_rows=200),
        trained(workshop, bootstrap_resamples=999, confidence=0.5, calibration="none"),
        replace(workshop, rows=workshop.rows.assign(order_id=7)),
    ]
    assert {each.fingerprint() for each in same} == {workshop.fingerprint()}


def test_the_digest_of_rows_is_of_features_and_label(make_problem: Make) -> None:
    """One other value or label changes it; another index or column beside them does not."""
    workshop = open_workshop(make_problem)
    rows, digest = workshop.rows, workshop.digest_rows()
    assert len(digest) == 64
    moved = rows.set_axis(range(5, 155)).assign(buyer=0)
    assert replace(workshop, rows=moved).digest_rows() == digest
    for name, value in (("price", 0.0), ("colour", "green"), ("returned", 2)):
        other = rows.copy()
        other.loc[149, name] = value
        assert replace(workshop, rows=other).digest_rows() != digest


@pytest.mark.parametrize("history", [True, False])
def test_rows_held_out_are_predicted_by_a_model_without_them(
    make_problem: Make, *, history: bool
) -> None:
    """Each fold's validation rows are predicted by the model of the fold's other rows, in order."""
    workshop = open_workshop(make_problem, history=history)
    known, predicted = workshop.predict_out_of_fold(LINEAR)
    labels, expected = [], []
    assert len(workshop.folds) == 3
    for train, valid in workshop.folds:
        model = replace(workshop, rows=workshop.rows.iloc[train]).fit(LINEAR)
        labels.append(workshop.label.iloc[valid])
        expected.append(predict(model, "binary", workshop.inputs.iloc[valid]))
    np.testing.assert_array_equal(known, np.concatenate(labels))
    np.testing.assert_allclose(predicted, np.concatenate(expected))


def test_cross_validation_is_over_the_workshops_own_rows(make_problem: Make) -> None:
    """A fold's score is that of the model of its training rows on its validation rows."""
    workshop = open_workshop(make_problem)
    validation = workshop.cross_validate()
    assert (validation.metric, validation.count) == ("roc_auc", 3)
    for number, (train, valid) in enumerate(workshop.folds):
        model = replace(workshop, rows=workshop.rows.iloc[train]).fit(LINEAR)
        score = roc_auc(
            workshop.label.iloc[valid].to_numpy(),
            predict(model, "binary", workshop.inputs.iloc[valid]),
        )
        found = validation.score_fold("logistic_regression", {}, number)
        assert found["roc_auc"] == pytest.approx(score)
