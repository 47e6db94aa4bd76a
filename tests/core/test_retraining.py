"""Tests of the rules that ask for a retraining."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from fullcircle.core.errors import ConfigurationError
from fullcircle.core.retraining import (
    Retraining,
    RetrainingInputs,
    RetrainingSettings,
    decide_retraining,
    find_begun,
    ledger_line,
    summarize_window,
)
from fullcircle.core.retraining.ledger import known_by

TRAINED = datetime(2024, 1, 1, tzinfo=UTC)
PROMISED = {"value": 0.80, "low": 0.78, "high": 0.82, "confidence": 0.95}
QUIET = {
    "rows": 500,
    "judged": True,
    "drifted": [],
    "prediction_drifted": False,
    "vanished": [],
    "columns": [{}] * 4,
}
RULES = RetrainingSettings(max_drifted_columns=1, max_model_age_days=90)


def scored(
    *ends: tuple[float, float] | None, metric: str = "roc_auc", version: str = "2"
) -> dict[str, Any]:
    """A performance report with an interval per period; None waits for labels."""
    windows = [
        {
            "as_of": f"2024-{number:02d}-01",
            "model_version": version,
            "score": end and {"value": sum(end) / 2, "low": end[0], "high": end[1]},
        }
        for number, end in enumerate(ends, start=1)
    ]
    return {"metric": metric, "windows": windows}


def decide(
    drift: dict[str, Any] | None = None,
    performance: dict[str, Any] | None = None,
    as_of: datetime = TRAINED,
    rules: RetrainingSettings = RULES,
    ledger: Sequence[dict[str, Any]] = (),
    **more: Any,
) -> dict[str, Any]:
    evidence = RetrainingInputs(
        drift={**QUIET, **(drift or {})},
        performance=performance or scored(),
        reference={"version": "2", "promised": PROMISED},
        trained_at=TRAINED,
        as_of=as_of,
        **more,
    )
    return decide_retraining(evidence, rules, ledger)


def test_only_the_champions_own_periods_are_held_against_it() -> None:
    """A period that an earlier version scored badly is no reason to replace the newer one."""
    assert decide(performance=scored((0.1, 0.2), version="1"))["retrain"] is False
    assert decide(performance=scored((0.1, 0.2), version="2"))["retrain"] is True


def test_a_quiet_world_asks_for_nothing() -> None:
    """Where nothing is wrong, the model stays, and the reason says what was looked at."""
    decision = decide(performance=scored((0.75, 0.79), None))
    assert (decision["retrain"], decision["asked"], decision["held_back"]) == (False, False, [])
    assert decision["reasons"] == [
        "no drift in 4 columns over 500 rows; 1 labelled periods, none worse than promised"
    ]


def test_too_few_rows_are_not_called_quiet() -> None:
    """A window too small to judge is reported as such, never as free of drift."""
    decision = decide({"judged": False, "rows": 5})
    assert decision["retrain"] is False
    assert decision["reasons"] == ["5 scored rows are too few to judge drift"]


@pytest.mark.parametrize(
    ("drift", "reason"),
    [
        ({"drifted": ["a"]}, None),
        ({"drifted": ["a", "b"]}, "inputs drifted: a, b"),
        ({"prediction_drifted": True}, "the distribution of the predictions drifted"),
        ({"vanished": ["a"]}, "inputs vanished: a"),
        ({"vanished": ["a"], "judged": False}, "inputs vanished: a"),
    ],
    ids=["up to the limit", "past it", "predictions", "vanished", "vanished and small"],
)
def test_drift_asks_past_the_declared_number(drift: dict[str, Any], reason: str | None) -> None:
    """More drifted inputs than allowed, drifted predictions or a vanished input ask."""
    decision = decide(drift)
    assert decision["retrain"] is (reason is not None)
    if reason:
        assert decision["reasons"] == [reason]


@pytest.mark.parametrize(
    ("ends", "asks"),
    [
        ([(0.70, 0.77)], True),
        ([(0.70, 0.78)], False),
        ([(0.90, 0.95)], False),
        ([(0.60, 0.70), (0.77, 0.81)], False),
        ([(0.77, 0.81), (0.60, 0.70)], True),
        ([(0.60, 0.70), None], True),
        ([None], False),
        ([], False),
    ],
    ids=[
        "significantly worse",
        "intervals touch",
        "better",
        "bad once, fine now",
        "bad now",
        "newest waits",
        "all wait",
        "no window",
    ],
)
def test_the_newest_labelled_period_counts(ends: list[Any], *, asks: bool) -> None:
    """A model that is significantly worse than promised in the newest labelled period asks."""
    decision = decide(performance=scored(*ends))
    assert decision["retrain"] is asks
    assert ("significantly worse than promised" in decision["reasons"][0]) is asks


@pytest.mark.parametrize(
    ("ends", "asks"), [((0.9, 1.0), True), ((0.82, 0.9), False), ((0.1, 0.2), False)]
)
def test_an_error_is_worse_when_it_is_greater(ends: tuple[float, float], *, asks: bool) -> None:
    """Where less is better, an interval above the promise's asks, one below does not."""
    assert decide(performance=scored(ends, metric="rmse"))["retrain"] is asks


