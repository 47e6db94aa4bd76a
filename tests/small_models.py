"""Small fitted models for tests of the registry."""

import numpy as np
import pandas as pd

from fullcircle.core.contract import FeatureLookup
from fullcircle.core.models.model import Model
from fullcircle.core.models.prediction import as_inputs
from fullcircle.core.preparation import PreparationSettings, diagnose_columns
from fullcircle.core.training.estimators import assemble, fit


def make_model(
    candidate: str = "logistic_regression", task: str = "binary", seed: int = 0
) -> Model:
    """Fit a small model."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"size": rng.normal(size=80), "colour": rng.choice(["r", "b"], 80)})
    noise = rng.normal(size=80)
    label = pd.Series((frame["size"] + noise > 0).astype(int), name="y")
    if task == "multiclass":
        label += (frame["colour"] == "r").astype(int)
    inputs = as_inputs(frame, ["size", "colour"])
    settings = PreparationSettings()
    plan = diagnose_columns(inputs, label, task, settings)
    return Model(
        estimator=fit(assemble(candidate, task, 1, {}, plan, settings), inputs, label),
        candidate=candidate,
        task=task,
        features=["size", "colour"],
        lookups=[FeatureLookup(table="t", keys=["k"], columns=["colour"])],
        threshold=0.4 if task == "binary" else None,
        settings={"seed": 1},
        scores={"roc_auc": {"value": 0.9, "low": 0.8, "high": 1.0, "confidence": 0.95}},
        trained_on={"rows": 80, "as_of": "2024-01-01", "baseline": 0.5},
        profile={"rows": 80, "columns": {}},
        example=inputs.head(3),
    )
