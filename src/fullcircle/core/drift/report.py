"""Did the data drift? An alarm needs an effect worth naming and proof against the past's own."""

from collections.abc import Collection, Sequence
from typing import Any

import ibis.expr.types as ir

from fullcircle.core.drift.arrivals import Period
from fullcircle.core.drift.column_tests import ColumnComparison, DriftTest, find_minimum_detectable
from fullcircle.core.drift.decision import describe_shift, find_alarms
from fullcircle.core.drift.measures import measure
from fullcircle.core.drift.past_variation import INDEPENDENT
from fullcircle.core.drift.settings import DriftSettings
from fullcircle.core.drift.violations import DataViolation
from fullcircle.core.drift.windows import DriftWindow, WindowComparison, compare_window
from fullcircle.core.predictions.sources import CHAMPION, mark_canaries
from fullcircle.core.profile import PREDICTION, Profile, bin_labels


def measure_drift(
    window: ir.Table,
    profile: Profile,
    settings: DriftSettings,
    *,
    period: Period | None = None,
    known_columns: Collection[str] | None = None,
    looked_up: Collection[str] = (),
    problems: Collection[DataViolation] = (),
) -> dict[str, Any]:
    """Compare one window of scored rows with the profile taken at training.

    Args:
        window: Scored rows with the model's inputs and the column named in PREDICTION.
        profile: As build_profile gives it.
        settings: When a shift becomes an alarm.
        period: The span that the window covers, with what came before it.
        known_columns: Columns of the window that are no inputs.
        looked_up: Inputs that come from feature tables. What varies by nature, as trailing averages
            do, then tells nothing of how columns vary that come with the request.
        problems: Found before; a column named there is not compared.

    Returns:
        As measure_windows gives it.
    """
    one = DriftWindow(
        window,
        profile,
        period=period,
        known_columns=known_columns,
        looked_up=looked_up,
        problems=problems,
    )
    return measure_windows([one], settings)


def measure_windows(windows: Sequence[DriftWindow], settings: DriftSettings) -> dict[str, Any]:
    """Compare the windows of all sources with their profiles, and decide about all together.

    Of each column its distribution, the share of missing rows and that of unseen or far values are
    judged, and the number of rows and their freshness. A column is compared with what its own
    windows of the past differ by, where the profile has them. Whatever is judged, of all columns,
    sources and roles, shares one false-alarm rate (Holm): another source makes the bar higher, and
    adds no false alarm.

    Args:
        windows: One or more.
        settings: When a shift becomes an alarm.

    Returns:
        Of the champion ``rows``, ``drifted`` (names of inputs), ``prediction_drifted``,
        ``vanished``; of all ``judged``,
        ``alarms`` (source, role, what, column, words, p-value, effect), ``problems`` (what is
        plainly wrong), ``settings``, ``tests`` (how many shared the rate), ``history`` (what the
        past could show), ``rows_by_source``, ``drifted_by_source`` (columns), ``sources`` (of each
        window the same in short) and ``columns``, the most
        moved first: source, role, effect sizes, p-value, smallest visible shift, shares before and
        now by bin, whether it drifted and why.
    """
    compared = [compare_window(window, settings) for window in windows]
    judged = any(each.judged for each in compared)
    family, alarms = find_joint_alarms(compared, settings.false_alarm_rate)
    level = settings.false_alarm_rate / max(len(family), 1)
    columns = [
        _describe(case, one, alarms, settings, level) for one in compared for case in one.cases
    ]
    columns.sort(key=lambda column: (-column["psi"], column["name"], column["source"]))
    parts = [_sum_up(one, alarms) for one in compared]
    own = [part for part in parts if part["role"] == CHAMPION]
    return {
        "rows": sum(part["rows"] for part in own),
        "judged": judged,
        "drifted": sorted({name for part in own for name in part["drifted"]}),
        "prediction_drifted": any(part["prediction_drifted"] for part in own),
        "vanished": sorted({name for part in own for name in part["vanished"]}),
        "alarms": [_describe_alarm(each) for each in alarms],
        "problems": [
            {**each.as_dict(), "source": one.window.source, "role": one.window.role}
            for one in compared
            for each in one.problems
        ],
        "settings": settings.model_dump(),
        "tests": len(family),
        "history": _describe_history(windows[0].profile["history"]),
        "rows_by_source": {part["source"]: part["rows"] for part in own},
        "drifted_by_source": _count_drifted(parts),
        "sources": mark_canaries(parts),
        "columns": mark_canaries(columns),
    }


def find_joint_alarms(
    compared: Sequence[WindowComparison], false_alarm_rate: float
) -> tuple[list[DriftTest], list[DriftTest]]:
    """Return the evidence that shares the rate, and what of it is an alarm.

    Windows with too few rows bring no evidence; where all are so small, nothing is an alarm.
    """
    judged = [each for one in compared if one.judged for each in one.evidence]
    if not judged:
        return [each for one in compared for each in one.evidence], []
    return judged, find_alarms(judged, false_alarm_rate)


def _count_drifted(parts: list[dict[str, Any]]) -> dict[str, int]:
    """Return how many columns drifted of each source, predictions of all roles among them."""
    counts = dict.fromkeys((part["source"] for part in parts), 0)
    for part in parts:
        counts[part["source"]] += len(part["drifted"]) + part["prediction_drifted"]
    return counts


def _sum_up(one: WindowComparison, alarms: list[DriftTest]) -> dict[str, Any]:
    """Say in short what one window showed."""
    window = one.window
    own = [each for each in alarms if (each.source, each.role) == (window.source, window.role)]
    drifted = {each.column for each in own if each.column}
    vanished = [each.column or "" for each in one.problems if each.what == "vanished"]
    return {
        "source": window.source,
        "role": window.role,
        "model_version": window.model_version,
        "rows": one.rows,
        "judged": one.judged,
        "drifted": sorted(drifted - {PREDICTION}),
        "prediction_drifted": PREDICTION in drifted,
        "vanished": sorted(vanished),
        "columns": len(one.cases),
        "tests": len(one.evidence),
        **window.facts,
    }


def _describe(
    case: ColumnComparison,
    one: WindowComparison,
    alarms: list[DriftTest],
    settings: DriftSettings,
    level: float,
) -> dict[str, Any]:
    own = [each for each in one.evidence if each.column == case.name]
    whole = next(each for each in own if each.what == "distribution")
    reasons = [describe_shift(each) for each in alarms if each in own]
    variation = one.variations[case.name, "distribution"]
    return {
        "name": case.name,
        "source": one.window.source,
        "role": one.window.role,
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
        "smallest_seen": find_minimum_detectable(case, variation, settings, level),
        "past_variation": None if variation is INDEPENDENT else variation.ratio,
        "bins": bin_labels(case.reference),
        "before": _shares(case.before.tolist()),
        "now": _shares(case.now.tolist()),
    }


def _shares(counts: list[int]) -> list[float]:
    total = sum(counts) or 1
    return [count / total for count in counts]


def _describe_alarm(evidence: DriftTest) -> dict[str, Any]:
    return {
        "what": evidence.what,
        "column": evidence.column,
        "source": evidence.source,
        "role": evidence.role,
        "told": describe_shift(evidence),
        "p_value": evidence.p_value,
        "effect": evidence.effect,
        "before": evidence.before,
        "now": evidence.now,
    }


def _describe_history(history: dict[str, Any] | None) -> dict[str, Any] | None:
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
