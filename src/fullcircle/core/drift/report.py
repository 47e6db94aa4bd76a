"""Has the world moved? An alarm needs an effect worth naming and proof against the past's own."""

from collections.abc import Collection
from typing import Any

import ibis.expr.types as ir

from fullcircle.core.drift.arrivals import Period, weigh_silence, weigh_volume
from fullcircle.core.drift.decision import find_alarms, tell
from fullcircle.core.drift.evidence import (
    Case,
    Evidence,
    What,
    find_smallest,
    vary,
    weigh_distribution,
    weigh_share,
)
from fullcircle.core.drift.measures import measure
from fullcircle.core.drift.problems import (
    Problem,
    check_columns,
    check_rows,
    check_values,
)
from fullcircle.core.drift.settings import DriftSettings
from fullcircle.core.drift.variation import INDEPENDENT, Variation
from fullcircle.core.profile import PREDICTION, Profile, bin_labels, profile_window

Variations = dict[tuple[str, What], Variation]


def measure_drift(
    window: ir.Table,
    profile: Profile,
    settings: DriftSettings,
    *,
    period: Period | None = None,
    known_columns: Collection[str] | None = None,
    looked_up: Collection[str] = (),
    problems: Collection[Problem] = (),
) -> dict[str, Any]:
    """Compare a window of scored rows with the profile taken at training.

    Of each column its distribution, the share of missing rows and that of unseen or far values are
    judged, and the number of rows and their freshness; all share one false-alarm rate (Holm). A
    column is compared with what its own windows of the past differ by, where the profile has them.

    Args:
        window: Scored rows with the model's inputs and the column named in PREDICTION.
        profile: As take_profile gives it.
        settings: When a shift becomes an alarm.
        period: The span that the window covers, with what came before it; without three earlier
            spans, volume and freshness are not judged.
        known_columns: Columns of the window that are no inputs; all others must be in the profile.
            None asks nothing of other columns.
        looked_up: Inputs that come from feature tables. What varies by nature, as trailing averages
            do, then tells nothing of how columns vary that come with the request.
        problems: Found before; a column named there is not compared.

    Returns:
        ``rows``, ``judged``, ``drifted`` (names of inputs), ``prediction_drifted``, ``vanished``,
        ``alarms`` (what, column, words, p-value, effect), ``problems`` (what is plainly wrong),
        ``settings``, ``tests`` (how many), ``history`` (what the past could show) and ``columns``,
        the most moved first: effect sizes, p-value, smallest visible shift, shares before and now
        by bin, whether it drifted and why.
    """
    known = set(window.columns if known_columns is None else known_columns)
    comparable, found = check_columns(window, profile, known)
    refused = {each.column for each in problems}
    compared = {n: profile["columns"][n] for n in comparable if n not in refused}
    timed = period if period is not None and period.event_time in window.columns else None
    seen = profile_window(window, compared, timed.event_time if timed else None)
    cases = [Case(name, bins, seen["columns"][name]) for name, bins in compared.items()]
    found = [*problems, *found, *check_rows(seen["rows"], settings.min_rows)]
    found += [
        each for case in cases for each in check_values(case.name, case.reference, case.window)
    ]
    variations = vary([case for case in cases if case.name not in looked_up])
    variations |= vary([case for case in cases if case.name in looked_up])
    evidence = _weigh(cases, variations, settings)
    evidence += _weigh_arrivals(seen, timed, settings)
    judged = seen["rows"] >= settings.min_rows and bool(cases)
    alarms = find_alarms(evidence, settings.false_alarm_rate) if judged else []
    level = settings.false_alarm_rate / max(len(evidence), 1)
    columns = [_describe(case, evidence, alarms, variations, settings, level) for case in cases]
    columns.sort(key=lambda column: (-column["psi"], column["name"]))
    drifted = [column["name"] for column in columns if column["drifted"]]
    return {
        "rows": seen["rows"],
        "judged": judged,
        "drifted": sorted(set(drifted) - {PREDICTION}),
        "prediction_drifted": PREDICTION in drifted,
        "vanished": sorted(each.column or "" for each in found if each.what == "vanished"),
        "alarms": [_tell_alarm(each) for each in alarms],
        "problems": [each.as_dict() for each in found],
        "settings": settings.model_dump(),
        "tests": len(evidence),
        "history": _tell_history(profile["history"]),
        "columns": columns,
    }


def _weigh(cases: list[Case], variations: Variations, settings: DriftSettings) -> list[Evidence]:
    whole = [
        weigh_distribution(case, variations[case.name, "distribution"], settings) for case in cases
    ]
    shares = [
        weigh_share(case, what, variations[case.name, what], settings)
        for case in cases
        for what in case.marks
    ]
    return [*whole, *(each for each in shares if each is not None)]


def _weigh_arrivals(
    seen: dict[str, Any], period: Period | None, settings: DriftSettings
) -> list[Evidence]:
    if period is None:
        return []
    found = (
        weigh_volume(seen["rows"], period, settings),
        weigh_silence(seen["newest"], period, settings),
    )
    return [each for each in found if each is not None]


def _describe(
    case: Case,
    evidence: list[Evidence],
    alarms: list[Evidence],
    variations: Variations,
    settings: DriftSettings,
    level: float,
) -> dict[str, Any]:
    own = [each for each in evidence if each.column == case.name]
    whole = next(each for each in own if each.what == "distribution")
    reasons = [tell(each) for each in alarms if each.column == case.name]
    variation = variations[case.name, "distribution"]
    return {
        "name": case.name,
        "kind": case.reference["kind"],
        "psi": whole.effect,
        "p_value": whole.p_value,
        "drifted": bool(reasons),
        "reasons": reasons,
        **measure(case.reference, case.window),
        "shares": {
            each.what: {"before": each.before, "now": each.now, "p_value": each.p_value}
            for each in own
            if each.what != "distribution"
        },
        "smallest_seen": find_smallest(case, variation, settings, level),
        "past_variation": None if variation is INDEPENDENT else variation.ratio,
        "bins": bin_labels(case.reference),
        "before": _shares(case.before.tolist()),
        "now": _shares(case.now.tolist()),
    }


def _shares(counts: list[int]) -> list[float]:
    total = sum(counts) or 1
    return [count / total for count in counts]


def _tell_alarm(evidence: Evidence) -> dict[str, Any]:
    return {
        "what": evidence.what,
        "column": evidence.column,
        "told": tell(evidence),
        "p_value": evidence.p_value,
        "effect": evidence.effect,
        "before": evidence.before,
        "now": evidence.now,
    }


def _tell_history(history: dict[str, Any] | None) -> dict[str, Any] | None:
    """Say over which windows of the past the variation was seen."""
    if history is None:
        return None
    filled = sum(1 for rows in history["rows"] if rows)
    return {
        "windows": filled,
        "days": history["days"],
        "first": history["starts"][0],
        "last": history["starts"][-1],
    }
