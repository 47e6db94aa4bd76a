"""The steps of training over plain values, for the pipeline and for ``fullcircle.automl`` alike."""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import sklearn

from fullcircle.core.contract import ProblemSpec
from fullcircle.core.metrics import METRICS, score_all
from fullcircle.core.models.prediction import as_inputs, predict
from fullcircle.core.training.crossvalidation import CrossValidation
from fullcircle.core.training.estimators import fit
from fullcircle.core.training.finalists import choose_finalists, drop_needless_columns
from fullcircle.core.training.folds import Fold, make_folds
from fullcircle.core.training.model_config import ModelConfig, build
from fullcircle.core.training.settings import TrainingSettings
from fullcircle.core.training.trial_store import Trial


@dataclass(frozen=True)
class TrainingContext:
    """Labelled rows with all that was decided about them before any model was fitted.

    Attributes:
        rows: The train set.
        problem: The contract.
        training: What the project declares of training.
        plan: What becomes of each column (see preparation/diagnosis.py).
    """

    rows: pd.DataFrame
    problem: ProblemSpec
    training: TrainingSettings
    plan: list[dict[str, Any]]

    @cached_property
    def inputs(self) -> pd.DataFrame:
        """The features of the rows."""
        return as_inputs(self.rows, self.problem.features)

    @property
    def label(self) -> pd.Series:
        """The label of the rows."""
        return self.rows[self.problem.label]

    @cached_property
    def folds(self) -> list[Fold]:
        """Cross-validation folds over the rows."""
        return make_folds(self.rows, self.problem, self.training.search.folds, self.training.seed)

    def build(self, model_config: ModelConfig) -> Any:
        """Give a recipe's estimator, unfitted."""
        return build(
            model_config,
            self.problem.task,
            self.training.seed,
            self.plan,
            self.training.preparation,
        )

    def fit(self, model_config: ModelConfig) -> Any:
        """Give a recipe's estimator, fitted on all rows."""
        return fit(self.build(model_config), self.inputs, self.label)

    def cross_validate(self) -> CrossValidation:
        """Give the folds, ready to score parameters."""
        return CrossValidation(
            self.inputs,
            self.label,
            self.folds,
            task=self.problem.task,
            metric=self.problem.primary_metric,
            threshold=self.problem.threshold,
            plan=self.plan,
            preparation=self.training.preparation,
            seed=self.training.seed,
        )

    def predict_out_of_fold(self, model_config: ModelConfig) -> tuple[np.ndarray, np.ndarray]:
        """Predict each validation row by the model of its fold.

        Returns:
            Labels and predictions of the rows, in the order of the folds; the earliest rows of a
            split by time are in no fold.
        """
        parts = []
        for train, valid in self.folds:
            model = fit(self.build(model_config), self.inputs.iloc[train], self.label.iloc[train])
            parts.append(predict(model, self.problem.task, self.inputs.iloc[valid]))
        held_out = np.concatenate([valid for _, valid in self.folds])
        return self.label.iloc[held_out].to_numpy(), np.concatenate(parts)

    def score(self, estimator: Any, threshold: float | None) -> dict[str, float]:
        """Score an estimator on the very rows, by every metric of the task."""
        return score_all(
            self.problem.task,
            self.label.to_numpy(),
            predict(estimator, self.problem.task, self.inputs),
            threshold,
            also=[self.problem.primary_metric],
        )

    def fingerprint(self) -> str:
        """Name the search over these rows: same rows, columns and seed, same name.

        The budget is not part of it, so that a larger one goes on from where a smaller ended.
        """
        digest = hashlib.sha256(self.digest_rows().encode())
        search = self.training.search.model_dump(include={"folds", "prune"})
        settings = [self.training.seed, self.training.candidates, search, sklearn.__version__]
        facts = [self.problem.model_dump(mode="json"), self.plan, settings]
        digest.update(json.dumps(facts, sort_keys=True, default=str).encode())
        return digest.hexdigest()[:16]

    def digest_rows(self) -> str:
        """Give the SHA-256 of features and label, row by row."""
        digest = hashlib.sha256()
        for rows in (self.inputs, self.label.to_frame()):
            digest.update(pd.util.hash_pandas_object(rows, index=False).to_numpy().tobytes())
        return digest.hexdigest()

    def bounded(self) -> "TrainingContext":
        """Give the same with so many rows at most as the search may see.

        Of a history the newest are kept, of a snapshot a random draw.
        """
        most = self.training.search.max_rows
        if len(self.rows) <= most:
            return self
        if self.problem.split.by == "time":
            kept = self.rows.sort_values(str(self.problem.event_time), kind="stable").tail(most)
        else:
            kept = self.rows.sample(most, random_state=self.training.seed).sort_index()
        return TrainingContext(kept.reset_index(drop=True), self.problem, self.training, self.plan)


def name_finalists(
    trials: list[Trial], validation: CrossValidation, training: TrainingSettings
) -> list[ModelConfig]:
    """Give the recipes that compete on the selection set, the simplest first."""
    metric = METRICS[validation.metric]
    finalists = choose_finalists(trials, validation, training.blend)
    if training.select_features:
        leader = max(
            (model_config for model_config in finalists if not model_config.members),
            key=lambda model_config: metric.gain(model_config.cv_score, 0.0),
        )
        smaller = drop_needless_columns(validation, leader)
        if smaller is not None:
            finalists.insert(finalists.index(leader), smaller)
    return finalists
