"""What the card of a model says, whatever it is printed as."""

from collections.abc import Mapping
from typing import Any

from fullcircle.core.models.model import Model
from fullcircle.reporting.model_card.limits import describe_limits
from fullcircle.reporting.model_card.lineage import describe_lineage, describe_rebuild
from fullcircle.reporting.model_card.origin import (
    describe_data,
    describe_features,
    describe_purpose,
    read_problem,
)
from fullcircle.reporting.model_card.parts import (
    UNKNOWN,
    Card,
    Highlight,
    format_interval,
    format_number,
    format_value,
)
from fullcircle.reporting.model_card.quality import (
    describe_calibration,
    describe_scores,
    describe_slices,
    sort_slices,
)
from fullcircle.reporting.model_card.verdict import (
    Verdict,
    describe_verdict,
    glimpse_verdict,
    read_decision,
)


def describe_model(
    model: Model,
    decision: Mapping[str, Any] | None = None,
    facts: Mapping[str, str] | None = None,
) -> Card:
    """Say all that is known of a model, in the order in which one asks.

    Args:
        model: With its report, where it was assessed, and its place, where it is registered.
        decision: The gate's answer (see gate/decision.py); one that is not about this model is
            left aside.
        facts: Of the code and the data, by the names of a version's tags (``git_commit``,
            ``data.train_set``); they add to those that the registration carries, and win.
    """
    verdict = read_decision(model, decision)
    placed = model.registration.facts if model.registration else {}
    known = {**placed, **(facts or {})}
    sections = [
        describe_purpose(model),
        describe_verdict(verdict),
        describe_scores(model, verdict),
        describe_limits(model, verdict, known),
        describe_slices(model),
        describe_calibration(model),
        describe_data(model),
        describe_features(model),
        describe_lineage(model, known),
        describe_rebuild(model, known),
    ]
    glimpses = [
        glimpse_verdict(verdict),
        _glimpse_score(model, verdict),
        _glimpse_slices(model),
        _glimpse_calibration(model),
    ]
    name = read_problem(model).get("name") or known.get("problem") or model.candidate
    subtitle = f"{name} · {model.candidate} · as of {model.trained_on.get('as_of', UNKNOWN)}"
    return Card(str(model), format_value(subtitle), glimpses, sections)


def _glimpse_score(model: Model, verdict: Verdict) -> Highlight:
    """The score on the gate rows where the decision tells it, else on the selection rows."""
    metric = verdict.decision.get("metric") or read_problem(model).get("primary_metric")
    metric = metric or next(iter(model.scores), UNKNOWN)
    judged = verdict.decision.get("score") if verdict.judged else None
    score = judged or model.scores.get(metric)
    where = "gate" if judged else "selection"
    if isinstance(score, dict):
        remark = f"{format_interval(score)}, {where} rows"
        return Highlight(metric, format_number(score["value"]), remark)
    return Highlight(metric, format_number(score), f"{where} rows")


def _glimpse_slices(model: Model) -> Highlight:
    slices = sort_slices(model)
    judged = [row for row in slices if row["judged"]]
    if not judged:
        return Highlight("Slices", "not judged" if slices else UNKNOWN)
    worse = sum(row["worse"] for row in judged)
    remark = f"{len(judged)} of {len(slices)} could be judged"
    if worse:
        return Highlight("Slices", f"{worse} significantly worse", remark, "bad")
    return Highlight("Slices", "none significantly worse", remark, "good")


def _glimpse_calibration(model: Model) -> Highlight:
    if model.task == "regression":
        return Highlight("Probabilities", "none", "it predicts a number")
    found = (model.report or {}).get("calibration")
    if not found or not found["judged"]:
        return Highlight("Probabilities", "not judged" if found else UNKNOWN)
    error, chance = found["expected_calibration_error"], found["error_by_chance"]
    remark = f"error {format_number(error)}, {format_number(chance)} by chance"
    if found["calibrated"]:
        return Highlight("Probabilities", "mean what they say", remark, "good")
    return Highlight("Probabilities", "do not mean what they say", remark, "bad")