def test_an_undefined_score_asks() -> None:
    """A period whose score is NaN is no proof that all is well."""
    nan = float("nan")
    assert decide(performance=scored((nan, nan)))["retrain"] is True


@pytest.mark.parametrize(
    ("day", "limit", "asks"), [(31, 90, False), (31, 30, False), (31, 29, True), (31, None, False)]
)
def test_an_old_model_asks(day: int, limit: float | None, *, asks: bool) -> None:
    """A model older than the declared age asks; without a declared age, none ever does."""
    rules = RetrainingSettings(max_drifted_columns=0, max_model_age_days=limit)
    decision = decide(as_of=datetime(2024, 1, day, tzinfo=UTC), rules=rules)
    assert decision["retrain"] is asks
    if asks:
        assert decision["reasons"] == ["the champion was trained 30 days ago"]


def test_every_reason_is_told() -> None:
    """Several causes at once are all named."""
    decision = decide(
        {"drifted": ["a", "b"], "prediction_drifted": True},
        scored((0.1, 0.2)),
        datetime(2025, 1, 1, tzinfo=UTC),
    )
    assert decision["retrain"] is True
    assert len(decision["reasons"]) == 4


def day(number: int) -> datetime:
    return TRAINED + timedelta(days=number)


def watched(*drifted: bool, version: str = "2") -> list[dict[str, Any]]:
    """Earlier windows, one a week from the training on."""
    drift = [{**QUIET, "drifted": ["a", "b"] if moved else []} for moved in drifted]
    return [summarize_window(each, version, day(7 * n), RULES) for n, each in enumerate(drift)]


PATIENT = RULES.model_copy(update={"drifted_windows": 2, "of_last_windows": 3})
MOVED = {"drifted": ["a", "b"]}


@pytest.mark.parametrize(
    ("earlier", "now", "asks"),
    [
        ([], True, False),
        ([True], True, True),
        ([True, False], True, True),
        ([True, False, False], True, False),
        ([True, True], False, True),
        ([True, True, False], False, False),
    ],
    ids=["first", "second in a row", "two of three", "too long ago", "calm now", "forgotten"],
)
def test_n_of_the_last_m_windows_ask(earlier: list[bool], *, now: bool, asks: bool) -> None:
    """A retraining is asked for once N of the last M windows drifted, this one among them."""
    decision = decide(MOVED if now else {}, as_of=day(60), rules=PATIENT, watched=watched(*earlier))
    assert decision["retrain"] is asks
    if asks:
        assert "of the last" in decision["reasons"][0]


