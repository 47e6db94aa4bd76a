"""The rules that ask for a retraining, each with its evidence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from fullcircle.core.errors import ConfigurationError
from fullcircle.core.metrics import METRICS
from fullcircle.core.predictions.sources import (
    BATCH,
    CHAMPION,
    has_several,
    list_windows,
    name_source,
)
from fullcircle.core.profile import PREDICTION
from fullcircle.core.retraining.settings import RetrainingSettings


@dataclass(frozen=True)
class RetrainingInputs:
    """What the rules look at.

    Attributes:
        drift: As measure_drift gives it.
        performance: As measure_performance gives it.
        reference: The champion's version and what it ``promised``: its score on the selection
            set, with its interval. Only what this version scored is held against it.
        trained_at: The clock at the champion's training.
        as_of: The clock.
        watched: Earlier windows, as summarize_window gave them.
        new_labels: Labels that became known since the champion's training; None where nobody says
            when a label became known.
    """

    drift: Mapping[str, Any]
    performance: Mapping[str, Any]
    reference: Mapping[str, Any]
    trained_at: datetime
    as_of: datetime
    watched: Sequence[Mapping[str, Any]] = field(default=())
    new_labels: int | None = None


@dataclass(frozen=True)
class RuleResult:
    """What one rule found.

    Attributes:
        rule: Its name.
        reasons: Why it asks; empty where it does not.
        judged: Whether there was enough to judge by.
        evidence: The numbers, as plain values.
    """

    rule: str
    reasons: tuple[str, ...]
    judged: bool
    evidence: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for the decision."""
        return {
            "rule": self.rule,
            "asks": bool(self.reasons),
            "judged": self.judged,
            "told": "; ".join(self.reasons),
            "evidence": self.evidence,
        }


def apply_rules(evidence: RetrainingInputs, settings: RetrainingSettings) -> list[RuleResult]:
    """Apply every rule."""
    return [
        _apply_drift_rule(evidence, settings),
        _apply_performance_rule(evidence, settings),
        _apply_age_rule(evidence, settings),
        _apply_labels_rule(evidence, settings),
    ]


def summarize_window(
    drift: Mapping[str, Any], version: str, as_of: datetime, settings: RetrainingSettings
) -> dict[str, Any]:
    """Say of a window what later ones must know of it."""
    reasons = describe_drift(drift, settings)
    return {
        "as_of": as_of.isoformat(),
        "model_version": version,
        "judged": bool(drift["judged"]),
        "drifted": bool(reasons),
        "told": "; ".join(reasons),
        "sources": {
            each.get("source", BATCH): {
                "rows": each["rows"],
                "judged": bool(each["judged"]),
                "drifted": [
                    *each["drifted"],
                    *([PREDICTION] if each["prediction_drifted"] else []),
                ],
            }
            for each in list_windows(drift)
            if each.get("role", CHAMPION) == CHAMPION
        },
    }


def _apply_drift_rule(evidence: RetrainingInputs, settings: RetrainingSettings) -> RuleResult:
    version = str(evidence.reference["version"])
    now = summarize_window(evidence.drift, version, evidence.as_of, settings)
    earlier = [
        window
        for window in evidence.watched
        if window["model_version"] == version
        and datetime.fromisoformat(window["as_of"]) < evidence.as_of
        # Drift found before the champion was trained is in what it learnt from.
        and datetime.fromisoformat(window["as_of"]) >= evidence.trained_at
    ]
    earlier.sort(key=lambda window: datetime.fromisoformat(window["as_of"]))
    newest = [*earlier, now][-settings.of_last_windows :]
    drifted = [window for window in newest if window["drifted"]]
    asks = len(drifted) >= settings.drifted_windows
    reasons = describe_drift(evidence.drift, settings) if asks else []
    if asks and settings.of_last_windows > 1:
        counted = f"{len(drifted)} of the last {len(newest)} windows drifted"
        reasons = [f"{counted}, the last one from {drifted[-1]['as_of'][:10]}", *reasons]
    numbers = {"drifted": len(drifted), "windows": len(newest), "needed": settings.drifted_windows}
    return RuleResult("drift", tuple(reasons), bool(evidence.drift["judged"]), numbers)


def describe_drift(drift: Mapping[str, Any], settings: RetrainingSettings) -> list[str]:
    """Say why a window counts as drifted, by source; nothing where it does not.

    What other roles predict says nothing of the champion.
    """
    windows = [each for each in list_windows(drift) if each.get("role", CHAMPION) == CHAMPION]
    several = has_several(windows)
    return [
        f"{name_source(window, several)}{reason}"
        for window in windows
        for reason in _describe_window(window, settings)
    ]


