"""Scores of parameters under cross-validation, each fold prepared once for all that share it."""

import threading
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

from fullcircle.core.contract import Threshold
from fullcircle.core.evaluation.thresholds import find_threshold
from fullcircle.core.metrics import METRICS, score_all
from fullcircle.core.models.prediction import predict
from fullcircle.core.preparation import ColumnReader, PreparationSettings
from fullcircle.core.training.candidates import CANDIDATES, Parameters
from fullcircle.core.training.estimators import build_preparation, fit, leave_out
from fullcircle.core.training.folds import Fold

_SHUFFLED_ROWS = 2_000


@dataclass(frozen=True)
class _Prepared:
    """A fold's rows as a family needs them, and what prepared them."""

    reader: ColumnReader
    prepare: ColumnTransformer
    train: Any
    valid: Any


class CrossValidation:
    """The folds of a train set, ready to be fitted on by many parameters in many threads.

    Preparation has no parameters that the search tunes, so that what a family needs is prepared
    once per fold and kept: in memory, at most three times (number of folds) the train set.
    """

    def __init__(  # noqa: PLR0913 - all that a fold is prepared, fitted and scored by
        self,
        inputs: pd.DataFrame,
        label: pd.Series,
        folds: list[Fold],
        *,
        task: str,
        metric: str,
        threshold: Threshold | None = None,
        plan: list[dict[str, Any]],
        preparation: PreparationSettings,
        seed: int,
    ) -> None:
        """Take inputs (rows, columns), their label and the folds over them."""
        self._inputs = inputs
        self._label = label
        self._folds = folds
        self._task = task
        self.metric = metric
        self._threshold = threshold
        self._plan = plan
        self._preparation = preparation
        self._seed = seed
        self._prepared: dict[tuple[str, int], _Prepared] = {}
        self._counting = threading.Lock()
        self._locks: dict[tuple[str, int], threading.Lock] = {}
        self.seconds = {"preparing": 0.0, "fitting": 0.0, "scoring": 0.0}

    @property
    def count(self) -> int:
        """Number of folds."""
        return len(self._folds)

    @property
    def columns(self) -> list[str]:
        """Columns that the plan keeps."""
        return [entry["column"] for entry in self._plan if entry["action"] == "keep"]

    def without(self, columns: list[str]) -> "CrossValidation":
        """Give the same folds with fewer columns."""
        return CrossValidation(
            self._inputs,
            self._label,
            self._folds,
            task=self._task,
            metric=self.metric,
            threshold=self._threshold,
            plan=leave_out(self._plan, columns),
            preparation=self._preparation,
            seed=self._seed,
        )

    def score_fold(self, candidate: str, parameters: Parameters, number: int) -> dict[str, float]:
        """Fit on a fold's training rows and score its validation rows, by all metrics of the task.

        Decisions are scored at the threshold that the contract's rule chooses on these very rows:
        at the best that each trial can reach. All are flattered alike, and only their order counts.
        """
        return self._score(number, self._predict_fold(candidate, parameters, number))

    def score_average(self, members: list[tuple[str, Parameters]]) -> list[float]:
        """Score, fold by fold, the mean of several families' predictions."""
        scores = []
        for number in range(self.count):
            predicted = [self._predict_fold(*member, number) for member in members]
            scores.append(self._score(number, np.mean(predicted, axis=0))[self.metric])
        return scores

    def _score(self, number: int, predicted: np.ndarray) -> dict[str, float]:
        truth = self._label.iloc[self._folds[number][1]].to_numpy()
        threshold = find_threshold(self._threshold, truth, predicted)
        return score_all(self._task, truth, predicted, threshold, also=[self.metric])

    def _predict_fold(self, candidate: str, parameters: Parameters, number: int) -> np.ndarray:
        family = CANDIDATES[candidate]
        ready = self._prepare(family.preparation, number)
        started = time.perf_counter()
        model = family.build(self._task, self._seed, parameters)
        model.fit(ready.train, self._label.iloc[self._folds[number][0]])
        fitted = time.perf_counter()
        predicted = predict(model, self._task, ready.valid)
        self._count(fitting=fitted - started, scoring=time.perf_counter() - fitted)
        return predicted

    def _prepare(self, kind: str, number: int) -> "_Prepared":
        """Give a fold's training and validation rows as a family needs them."""
        with self._locks.setdefault((kind, number), threading.Lock()):
            if (kind, number) not in self._prepared:
                started = time.perf_counter()
                train, valid = (self._inputs.iloc[rows] for rows in self._folds[number])
                reader = ColumnReader(self._plan).fit(train)
                prepare = build_preparation(kind, self._task, self._preparation, self._seed)
                label = self._label.iloc[self._folds[number][0]]
                ready = prepare.fit_transform(reader.transform(train), label)
                checked = prepare.transform(reader.transform(valid))
                self._prepared[kind, number] = _Prepared(reader, prepare, ready, checked)
                self._count(preparing=time.perf_counter() - started)
        return self._prepared[kind, number]

    def _count(self, **seconds: float) -> None:
        with self._counting:
            for work, spent in seconds.items():
                self.seconds[work] += spent

    def permutation_costs(self, candidate: str, parameters: Parameters) -> dict[str, list[float]]:
        """Say by how much the score falls, per column and fold, when the column is shuffled."""
        rng = np.random.default_rng(self._seed)
        score = METRICS[self.metric]
        costs: dict[str, list[float]] = {column: [] for column in self.columns}
        for number, (_, valid) in enumerate(self._folds):
            estimator = self._fit_fold(candidate, parameters, number)
            rows = rng.permutation(valid)[:_SHUFFLED_ROWS]
            inputs, truth = self._inputs.iloc[rows], self._label.iloc[rows].to_numpy()
            intact = predict(estimator, self._task, inputs)
            threshold = find_threshold(self._threshold, truth, intact)
            whole = score(truth, intact, threshold)
            for column, found in costs.items():
                shuffled = inputs.assign(**{column: rng.permutation(inputs[column].to_numpy())})
                changed = predict(estimator, self._task, shuffled)
                found.append(score.gain(whole, score(truth, changed, threshold)))
        return costs

    def _fit_fold(self, candidate: str, parameters: Parameters, number: int) -> Pipeline:
        """Fit the model alone: what comes before it was fitted on this fold already."""
        family = CANDIDATES[candidate]
        ready = self._prepare(family.preparation, number)
        model = family.build(self._task, self._seed, parameters)
        fit(model, ready.train, self._label.iloc[self._folds[number][0]])
        return Pipeline([("columns", ready.reader), ("prepare", ready.prepare), ("model", model)])
