"""What a search found."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fullcircle.automl.rows import with_text_names
from fullcircle.core.errors import DataError
from fullcircle.core.evaluation import Estimate
from fullcircle.core.models.model import Model


@dataclass(frozen=True)
class AutoMLResult:
    """What a search found.

    Attributes:
        leaderboard: One row per finalist with its score on the selection rows and its interval, by
            every metric there and, as ``train_<metric>``, on the rows that it was fitted on.
        model: The winner, fitted on all rows.
        classes: The target's classes in the order of the probabilities; empty for a regression.
        score: The primary metric on the gate rows, which neither trained nor selected.
        scores: Every metric of the task on the gate rows, with its interval.
        columns: What became of each column, and why.
        search: Trials, finalists and where the seconds went.
        set_aside: Rows without a usable target.
        notes: What was decided that deserves a look.
        run_id: The MLflow run; None where none was asked for.
        model_uri: Address of the winner in MLflow, likewise.
        notebook: The winner as a notebook that rebuilds it, likewise.
    """

    leaderboard: pd.DataFrame
    model: Model
    classes: list[Any]
    score: Estimate
    scores: dict[str, dict[str, float]]
    columns: pd.DataFrame
    search: dict[str, Any]
    set_aside: int
    notes: list[str] = field(default_factory=list)
    run_id: str | None = None
    model_uri: str | None = None
    notebook: Path | None = None

    def as_dict(self) -> dict[str, Any]:
        """Give all but the model as plain values."""
        return {
            "metric": self.search["metric"],
            "score": self.score.as_dict(),
            "scores": self.scores,
            "leaderboard": self.leaderboard.to_dict("records"),
            "columns": self.columns.to_dict("records"),
            "classes": self.classes,
            "set_aside": self.set_aside,
            "notes": self.notes,
            "run_id": self.run_id,
            "model_uri": self.model_uri,
            "notebook": self.notebook,
            "failures": self.search["failures"],
            "seconds": self.search["seconds"],
        }

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        """Predict classes, by the chosen threshold where there are two, or values."""
        decided = self.model.decide(self.model.predict(with_text_names(frame)))
        return np.asarray(self.classes, dtype=object)[decided] if self.classes else decided

    def predict_proba(self, frame: pd.DataFrame) -> np.ndarray:
        """Predict probabilities, shape (rows, classes).

        Raises:
            DataError: The target is a number.
        """
        if not self.classes:
            raise DataError("A regression predicts values, not probabilities. Use predict.")
        predicted = self.model.predict(with_text_names(frame))
        return np.column_stack([1 - predicted, predicted]) if predicted.ndim == 1 else predicted
