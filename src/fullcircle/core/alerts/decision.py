"""What to send: news once, reminders seldom, and that it is over.

The rules follow how people work who are paged: news, a change for the worse and an end are told;
that it is still so is told after a cool-down (Beyer and others, Site Reliability Engineering, 2016,
chapter 6: each page should be actionable, and news).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from fullcircle.core.alerts.conditions import Condition, WindowConditions
from fullcircle.core.alerts.settings import AlertSettings, rank

State = dict[str, dict[str, Any]]

_FACTS = ("severity", "what", "how_much", "what_to_do")


def decide(
    seen: WindowConditions,
    before: Mapping[str, Any] | None,
    as_of: datetime,
    settings: AlertSettings,
) -> dict[str, Any]:
    """Decide what is sent about a window.

    A rerun of the newest window sends nothing twice; an older window, as a back-fill has, sends
    nothing and changes nothing.

    Args:
        seen: What the window showed.
        before: What the last decision left under ``memory``; None before the first.
        as_of: The clock.
        settings: When something is worth an alert.

    Returns:
        ``notices``: each with ``key``, ``state`` (``new``, ``worse``, ``again`` or ``over``),
        severity, what, since, how_much and what_to_do. ``open``: all that is wrong now.
        ``memory``: what the next decision must know.
    """
    known: State = dict((before or {}).get("alerts", {}))
    last = (before or {}).get("as_of")
    newest = None if last is None else datetime.fromisoformat(last)
    if newest is not None and as_of < newest:
        return {"notices": [], "open": _list_open(known), "memory": dict(before or {})}
    notices: list[dict[str, Any]] = []
    memory: State = {}
    for condition in seen.conditions:
        entry, state = _note(condition, known.get(condition.key), as_of, settings)
        memory[condition.key] = entry
        notices += [_tell(condition.key, entry, state)] if state else []
    for key in [key for key in known if key not in memory]:
        quiet = _clear(known[key], seen, as_of, settings, again=newest == as_of)
        if quiet["state"]:
            notices.append(_tell(key, quiet["entry"], "over"))
        if not _forgettable(quiet["entry"], as_of, settings):
            memory[key] = quiet["entry"]
    notices.sort(key=lambda notice: (-rank(notice["severity"]), notice["key"]))
    left = {"as_of": as_of.isoformat(), "alerts": memory}
    return {"notices": notices, "open": _list_open(memory), "memory": left}


def _note(
    condition: Condition, known: Mapping[str, Any] | None, as_of: datetime, settings: AlertSettings
) -> tuple[dict[str, Any], str | None]:
    """Give the new memory of what is wrong, and as what it is told, if at all."""
    goes_on = known is not None and known["open"]
    entry: dict[str, Any] = {
        "source": condition.source,
        **{name: getattr(condition, name) for name in _FACTS},
        "since": known["since"] if known and goes_on else as_of.isoformat(),
        "open": True,
        "clear_windows": 0,
        "told": known["told"] if known else None,
        "told_at": known["told_at"] if known else None,
        "announced": bool(known and goes_on and known["announced"]),
    }
    state = _choose_state(entry, as_of, settings)
    if state:
        entry |= {"told": condition.severity, "told_at": as_of.isoformat(), "announced": True}
    return entry, state


def _choose_state(entry: Mapping[str, Any], as_of: datetime, settings: AlertSettings) -> str | None:
    if not settings.tells(entry["severity"]):
        return None
    if entry["told_at"] is None:
        return "new"
    if rank(entry["severity"]) > rank(entry["told"]):
        return "worse" if entry["announced"] else "new"
    told_at = datetime.fromisoformat(entry["told_at"])
    if as_of <= told_at or as_of - told_at < timedelta(days=settings.cool_down_days):
        return None
    return "again" if entry["announced"] else "new"


def _clear(
    known: Mapping[str, Any],
    seen: WindowConditions,
    as_of: datetime,
    settings: AlertSettings,
    *,
    again: bool,
) -> dict[str, Any]:
    """Count a window without it; over is what its source judged to be gone often enough."""
    entry = dict(known)
    if not entry["open"] or entry["source"] not in seen.judged:
        return {"entry": entry, "state": None}
    # A rerun of the same window is no further window.
    entry["clear_windows"] = max(1, entry["clear_windows"] + (0 if again else 1))
    if entry["clear_windows"] < settings.recover_after:
        return {"entry": entry, "state": None}
    told = "over" if entry["announced"] else None
    entry |= {"open": False, "announced": False, "over_at": as_of.isoformat()}
    return {"entry": entry, "state": told}


def _forgettable(entry: Mapping[str, Any], as_of: datetime, settings: AlertSettings) -> bool:
    """Tell whether what is over was told so long ago that it would be news again."""
    if entry["open"]:
        return False
    if entry["told_at"] is None:
        return True
    age = as_of - datetime.fromisoformat(entry["told_at"])
    return age >= timedelta(days=settings.cool_down_days) and age > timedelta()


def _tell(key: str, entry: Mapping[str, Any], state: str) -> dict[str, Any]:
    facts = {name: entry[name] for name in ("severity", "what", "since", "how_much", "what_to_do")}
    if state == "over":
        # It goes to whom it was told, as severe as it was told.
        facts |= {"severity": entry["told"], "what_to_do": "nothing"}
        facts["how_much"] = f"until {entry['over_at'][:10]}"
    return {"key": key, "state": state, **facts}


def _list_open(memory: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    names = ("severity", "what", "since", "how_much", "what_to_do")
    return [
        {"key": key, **{name: entry[name] for name in names}}
        for key, entry in memory.items()
        if entry["open"]
    ]
