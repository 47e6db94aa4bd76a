"""What travels from training to scoring: an estimator and all that is known of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from fullcircle.core.contract import FeatureLookup
from fullcircle.core.errors import ModelError, name_missing
from fullcircle.core.models.prediction import as_inputs, predict


@dataclass(frozen=True)
class Registration:
    """Where the registry keeps a model.

    Attributes:
        name: Three-level name.
        version: Its number under that name.
        run_id: The run that made it.
        facts: The version's tags when it was read: code, versions of the data, and more.
    """

    name: str
    version: str
    run_id: str
    facts: Mapping[str, str] = field(default_factory=dict, compare=False)

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"


@dataclass(frozen=True)
class Model:
    """A fitted model.

    Attributes:
        estimator: Fitted scikit-learn pipeline that holds its own preparation.
        candidate: Name on the leaderboard.
        task: binary, multiclass or regression.
        features: Input columns, in order.
        lookups: Where looked-up features come from.
        threshold: Probability from which a row counts as class 1 (binary only).
        settings: What rebuilds it: seed, recipe, calibration, and the contract and the training
            as they were declared.
        scores: Estimates on the selection set by metric.
        trained_on: Rows, split, and first and last moment of the rows that taught it.
        profile: Distribution of inputs and predictions at training (see profile.py).
        example: First rows of the inputs, for signature and input example.
        expected: Predictions of the example as the estimator in memory made them; None where a
            model of an older version does not say.
        event_time: Column with the moment of a request; None for a snapshot without history.
        report: How it fared on the selection rows: slices, gaps, calibration, importance, and what
            became of each column; None where nobody assessed it.
        interval: How far off its values are, as fit_interval gives it (regression only).
        raw_schema: How raw values of its inputs are read, as a ``RawSchema`` writes it; None where
            nobody declared it.
        registration: Its place in the registry, once it has one.
    """

    estimator: Any
    candidate: str
    task: str
    features: list[str]
    lookups: list[FeatureLookup]
    threshold: float | None
    settings: dict[str, Any]
    scores: dict[str, Any]
    trained_on: dict[str, Any]
    profile: dict[str, Any]
    example: pd.DataFrame
    expected: list[Any] | None = None
    event_time: str | None = None
    report: dict[str, Any] | None = None
    interval: dict[str, Any] | None = None
    raw_schema: dict[str, Any] | None = None
    registration: Registration | None = None

    def __str__(self) -> str:
        return str(self.registration or f"unregistered {self.candidate}")

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        """Predict rows that have the model's features, with or without other columns.

        Raises:
            ModelError: Names each missing feature.
        """
        if missing := name_missing(self.features, frame.columns):
            raise ModelError(f"{self} needs the column {missing}, which the rows lack.")
        return predict(self.estimator, self.task, as_inputs(frame, self.features))

    def decide(self, predicted: np.ndarray) -> np.ndarray:
        """Turn predictions into decisions: a class, or the value itself for a regression."""
        if self.task == "binary":
            return np.asarray(predicted >= self.threshold, dtype="int64")
        return predicted.argmax(axis=1) if self.task == "multiclass" else predicted

    def registered_as(self, registration: Registration) -> "Model":
        """The same model with its place in the registry."""
        return replace(self, registration=registration)

    def describe(self) -> dict[str, Any]:
        """All but estimator, example and registration, as plain values that JSON can hold."""
        return {
            "candidate": self.candidate,
            "task": self.task,
            "features": self.features,
            "lookups": [lookup.model_dump(mode="json") for lookup in self.lookups],
            "event_time": self.event_time,
            "threshold": self.threshold,
            "settings": self.settings,
            "scores": self.scores,
            "trained_on": self.trained_on,
            "profile": self.profile,
            "expected": self.expected,
            "report": self.report,
            "interval": self.interval,
            "raw_schema": self.raw_schema,
        }

    @classmethod
    def from_description(
        cls, description: Mapping[str, Any], estimator: Any, example: pd.DataFrame
    ) -> "Model":
        """Rebuild a model from its description and its estimator."""
        lookups = [FeatureLookup.model_validate(entry) for entry in description["lookups"]]
        fields = {**description, "lookups": lookups}
        return cls(**fields, estimator=estimator, example=example)
