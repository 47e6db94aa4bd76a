"""Tests of whether a decision to train again is acted on."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fullcircle.core.contract import Clock
from fullcircle.core.errors import ConfigurationError, ModelError
from fullcircle.core.retraining import Retraining, RetrainingSettings
from fullcircle.core.retraining.planning import Plan, plan_retraining

AS_OF = datetime(2024, 6, 1, tzinfo=UTC)
CLOCK = Clock(AS_OF)
RULES = RetrainingSettings(max_drifted_columns=1)
ASKS: dict[str, Any] = {
    "as_of": AS_OF.isoformat(),
    "model_version": "3",
    "asked": True,
    "reasons": ["inputs drifted: price"],
}
HELD = "held back: trained again on 2024-05-29, and 7 days must pass"


def act(days_ago: float, *, promoted: bool = True) -> dict[str, Any]:
    return Retraining(AS_OF - timedelta(days=days_ago), promoted).as_dict()


def plan(decision: dict[str, Any] | None = ASKS, *ledger: dict[str, Any], **more: Any) -> Plan:
    return plan_retraining(decision, more.pop("champion", "3"), ledger, RULES, **more)


def test_a_decision_that_asks_is_acted_on_at_its_own_clock() -> None:
    """What asks is done for its reasons, at the decision's clock or the same one named again."""
    wanted = Plan(act=True, as_of=CLOCK, why="inputs drifted: price")
    assert plan() == plan(as_of=CLOCK) == plan(ASKS, act(30)) == wanted
    assert plan({**ASKS, "model_version": 3}) == wanted
    assert plan({**ASKS, "reasons": ["old", "worse"]}).why == "old; worse"


def test_a_decision_that_asks_nothing_is_not_acted_on() -> None:
    """Where no rule asks, nothing is done, and what holds back is no reason for that."""
    quiet = {**ASKS, "asked": False, "reasons": ["no drift"]}
    assert plan(quiet) == Plan(act=False, as_of=CLOCK, why="no drift")
    held = plan(quiet, act(3))
    assert (held.act, held.why) == (False, "no drift")


def test_what_was_done_since_holds_a_decision_back_and_is_told_once() -> None:
    """A retraining after the decision holds it back; what the decision told is not repeated."""
    held = [{"rule": "cool_down", "told": HELD}]
    late = plan(ASKS, act(3))
    assert late == Plan(False, CLOCK, f"inputs drifted: price; {HELD}", held_back=held)
    assert plan({**ASKS, "reasons": ["drift", HELD]}, act(3)).why == f"drift; {HELD}"


@pytest.mark.parametrize(("promoted", "came"), [(True, "promoted"), (False, "not promoted")])
def test_a_clock_is_acted_on_once(*, promoted: bool, came: str) -> None:
    """Of the same clock there is no second retraining, whatever the newer decision says."""
    again = plan({**ASKS, "model_version": "9"}, act(30), act(0, promoted=promoted))
    assert again == Plan(False, CLOCK, f"trained again at this clock already, {came}")


def test_what_is_later_than_the_clock_is_unknown() -> None:
    """A retraining of a later clock neither holds back nor counts as done."""
    assert plan(ASKS, act(-1)).act is True
    assert plan(force="now", as_of=CLOCK).held_back == []


def test_force_goes_over_what_holds_back_and_says_so() -> None:
    """A person's reason trains at the clock asked for, without a decision too; limits are told."""
    held = [{"rule": "cool_down", "told": HELD}]
    for decision in (ASKS, None, {**ASKS, "model_version": "1"}):
        forced = plan(decision, act(3), as_of=CLOCK, force="a new law")
        assert forced == Plan(True, CLOCK, "a new law", forced=True, held_back=held)
    assert plan(force="a new law").as_of == CLOCK


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"champion": None}, ModelError, "no champion yet to train again. Train the first one"),
        ({"champion": None, "force": "x"}, ModelError, "no champion yet to train again"),
        ({"decision": None}, ConfigurationError, "params as_of=…. --force needs --as-of then."),
        ({"decision": None, "force": "x"}, ConfigurationError, "--force needs --as-of then."),
        (
            {"decision": None, "as_of": CLOCK},
            ConfigurationError,
            "There is no decision on retraining yet. Monitor first: kedro run --pipeline "
            "monitoring --params as_of=2024-06-01.",
        ),
        (
            {"as_of": Clock(AS_OF + timedelta(days=1))},
            ConfigurationError,
            "is of 2024-06-01, not of 2024-06-02. Monitor first: kedro run --pipeline monitoring "
            "--params as_of=2024-06-02.",
        ),
        (
            {"champion": "4"},
            ModelError,
            "is about v3, and the champion is v4 by now. Monitor first: kedro run --pipeline "
            "monitoring --params as_of=….",
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_the_way_on(
    given: dict[str, Any], error: type[Exception], said: str
) -> None:
    """No champion, no decision, one of another clock or champion: refused with what to run."""
    with pytest.raises(error) as refused:
        plan(**given)
    assert said in str(refused.value)
