"""Tests of what is told, when, and when it is taken back."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fullcircle.core.alerts import (
    AlertSettings,
    Condition,
    WindowConditions,
    decide,
    find_conditions,
    write_message,
)

START = datetime(2025, 1, 1, tzinfo=UTC)
QUIET = {"judged": True, "problems": [], "alarms": []}
CALM = {"retrain": False, "reasons": [], "rules": [], "held_back": []}
ALL = frozenset({"drift", "data", "performance", "retraining", "scoring", "service"})
SETTINGS = AlertSettings(cool_down_days=7)


def day(number: int) -> datetime:
    return START + timedelta(days=number)


def wrong(key: str = "drift:age", severity: Any = "warning") -> Condition:
    return Condition(key, severity, f"{key} is wrong", "by 3", "repair it")


class World:
    """Windows one after the other, each decided with the memory of the one before."""

    def __init__(self, settings: AlertSettings = SETTINGS) -> None:
        self.memory: Any = None
        self.settings = settings

    def see(self, at: int, *conditions: Condition, judged: frozenset[str] = ALL) -> list[str]:
        decided = decide(WindowConditions(conditions, judged), self.memory, day(at), self.settings)
        self.memory = decided["memory"]
        self.open = decided["open"]
        return [f"{notice['state']} {notice['key']}" for notice in decided["notices"]]


def test_news_is_told_once_and_its_end_too() -> None:
    """What lasts within the cool-down is told once, and once more when it is over."""
    world = World()
    assert world.see(0, wrong()) == ["new drift:age"]
    assert world.see(1, wrong()) == []
    assert world.see(2) == ["over drift:age"]
    assert world.see(3) == []


def test_what_lasts_is_told_again_after_the_cool_down_with_its_first_day() -> None:
    """A reminder comes after the cool-down and says since when; not before."""
    world = World()
    world.see(0, wrong())
    assert world.see(6, wrong()) == []
    assert world.see(7, wrong()) == ["again drift:age"]
    assert world.open[0]["since"] == day(0).isoformat()
    assert world.see(8, wrong()) == []


def test_what_becomes_worse_is_told_at_once() -> None:
    """A rise in severity does not wait for the cool-down; a fall is not told."""
    world = World()
    world.see(0, wrong())
    assert world.see(1, wrong(severity="critical")) == ["worse drift:age"]
    assert world.see(2, wrong()) == []
    assert world.see(3, wrong(severity="critical")) == []


def test_its_end_is_told_as_severely_as_it_was() -> None:
    """What was critical and is milder by now ends as critical, so that the same people hear it."""
    world = World()
    world.see(0, wrong(severity="critical"))
    world.see(1, wrong())
    decided = decide(WindowConditions((), ALL), world.memory, day(2), SETTINGS)
    assert [(n["state"], n["severity"]) for n in decided["notices"]] == [("over", "critical")]


def test_flapping_is_told_once_per_cool_down() -> None:
    """What comes and goes within the cool-down is news once; a silent return ends silently."""
    world = World()
    assert world.see(0, wrong()) == ["new drift:age"]
    assert world.see(1) == ["over drift:age"]
    assert world.see(2, wrong()) == []
    assert world.see(3) == []
    assert world.see(8, wrong()) == ["new drift:age"]


def test_what_nobody_judged_is_not_over() -> None:
    """A window without evidence neither ends an alert nor counts towards its end."""
    world = World()
    world.see(0, wrong())
    assert world.see(1, judged=ALL - {"drift"}) == []
    assert [each["key"] for each in world.open] == ["drift:age"]
    assert world.see(2) == ["over drift:age"]


def test_it_is_over_after_the_declared_number_of_quiet_windows() -> None:
    """With two quiet windows demanded, one is not enough, nor is the same one twice."""
    world = World(AlertSettings(recover_after=2))
    world.see(0, wrong())
    assert world.see(1) == []
    assert world.see(1) == []
    assert world.see(2) == ["over drift:age"]


def test_a_quiet_start_and_mild_findings_say_nothing() -> None:
    """By default neither data without drift nor what is only worth knowing sends anything."""
    world = World()
    assert world.see(0) == []
    assert world.see(1, wrong(severity="info")) == []
    assert len(world.open) == 1
    assert world.see(2) == []


def test_an_older_window_changes_nothing() -> None:
    """Monitoring a past clock, as a back-fill does, tells nobody and forgets nothing."""
    world = World()
    world.see(5, wrong())
    before = world.memory
    assert world.see(1, wrong("drift:size")) == []
    assert world.memory == before


WINDOWS = st.lists(st.sets(st.sampled_from("abc")), min_size=1, max_size=12)


@given(WINDOWS, st.integers(0, 20), st.integers(1, 3))
def test_never_twice_within_the_cool_down_and_always_in_turn(
    windows: list[set[str]], cool_down: int, recover_after: int
) -> None:
    """Whatever comes: news are a cool-down apart, ends follow news, reruns add none."""
    world = World(AlertSettings(cool_down_days=cool_down, recover_after=recover_after))
    told: dict[str, list[tuple[int, str]]] = {}
    for number, names in enumerate(windows):
        conditions = [wrong(f"drift:{name}") for name in sorted(names)]
        for said in world.see(number, *conditions):
            state, key = said.split()
            told.setdefault(key, []).append((number, state))
        assert world.see(number, *conditions) == []
    for history in told.values():
        news = [number for number, state in history if state != "over"]
        assert all(b - a >= cool_down for a, b in pairwise(news))
        states = [state for _, state in history]
        assert states[0] == "new"
        for before, after in pairwise(states):
            assert (before == "over") == (after == "new")


def seen(
    drift: Any = None, retraining: Any = None, scoring: Any = None, service: Any = None
) -> dict[str, str]:
    """Severity of each condition by its key."""
    found = find_conditions(
        {**QUIET, **(drift or {})}, {**CALM, **(retraining or {})}, scoring, service, SETTINGS
    )
    return {condition.key: condition.severity for condition in found.conditions}


def alarm(what: str, column: str | None) -> dict[str, Any]:
    return {"what": what, "column": column, "told": f"{what} moved"}


def problem(what: str, column: str | None = None) -> dict[str, Any]:
    return {"problem": what, "column": column, "told": f"{what} happened"}


SCORED = {"rows": 90, "rejected": 10, "reasons": {"age is blank": 10}, "stale_share": 0.2}
HELD = [{"rule": "no_help", "told": "none helped"}, {"rule": "cool_down", "told": "wait"}]


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ({}, {}),
        (
            {"drift": {"alarms": [alarm("missing", "age"), alarm("distribution", "age")]}},
            {"drift:age": "warning"},
        ),
        ({"drift": {"alarms": [alarm("volume", None)]}}, {"drift:volume": "warning"}),
        (
            {"drift": {"problems": [problem("vanished", "age"), problem("too_few_rows")]}},
            {"data:vanished:age": "critical", "data:too_few_rows:": "info"},
        ),
        (
            {"retraining": {"rules": [{"rule": "performance", "asks": True, "told": "fell"}]}},
            {"performance:score": "critical"},
        ),
        ({"retraining": {"retrain": True, "reasons": ["old"]}}, {"retraining:due": "info"}),
        ({"retraining": {"held_back": HELD}}, {"retraining:stopped": "critical"}),
        ({"scoring": SCORED}, {"scoring:rejected": "warning", "scoring:stale": "warning"}),
        ({"scoring": {**SCORED, "rejected": 1, "stale_share": 0.0}}, {}),
        ({"scoring": {"rows": 0, "rejected": 0, "reasons": {}, "stale_share": 0.0}}, {}),
        (
            {
                "service": {
                    "present": True,
                    "objectives": [
                        {"name": "p95", "met": False, "value": 300, "limit": 200, "at_most": True},
                        {"name": "errors", "met": None},
                    ],
                    "problems": [problem("silence")],
                }
            },
            {"service:p95": "critical", "service:silence:": "warning"},
        ),
    ],
)
def test_each_report_gives_its_conditions(given_: dict[str, Any], expected: dict[str, str]) -> None:
    """Each thing that a report says is wrong is one condition, once per column."""
    assert seen(**given_) == expected


def test_a_message_says_what_since_when_how_much_what_to_do_and_where() -> None:
    """All facts of each notice, and the links, are in the text; the worst leads the title."""
    world = World()
    world.see(0, wrong("drift:old"))
    decided = decide(
        WindowConditions((wrong(), wrong("data:x", "critical")), ALL),
        world.memory,
        day(2),
        SETTINGS,
    )
    message = write_message("shop", "2025-01-03", decided["notices"], {"dashboard": "d.html"})
    assert message.severity == "critical"
    assert message.title == "shop: data:x is wrong and 2 more"
    for part in ("since 2025-01-03: by 3", "to do: repair it", "dashboard: d.html"):
        assert part in message.body
    assert "over: drift:old is wrong\n  since 2025-01-01: until 2025-01-03" in message.body


def test_a_flood_is_one_message_of_bounded_length() -> None:
    """Two hundred drifted columns are told in one message that names ten and counts the rest."""
    flood = WindowConditions(tuple(wrong(f"drift:c{n:03d}") for n in range(200)), ALL)
    notices = decide(flood, None, day(0), SETTINGS)["notices"]
    message = write_message("shop", "2025-01-01", notices, {})
    assert message.title == "shop: drift:c000 is wrong and 199 more"
    assert "and 190 more, in the file of alerts" in message.body
    assert len(message.body.splitlines()) < 40
