"""Whether a decision is acted on: it must ask, be of this clock and champion, and not be held."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fullcircle.core.contract import Clock
from fullcircle.core.errors import ConfigurationError, ModelError
from fullcircle.core.retraining.decision import check_limits
from fullcircle.core.retraining.ledger import Retraining, known_by
from fullcircle.core.retraining.settings import RetrainingSettings

_MONITOR = "Monitor first: kedro run --pipeline monitoring --params as_of={}."


@dataclass(frozen=True)
class Plan:
    """What is to be done.

    Attributes:
        act: Whether to train.
        as_of: The clock to train at.
        why: What asks for it, or why nothing is done.
        forced: Whether a person asks for it.
        held_back: What speaks against it; a forced retraining goes over it.
    """

    act: bool
    as_of: Clock
    why: str
    forced: bool = False
    held_back: list[dict[str, str]] = field(default_factory=list)


def plan_retraining(
    decision: Mapping[str, Any] | None,
    champion: str | None,
    ledger: Iterable[Mapping[str, Any]],
    settings: RetrainingSettings,
    *,
    as_of: Clock | None = None,
    force: str | None = None,
) -> Plan:
    """Say whether to train again now.

    Args:
        decision: As decide_retraining gave it; None where nobody has monitored.
        champion: Version of the champion; None without one.
        ledger: The retrainings so far.
        settings: What holds one back.
        as_of: The clock; None takes the decision's.
        force: A person's reason to train whatever the rules say; None without one.

    Raises:
        ModelError: There is no champion, or the decision is about another one.
        ConfigurationError: There is no decision, or it is of another clock.
    """
    if champion is None:
        raise ModelError("There is no champion yet to train again. Train the first one: kedro run.")
    clock = as_of or (None if decision is None else Clock.model_validate(decision["as_of"]))
    if clock is None:
        missing = "There is no decision on retraining yet."
        raise ConfigurationError(f"{missing} {_MONITOR.format('…')} --force needs --as-of then.")
    if force is not None:
        held = check_limits(known_by(ledger, clock.moment), clock.moment, settings)
        return Plan(act=True, as_of=clock, why=force, forced=True, held_back=held)
    if decision is None:
        raise ConfigurationError(
            f"There is no decision on retraining yet. {_MONITOR.format(clock)}"
        )
    done = known_by(ledger, clock.moment)
    if done and done[-1].as_of == clock.moment:
        came = "promoted" if done[-1].promoted else "not promoted"
        return Plan(act=False, as_of=clock, why=f"trained again at this clock already, {came}")
    _require_fitting(decision, champion, clock)
    return _follow(decision, done, clock, settings)


def _require_fitting(decision: Mapping[str, Any], champion: str, clock: Clock) -> None:
    decided = Clock.model_validate(decision["as_of"])
    if decided.moment != clock.moment:
        raise ConfigurationError(
            f"The newest decision on retraining is of {decided}, not of {clock}. "
            f"{_MONITOR.format(clock)}"
        )
    if str(decision["model_version"]) != champion:
        raise ModelError(
            f"The newest decision on retraining is about v{decision['model_version']}, and the "
            f"champion is v{champion} by now. {_MONITOR.format('…')}"
        )


def _follow(
    decision: Mapping[str, Any],
    done: list[Retraining],
    clock: Clock,
    settings: RetrainingSettings,
) -> Plan:
    """Act on the decision, unless something done since it was taken holds it back."""
    held = check_limits(done, clock.moment, settings)
    told = [hold["told"] for hold in held if hold["told"] not in decision["reasons"]]
    why = "; ".join([*decision["reasons"], *(told if decision["asked"] else ())])
    return Plan(bool(decision["asked"]) and not held, clock, why, held_back=held)
