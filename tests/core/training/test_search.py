"""Tests of the search: repeatable, resumable, within its budget, and honest about its trials."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fullcircle.core.contract import ProblemSpec
from fullcircle.core.errors import DataError
from fullcircle.core.models.prediction import as_inputs, predict
from fullcircle.core.preparation import PreparationSettings, diagnose_columns
from fullcircle.core.training.candidates import CANDIDATES
from fullcircle.core.training.crossvalidation import CrossValidation
from fullcircle.core.training.estimators import assemble, fit
from fullcircle.core.training.finalists import (
    choose_finalists,
    compare_folds,
    drop_needless_columns,
    find_winner,
)
from fullcircle.core.training.folds import make_folds
from fullcircle.core.training.model_config import ModelConfig, build
from fullcircle.core.training.search import Search
from fullcircle.core.training.settings import SearchSettings
from fullcircle.core.training.trial_store import Trial

Make = Callable[..., ProblemSpec]
USELESS = ["age", "weight", "height"]
DRAWS: Any = {"resamples": 300, "confidence": 0.9, "seed": 1}
FAMILIES = ["baseline", "logistic_regression", "xgboost"]


def draw(rows: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    price = rng.normal(size=rows)
    colour = rng.choice(["red", "blue"], rows)
    chance = 1 / (1 + np.exp(-2 * price - (colour == "red")))
    return pd.DataFrame(
        {
            "order_id": range(rows),
            "buyer": range(rows),
            "price": price,
            "colour": colour,
            **{name: rng.normal(size=rows) for name in USELESS},
            "returned": (rng.random(rows) < chance).astype(int),
        }
    )


@pytest.fixture(scope="module")
def validation(make_problem: Make) -> CrossValidation:
    """Give folds over rows whose label price and colour decide."""
    rows = draw()
    problem = make_problem(history=False, request_columns=["price", "colour", *USELESS])
    inputs = as_inputs(rows, problem.features)
    settings = PreparationSettings()
    return CrossValidation(
        inputs,
        rows["returned"],
        make_folds(rows, problem, 4, seed=0),
        task="binary",
        metric="roc_auc",
        plan=diagnose_columns(inputs, rows["returned"], "binary", settings),
        preparation=settings,
        seed=1,
    )


class Journal:
    """Remembers in memory; after so many records it raises, as a kill would end the search."""

    def __init__(self, dies_after: int = 10**9) -> None:
        self.records: dict[str, dict[str, Any]] = {}
        self.dies_after = dies_after
        self.remembered = 0

    def get(self, key: str) -> dict[str, Any] | None:
        found = self.records.get(key)
        self.remembered += found is not None
        return found

    def put(self, key: str, record: dict[str, Any]) -> None:
        if len(self.records) >= self.dies_after:
            raise KeyboardInterrupt
        self.records[key] = record


def search(validation: CrossValidation, journal: Any = None, **settings: Any) -> list[Trial]:
    chosen = SearchSettings(**{"trials": 10, "folds": 4, **settings})
    return Search(validation, FAMILIES, chosen, seed=7, journal=journal).run()


def told(trials: list[Trial]) -> list[tuple[Any, ...]]:
    return [(t.candidate, t.number, t.parameters, t.fold_scores, t.state) for t in trials]


@pytest.fixture(scope="module")
def trials(validation: CrossValidation) -> list[Trial]:
    """Give the trials of one search."""
    return search(validation)


@pytest.mark.parametrize(("budget", "shares"), [(4, [4, 0]), (8, [4, 4]), (12, [8, 4])])
def test_the_leader_gets_the_first_round_and_half_of_all(
    validation: CrossValidation, trials: list[Trial], budget: int, shares: list[int]
) -> None:
    """Rounds of four trials go to the best family, to the second, and to the best again."""
    leader = max(trials, key=lambda trial: (trial.number == 0, trial.score or 0.0)).candidate
    other = next(name for name in FAMILIES[1:] if name != leader)
    found = search(validation, trials=budget)
    given = [t.candidate for t in found if t.number >= len(CANDIDATES[t.candidate].variants)]
    assert [given.count(name) for name in (leader, other)] == shares


@pytest.mark.parametrize("workers", [1, 3])
def test_the_same_seed_gives_the_same_search(
    validation: CrossValidation, trials: list[Trial], workers: int
) -> None:
    """The course of a search depends neither on the run nor on the number of workers."""
    assert told(search(validation, workers=workers)) == told(trials)


@pytest.mark.parametrize("done", [1, 5, 11])
def test_a_killed_search_ends_where_it_would_have(
    validation: CrossValidation, trials: list[Trial], done: int
) -> None:
    """Killed after any number of trials and resumed, a search has the same trials in the end."""
    journal = Journal(dies_after=done)
    with pytest.raises(KeyboardInterrupt):
        search(validation, journal)
    assert len(journal.records) == done
    journal.dies_after = 10**9
    assert told(search(validation, journal)) == told(trials)
    assert journal.remembered == done


def test_what_is_remembered_prunes_as_it_did(validation: CrossValidation) -> None:
    """The studies of a resumed search hear of the same score after each fold as those before."""
    journal = Journal()
    heard = []
    for _ in range(2):
        chosen = SearchSettings(trials=8, folds=4)
        searched = Search(validation, FAMILIES, chosen, seed=7, journal=journal)
        searched.run()
        studies = [family.study for family in searched._families]
        heard.append([[each.intermediate_values for each in study.trials] for study in studies])
    assert journal.remembered > 8
    assert heard[0] == heard[1]


def test_a_larger_budget_goes_on_from_a_smaller(validation: CrossValidation) -> None:
    """More trials begin with the very same ones."""
    journal = Journal()
    fewer = search(validation, journal, trials=4)
    more = search(validation, journal, trials=8)
    assert journal.remembered == len(fewer)
    assert set(map(str, told(fewer))) <= set(map(str, told(more)))


def test_the_untuned_self_of_every_family_is_tried_first(trials: list[Trial]) -> None:
    """Trial 0 of each family has none but its own defaults, and is never cut short."""
    first = [trial for trial in trials if trial.number == 0]
    assert [trial.candidate for trial in first] == FAMILIES
    assert all(trial.parameters == {} and trial.state == "complete" for trial in first)


def test_the_budget_is_kept(validation: CrossValidation) -> None:
    """So many trials beyond the untuned, no more and no fewer."""
    untuned = len(search(validation, trials=0))
    assert len(search(validation, trials=7)) == untuned + 7


def test_a_budget_of_seconds_ends_the_search(validation: CrossValidation) -> None:
    """A search ends once its seconds are spent, those before a kill included."""
    journal = Journal()
    spent = search(validation, journal, trials=None, seconds=0.2)
    again = search(validation, journal, trials=None, seconds=0.2)
    assert told(again) == told(spent)


def test_pruned_trials_have_no_score(validation: CrossValidation) -> None:
    """A trial that was cut short is marked, has fewer fold scores, and can not lead."""
    found = search(validation, trials=30)
    pruned = [trial for trial in found if trial.state == "pruned"]
    assert pruned
    assert all(trial.score is None and len(trial.fold_scores) < 4 for trial in pruned)
    unpruned = search(validation, trials=30, prune=False)
    assert {trial.state for trial in unpruned} == {"complete"}


def test_what_cannot_be_fitted_is_reported(
    validation: CrossValidation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A family that fails is a failed trial with its reason; if all fail, one line says so."""

    def fail(*_: Any) -> float:
        raise ValueError("singular matrix\nand more")

    monkeypatch.setattr(validation, "score_fold", fail)
    with pytest.raises(DataError, match=r"No candidate could be fitted: baseline: singular matrix"):
        search(validation)


