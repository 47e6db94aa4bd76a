"""The challenger as a notebook: the same rows, the same steps, the same score, open to edits."""

import json
from dataclasses import dataclass
from importlib import resources
from typing import Any

from fullcircle.core.contract import ProblemSpec
from fullcircle.core.gate import GateSettings
from fullcircle.core.metrics import METRICS
from fullcircle.core.models.model import Model
from fullcircle.core.training.estimators import leave_out
from fullcircle.core.training.model_config import ModelConfig
from fullcircle.core.training.settings import TrainingSettings
from fullcircle.reporting import notebook_code as code

_TEMPLATE = "challenger.ipynb.jinja"
_CELL = "%% "  # begins a line of the template, before markdown or code
_PLAN_FACTS = ("column", "kind", "action", "treatment", "layout", "outputs", "score", "why")


@dataclass(frozen=True)
class NotebookFacts:
    """All that a notebook tells.

    Attributes:
        model: The challenger, as training made it.
        plan: What becomes of each column (see diagnose_columns).
        leaderboard: One row per finalist, as compare_candidates gives it.
        places: ``path`` below the project's root of train_set, selection_set, gate_set and
            promotion_decision, and of the sets ``version`` in Delta and ``rows``.
        problem: The contract.
        training: What the project declares of training.
        gate: What the project declares of the gate.
    """

    model: Model
    plan: list[dict[str, Any]]
    leaderboard: list[dict[str, Any]]
    places: dict[str, dict[str, Any]]
    problem: ProblemSpec
    training: TrainingSettings
    gate: GateSettings

    @property
    def model_config(self) -> ModelConfig:
        """What rebuilds the estimator."""
        return ModelConfig.from_dict(self.model.settings["recipe"])

    @property
    def calibration(self) -> str:
        """Method by which the probabilities were corrected, or none."""
        return str(self.model.settings["calibration"])

    @property
    def seed(self) -> int:
        """Seed of every random choice of the training."""
        return int(self.model.settings["seed"])


def write_notebook(facts: NotebookFacts) -> str:
    """Write the notebook that rebuilds a challenger and arrives at its score before the gate.

    Same facts, same text. It finds the project's root from its working directory, needs no Kedro
    session, and comes without outputs.

    Returns:
        JSON of Jupyter's notebook format 4.5 (https://nbformat.readthedocs.io).
    """
    cells = [
        _as_cell(number, block) for number, block in enumerate(_cut(_fill_template(facts)), start=1)
    ]
    notebook = {
        "cells": cells,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def _cut(text: str) -> list[str]:
    return f"\n{text}".split(f"\n{_CELL}")[1:]


def _as_cell(number: int, block: str) -> dict[str, Any]:
    kind, _, source = block.partition("\n")
    lines = source.strip("\n").split("\n")
    cell: dict[str, Any] = {
        "cell_type": kind,
        "id": f"step-{number:02d}",
        "metadata": {},
        "source": [f"{line}\n" for line in lines[:-1]] + lines[-1:],
    }
    return cell | ({"execution_count": None, "outputs": []} if kind == "code" else {})


def _fill_template(facts: NotebookFacts) -> str:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(  # noqa: S701 - Python and Markdown, where HTML escapes do harm
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"literal": code.write_literal, "interval": _write_interval}
    source = resources.files("fullcircle.reporting").joinpath("templates", _TEMPLATE)
    template = environment.from_string(source.read_text(encoding="utf-8"))
    return template.render(_collect(facts))


def _collect(facts: NotebookFacts) -> dict[str, Any]:
    """Name what the template speaks of."""
    model_config, task, calibrated = (
        facts.model_config,
        facts.problem.task,
        facts.calibration != "none",
    )
    members = code.write_members(model_config, task, facts.seed)
    max_rows = facts.training.search.max_rows
    [chosen] = [row for row in facts.leaderboard if row["chosen"]]
    return {
        "model": facts.model,
        "name": str(facts.model.registration),
        "metric": facts.problem.primary_metric,
        "decides": task == "binary" and METRICS[facts.problem.primary_metric].decides,
        "problem": facts.problem,
        "training": facts.training,
        "gate": facts.gate,
        "places": facts.places,
        "leaderboard": facts.leaderboard,
        "chosen": chosen,
        "recipe": model_config,
        "seed": facts.seed,
        "refit": facts.model.settings["refit"],
        "distributed": facts.model.settings.get("distributed"),
        "calibration": facts.calibration,
        "judged": "calibrated" if calibrated else "fitted",
        "bounded": facts.places["train_set"]["rows"] > max_rows,
        "max_rows": max_rows,
        "declared": _write_contract(facts.problem),
        "plan": _write_plan(leave_out(facts.plan, model_config.dropped)),
        "settings": code.write_call("settings = PreparationSettings", _preparation(facts)),
        "members": members,
        "blend": code.blend_class(task).__name__,
        "imports": code.write_imports(model_config, task, facts.seed, calibrated=calibrated),
        "candidates_module": code.CANDIDATES_MODULE,
    }


def _preparation(facts: NotebookFacts) -> dict[str, Any]:
    return facts.training.preparation.model_dump()


def _write_contract(problem: ProblemSpec) -> str:
    declared = problem.model_dump(mode="json", exclude_defaults=True)
    return "    " + code.write_literal(declared, indent=4)


def _write_plan(plan: list[dict[str, Any]]) -> str:
    """One line per column, however long, so that it reads as a table."""
    rows = [{fact: entry[fact] for fact in _PLAN_FACTS if fact in entry} for entry in plan]
    return "\n".join(f"    {code.write_flat(row)}," for row in rows)


def _write_interval(estimate: dict[str, float]) -> str:
    spread = "{low:.4f} to {high:.4f}, {confidence:.0%} interval".format(**estimate)
    return f"{estimate['value']:.4f} ({spread})"
