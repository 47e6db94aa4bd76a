"""What a model was made from, and how to make it again."""

from shlex import quote
from typing import Any

from fullcircle.core.contract import flatten
from fullcircle.core.models.model import Model
from fullcircle.reporting.model_card.origin import read_problem
from fullcircle.reporting.model_card.parts import (
    UNKNOWN,
    Block,
    CommandLines,
    FactList,
    Paragraph,
    Section,
    format_value,
)

_DATA = "data."  # what the names of data versions begin with
_DECLARED = ("problem", "training", "fold_scores")  # whole dumps, and what rebuilds nothing
_CODE = {
    "git_commit": "Git commit",
    "git_dirty": "Uncommitted changes",
    "python": "Python",
    "framework": "Framework",
    "environment": "Environment",
    "data_source": "Source of the data",
    "note": "Note",
    "digest": "Digest of its files",
}
_ALWAYS = ("git_commit", "git_dirty", "python", "data_source")
_YES = {"true": "yes", "false": "no"}


def describe_lineage(model: Model, facts: dict[str, str]) -> Section:
    """Name the version, the run, the code and the versions of the data."""
    placed = model.registration
    pairs = [
        ("Model", placed.name if placed else UNKNOWN),
        ("Version", placed.version if placed else "not registered"),
        ("Run", placed.run_id if placed else facts.get("run_id", UNKNOWN)),
        ("Candidate", model.candidate),
        *[
            (label, _YES.get(facts.get(name, ""), facts.get(name, UNKNOWN)))
            for name, label in _CODE.items()
            if name in facts or name in _ALWAYS
        ],
    ]
    data = [(n.removeprefix(_DATA), v) for n, v in sorted(facts.items()) if n.startswith(_DATA)]
    blocks: list[Block] = [FactList([(n, format_value(v)) for n, v in pairs])]
    if data:
        blocks += [Paragraph("Versions of the data it was made from:"), FactList(data)]
    else:
        blocks.append(Paragraph(f"The versions of the data it was made from: {UNKNOWN}."))
    return Section("lineage", "Lineage", blocks)


def describe_rebuild(model: Model, facts: dict[str, str]) -> Section:
    """Give the command that makes the model again, and the settings that decide its making."""
    blocks: list[Block] = []
    if model.registration is None:
        blocks.append(Paragraph("It is not registered, so no command makes it again."))
    else:
        blocks.append(CommandLines(_list_commands(model, facts)))
    settings = _list_settings(model)
    blocks.append(FactList(settings) if settings else Paragraph(f"Its settings: {UNKNOWN}."))
    return Section("reproduce", "How to reproduce it", blocks)


def _list_commands(model: Model, facts: dict[str, str]) -> list[str]:
    problem = read_problem(model).get("name") or facts.get("problem")
    known = {"PROBLEM": problem, "DATA_SOURCE": facts.get("data_source")}
    switches = [f"{name}={quote(str(value))}" for name, value in known.items() if value]
    commit = facts.get("git_commit", UNKNOWN)
    version = model.registration.version if model.registration else ""
    again = " ".join([*switches, "kedro model reproduce", quote(version)])
    return [*([f"git checkout {quote(commit)}"] if commit != UNKNOWN else []), again]


def _list_settings(model: Model) -> list[tuple[str, str]]:
    """Flatten the settings, without those that are empty or told elsewhere."""
    given = {name: value for name, value in model.settings.items() if name not in _DECLARED}
    flat = flatten(given)
    return [
        (name, format_value(value))
        for name, value in flat.items()
        if not _is_told_elsewhere(name) and not _is_empty(value)
    ]


def _is_told_elsewhere(name: str) -> bool:
    return any(part in _DECLARED for part in name.split("."))


def _is_empty(value: Any) -> bool:
    return value is None or value in ([], {}, "")