def test_finalists_are_untuned_and_tuned(validation: CrossValidation, trials: list[Trial]) -> None:
    """Each family stands on the board as it came and at its best, then the blend of the best."""
    finalists = choose_finalists(trials, validation, blend=2)
    names = [model_config.name for model_config in finalists]
    assert names[:2] == ["baseline", "logistic_regression"]
    assert {"xgboost", "blend"} <= set(names)
    best = max(t.score or 0 for t in trials if t.candidate == "xgboost")
    tuned = [r.cv_score for r in finalists if r.candidate == "xgboost"]
    assert max(tuned) == best
    assert [m.candidate for m in finalists[-1].members].count("baseline") == 0


def test_only_needless_columns_go_and_cost_nothing(validation: CrossValidation) -> None:
    """Columns that decide nothing go; the smaller model scores no worse in the search."""
    scores = [validation.score_fold("xgboost", {}, n)["roc_auc"] for n in range(validation.count)]
    leader = ModelConfig("xgboost", "xgboost", fold_scores=scores)
    smaller = drop_needless_columns(validation, leader)
    assert smaller is not None
    assert smaller.dropped
    assert set(smaller.dropped) <= set(USELESS)
    assert smaller.cv_score >= leader.cv_score


@pytest.mark.parametrize("candidate", ["logistic_regression", "xgboost"])
def test_a_model_on_prepared_rows_is_the_one_that_begins_with_raw_rows(
    validation: CrossValidation, candidate: str
) -> None:
    """What a fold has prepared for the search gives the same model as preparing it afresh."""
    train, valid = validation._folds[1]
    fresh = assemble(candidate, "binary", 1, {}, validation._plan, validation._preparation)
    fit(fresh, validation._inputs.iloc[train], validation._label.iloc[train])
    inputs = validation._inputs.iloc[valid]
    kept = validation._fit_fold(candidate, {}, 1)
    assert (predict(kept, "binary", inputs) == predict(fresh, "binary", inputs)).all()


