"""What is wrong now, read from the reports of one window."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fullcircle.core.alerts.settings import AlertSettings, Severity
from fullcircle.core.predictions.sources import (
    BATCH,
    CHAMPION,
    has_several,
    list_windows,
    name_source,
)

Report = Mapping[str, Any]

_SEVERITY_OF_PROBLEM: dict[str, Severity] = {
    "vanished": "critical",
    "type_changed": "critical",
    "all_missing": "critical",
    "empty_window": "critical",
    "appeared": "info",
    "too_few_rows": "info",
    "other_inputs": "info",
}
_RETRAIN = "kedro retrain trains on what is known now, and the gate decides"
_REPAIR_CALLER = "see what those who ask send now, and what the feature tables hold"
_REPAIR = "repair the source, then score these days again: kedro run --pipeline scoring"


@dataclass(frozen=True)
class Condition:
    """One thing that is wrong in a window.

    Attributes:
        key: Names the same thing in every window: ``drift:age``.
        severity: How bad it is.
        what: What is wrong, in a few words.
        how_much: By how much, with numbers.
        what_to_do: What a person should do.
    """

    key: str
    severity: Severity
    what: str
    how_much: str
    what_to_do: str

    @property
    def source(self) -> str:
        """The part of monitoring that saw it, with ``@source``: what the key begins with."""
        return self.key.partition(":")[0]


@dataclass(frozen=True)
class WindowConditions:
    """What one window showed.

    Attributes:
        conditions: What is wrong.
        judged: Sources that had enough evidence to say so. What a source did not judge is neither
            wrong nor over.
    """

    conditions: tuple[Condition, ...]
    judged: frozenset[str]


def find_conditions(
    drift: Report,
    retraining: Report,
    scoring: Report | None,
    service: Report | None,
    settings: AlertSettings,
) -> WindowConditions:
    """Read what is wrong from the reports of one window.

    Args:
        drift: As measure_drift gives it.
        retraining: As decide_retraining gives it; it also says how performance stands.
        scoring: As summarise_scoring gives it; None where no batch was scored.
        service: The endpoint's report: whether it is ``present``, its ``objectives``, each with
            ``name``, ``value``, ``limit``, ``at_most`` and ``met`` (None where too little was
            measured), and ``problems``; None without an endpoint.
        settings: When something is worth an alert.
    """
    rules = {rule["rule"]: rule for rule in retraining.get("rules", ())}
    performance = rules.get("performance", {})
    judged = {
        "data": True,
        **{f"data{_at(each)}": True for each in list_windows(drift)},
        **{f"drift{_at(each)}": bool(each["judged"]) for each in list_windows(drift)},
        **{
            f"performance{_at(each)}": bool(performance.get("judged"))
            for each in _list_scores(performance)
        },
        "retraining": True,
        "scoring": bool(scoring and (scoring["rows"] or scoring["rejected"])),
        "service": bool(service and service.get("present")),
    }
    conditions = [
        *_find_problems(drift),
        *_find_drift(drift),
        *_find_decay(performance),
        *_find_retraining(retraining),
        *(_find_scoring(scoring, settings) if scoring and judged["scoring"] else ()),
        *(_find_service(service) if service is not None else ()),
    ]
    return WindowConditions(
        tuple(conditions), frozenset(name for name, yes in judged.items() if yes)
    )


def _at(part: Report) -> str:
    """Return the part of a key that names source and role; nothing of a batch's champion."""
    source, role = part.get("source", BATCH), part.get("role", CHAMPION)
    if role != CHAMPION:
        return f"@{source}/{role}"
    return "" if source == BATCH else f"@{source}"


def _list_scores(rule: Report) -> Sequence[Report]:
    """Return what each source's newest judged window showed."""
    evidence: Report = rule.get("evidence", {})
    scores: Sequence[Report] = evidence.get("sources") or ({"asks": rule.get("asks")},)
    return scores


