"""The rules that ask for a retraining, each with its evidence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from fullcircle.core.errors import ConfigurationError
from fullcircle.core.metrics import METRICS
from fullcircle.core.retraining.settings import RetrainingSettings


@dataclass(frozen=True)
class Evidence:
    """What the rules look at.

    Attributes:
        drift: As measure_drift gives it.
        performance: As measure_performance gives it.
        reference: The champion's version and what it ``promised``: its score on the selection
            set, with its interval. Only what this version scored is held against it.
        trained_at: The clock at the champion's training.
        as_of: The clock.
        watched: Earlier windows, as note_window gave them.
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
class Finding:
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


def apply_rules(evidence: Evidence, settings: RetrainingSettings) -> list[Finding]:
    """Apply every rule."""
    return [
        _judge_drift(evidence, settings),
        _judge_performance(evidence, settings),
        _judge_age(evidence, settings),
        _judge_labels(evidence, settings),
    ]


def note_window(
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
    }


def _judge_drift(evidence: Evidence, settings: RetrainingSettings) -> Finding:
    version = str(evidence.reference["version"])
    now = note_window(evidence.drift, version, evidence.as_of, settings)
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
    return Finding("drift", tuple(reasons), bool(evidence.drift["judged"]), numbers)


def describe_drift(drift: Mapping[str, Any], settings: RetrainingSettings) -> list[str]:
    """Say why a window counts as drifted; nothing where it does not."""
    reasons = []
    if len(drift["drifted"]) > settings.max_drifted_columns:
        reasons.append(f"inputs drifted: {', '.join(drift['drifted'])}")
    if drift["prediction_drifted"]:
        reasons.append("the distribution of the predictions drifted")
    if drift["vanished"]:
        reasons.append(f"inputs vanished: {', '.join(drift['vanished'])}")
    return reasons


def _judge_performance(evidence: Evidence, settings: RetrainingSettings) -> Finding:
    performance, promised = evidence.performance, evidence.reference["promised"]
    judged = [
        window
        for window in performance["windows"]
        if window["score"] and window["model_version"] == evidence.reference["version"]
    ]
    if not judged:
        return Finding("performance", (), judged=False, evidence={})
    newest, name = judged[-1], str(performance["metric"])
    score, metric = newest["score"], METRICS[name]
    reasons = []
    if metric.is_surely_worse(score, metric.find_worse_end(promised)):
        given = f"{score['value']:.4f}, promised {promised['value']:.4f}"
        reasons.append(f"{_say_worse(name, newest)} promised: {given}")
    for limited, limit in list_limits(name, settings.score_limit).items():
        found = score if limited == name else _find_score(limited, newest["scores"])
        if METRICS[limited].is_surely_worse(found, limit):
            given = f"{found['value']:.4f}, limit {limit:g}"
            reasons.append(f"{_say_worse(limited, newest)} its limit: {given}")
    numbers = {"as_of": str(newest["as_of"]), "score": dict(score), "promised": dict(promised)}
    return Finding("performance", tuple(reasons), judged=True, evidence=numbers)


def _find_score(metric: str, scores: Mapping[str, Mapping[str, float]]) -> Mapping[str, float]:
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


def _say_worse(metric: str, window: Mapping[str, Any]) -> str:
    return f"{metric} of the period from {window['as_of']} is surely worse than"


def _judge_age(evidence: Evidence, settings: RetrainingSettings) -> Finding:
    age_days = (evidence.as_of - evidence.trained_at).total_seconds() / 86_400
    limit = settings.max_model_age_days
    asks = limit is not None and age_days > limit
    reasons = (f"the champion was trained {age_days:.0f} days ago",) if asks else ()
    return Finding("age", reasons, judged=True, evidence={"age_days": age_days, "limit": limit})


def _judge_labels(evidence: Evidence, settings: RetrainingSettings) -> Finding:
    known, needed = evidence.new_labels, settings.min_new_labels
    asks = known is not None and needed is not None and known >= needed
    reasons = (f"{known:,} labels became known since the champion's training",) if asks else ()
    return Finding("labels", reasons, known is not None, {"new_labels": known, "needed": needed})
