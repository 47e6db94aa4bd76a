"""Estimators and plain values written out as Python code that a person would edit."""

import json
from importlib import import_module
from itertools import groupby
from typing import Any

from sklearn.base import clone
from sklearn.ensemble import VotingClassifier, VotingRegressor
from sklearn.inspection import permutation_importance
from sklearn.pipeline import Pipeline

from fullcircle.core.contract import ProblemSpec
from fullcircle.core.evaluation import bootstrap_metric, choose_threshold
from fullcircle.core.evaluation.calibration import calibrate
from fullcircle.core.metrics import Metric
from fullcircle.core.models.prediction import as_inputs, predict
from fullcircle.core.preparation import (
    ColumnReader,
    PreparationSettings,
    prepare_linear,
    prepare_trees,
)
from fullcircle.core.training.candidates import CANDIDATES, Candidate
from fullcircle.core.training.estimators import fit, leave_out
from fullcircle.core.training.folds import make_folds
from fullcircle.core.training.model_config import ModelConfig

CANDIDATES_MODULE = Candidate.__module__
_WIDTH = 96

_ALWAYS = [
    *(clone, permutation_importance, Pipeline),
    *(ProblemSpec, ColumnReader, PreparationSettings),
    *(as_inputs, fit, predict, bootstrap_metric),
]


def write_literal(value: Any, indent: int = 0) -> str:
    """Write a plain value as code, broken over lines where it is long.

    Args:
        value: None, booleans, numbers, texts, and lists and dicts of them.
        indent: Columns by which the line that it stands in is indented.
    """
    flat = write_flat(value)
    if not isinstance(value, dict | list) or not value or indent + len(flat) <= _WIDTH:
        return flat
    inner = indent + 4
    if isinstance(value, dict):
        items = [f"{write_flat(k)}: {write_literal(v, inner)}" for k, v in value.items()]
    else:
        items = [write_literal(item, inner) for item in value]
    lines = "".join(f"{' ' * inner}{item},\n" for item in items)
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return f"{opening}\n{lines}{' ' * indent}{closing}"


def write_flat(value: Any) -> str:
    """Write a plain value as code on one line, texts in double quotes."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{write_flat(k)}: {write_flat(v)}' for k, v in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(write_flat, value))}]"
    if isinstance(value, str) and value.isprintable():
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, float) and not abs(value) < float("inf"):
        return f'float("{value}")'
    return repr(value)


def write_call(function: str, arguments: dict[str, Any]) -> str:
    """Write a call with keyword arguments; a ``random_state`` is the notebook's SEED."""
    written = [
        f"{name}={'SEED' if name == 'random_state' else write_literal(value, 4)}"
        for name, value in arguments.items()
    ]
    flat = f"{function}({', '.join(written)})"
    if len(flat) <= _WIDTH and len(written) < 4:
        return flat
    return f"{function}(\n" + "".join(f"    {line},\n" for line in written) + ")"


def write_members(model_config: ModelConfig, task: str, seed: int) -> list[dict[str, str]]:
    """Write the models of a recipe: of a blend each member, else the one.

    Returns:
        For each its ``name``, the ``variable`` that holds its pipeline, and the code of its
        ``plan``, ``preparation`` and ``model``.
    """
    members = model_config.members or [model_config]
    return [
        {
            "name": member.name,
            "variable": member.name if model_config.members else "estimator",
            # What the one model does without is dropped in the notebook's plan itself.
            "plan": f"leave_out(plan, {write_flat(member.dropped)})"
            if model_config.members and member.dropped
            else "plan",
            "preparation": _write_preparation(CANDIDATES[member.candidate].preparation, task),
            "model": _write_model(member, task, seed),
        }
        for member in members
    ]


def _write_preparation(kind: str, task: str) -> str:
    if kind == "linear":
        return f'prepare_linear("{task}", settings, seed=SEED)'
    return f'prepare_trees("{task}", settings, impute={kind == "imputed"}, seed=SEED)'


def _write_model(model_config: ModelConfig, task: str, seed: int) -> str:
    model = CANDIDATES[model_config.candidate].build(task, seed, model_config.parameters)
    return write_call(type(model).__name__, list_parameters(model_config, model))


def list_parameters(model_config: ModelConfig, model: Any) -> dict[str, Any]:
    """Give what the search may tune, as it is, and whatever else differs from the defaults."""
    given, defaults = model.get_params(), type(model)().get_params()
    space = CANDIDATES[model_config.candidate].space
    tunable = space(_Asked()) if space else {}  # type: ignore[arg-type]  # it is only asked
    changed = {name for name, value in given.items() if repr(value) != repr(defaults.get(name))}
    shown = {
        name for name in (*tunable, *model_config.parameters) if given[name] is not None
    } | changed
    order = [*tunable, *(name for name in given if name not in tunable)]
    return {name: given[name] for name in order if name in shown}


class _Asked:
    """Stands where a trial would, to learn the names of what a family lets the search tune."""

    def suggest_float(self, name: str, low: float, high: float, **options: Any) -> float:  # noqa: ARG002
        return low

    def suggest_int(self, name: str, low: int, high: int, **options: Any) -> int:  # noqa: ARG002
        return low

    def suggest_categorical(self, name: str, choices: Any) -> Any:  # noqa: ARG002
        return choices[0]


def blend_class(task: str) -> Any:
    """The class that averages the predictions of several models."""
    return VotingRegressor if task == "regression" else VotingClassifier


def write_imports(model_config: ModelConfig, task: str, seed: int, *, calibrated: bool) -> str:
    """Write the imports that the notebook of a recipe needs, each from where its name lives."""
    wanted: list[Any] = [*_ALWAYS]
    for member in model_config.members or [model_config]:
        family = CANDIDATES[member.candidate]
        wanted.append(type(family.build(task, seed, member.parameters)))
        wanted.append(prepare_linear if family.preparation == "linear" else prepare_trees)
        wanted += [leave_out] if model_config.members and member.dropped else []
    wanted += [blend_class(task)] if model_config.members else []
    wanted += [calibrate, make_folds] if calibrated else []
    wanted += [choose_threshold] if task == "binary" else []
    homes = {item.__name__: _find_home(item) for item in wanted}
    homes |= {
        "find_kedro_project": "kedro.utils",
        "read_delta": "fullcircle.storage.delta_tables",
        "METRICS": _find_home(Metric),
    }
    foreign = {name: home for name, home in homes.items() if not home.startswith("fullcircle")}
    own = {name: home for name, home in homes.items() if name not in foreign}
    numpy = ["import numpy as np"] if calibrated else []
    return "\n".join(
        [
            *("import json", "from pathlib import Path", ""),
            *(*numpy, "import pandas as pd", *_from_lines(foreign), ""),
            *("import fullcircle", *_from_lines(own)),
        ]
    )


def _find_home(item: Any) -> str:
    """The outermost package that offers an item, which is where its documentation has it."""
    parts = item.__module__.split(".")
    for depth in range(1, len(parts)):
        package = ".".join(parts[:depth])
        if getattr(import_module(package), item.__name__, None) is item:
            return package
    return str(item.__module__)


def _from_lines(homes: dict[str, str]) -> list[str]:
    pairs = sorted((home, name) for name, home in homes.items())
    grouped = groupby(pairs, key=lambda pair: pair[0])
    return [f"from {home} import {', '.join(name for _, name in names)}" for home, names in grouped]
