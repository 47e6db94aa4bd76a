"""Should the model be trained again? A decision by declared rules, with its reasons."""

from datetime import datetime
from typing import Any

from pydantic import Field

from fullcircle.core.contract import Settings
from fullcircle.core.metrics import METRICS


class RetrainingSettings(Settings):
    """What asks for a retraining.

    Attributes:
        max_drifted_columns: More drifted inputs than this ask for one.
        max_model_age_days: An older model asks for one; None never does.
    """

    max_drifted_columns: int = Field(ge=0)
    max_model_age_days: float | None = Field(default=None, gt=0)


def decide_retraining(
    drift: dict[str, Any],
    performance: dict[str, Any],
    reference: dict[str, Any],
    trained_at: datetime,
    as_of: datetime,
    settings: RetrainingSettings,
) -> dict[str, Any]:
    """Apply the rules to what monitoring saw.

    Args:
        drift: As measure_drift gives it.
        performance: As measure_performance gives it.
        reference: The champion's version and what it ``promised``: its score on the selection
            set, with its interval. Only periods that this version scored are held against it.
        trained_at: The clock at the champion's training.
        as_of: The clock.
        settings: The rules.

    Returns:
        ``{"retrain": bool, "reasons": [...]}``; with no reason to, what was found fine.
    """
    reasons = [
        *_drift_reasons(drift, settings),
        *_performance_reasons(performance, reference),
        *_age_reasons(trained_at, as_of, settings),
    ]
    if reasons:
        return {"retrain": True, "reasons": reasons}
    return {"retrain": False, "reasons": [_all_quiet(drift, performance)]}


def _drift_reasons(drift: dict[str, Any], settings: RetrainingSettings) -> list[str]:
    reasons = []
    if len(drift["drifted"]) > settings.max_drifted_columns:
        reasons.append(f"inputs drifted: {', '.join(drift['drifted'])}")
    if drift["prediction_drifted"]:
        reasons.append("the distribution of the predictions drifted")
    if drift["vanished"]:
        reasons.append(f"inputs vanished: {', '.join(drift['vanished'])}")
    return reasons


def _performance_reasons(performance: dict[str, Any], reference: dict[str, Any]) -> list[str]:
    judged = [
        window
        for window in performance["windows"]
        if window["score"] and window["model_version"] == reference["version"]
    ]
    if not judged:
        return []
    promised = reference["promised"]
    newest, metric = judged[-1], METRICS[performance["metric"]]
    best_end, worst_promise = (
        (newest["score"]["high"], promised["low"])
        if metric.greater_is_better
        else (newest["score"]["low"], promised["high"])
    )
    if metric.gain(best_end, worst_promise) >= 0:
        return []
    return [
        f"{performance['metric']} of the period from {newest['as_of']} is surely worse than "
        f"promised: {newest['score']['value']:.4f}, promised {promised['value']:.4f}"
    ]


def _age_reasons(trained_at: datetime, as_of: datetime, settings: RetrainingSettings) -> list[str]:
    if settings.max_model_age_days is None:
        return []
    age_days = (as_of - trained_at).total_seconds() / 86_400
    if age_days <= settings.max_model_age_days:
        return []
    return [f"the champion was trained {age_days:.0f} days ago"]


def _all_quiet(drift: dict[str, Any], performance: dict[str, Any]) -> str:
    judged = sum(1 for window in performance["windows"] if window["score"])
    if not drift["judged"]:
        return f"{drift['rows']} scored rows are too few to judge drift"
    return (
        f"no drift in {len(drift['columns'])} columns over {drift['rows']} rows; "
        f"{judged} labelled periods, none worse than promised"
    )
