"""The model card: what the model is, from what it was made, how good it is and why it is used.

After Mitchell et al., Model Cards for Model Reporting, FAT* 2019.
"""

from typing import Any

from fullcircle.core.contract import ProblemSpec
from fullcircle.core.model import Model


def write_card(model: Model, decision: dict[str, Any], problem: ProblemSpec, as_of: str) -> str:
    """Write the card of the champion as Markdown."""
    sections = [
        f"# {model}",
        _table(
            {
                "Problem": problem.name,
                "Task": problem.task,
                "Candidate": model.candidate,
                "As of": as_of,
                "Label": problem.label,
            }
        ),
        "## Trained on",
        _table(model.trained_on),
        "## Scores on the selection set",
        _score_table(model.scores),
        "## Features",
        _feature_table(model),
        "## Why it is the champion",
        _decision_text(model, decision),
        "## Settings that rebuild it",
        _table(model.settings),
    ]
    return "\n\n".join(sections) + "\n"


def _table(facts: dict[str, Any]) -> str:
    rows = "\n".join(f"| {name} | {value} |" for name, value in facts.items())
    return f"| | |\n|---|---|\n{rows}"


def _score_table(scores: dict[str, Any]) -> str:
    rows = [
        f"| {name} | {score['value']:.4f} | {score['low']:.4f} to {score['high']:.4f} |"
        if isinstance(score, dict)
        else f"| {name} | {score:.4f} | |"
        for name, score in scores.items()
    ]
    return "| metric | value | interval |\n|---|---|---|\n" + "\n".join(rows)


def _feature_table(model: Model) -> str:
    source = {
        new: f"feature table {lookup.table}"
        for lookup in model.lookups
        for new in lookup.renaming.values()
    }
    rows = "\n".join(f"| {name} | {source.get(name, 'request')} |" for name in model.features)
    return f"| feature | from |\n|---|---|\n{rows}"


def _decision_text(model: Model, decision: dict[str, Any]) -> str:
    registration = str(model.registration)
    head = (
        "The gate promoted it in this run."
        if decision["promote"] and decision["challenger"] == registration
        else f"The gate kept it and refused {decision['challenger']} in this run."
    )
    lines = [
        f"- {'passed' if check['passed'] else 'failed'} · {check['name']}: {check['evidence']}"
        for check in decision["checks"]
    ]
    return "\n".join([head, "", *lines])
