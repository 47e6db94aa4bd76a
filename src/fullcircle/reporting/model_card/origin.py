"""Where a model comes from: its purpose, the rows that taught it, and its features."""

from typing import Any

from fullcircle.core.models.model import Model
from fullcircle.reporting.model_card.parts import (
    NOT_STATED,
    UNKNOWN,
    Block,
    FactList,
    Paragraph,
    Row,
    Section,
    Table,
    draw,
    format_estimate,
    format_number,
    format_share,
    format_timestamp,
    format_value,
)

MOST_FEATURES = 60

_TASKS = {
    "binary": "the probability of class 1",
    "multiclass": "one probability for each class",
    "regression": "a number",
}


def read_problem(model: Model) -> dict[str, Any]:
    """Give the contract that the model was trained under; empty where it does not say."""
    return dict(model.settings.get("problem") or {})


def describe_purpose(model: Model) -> Section:
    """Say what is predicted, of what, for whom and for what."""
    problem = read_problem(model)
    pairs = [
        ("Problem", problem.get("name") or UNKNOWN),
        ("What it predicts", problem.get("description") or NOT_STATED),
        ("What it is for", problem.get("use_case") or NOT_STATED),
        ("Owner", problem.get("owner") or NOT_STATED),
        ("Output", f"{_TASKS.get(model.task, UNKNOWN)} ({model.task})"),
        ("Label", problem.get("label") or UNKNOWN),
        ("One row", _format_row(problem)),
        ("Decision", _format_threshold(model)),
        ("Kind of model", model.candidate),
    ]
    return Section("purpose", "Purpose", [FactList([(n, format_value(v)) for n, v in pairs])])


def _format_row(problem: dict[str, Any]) -> str:
    if "row_id" not in problem:
        return UNKNOWN
    about = f"identified by {problem['row_id']}, about one {' and '.join(problem['entity_keys'])}"
    moment = problem.get("event_time")
    return f"{about}, at {moment}" if moment else f"{about}, without a moment"


def _format_threshold(model: Model) -> str:
    if model.task == "multiclass":
        return "the likeliest class"
    if model.threshold is None:
        return "none: the number is the answer" if model.task == "regression" else UNKNOWN
    return f"yes from a probability of {model.threshold:.4g} on"


def describe_data(model: Model) -> Section:
    """Say how many rows taught the model, from when to when, and how they were divided."""
    facts = model.trained_on
    rows = facts.get("rows")
    pairs = [
        ("Rows that taught it", f"{rows:,}" if isinstance(rows, int) else UNKNOWN),
        ("First moment", _format_timestamp(model, "first")),
        ("Last moment", _format_timestamp(model, "last")),
        ("As of", format_timestamp(facts.get("as_of"))),
        ("Split", _format_split(facts.get("split"))),
        _format_labels(model),
    ]
    blocks: list[Block] = [FactList([(n, format_value(v)) for n, v in pairs])]
    if model.settings.get("refit"):
        blocks.append(
            Paragraph(
                "The train and the selection rows taught it; the gate rows did not. It was chosen "
                "and scored while only the train rows had taught it."
            )
        )
    if "distributed" in model.settings:
        blocks.append(
            Paragraph(
                "All rows of the train share taught its trees, on Spark; a sample of them taught "
                "its preparation, and chose and scored it. No selection or gate row taught it."
            )
        )
    return Section("data", "Data", blocks)


def _format_timestamp(model: Model, which: str) -> str:
    moment = model.trained_on.get(which)
    snapshot = moment is None and model.event_time is None
    return "none: a snapshot without history" if snapshot else format_timestamp(moment)


def _format_split(split: dict[str, Any] | None) -> str:
    if not split:
        return UNKNOWN
    how = "by time, the oldest rows train" if split["by"] == "time" else "by a digest of the keys"
    names = ("train", "selection", "gate", "scoring")
    shares = [f"{name} {100 * split[name]:.0f} %" for name in names if split.get(name)]
    return f"{how}: {', '.join(shares)}"


def _format_labels(model: Model) -> tuple[str, str]:
    baseline = model.trained_on.get("baseline")
    if model.task == "multiclass":
        shares = baseline if isinstance(baseline, list) else []
        return "Share of each class", ", ".join(map(format_share, shares)) or UNKNOWN
    if model.task == "regression":
        return "Mean of the label", format_number(baseline)
    return "Share of class 1", format_share(baseline)


def describe_features(model: Model) -> Section:
    """Say where each feature is from, how often it was missing, and what the model leans on."""
    source = {
        new: f"feature table {lookup.table}"
        for lookup in model.lookups
        for new in lookup.renaming.values()
    }
    weights = {row["column"]: row for row in (model.report or {}).get("importance", [])}
    dropped = {row["column"]: row["why"] for row in list_dropped(model)}
    missing = list_missing(model)
    order = {name: place for place, name in enumerate(weights)}
    names = sorted(model.features, key=lambda name: (name in dropped, order.get(name, len(order))))
    rows = [
        Row(
            [
                name,
                source.get(name, "request"),
                format_share(missing.get(name)),
                f"left out: {dropped[name]}" if name in dropped else _weigh(weights.get(name)),
            ],
            drawn=None if name in dropped else draw(weights.get(name), 0.0),
        )
        for name in names[:MOST_FEATURES]
    ]
    head = ["feature", "from", "missing", _name_weight(model)]
    table = Table("Features, the weightiest first", head, rows, "no loss | loss" if weights else "")
    return Section("features", "Features", [_count_features(model, dropped), table, *_find(model)])


def _weigh(weight: dict[str, Any] | None) -> str:
    return UNKNOWN if weight is None else format_estimate(weight)


def _name_weight(model: Model) -> str:
    metric = (model.report or {}).get("metric")
    return f"loss of {metric} when shuffled" if metric else "weight"


def _count_features(model: Model, dropped: dict[str, str]) -> Paragraph:
    count = len(model.features)
    said = f"{count} features, {len(dropped)} of which the model leaves out."
    if model.report is None:
        said = f"{count} features; which of them the preparation leaves out is {UNKNOWN}."
    if count > MOST_FEATURES:
        said += f" The table shows {MOST_FEATURES}; the model's signature names all."
    return Paragraph(said)


def _find(model: Model) -> list[Block]:
    """Say by which keys looked-up features are found, and how old they may be."""
    rows = [
        Row(
            [
                lookup.table,
                ", ".join(lookup.key_mapping),
                f"{lookup.max_age_days:g} days" if lookup.max_age_days else "no limit",
                ", ".join(lookup.renaming.values()),
            ]
        )
        for lookup in model.lookups
    ]
    head = ["feature table", "found by", "greatest age", "features"]
    return [Table("Feature tables", head, rows)] if rows else []


def list_dropped(model: Model) -> list[dict[str, Any]]:
    """Give the columns that preparation or selection leaves out, each with its ``why``."""
    columns = (model.report or {}).get("columns", [])
    planned = [row for row in columns if row["action"] == "drop"]
    unneeded = (model.settings.get("recipe") or {}).get("dropped", [])
    return planned + [{"column": name, "why": "does as well without it"} for name in unneeded]


def list_missing(model: Model) -> dict[str, float]:
    """Give the share of rows without a value by feature, by the profile or else by the plan."""
    columns = model.profile.get("columns", {})
    profiled = {
        name: columns[name]["counts"][-1] / max(sum(columns[name]["counts"]), 1)
        for name in model.features
        if name in columns
    }
    planned = {
        row["column"]: row["missing"]
        for row in (model.report or {}).get("columns", [])
        if row.get("missing") is not None
    }
    return {**planned, **profiled}