def test_windows_of_another_champion_or_clock_do_not_count() -> None:
    """Neither an earlier version's windows nor those from the clock on are held against it."""
    others = watched(True, True, version="1")
    assert decide(MOVED, as_of=day(60), rules=PATIENT, watched=others)["retrain"] is False
    later = watched(True, True)
    assert decide(MOVED, as_of=day(0), rules=PATIENT, watched=later)["retrain"] is False


def test_drift_that_does_not_ask_yet_is_not_called_quiet() -> None:
    """Where one window drifted and two must, the reason says so."""
    [reason] = decide(MOVED, as_of=day(60), rules=PATIENT)["reasons"]
    assert reason == "inputs drifted: a, b; 2 of 3 windows must drift to ask for a retraining"


def test_a_score_surely_below_the_declared_limit_asks() -> None:
    """A limit asks where the whole interval is worse than it, whatever was promised."""
    rules = RULES.model_copy(update={"score_limit": 0.85})
    assert decide(performance=scored((0.79, 0.84)), rules=rules)["retrain"] is True
    assert decide(performance=scored((0.79, 0.86)), rules=rules)["retrain"] is False


@pytest.mark.parametrize(("labels", "asks"), [(99, False), (100, True), (None, False)])
def test_enough_new_labels_ask(labels: int | None, *, asks: bool) -> None:
    """So many labels as declared ask; where nobody says when they became known, none do."""
    rules = RULES.model_copy(update={"min_new_labels": 100})
    assert decide(rules=rules, new_labels=labels)["retrain"] is asks


def done(*when: int, promoted: bool = False) -> list[dict[str, Any]]:
    return [{"as_of": day(number).isoformat(), "promoted": promoted} for number in when]


BOUND = RULES.model_copy(
    update={"cool_down_days": 10, "max_retrainings": 3, "budget_days": 50, "give_up_after": 2}
)


@pytest.mark.parametrize(
    ("ledger", "held"),
    [
        ([], []),
        (done(40, promoted=True), []),
        (done(41, promoted=True), ["cool_down"]),
        (done(50, promoted=True), ["cool_down"]),
        (done(51, promoted=True), []),
        (done(1, 10, 20, promoted=True), ["budget"]),
        (done(0, 10, 20, promoted=True), []),
        (done(10, 20), ["no_help"]),
        ([*done(10), *done(20, promoted=True)], []),
        ([*done(10, promoted=True), *done(20)], []),
        (done(-20, 20), []),
    ],
    ids=[
        "none",
        "cooled",
        "still hot",
        "same clock",
        "later than the clock",
        "budget spent",
        "budget refilled",
        "did not help",
        "helped",
        "failed once",
        "failed long ago",
    ],
)
def test_cool_down_budget_and_no_help_hold_back(ledger: list[Any], held: list[str]) -> None:
    """Each limit holds a retraining back at its declared number, and what is later does not."""
    decision = decide(MOVED, as_of=day(50), rules=BOUND, ledger=ledger)
    assert decision["asked"] is True
    assert [hold["rule"] for hold in decision["held_back"]] == held
    assert decision["retrain"] is (not held)


@given(st.lists(st.tuples(st.integers(0, 60), st.booleans()), max_size=8), st.integers(0, 60))
def test_nothing_done_after_the_clock_changes_a_decision(
    acts: list[tuple[int, bool]], now: int
) -> None:
    """Retrainings of later clocks are as if they had not been."""
    ledger = [line for n, helped in acts for line in done(n, promoted=helped)]
    past = [line for line in ledger if datetime.fromisoformat(line["as_of"]) <= day(now)]
    decisions = [decide(MOVED, as_of=day(now), rules=BOUND, ledger=each) for each in (ledger, past)]
    assert decisions[0] == decisions[1]


def test_what_no_windows_can_reach_is_refused() -> None:
    """Three drifted windows of the last two is not valid."""
    with pytest.raises(ValueError, match="3 is more than of_last_windows 2"):
        RetrainingSettings(max_drifted_columns=0, drifted_windows=3, of_last_windows=2)


