"""The promotion gate: a list of named checks, each with its evidence, that fails closed."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from pydantic import Field

from fullcircle.core.contract import Settings
from fullcircle.core.evaluation import Estimate, bootstrap_gain, bootstrap_metric
from fullcircle.core.metrics import METRICS, Vector


class GateSettings(Settings):
    """What a challenger must show.

    Attributes:
        min_rows: Fewer gate rows decide nothing.
        min_primary_metric: Absolute bar for the lower end of the interval (upper end where less
            is better), in units of the primary metric; None sets none.
        bootstrap_resamples: Resamples behind each interval.
        confidence: Coverage of each interval, 0 to 1.
        seed: Seed of the resamples.
    """

    min_rows: int = Field(ge=1)
    min_primary_metric: float | None = None
    bootstrap_resamples: int = Field(ge=100)
    confidence: float = Field(gt=0, lt=1)
    seed: int


@dataclass(frozen=True)
class Check:
    """One question of the gate, its answer and what the answer rests on."""

    name: str
    passed: bool
    evidence: str


@dataclass(frozen=True)
class Evidence:
    """What the gate looks at; rows of all vectors are the same gate rows in the same order.

    Attributes:
        task: binary, multiclass or regression.
        metric: Primary metric.
        truth: Labels, shape (rows,).
        baseline: Predictions of a model without skill, from the train set's labels alone.
        challenger: Predictions of the challenger.
        champion: Predictions of the champion; None where there is none.
        champion_error: Why the champion could not predict the gate rows, where it could not.
    """

    task: str
    metric: str
    truth: Vector
    baseline: Vector
    challenger: Vector
    champion: Vector | None = None
    champion_error: str | None = None


@dataclass(frozen=True)
class Decision:
    """The gate's answer."""

    promote: bool
    checks: list[Check]
    score: dict[str, float] | None

    @property
    def reasons(self) -> list[str]:
        """The evidence behind the answer: of the failed checks, or of all when it promotes."""
        return [f"{c.name}: {c.evidence}" for c in self.checks if c.passed == self.promote]

    def as_dict(self) -> dict[str, Any]:
        """The answer as plain values."""
        return {**asdict(self), "reasons": self.reasons}


Question = Callable[[Evidence, GateSettings], tuple[bool, str]]


def decide_promotion(evidence: Evidence, settings: GateSettings) -> Decision:
    """Ask every question; promote only if there are answers to all and each is yes.

    A check that raises, or whose evidence is absent or NaN, has failed.
    """
    questions: list[Question] = [
        enough_rows,
        complete_evidence,
        every_class_present,
        above_minimum,
        better_than_baseline,
    ]
    if evidence.champion is not None or evidence.champion_error is not None:
        questions.append(better_than_champion)
    checks = [_ask(question, evidence, settings) for question in questions]
    return Decision(all(check.passed for check in checks), checks, _score(evidence, settings))


def _ask(question: Question, evidence: Evidence, settings: GateSettings) -> Check:
    try:
        passed, said = question(evidence, settings)
    except Exception as error:  # whatever went wrong, a check without an answer has failed
        passed, said = False, f"could not be answered: {type(error).__name__}: {error}"
    return Check(question.__name__, bool(passed), said)


def _score(evidence: Evidence, settings: GateSettings) -> dict[str, float] | None:
    try:
        return _estimate(evidence, settings).as_dict()
    except Exception:  # the failed checks say why; a score that is absent promotes nothing
        return None


def _estimate(evidence: Evidence, settings: GateSettings) -> Estimate:
    return bootstrap_metric(
        evidence.metric,
        evidence.truth,
        evidence.challenger,
        resamples=settings.bootstrap_resamples,
        confidence=settings.confidence,
        seed=settings.seed,
    )


def enough_rows(evidence: Evidence, settings: GateSettings) -> tuple[bool, str]:
    """Are there enough gate rows to decide anything?"""
    rows = len(evidence.truth)
    return rows >= settings.min_rows, f"{rows} gate rows, at least {settings.min_rows} needed"


def complete_evidence(evidence: Evidence, settings: GateSettings) -> tuple[bool, str]:
    """Is there a finite label, and a finite prediction of each model, for every row?"""
    del settings
    rows = len(evidence.truth)
    vectors = {
        "label": evidence.truth,
        "baseline": evidence.baseline,
        "challenger": evidence.challenger,
    }
    if evidence.champion is not None:
        vectors["champion"] = evidence.champion
    finite = {
        name: _count_finite(vector, several=evidence.task == "multiclass" and name != "label")
        for name, vector in vectors.items()
    }
    counted = ", ".join(f"{name} {count}" for name, count in finite.items())
    return rows > 0 and set(finite.values()) == {rows}, f"finite for {rows} rows: {counted}"


def _count_finite(vector: Vector, *, several: bool) -> int:
    """Count the rows with finite values; a vector of the wrong form has none."""
    values = np.asarray(vector, dtype=float)
    if values.ndim != (2 if several else 1):
        return -1
    return int(np.isfinite(values.reshape(len(values), -1)).all(axis=1).sum())


def every_class_present(evidence: Evidence, settings: GateSettings) -> tuple[bool, str]:
    """Do the gate rows hold more than one class, or more than one value?"""
    del settings
    distinct = len(np.unique(evidence.truth))
    return distinct > 1, f"{distinct} distinct labels among the gate rows"


def above_minimum(evidence: Evidence, settings: GateSettings) -> tuple[bool, str]:
    """Does the worse end of the challenger's interval clear the declared bar?"""
    score = _estimate(evidence, settings)
    bar = settings.min_primary_metric
    worse = score.low if METRICS[evidence.metric].greater_is_better else score.high
    fine = np.isfinite(worse) if bar is None else METRICS[evidence.metric].gain(worse, bar) >= 0
    return bool(fine), f"{evidence.metric} {score}, bar {'not set' if bar is None else f'{bar:g}'}"


def better_than_baseline(evidence: Evidence, settings: GateSettings) -> tuple[bool, str]:
    """Is the challenger surely better than a model without skill?"""
    return _is_surely_better(evidence, evidence.baseline, settings)


def better_than_champion(evidence: Evidence, settings: GateSettings) -> tuple[bool, str]:
    """Is the challenger surely better than the champion on the same rows? A tie is not."""
    if evidence.champion is None:
        return False, f"the champion could not predict the gate rows: {evidence.champion_error}"
    return _is_surely_better(evidence, evidence.champion, settings)


def _is_surely_better(
    evidence: Evidence, reference: Vector, settings: GateSettings
) -> tuple[bool, str]:
    gain = bootstrap_gain(
        evidence.metric,
        evidence.truth,
        evidence.challenger,
        reference,
        resamples=settings.bootstrap_resamples,
        confidence=settings.confidence,
        seed=settings.seed,
    )
    return gain.low > 0, f"{evidence.metric} better by {gain}, the interval must lie above 0"
