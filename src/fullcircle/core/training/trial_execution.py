"""A trial under way: workers score its folds beside each other, and it is told them in order."""

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from fullcircle.core.training.candidates import Parameters
from fullcircle.core.training.crossvalidation import CrossValidation
from fullcircle.core.training.trial_store import Trial

if TYPE_CHECKING:
    import optuna


class TrialExecution:
    """A set of parameters that a study asked for, as far as its folds are scored.

    A later fold may be known before an earlier one; what it leads to is decided in the order of
    the folds, so that the course of a search does not depend on who was quicker. What was scored
    beyond the decision is forgotten.
    """

    def __init__(
        self,
        candidate: str,
        trial: "optuna.Trial",
        parameters: Parameters,
        validation: CrossValidation,
    ) -> None:
        """Begin with no fold scored."""
        self.candidate = candidate
        self.trial = trial
        self.parameters = parameters
        self.result: Trial | None = None
        self._validation = validation
        self._found: dict[int, dict[str, float] | str] = {}
        self._scores: list[float] = []
        self._seconds = 0.0
        self._lock = threading.Lock()

    @property
    def key(self) -> str:
        """What it is remembered by."""
        return f"{self.candidate}/{self.trial.number}/{sorted(self.parameters.items())}"

    def remember(self, known: Trial) -> None:
        """Take over how it went in an earlier search; the study hears of its folds once more."""
        for step in range(len(known.fold_scores)):
            self._report(known.fold_scores[: step + 1])
        self.result = known

    def score(self, number: int, is_late: Callable[[], bool]) -> Trial | None:
        """Score the fold at a position, unless all is decided.

        Args:
            number: Position of the fold.
            is_late: Whether no further fold is to count.

        Returns:
            The trial, where this decided it.
        """
        if self.result is not None:
            return None
        started = time.monotonic()
        found: dict[str, float] | str
        try:
            found = self._validation.score_fold(self.candidate, self.parameters, number)
        except (ValueError, ArithmeticError, MemoryError) as error:
            said = str(error).splitlines() or [type(error).__name__]  # a MemoryError says nothing
            found = f"{self.candidate}: {said[0]}"
        with self._lock:
            self._seconds += time.monotonic() - started
            self._found[number] = found
            return self._decide(is_late) if self.result is None else None

    def _decide(self, is_late: Callable[[], bool]) -> Trial | None:
        """Tell what is known in order, up to a gap or a decision."""
        state, reason = "", ""
        while not state and (found := self._found.get(len(self._scores))) is not None:
            if isinstance(found, str):
                state, reason = "failed", found
                break
            self._scores.append(score := found[self._validation.metric])
            if np.isnan(score):
                state = "failed"
                reason = f"{self._validation.metric} is undefined on a fold"
                break
            self._report(self._scores)
            if len(self._scores) == self._validation.count:
                state = "complete"
            elif self.trial.should_prune() or is_late():
                state = "pruned"
        if state:
            self.result = Trial(
                candidate=self.candidate,
                number=self.trial.number,
                parameters=self.parameters,
                score=float(np.mean(self._scores)) if state == "complete" else None,
                fold_scores=self._scores,
                seconds=self._seconds,
                state=state,
                reason=reason,
                scores=self._average() if state == "complete" else {},
            )
        return self.result

    def _average(self) -> dict[str, float]:
        """Average each metric over the folds; one that is undefined on a fold is left out."""
        folds = [each for _, each in sorted(self._found.items()) if not isinstance(each, str)]
        means = {name: float(np.mean([fold[name] for fold in folds])) for name in folds[0]}
        return {name: mean for name, mean in means.items() if np.isfinite(mean)}

    def _report(self, scores: list[float]) -> None:
        self.trial.report(float(np.mean(scores)), len(scores) - 1)