def _describe_window(window: Mapping[str, Any], settings: RetrainingSettings) -> list[str]:
    reasons = []
    if len(window["drifted"]) > settings.max_drifted_columns:
        reasons.append(f"inputs drifted: {', '.join(window['drifted'])}")
    if window["prediction_drifted"]:
        reasons.append("the distribution of the predictions drifted")
    if window["vanished"]:
        reasons.append(f"inputs vanished: {', '.join(window['vanished'])}")
    return reasons


def _apply_performance_rule(evidence: RetrainingInputs, settings: RetrainingSettings) -> RuleResult:
    """Hold the newest judged window of each source against the promise."""
    newest = newest_judged(evidence.performance, evidence.reference.get("version"))
    if not newest:
        return RuleResult("performance", (), judged=False, evidence={})
    several = has_several(evidence.performance["windows"])
    promised = dict(evidence.reference["promised"])
    numbers = [
        {
            "source": window.get("source", BATCH),
            "as_of": str(window["as_of"]),
            "score": dict(window["score"]),
            "promised": promised,
            "asks": bool(told),
            "told": "; ".join(told),
        }
        for window in newest
        for told in [_describe_decline(window, evidence, settings)]
    ]
    reasons = [f"{name_source(each, several)}{each['told']}" for each in numbers if each["asks"]]
    found = {**numbers[0], "sources": numbers}
    return RuleResult("performance", tuple(reasons), judged=True, evidence=found)


def newest_judged(
    performance: Mapping[str, Any], version: str | None = None
) -> list[Mapping[str, Any]]:
    """Return the newest window of each source that has a score, of one version if one is given."""
    found: dict[str, Mapping[str, Any]] = {}
    for window in performance["windows"]:
        if window["score"] and version in (None, window["model_version"]):
            found[window.get("source", BATCH)] = window
    return list(found.values())


def _describe_decline(
    window: Mapping[str, Any], evidence: RetrainingInputs, settings: RetrainingSettings
) -> list[str]:
    """Say that a window is significantly worse than promised, or than its limit.

    Of several sources the wider bound counts, which shares the chance of a false verdict.
    """
    name, promised = str(evidence.performance["metric"]), evidence.reference["promised"]
    score, bound = window["score"], window.get("bound", window["score"])
    metric = METRICS[name]
    reasons = []
    if metric.is_surely_worse(bound, metric.find_worse_end(promised)):
        given = f"{score['value']:.4f}, promised {promised['value']:.4f}"
        reasons.append(f"{_format_worse(name, window)} promised: {given}")
    for limited, limit in list_limits(name, settings.score_limit).items():
        found = bound if limited == name else _find_bound(limited, window)
        if METRICS[limited].is_surely_worse(found, limit):
            given = f"{found['value']:.4f}, limit {limit:g}"
            reasons.append(f"{_format_worse(limited, window)} its limit: {given}")
    return reasons


def _find_bound(metric: str, window: Mapping[str, Any]) -> Mapping[str, float]:
    """Return a metric's interval; of several sources the wider one, as for the primary metric."""
    scores: Mapping[str, Mapping[str, float]] = window.get("bounds") or window["scores"]
    if metric not in scores:
        raise ConfigurationError(
            f"retraining.score_limit names {metric}, which the performance report does not hold. "
            f"It holds: {', '.join(scores)}; performance.metrics adds others of the same task."
        )
    return scores[metric]


def list_limits(metric: str, limit: float | Mapping[str, float] | None) -> dict[str, float]:
    """Give the limits by metric; a single number is one of the primary metric."""
    if limit is None:
        return {}
    return dict(limit) if isinstance(limit, Mapping) else {metric: limit}


def _format_worse(metric: str, window: Mapping[str, Any]) -> str:
    return f"{metric} of the period from {window['as_of']} is significantly worse than"


def _apply_age_rule(evidence: RetrainingInputs, settings: RetrainingSettings) -> RuleResult:
    age_days = (evidence.as_of - evidence.trained_at).total_seconds() / 86_400
    limit = settings.max_model_age_days
    asks = limit is not None and age_days > limit
    reasons = (f"the champion was trained {age_days:.0f} days ago",) if asks else ()
    return RuleResult("age", reasons, judged=True, evidence={"age_days": age_days, "limit": limit})


def _apply_labels_rule(evidence: RetrainingInputs, settings: RetrainingSettings) -> RuleResult:
    known, needed = evidence.new_labels, settings.min_new_labels
    asks = known is not None and needed is not None and known >= needed
    reasons = (f"{known:,} labels became known since the champion's training",) if asks else ()
    return RuleResult("labels", reasons, known is not None, {"new_labels": known, "needed": needed})
