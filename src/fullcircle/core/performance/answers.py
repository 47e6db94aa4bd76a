"""Labelled rows as metrics take them: what was predicted, what was decided, and what was true."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fullcircle.core.contract import ProblemSpec
from fullcircle.core.evaluation.intervals import Resampled, resample_metrics
from fullcircle.core.metrics import AS_DECIDED, METRICS, Vector, count_decisions, list_metrics
from fullcircle.core.performance.settings import PerformanceSettings

_MAX_ROWS = 20_000  # behind the interval of the primary metric
_MAX_ROWS_OF_OTHERS = 2_000  # behind those of all others


@dataclass(frozen=True)
class Answers:
    """Labelled rows as metrics take them.

    Attributes:
        task: binary, multiclass or regression.
        truth: Labels, shape (rows,).
        predicted: Shape (rows,) or (rows, classes).
        decided: Decisions between two classes, 0 or 1, shape (rows,); None where none were kept.
    """

    task: str
    truth: Vector
    predicted: Vector
    decided: Vector | None

    @classmethod
    def read(
        cls, rows: pd.DataFrame, prediction: str, decision: str, problem: ProblemSpec
    ) -> "Answers":
        """Read them from columns; a row whose decision is unknown has none that counts."""
        decided = None
        if problem.task == "binary" and decision in rows and rows[decision].notna().all():
            decided = rows[decision].to_numpy(dtype=float)
        truth = rows[problem.label].to_numpy(dtype=float)
        return cls(problem.task, truth, stack(rows[prediction]), decided)

    def resample(self, metric: str, settings: PerformanceSettings) -> Resampled:
        """Score by one metric, with resamples."""
        return self._resample([metric], settings, _MAX_ROWS)[metric]

    def resample_all(
        self, problem: ProblemSpec, settings: PerformanceSettings
    ) -> dict[str, Resampled]:
        """Score by every metric of the task; by those of decisions where decisions were kept."""
        undecided = self.task == "binary" and self.decided is None
        names = dict.fromkeys([*list_metrics(self.task), problem.primary_metric, *settings.metrics])
        wanted = [name for name in names if not (undecided and METRICS[name].decides)]
        return self._resample(wanted, settings, _MAX_ROWS_OF_OTHERS)

    def count(self) -> list[list[int]] | None:
        """Count the rows by class and decision; None where there are no decisions."""
        judged = self.predicted if self.task == "multiclass" else self.decided
        if judged is None:
            return None
        counts: list[list[int]] = count_decisions(self.truth, judged, AS_DECIDED).tolist()
        return counts

    def _resample(
        self, metrics: list[str], settings: PerformanceSettings, most: int
    ) -> dict[str, Resampled]:
        """Score with resamples; of many rows a draw of them gives the spread, scaled to all.

        Source of the scaling: Bickel, Goetze and van Zwet, Statistica Sinica 7 (1997) 1-31. So the
        time does not grow with the rows.
        """
        found: dict[str, Resampled] = {}
        for decides in (False, True):
            names = [name for name in metrics if self._by_decisions(name) is decides]
            judged = self.decided if decides else self.predicted
            if names and judged is not None:
                found |= _resample(names, self.truth, judged, settings, most)
        return {name: found[name] for name in metrics if name in found}

    def _by_decisions(self, metric: str) -> bool:
        return self.task == "binary" and METRICS[metric].decides


def estimate_all(scored: Mapping[str, Resampled], confidence: float) -> dict[str, dict[str, float]]:
    """Return what each metric is estimated at, with its interval, as plain values."""
    return {name: each.estimate(confidence).as_dict() for name, each in scored.items()}


def _resample(
    metrics: list[str], truth: Vector, judged: Vector, settings: PerformanceSettings, most: int
) -> dict[str, Resampled]:
    given = {"resamples": settings.bootstrap_resamples, "seed": settings.seed}
    if len(truth) <= most:
        return resample_metrics(metrics, truth, judged, threshold=AS_DECIDED, **given)
    some = np.random.default_rng(settings.seed).choice(len(truth), most, replace=False)
    parts = resample_metrics(metrics, truth[some], judged[some], threshold=AS_DECIDED, **given)
    scale = np.sqrt(most / len(truth))
    found = {}
    for name, part in parts.items():
        value = METRICS[name](truth, judged, AS_DECIDED)
        found[name] = Resampled(name, value, value + (part.draws - part.value) * scale)
    return found


def stack(column: "pd.Series") -> Vector:
    """Give predictions as shape (rows,) or (rows, classes)."""
    return np.stack(column.to_list()) if len(column) else np.empty(0)
