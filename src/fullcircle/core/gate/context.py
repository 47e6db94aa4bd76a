"""The evidence with what is demanded, and the scores that several checks share."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from fullcircle.core.contract import require_columns
from fullcircle.core.evaluation import Estimate, estimate_scores, resample_metric
from fullcircle.core.evaluation.intervals import Resampled
from fullcircle.core.evaluation.slices import MIN_PER_CLASS, label_slices
from fullcircle.core.evaluation.thresholds import find_threshold_without_skill
from fullcircle.core.gate.inputs import GateInputs
from fullcircle.core.gate.settings import GateSettings
from fullcircle.core.metrics import METRICS, Vector, count_decisions


@dataclass(frozen=True)
class GateModel:
    """Who is scored on the gate rows.

    Attributes:
        predicted: Predictions of all gate rows, shape (rows,) or (rows, classes).
        threshold: Probability from which it counts a row as class 1 (binary only).
        tolerated: Loss against it that is borne, in units of the primary metric.
    """

    predicted: Vector
    threshold: float | None = None
    tolerated: float = 0.0


@dataclass(frozen=True)
class GateContext:
    """Evidence, what is demanded, and the scores behind several checks, each taken once."""

    evidence: GateInputs
    settings: GateSettings

    @cached_property
    def truth(self) -> Vector:
        """The labels.

        Raises:
            ValueError: One is not finite.
        """
        return _require_finite(self.evidence.truth, "the labels")

    @cached_property
    def challenger(self) -> GateModel:
        """The challenger.

        Raises:
            ValueError: A prediction is not finite.
        """
        predicted = _require_finite(self.evidence.challenger, "the challenger's predictions")
        return GateModel(predicted, self.evidence.model.threshold)

    @cached_property
    def baseline(self) -> GateModel:
        """A model without skill."""
        evidence, metric = self.evidence, self.evidence.problem.primary_metric
        if evidence.problem.task != "binary" or not METRICS[metric].decides:
            return GateModel(evidence.baseline)
        share = float(evidence.baseline[0])
        return GateModel(evidence.baseline, find_threshold_without_skill(metric, share))

    @cached_property
    def champion(self) -> GateModel | None:
        """The champion, where there is one that predicts."""
        evidence = self.evidence
        if evidence.champion is None:
            return None
        tolerated = self.settings.tolerated_loss
        return GateModel(evidence.champion, evidence.champion_threshold, tolerated)

    @cached_property
    def scores(self) -> dict[str, dict[str, float]]:
        """The challenger by every metric of the task, each with its interval."""
        task = self.evidence.problem.task
        named = [self.evidence.problem.primary_metric, *self.settings.minimum]
        return estimate_scores(
            task,
            self.truth,
            self.challenger.predicted,
            threshold=self.challenger.threshold,
            also=[name for name in named if task in METRICS[name].tasks],
            resamples=self.settings.bootstrap_resamples,
            confidence=self.settings.confidence,
            seed=self.settings.seed,
        )

    @cached_property
    def confusion(self) -> list[list[int]] | None:
        """Gate rows by their class and what the challenger decides; None of a regression."""
        if self.evidence.problem.task == "regression":
            return None
        challenger = self.challenger
        counts = count_decisions(self.truth, challenger.predicted, challenger.threshold)
        table: list[list[int]] = counts.tolist()
        return table

    @cached_property
    def score(self) -> Resampled:
        """The challenger by the primary metric."""
        return self.resample(self.challenger)

    @cached_property
    def over_baseline(self) -> Resampled:
        """By how much the challenger is better than no skill."""
        return self.score.gain(self.resample(self.baseline))

    @cached_property
    def over_champion(self) -> Resampled:
        """By how much the challenger is better than the champion.

        Raises:
            ValueError: There are no predictions of a champion.
        """
        if self.champion is None:
            raise ValueError("there are no predictions of a champion")
        return self.score.gain(self.resample(self.champion))

    def resample(self, compared: GateModel, metric: str | None = None) -> Resampled:
        """Score predictions on the gate rows and on resamples, the same ones for all models."""
        return resample_metric(
            metric or self.evidence.problem.primary_metric,
            self.truth,
            _require_finite(compared.predicted, "a rival's predictions"),
            threshold=compared.threshold,
            resamples=self.settings.bootstrap_resamples,
            seed=self.settings.seed,
        )

    def compare_within(self, member: Vector, reference: GateModel, judged: int) -> Estimate:
        """Estimate by how much the challenger beats a reference among some of the rows.

        The interval is the normal one around the paired bootstrap's standard error: shared among
        many comparisons (Bonferroni), it reaches so far out that percentiles would need too many
        resamples.

        Args:
            member: Positions of the rows, shape (members,).
            reference: The other model.
            judged: Number of comparisons that share the error rate.
        """
        _require_finite(reference.predicted, "a rival's predictions")
        scored, other = (
            resample_metric(
                self.evidence.problem.primary_metric,
                self.truth[member],
                compared.predicted[member],
                threshold=compared.threshold,
                resamples=self.settings.bootstrap_resamples,
                seed=self.settings.seed,
            )
            for compared in (self.challenger, reference)
        )
        gain = scored.gain(other)
        level = 1 - (1 - self.settings.confidence) / judged
        reach = float(stats.norm.ppf((1 + level) / 2)) * gain.deviation
        return Estimate(gain.value, gain.value - reach, gain.value + reach, level)

    @cached_property
    def slice_gains(self) -> list[dict[str, Any]]:
        """Challenger against champion within every declared slice, by the paired bootstrap.

        Per column and value: ``column``, ``slice``, ``rows``, ``gain`` (positive where the
        challenger is better) with its interval, None where there are too few rows to judge, and
        ``harmed``. Empty without slices or champion.

        Raises:
            DataError: A declared slice column is missing.
            ValueError: An interval is undefined.
        """
        champion = self.champion
        if champion is None:
            return []
        found = _find_slices(self.evidence.rows, self.evidence.problem.slices)
        small = [self.is_too_small(member, self.settings.slice_min_rows) for *_, member in found]
        table: list[dict[str, Any]] = []
        for (column, name, member), skipped in zip(found, small, strict=True):
            row = {"column": column, "slice": name, "rows": len(member)}
            gain = None if skipped else self.compare_within(member, champion, small.count(False))
            if gain is not None and not np.isfinite(gain.high):
                raise ValueError(f"the difference in {column} {name} is undefined")
            harmed = None if gain is None else bool(gain.high < -self.settings.slice_margin)
            table.append({**row, "gain": gain and gain.as_dict(), "harmed": harmed})
        return table

    def is_too_small(self, member: Vector, min_rows: int) -> bool:
        """Whether rows are too few, or too few of a class, for a score worth comparing."""
        if len(member) < min_rows:
            return True
        positive = int(np.sum(self.evidence.truth[member] == 1))
        few = min(positive, len(member) - positive) < MIN_PER_CLASS
        return self.evidence.problem.task == "binary" and few


def _require_finite(vector: Vector, what: str) -> Vector:
    if not np.isfinite(np.asarray(vector, dtype=float)).all():
        raise ValueError(f"{what} are not all finite")
    return vector


def _find_slices(rows: pd.DataFrame, columns: list[str]) -> list[tuple[str, str, Vector]]:
    """Column, name and row positions of each slice."""
    require_columns(list(map(str, rows.columns)), columns, "The gate set")
    members = []
    for column in columns:
        labels = label_slices(rows[column]).to_numpy()
        members += [
            (column, str(name), np.flatnonzero(labels == name)) for name in pd.unique(labels)
        ]
    return sorted(members, key=lambda member: member[:2])
