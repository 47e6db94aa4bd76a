"""The gate's answer: promote only if every question has one, and each is yes."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from fullcircle.core.gate import (
    calibration,
    comparison,
    data,
    disjoint_rows,
    groups,
    rollbacks,
    serving,
)
from fullcircle.core.gate.context import GateContext
from fullcircle.core.gate.inputs import GateInputs
from fullcircle.core.gate.settings import GateSettings

T = TypeVar("T")
Question = Callable[[GateContext], tuple[bool, str]]
QUESTIONS: tuple[Question, ...] = (
    data.enough_rows,
    data.complete_evidence,
    data.every_class_present,
    data.unseen_rows,
    disjoint_rows.no_shared_entity,
    disjoint_rows.few_repeated_rows,
    comparison.above_minimum,
    comparison.better_than_baseline,
    comparison.better_than_champion,
    rollbacks.unlike_rolled_back,
    groups.no_slice_harmed,
    calibration.calibrated,
    groups.steady_over_time,
    serving.same_signature,
    serving.same_after_reload,
    serving.stands_edge_cases,
    serving.within_latency,
    serving.within_size,
    data.fresh_data,
    data.clean_data,
    serving.approved_by_a_person,
)


@dataclass(frozen=True)
class Check:
    """One question of the gate, its answer and what the answer rests on."""

    name: str
    passed: bool
    evidence: str


@dataclass(frozen=True)
class Decision:
    """The gate's answer.

    Attributes:
        promote: Whether every check passed.
        checks: All that was asked.
        score: The challenger's primary metric with its interval; None where it has none.
        gain: The same of the difference to the champion, positive where the challenger is better.
        scores: Every metric of the task on the gate rows, with its interval.
        confusion: Gate rows by class (rows) and by what the challenger decides (columns); None of
            a regression, or where that is unknown.
        slices: Per slice the difference to the champion (see case.py).
        settings: What was demanded.
    """

    promote: bool
    checks: list[Check]
    score: dict[str, float] | None
    gain: dict[str, float] | None
    scores: dict[str, dict[str, float]]
    confusion: list[list[int]] | None
    slices: list[dict[str, Any]]
    settings: dict[str, Any]

    @property
    def reasons(self) -> list[str]:
        """The evidence behind the answer: of the failed checks, or of all when it promotes."""
        return [f"{c.name}: {c.evidence}" for c in self.checks if c.passed == self.promote]

    def as_dict(self) -> dict[str, Any]:
        """The answer as plain values."""
        return {**asdict(self), "reasons": self.reasons}


def decide_promotion(evidence: GateInputs, settings: GateSettings) -> Decision:
    """Ask every question; promote only if there are answers to all and each is yes.

    A check that raises, or whose evidence is absent, empty or NaN, has failed.
    """
    case = GateContext(evidence, settings)
    checks = [_ask(question, case) for question in list_questions(evidence, settings)]
    return Decision(
        promote=all(check.passed for check in checks),
        checks=checks,
        score=_or_else(lambda: case.score.estimate(settings.confidence).as_dict(), None),
        gain=_or_else(lambda: case.over_champion.estimate(settings.confidence).as_dict(), None),
        scores=_or_else(lambda: case.scores, {}),
        confusion=_or_else(lambda: case.confusion, None),
        slices=_or_else(lambda: case.slice_gains, []),
        settings=settings.model_dump(mode="json"),
    )


def list_questions(evidence: GateInputs, settings: GateSettings) -> list[Question]:
    """Name the questions that contract and settings demand, whether or not there is evidence."""
    problem = evidence.problem
    has_champion = evidence.champion is not None or evidence.champion_error is not None
    wanted: dict[Question, bool] = {
        comparison.better_than_champion: has_champion,
        rollbacks.unlike_rolled_back: bool(evidence.rolled_back),
        groups.no_slice_harmed: bool(problem.slices) and evidence.champion is not None,
        disjoint_rows.no_shared_entity: problem.split.by == "key",
        disjoint_rows.few_repeated_rows: problem.split.by == "key",
        groups.steady_over_time: problem.event_time is not None,
        data.fresh_data: problem.event_time is not None,
        serving.approved_by_a_person: settings.approval,
    }
    return [question for question in QUESTIONS if wanted.get(question, True)]


def describe_questions() -> str:
    """Say all that the gate may ask, a line each: the name of the check, and what it asks."""
    return "\n".join(f"{each.__name__}: {str(each.__doc__).splitlines()[0]}" for each in QUESTIONS)


def _ask(question: Question, case: GateContext) -> Check:
    try:
        passed, said = question(case)
    except Exception as error:  # whatever went wrong, a check without an answer has failed
        passed, said = False, f"could not be answered: {type(error).__name__}: {error}"
    return Check(question.__name__, bool(passed), said)


def _or_else(take: Callable[[], T], otherwise: T) -> T:
    """Give what the decision tells beside its checks, or something else where it fails."""
    try:
        return take()
    except Exception:  # the failed checks say why; what is absent promotes nothing
        return otherwise