def _find_problems(drift: Report) -> Iterable[Condition]:
    """Report what is plainly wrong with the windows: one condition each, by source and column."""
    several = has_several(list_windows(drift))
    for problem in drift["problems"]:
        kind, column = problem["problem"], problem["column"]
        what = f"{column}: {kind.replace('_', ' ')}" if column else kind.replace("_", " ")
        yield Condition(
            key=f"data{_at(problem)}:{kind}:{column or ''}",
            severity=_SEVERITY_OF_PROBLEM.get(kind, "warning"),
            what=f"{name_source(problem, several)}{what}",
            how_much=problem["told"],
            what_to_do=_REPAIR if problem.get("source", BATCH) == BATCH else _REPAIR_CALLER,
        )


def _find_drift(drift: Report) -> Iterable[Condition]:
    """Report drifted columns of each source, each once however many of its measures moved."""
    several = has_several(list_windows(drift))
    told: dict[tuple[str, str], list[str]] = {}
    for alarm in drift["alarms"]:
        name = alarm["column"] or alarm["what"]
        at = f"drift{_at(alarm)}:{name}", f"{name_source(alarm, several)}{name}"
        told.setdefault(at, []).append(alarm["told"])
    for (key, name), reasons in told.items():
        yield Condition(
            key=key,
            severity="warning",
            what=f"{name} drifted",
            how_much="; ".join(reasons),
            what_to_do=f"see whether the world changed or a source broke; if the world, {_RETRAIN}",
        )


def _find_decay(rule: Report) -> Iterable[Condition]:
    """Report each source whose newest judged window is significantly worse than promised."""
    scores = _list_scores(rule)
    for each in scores:
        if each.get("asks"):
            yield Condition(
                f"performance{_at(each)}:score",
                "critical",
                f"{name_source(each, has_several(scores))}performance fell",
                each.get("told", rule["told"]),
                _RETRAIN,
            )


def _find_retraining(decision: Report) -> Iterable[Condition]:
    """Report that retraining no longer helps; that one is due is no news to be woken by."""
    if decision["retrain"]:
        reasons = "; ".join(decision["reasons"])
        yield Condition("retraining:due", "info", "a retraining is due", reasons, _RETRAIN)
    for held in decision.get("held_back", ()):
        if held["rule"] == "no_help":
            yield Condition(
                "retraining:stopped",
                "critical",
                "retraining stopped, for it did not help",
                held["told"],
                "find out what changed; kedro retrain --force --why '…' tries once more",
            )


def _find_scoring(report: Report, settings: AlertSettings) -> Iterable[Condition]:
    came = report["rows"] + report["rejected"]
    rejected = report["rejected"] / came
    if rejected > settings.max_rejected_share:
        reason = next(iter(report["reasons"]), "without a reason")
        yield Condition(
            "scoring:rejected",
            "warning",
            "many requests were set aside",
            f"{rejected:.1%} of {came:,}, {settings.max_rejected_share:.1%} allowed; "
            f"most: {reason}",
            _REPAIR,
        )
    if report["stale_share"] > settings.max_stale_share:
        yield Condition(
            "scoring:stale",
            "warning",
            "features were too old",
            f"for {report['stale_share']:.1%} of {report['rows']:,} rows, "
            f"{settings.max_stale_share:.1%} allowed",
            "compute the feature tables first: kedro run --pipeline feature_store",
        )


def _find_service(report: Report) -> Iterable[Condition]:
    for objective in report.get("objectives", ()):
        if objective["met"] is False:
            value, limit = objective["value"], objective["limit"]
            found = "nothing was measured" if value is None else f"{value:g}"
            bound = "at most" if objective["at_most"] else "at least"
            yield Condition(
                f"service:{objective['name']}",
                "critical",
                f"the endpoint misses its objective: {objective['name']}",
                f"{found}, {bound} {limit:g} wanted",
                "look at the endpoint's log and load; go back with kedro model rollback if a "
                "promotion came before",
            )
    for problem in report.get("problems", ()):
        yield Condition(
            f"service:{problem['problem']}:{problem['column'] or ''}",
            "warning",
            f"the endpoint's log: {problem['problem'].replace('_', ' ')}",
            problem["told"],
            "see whether the endpoint runs and its log can be written",
        )
