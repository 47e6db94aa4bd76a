"""Tests of a trial under way: who was quicker decides nothing."""

from dataclasses import replace
from typing import Any

import numpy as np
import optuna
from hypothesis import given
from hypothesis import strategies as st

from fullcircle.core.training.trial_execution import TrialExecution
from fullcircle.core.training.trial_store import Trial

FOLDS = 5
SCORES = st.one_of(st.floats(0, 1), st.just(float("nan")), st.just("singular matrix\nand more"))


class Folds:
    """Scores as drawn; a text is an error with that message."""

    count = FOLDS
    metric = "roc_auc"

    def __init__(self, drawn: list[Any]) -> None:
        self._drawn = drawn

    def score_fold(
        self, candidate: str, parameters: dict[str, Any], number: int
    ) -> dict[str, float]:
        """Give the fold's score, or raise."""
        del candidate, parameters
        found = self._drawn[number]
        if isinstance(found, str):
            raise ValueError(found) if found else MemoryError
        return {"roc_auc": float(found)}


def attempt(drawn: list[Any], others: list[list[float]]) -> TrialExecution:
    """Ask a study that knows other trials, and prunes what is below their median."""
    pruner = optuna.pruners.MedianPruner(n_startup_trials=1)
    study = optuna.create_study(direction="maximize", pruner=pruner)
    for scores in others:
        steps = {step: float(np.mean(scores[: step + 1])) for step in range(FOLDS)}
        study.add_trial(optuna.create_trial(value=steps[FOLDS - 1], intermediate_values=steps))
    return TrialExecution("ridge", study.ask(), {}, Folds(drawn))  # type: ignore[arg-type]  # all it is asked


def turn(trying: TrialExecution, order: list[int]) -> tuple[Trial, Trial | None]:
    """Score the folds in an order; give the result, and what was said of it."""
    said = [trying.score(number, lambda: False) for number in order]
    assert trying.result is not None
    assert sum(each is not None for each in said) == 1
    return replace(trying.result, seconds=0.0), next(each for each in said if each)


@given(
    drawn=st.lists(SCORES, min_size=FOLDS, max_size=FOLDS),
    others=st.lists(st.lists(st.floats(0, 1), min_size=FOLDS, max_size=FOLDS), max_size=3),
    order=st.permutations(range(FOLDS)),
)
def test_the_order_in_which_folds_are_scored_changes_nothing(
    drawn: list[Any], others: list[list[float]], order: list[int]
) -> None:
    """A trial ends alike, pruned, failed or complete, whichever fold is known first."""
    in_order, _ = turn(attempt(drawn, others), list(range(FOLDS)))
    found, _ = turn(attempt(drawn, others), order)
    np.testing.assert_equal(found.__dict__, in_order.__dict__)


def test_what_is_decided_is_not_scored_further() -> None:
    """After a failed fold no later one is begun, and the first line of the error is kept."""
    trying = attempt(["singular matrix\nand more", *[0.5] * 4], [])
    result, said = turn(trying, [1, 0])
    assert (result.state, result.reason) == ("failed", "ridge: singular matrix")
    assert result.fold_scores == []
    assert said is trying.result
    assert trying.score(2, lambda: False) is None


def test_an_error_without_words_is_named() -> None:
    """Where memory ran out, which says nothing, the trial fails with the error's name."""
    result = attempt(["", *[0.5] * 4], []).score(0, lambda: False)
    assert result is not None
    assert (result.state, result.reason) == ("failed", "ridge: MemoryError")


def test_once_it_is_late_what_is_scored_is_the_last() -> None:
    """With the budget spent a trial ends as pruned after the fold that it was at."""
    trying = attempt([0.5] * FOLDS, [])
    result = trying.score(0, lambda: True)
    assert result is not None
    assert (result.state, result.score, result.fold_scores) == ("pruned", None, [0.5])
