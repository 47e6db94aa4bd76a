"""The decision: whether a rule asks, and whether anything holds it back."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from fullcircle.core.predictions.sources import has_several, list_windows
from fullcircle.core.retraining.ledger import Retraining, known_by
from fullcircle.core.retraining.rules import RetrainingInputs, apply_rules, describe_drift
from fullcircle.core.retraining.settings import RetrainingSettings


def decide_retraining(
    evidence: RetrainingInputs,
    settings: RetrainingSettings,
    ledger: Iterable[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Apply the rules to what monitoring saw.

    Args:
        evidence: What monitoring saw.
        settings: The rules.
        ledger: What was trained again before, as Retraining.as_dict gives it.

    Returns:
        ``retrain`` (whether to do it), ``asked`` (whether a rule asks for it), ``reasons`` (of what
        asks and of what holds it back; where nothing asks, what was found fine), ``rules`` (what
        each found), ``held_back`` (by what), ``as_of`` and
        ``model_version``.
    """
    found = apply_rules(evidence, settings)
    reasons = [reason for finding in found for reason in finding.reasons]
    held = (
        check_limits(known_by(ledger, evidence.as_of), evidence.as_of, settings) if reasons else []
    )
    return {
        "as_of": evidence.as_of.isoformat(),
        "model_version": str(evidence.reference["version"]),
        "retrain": bool(reasons) and not held,
        "asked": bool(reasons),
        "reasons": [*reasons, *(hold["told"] for hold in held)]
        or [_describe_rest(evidence, settings)],
        "rules": [finding.as_dict() for finding in found],
        "held_back": held,
    }


def check_limits(
    done: list[Retraining], as_of: datetime, settings: RetrainingSettings
) -> list[dict[str, str]]:
    """Say what speaks against one more retraining.

    Args:
        done: The retrainings known at the clock, the oldest first.
        as_of: The clock.
        settings: The limits.

    Returns:
        ``rule`` (``cool_down``, ``budget`` or ``no_help``) and ``told`` of each.
    """
    held = []
    recent = [act for act in done if as_of - act.as_of < timedelta(days=settings.budget_days)]
    if done and not _has_cooled(done[-1], as_of, settings):
        held.append(_hold("cool_down", _describe_cool_down(done[-1], settings)))
    if len(recent) >= settings.max_retrainings:
        told = (
            f"held back: {len(recent)} retrainings in {settings.budget_days:g} days use the budget "
            f"of {settings.max_retrainings} up"
        )
        held.append(_hold("budget", told))
    wanted = settings.give_up_after
    if wanted is not None and len(recent) >= wanted and not any(a.helped for a in recent[-wanted:]):
        told = f"held back: no champion came of the last {wanted} retrainings"
        held.append(_hold("no_help", told))
    return held


def _has_cooled(last: Retraining, as_of: datetime, settings: RetrainingSettings) -> bool:
    """Tell whether it is long enough ago; of the same clock there is never a second one."""
    since = as_of - last.as_of
    return since > timedelta() and since >= timedelta(days=settings.cool_down_days)


def _describe_cool_down(last: Retraining, settings: RetrainingSettings) -> str:
    day = last.as_of.date().isoformat()
    return f"held back: trained again on {day}, and {settings.cool_down_days:g} days must pass"


def _hold(rule: str, told: str) -> dict[str, str]:
    return {"rule": rule, "told": told}


def _describe_rest(evidence: RetrainingInputs, settings: RetrainingSettings) -> str:
    """Say what was looked at where nothing asks."""
    drift, windows = evidence.drift, evidence.performance["windows"]
    judged = sum(1 for window in windows if window["score"])
    if not drift["judged"]:
        return f"{drift['rows']} scored rows are too few to judge drift"
    if moved := describe_drift(drift, settings):
        needed = f"{settings.drifted_windows} of {settings.of_last_windows} windows must drift"
        return f"{'; '.join(moved)}; {needed} to ask for a retraining"
    return (
        f"no drift in {len(drift['columns'])} columns over {drift['rows']} rows{_name_all(drift)}; "
        f"{judged} labelled periods, none worse than promised"
    )


def _name_all(drift: Mapping[str, Any]) -> str:
    """Name the sources where there are several."""
    named = [str(each.get("source", "")) for each in list_windows(drift)]
    return f" of {', '.join(dict.fromkeys(named))}" if has_several(list_windows(drift)) else ""