@pytest.mark.parametrize("errors", [0.0, 1.0, 3.0])
def test_the_simplest_that_ties_wins(errors: float) -> None:
    """A simpler model wins within so many standard errors of the best, and none beyond."""
    rng = np.random.default_rng(1)
    truth = rng.normal(size=400)
    predicted = {
        "simple": truth + rng.normal(scale=1.3, size=400),
        "middle": truth + rng.normal(scale=1.06, size=400),
        "complex": truth + rng.normal(scale=1.0, size=400),
    }
    model_configs = [ModelConfig(name, "any") for name in predicted]
    winner, standing = find_winner(
        model_configs,
        predicted,
        truth,
        "rmse",
        standard_errors=errors,
        resamples=300,
        confidence=0.9,
        seed=1,
    )
    behind = {n: s["behind"] / (s["standard_error"] or 1) for n, s in standing.items()}
    assert winner == next(name for name in predicted if behind[name] <= errors)
    assert winner == {0.0: "complex", 1.0: "middle", 3.0: "middle"}[errors]


def test_a_blend_averages_its_members() -> None:
    """The blend's prediction is the mean of its members' predictions."""
    rows = draw()
    inputs = as_inputs(rows, ["price", "colour"])
    settings = PreparationSettings()
    plan = diagnose_columns(inputs, rows["returned"], "binary", settings)
    members = [ModelConfig(name, name) for name in FAMILIES[1:]]
    blend = ModelConfig("blend", "blend", members=members)
    whole, *parts = (
        build(model_config, "binary", 1, plan, settings)
        .fit(inputs, rows["returned"])
        .predict_proba(inputs)
        for model_config in (blend, *members)
    )
    np.testing.assert_allclose(whole, np.mean(parts, axis=0))
    assert ModelConfig.from_dict(blend.as_dict()) == blend


@pytest.mark.parametrize(("ahead", "winner"), [(0.0, "simple"), (0.5, "complex")])
def test_a_difference_in_the_search_breaks_a_tie(ahead: float, winner: str) -> None:
    """Models alike on the selection rows do not tie if the folds tell them apart."""
    rng = np.random.default_rng(1)
    truth = rng.normal(size=50)
    noise = rng.normal(size=50)
    predicted = {"simple": truth + noise, "complex": truth + rng.permutation(noise) * 0.99}
    folds = rng.normal(1.0, 0.01, size=5)
    model_configs = [
        ModelConfig("simple", "any", fold_scores=(folds + ahead).tolist()),
        ModelConfig("complex", "any", fold_scores=(folds + rng.normal(0, 0.01, size=5)).tolist()),
    ]
    found, _ = find_winner(
        model_configs,
        predicted,
        truth,
        "rmse",
        standard_errors=2.0,
        resamples=100,
        confidence=0.9,
        seed=1,
    )
    assert found == winner


@pytest.mark.parametrize(("ahead", "winner"), [(0.001, "lucky"), (0.5, "steady")])
def test_luck_on_few_rows_does_not_undo_the_search(ahead: float, winner: str) -> None:
    """What is significantly worse in the folds does not win by selection rows; what ties may."""
    rng = np.random.default_rng(1)
    truth, noise = rng.normal(size=50), rng.normal(size=50)
    predicted = {"lucky": truth + 0.8 * noise, "steady": truth + noise}
    folds = rng.normal(1.0, 0.01, size=5)
    model_configs = [
        ModelConfig("lucky", "any", fold_scores=(folds + ahead).tolist()),
        ModelConfig("steady", "any", fold_scores=(folds + rng.normal(0, 0.01, size=5)).tolist()),
    ]
    found, standing = find_winner(
        model_configs,
        predicted,
        truth,
        "rmse",
        standard_errors=0.0,
        resamples=100,
        confidence=0.9,
        seed=1,
    )
    assert found == winner
    assert standing["lucky"]["shortlisted"] is (winner == "lucky")


def test_the_error_over_folds_is_not_too_small() -> None:
    """Models that are alike are called different about as often as two standard errors say.

    Each of 300 draws cross-validates two useless linear models of the same kind.
    """
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(300):
        label, one, two = rng.normal(size=(3, 100))
        folds = np.array_split(rng.permutation(100), 5)
        scores = [[_score_without(fold, column, label) for fold in folds] for column in (one, two)]
        behind, error = compare_folds("rmse", *scores)
        wrong += abs(behind) > 2 * error
    assert wrong / 300 < 0.12


def _score_without(fold: Any, column: Any, label: Any) -> float:
    train = np.setdiff1d(np.arange(100), fold)
    slope, intercept = np.polyfit(column[train], label[train], 1)
    return float(np.sqrt(np.mean((label[fold] - slope * column[fold] - intercept) ** 2)))