def test_one_clock_is_trained_at_once_even_without_a_cool_down() -> None:
    """Without any cool-down a second retraining at the same clock is held back all the same."""
    rules = BOUND.model_copy(update={"cool_down_days": 0})
    again = decide(MOVED, as_of=day(50), rules=rules, ledger=done(50, promoted=True))
    assert [hold["rule"] for hold in again["held_back"]] == ["cool_down"]
    assert decide(MOVED, as_of=day(51), rules=rules, ledger=done(50, promoted=True))["retrain"]


@pytest.mark.parametrize(
    ("failed", "helped"),
    [([], True), (["approved_by_a_person"], True), (["approved_by_a_person", "calibrated"], False)],
)
def test_waiting_for_a_person_is_no_failure(failed: list[str], *, helped: bool) -> None:
    """A challenger that lacks nothing but an approval does not count as one that did not help."""
    names = ["enough_rows", "approved_by_a_person", "calibrated"]
    decision = {
        "promote": not failed,
        "challenger": "m v2",
        "incumbent": "m v1",
        "reasons": failed,
        "checks": [{"name": name, "passed": name not in failed} for name in names],
    }
    act = ledger_line(day(1), decision, why="old", forced=False)
    assert (act.helped, act.promoted) == (helped, not failed)
    assert Retraining.from_dict(act.as_dict()) == act


@pytest.mark.parametrize(
    ("limits", "asks"),
    [
        ({"f1": 0.55}, False),
        ({"f1": 0.65}, True),
        ({"log_loss": 0.5}, False),
        ({"log_loss": 0.3}, True),
        ({"f0": {"5": 0.9}}, True),
        ({"f1": 0.55, "log_loss": 0.3}, True),
    ],
)
def test_any_metric_may_have_a_limit(limits: dict[str, Any], *, asks: bool) -> None:
    """A period whose better end is beyond a declared limit asks, whatever the primary metric is."""
    performance = scored((0.80, 0.84))
    performance["windows"][0]["scores"] = {
        "f1": {"value": 0.58, "low": 0.5, "high": 0.6},
        "f0.5": {"value": 0.58, "low": 0.5, "high": 0.6},
        "log_loss": {"value": 0.45, "low": 0.4, "high": 0.5},
    }
    rules = RetrainingSettings(max_drifted_columns=1, score_limit=limits)
    decision = decide(performance=performance, rules=rules)
    assert decision["retrain"] is asks
    assert (
        any("is significantly worse than its limit" in reason for reason in decision["reasons"])
        is asks
    )


def test_a_limit_that_cannot_be_held_is_refused() -> None:
    """A metric that is none, or that the report does not hold, is said and never passed over."""
    with pytest.raises(ValidationError, match="score_limit names the metric 'acuracy'"):
        RetrainingSettings(max_drifted_columns=1, score_limit={"acuracy": 0.7})
    performance = scored((0.80, 0.84))
    performance["windows"][0]["scores"] = {"f1": {"value": 0.58, "low": 0.5, "high": 0.6}}
    rules = RetrainingSettings(max_drifted_columns=1, score_limit={"f3": 0.7})
    with pytest.raises(ConfigurationError, match=r"score_limit names f3.*It holds: f1"):
        decide(performance=performance, rules=rules)


def test_last_word_on_a_retraining_counts() -> None:
    """One that has begun counts until it ends, one that failed does not, an old line does."""
    begun = {"id": "a", "state": "begun", "as_of": "2025-01-01T00:00:00+00:00", "promoted": False}
    other = {**begun, "id": "b"}
    old = {"as_of": "2024-12-01T00:00:00+00:00", "promoted": True}
    now = datetime(2025, 2, 1, tzinfo=UTC)
    lines = [old, begun, other, {**other, "state": "failed"}]
    assert [act.promoted for act in known_by(lines, now)] == [True, False]
    assert find_begun(lines) == [begun]
    lines.append({**begun, "state": "done", "promoted": True})
    assert [act.promoted for act in known_by(lines, now)] == [True, True]
    assert find_begun(lines) == []
