"""What a model is not good for, as far as the facts show it; nothing is said for form's sake."""

from typing import Any

import pandas as pd

from fullcircle.core.metrics import METRICS
from fullcircle.core.models.model import Model
from fullcircle.core.training.failures import describe_failure, list_excluded
from fullcircle.reporting.model_card.origin import list_missing, read_problem
from fullcircle.reporting.model_card.parts import (
    Bullets,
    Paragraph,
    Section,
    format_estimate,
    format_number,
    format_points,
    format_share,
    format_timestamp,
)
from fullcircle.reporting.model_card.quality import calibration_verdict, sort_slices
from fullcircle.reporting.model_card.verdict import Verdict

MANY_MISSING = 0.3  # share of rows without a value that is worth a line
LARGE_GAP = 0.2  # difference between the shares of two slices that is worth one
_MOST_NAMED = 8


def describe_limits(model: Model, verdict: Verdict, facts: dict[str, str]) -> Section:
    """List what speaks against trusting the model, the gravest first."""
    grave = [
        *_find_failed(verdict),
        *_find_excluded_families(model),
        *_find_worse_slices(model),
        *_find_gaps(model),
        *_find_miscalibration(model),
        *_find_simulation(facts),
    ]
    others = [
        *_find_ignorance(model),
        *_find_unjudged_slices(model),
        *_find_age(model),
        *_find_stale_features(model),
        *_find_missing(model),
        *_find_width(model),
        *_find_hunger(model),
    ]
    items = [Paragraph(said, "bad") for said in grave] + [Paragraph(said) for said in others]
    return Section("limits", "Limits", [Bullets(items)])


def _find_failed(verdict: Verdict) -> list[str]:
    if verdict.role != "refused":
        return []
    failed = [check for check in verdict.checks if not check["passed"]]
    return [f"It failed the check {check['name']}: {check['evidence']}." for check in failed]


def _find_excluded_families(model: Model) -> list[str]:
    failures = (model.report or {}).get("failures") or []
    return [
        f"It was chosen without {failure['family']}: {describe_failure(failure)}."
        for failure in list_excluded(failures)
    ]


def _find_worse_slices(model: Model) -> list[str]:
    metric = (model.report or {}).get("metric")
    return [
        f"Performance is significantly worse for {row['column']} = {row['slice']} than for the "
        f"other rows: its {metric} "
        f"is worse there by {format_estimate(_turn(row['difference']))}."
        for row in sort_slices(model)
        if row["worse"]
    ]


def _turn(gain: dict[str, float]) -> dict[str, float]:
    """Give a gain as a loss."""
    return {"value": -gain["value"], "low": -gain["high"], "high": -gain["low"]}


def _find_gaps(model: Model) -> list[str]:
    return [
        f"Between slices of {gap['column']} the share of class 1 that it finds differs by "
        f"{format_points(gap['equal_opportunity_difference'])}."
        for gap in (model.report or {}).get("gaps") or []
        if (gap["equal_opportunity_difference"] or 0) >= LARGE_GAP
    ]


def _find_miscalibration(model: Model) -> list[str]:
    found = (model.report or {}).get("calibration")
    if not found or found["calibrated"]:
        return []
    return [calibration_verdict(found)[0]]


def _find_simulation(facts: dict[str, str]) -> list[str]:
    if facts.get("data_source") != "simulated":
        return []
    return ["It learned from simulated rows and was tested on such: it says nothing of the world."]


def _find_ignorance(model: Model) -> list[str]:
    if model.report is None:
        return ["Nobody assessed it by slice, and nobody checked its probabilities."]
    if not model.report.get("slices"):
        return ["No slices are declared: nobody looked whether it serves some worse than others."]
    return []


def _find_unjudged_slices(model: Model) -> list[str]:
    unjudged = [row for row in sort_slices(model) if not row["judged"]]
    if not unjudged:
        return []
    named = _name([f"{row['column']}: {row['slice']} ({row['reason']})" for row in unjudged])
    slices = "slice" if len(unjudged) == 1 else "slices"
    return [f"How it serves {len(unjudged)} {slices} could not be judged: {named}."]


def _find_age(model: Model) -> list[str]:
    if model.event_time is None:
        return [
            "It learned from a snapshot without history, so it was never tested on rows later than "
            "those that taught it."
        ]
    last, as_of = model.trained_on.get("last"), model.trained_on.get("as_of")
    if last is None or as_of is None:
        return ["How old the newest row was that taught it is unknown."]
    days = (_as_moment(as_of) - _as_moment(last)) / pd.Timedelta(days=1)
    return [f"The newest row that taught it was {days:.0f} days old on {format_timestamp(as_of)}."]


def _as_moment(text: Any) -> pd.Timestamp:
    moment = pd.Timestamp(text)
    return moment.tz_localize("UTC") if moment.tzinfo is None else moment


def _find_stale_features(model: Model) -> list[str]:
    tables = list(dict.fromkeys(look.table for look in model.lookups if look.max_age_days is None))
    if model.event_time is None or not tables:
        return []
    return [f"Features of {_name(tables)} are used however old they are."]


def _find_missing(model: Model) -> list[str]:
    missing = {n: s for n, s in list_missing(model).items() if s >= MANY_MISSING}
    if not missing:
        return []
    worst = sorted(missing.items(), key=lambda pair: -pair[1])
    named = _name([f"{name} ({format_share(share)})" for name, share in worst])
    return [f"Often missing among the rows that taught it: {named}."]


def _find_width(model: Model) -> list[str]:
    metric = read_problem(model).get("primary_metric") or (model.report or {}).get("metric")
    score = model.scores.get(str(metric))
    if not isinstance(score, dict):
        return [f"The uncertainty of {metric or 'its score'} is unknown."]
    reach = (score["high"] - score["low"]) / 2
    return [f"Its {metric} is known to within about {format_number(reach)}, and no better."]


def _find_hunger(model: Model) -> list[str]:
    """Return whether twice the rows still helped significantly, by the curve's last step."""
    points = [p for p in (model.report or {}).get("learning_curve", []) if "value" in p]
    metric = (model.report or {}).get("metric")
    if len(points) < 2 or metric not in METRICS:
        return []
    before, last = points[-2:]
    worse_end = last["low"] if METRICS[metric].greater_is_better else last["high"]
    if not METRICS[metric].gain(worse_end, before["value"]) > 0:
        return []
    return [
        f"It was still learning: from {before['rows']:,} to {last['rows']:,} rows its {metric} "
        f"went from {format_number(before['value'])} to {format_number(last['value'])}."
    ]


def _name(names: list[str]) -> str:
    rest = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {rest} more" if rest > 0 else "")
