"""Rebuilding a registered model from what was recorded, and comparing the two."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fullcircle.core.contract import Clock, ProblemSpec
from fullcircle.core.errors import ModelError
from fullcircle.core.models.model import Model
from fullcircle.core.training.challenger import complete_challenger, make_model
from fullcircle.core.training.context import TrainingContext
from fullcircle.core.training.model_config import ModelConfig
from fullcircle.core.training.settings import TrainingSettings
from fullcircle.core.training.trial_store import NoTrialStore
from fullcircle.pipelines.training import nodes
from fullcircle.problems import find_reading
from fullcircle.tracking.provenance import describe_code, describe_environment
from fullcircle.tracking.registry.model_files import read_model
from fullcircle.tracking.uncommitted_code import PATCH_FILE, read_patch

_SETS = ("train_set", "selection_set")


@dataclass(frozen=True)
class ReproducedModel:
    """What came of training a model again.

    Attributes:
        model: Name and version of the recorded model.
        identical: Whether both predict every row alike, to the last bit.
        rows: Rows on which they were compared.
        first_difference: Place, recorded and rebuilt prediction of the first row that differs.
        largest_difference: Greatest distance between two predictions.
        differing_papers: Parts of the model's own description that differ.
        made_from: Code and data versions that were used.
        notes: What was not as it had been: libraries, code.
    """

    model: str
    identical: bool
    rows: int
    first_difference: dict[str, Any] | None
    largest_difference: float
    differing_papers: list[str]
    made_from: dict[str, str]
    notes: list[str] = field(default_factory=list)


def rebuild(
    version: Any, catalog: Any, project: Path, *, search: bool = False, any_code: bool = False
) -> ReproducedModel:
    """Train a registered model again from its recorded code, data, parameters and seed.

    Args:
        version: MLflow's model version.
        catalog: The project's catalog, for the tables by version.
        project: Folder of the project, whose code is compared with the recorded one.
        search: Repeat the search for the recipe too, instead of taking the recorded one.
        any_code: Go on although the code is not the recorded one, and say so.

    Raises:
        ModelError: The code, the data or the parameters are not those recorded.
    """
    recorded = read_model(version)
    notes = _compare_code(version, project, any_code=any_code) + _compare_libraries(version)
    refuse_distributed(recorded)
    problem, training = _read_declared(recorded)
    sets = {name: _read_rows(version, name, catalog) for name in _SETS}
    again = _train(recorded, sets["train_set"], sets["selection_set"], problem, training, search)
    if again.settings["rows_sha256"] != recorded.settings["rows_sha256"]:
        raise ModelError(f"The rows that taught {recorded} are not at the recorded data versions.")
    rows = pd.concat(sets.values(), ignore_index=True)
    before, after = recorded.predict(rows), again.predict(rows)
    return ReproducedModel(
        model=str(recorded),
        identical=np.array_equal(before, after),
        rows=len(rows),
        first_difference=_find_difference(rows[problem.row_id], before, after),
        largest_difference=float(np.abs(before - after).max()),
        differing_papers=_compare_papers(recorded, again),
        made_from={name: version.tags[name] for name in _origins(version)},
        notes=notes,
    )


def _origins(version: Any) -> list[str]:
    wanted = ["git_commit", *(f"data.{name}" for name in _SETS)]
    return [name for name in wanted if name in version.tags]


def _compare_code(version: Any, project: Path, *, any_code: bool) -> list[str]:
    """Refuse other code than the recorded one, or say what is other about it."""
    tags, now = version.tags, describe_code(project)
    commit = tags.get("git_commit", "unknown")
    if commit == "unknown":
        trouble = "the code that made it was in no git repository, so that it is not known"
    elif tags.get("git_dirty") != "false":
        if _has_same_patch(tags, now, project):
            return []
        trouble = _describe_patch(version, commit)
    elif now["git_commit"] != commit:
        trouble = (
            f"it was made by commit {commit[:12]}, and this is {now['git_commit'][:12]}. Go there: "
            f"git worktree add ../rebuild {commit[:12]}, with the same data and tracking addresses"
        )
    elif now["git_dirty"] != "false":
        trouble = "the code here has uncommitted changes; commit or stash them first"
    else:
        return []
    if not any_code:
        name = f"{version.name} v{version.version}"
        raise ModelError(f"{name} is not rebuilt: {trouble}. (--any-code tries all the same)")
    return [trouble]


def _has_same_patch(tags: Any, now: dict[str, str], project: Path) -> bool:
    """Tell whether the code here is the recorded commit with the recorded changes."""
    patch = read_patch(project)
    kept = bool(patch and patch.content and patch.tag == tags.get("git_patch"))
    return kept and now["git_commit"] == tags.get("git_commit")


def _describe_patch(version: Any, commit: str) -> str:
    """Say what is known of the uncommitted changes, and how to have them again."""
    said = f"it was made from uncommitted changes on top of {commit[:12]}"
    patch = version.tags.get("git_patch", "")
    if not re.fullmatch(r"[0-9a-f]{64}", patch):
        return f"{said}, which were {patch}" if patch else said
    return (
        f"{said}, which are kept. Make them again and reproduce there, with the same data and "
        f"tracking addresses: git worktree add ../rebuild {commit[:12]} && mlflow artifacts "
        f"download --run-id {version.run_id} --artifact-path {PATCH_FILE} --dst-path "
        f"../rebuild-patch && git -C ../rebuild apply ../rebuild-patch/{Path(PATCH_FILE).name}"
    )


def _compare_libraries(version: Any) -> list[str]:
    """Say which libraries are not those of the run that made the model."""
    from mlflow import MlflowClient, MlflowException

    try:
        then = MlflowClient().get_run(version.run_id).data.tags
    except MlflowException:
        return ["the run that made it is gone, so that its libraries are not known"]
    return [
        f"{name.removeprefix('version.')} was {then[name]} and is {here}"
        for name, here in describe_environment().items()
        if name in then and then[name] != here
    ]


def _read_declared(model: Model) -> tuple[ProblemSpec, TrainingSettings]:
    """Read the contract and the training as they were declared then."""
    try:
        problem = ProblemSpec.model_validate(model.settings["problem"])
        training = TrainingSettings.model_validate(model.settings["training"])
    except (KeyError, ValueError) as error:
        raise ModelError(
            f"{model} does not say, in a form known here, how it was declared."
        ) from error
    return problem, training


def refuse_distributed(model: Model) -> None:
    """Refuse a model whose trees learnt rows that its recorded sets do not hold.

    Raises:
        ModelError: The model is one.
    """
    if "distributed" in model.settings:
        raise ModelError(
            f"{model} was fitted on all rows on Spark (training.distributed), which are more than "
            "its recorded sets hold. It is rebuilt by `kedro run` on the same data and as_of."
        )


def _read_rows(version: Any, name: str, catalog: Any) -> pd.DataFrame:
    """Read a set as it was when the model was trained."""
    recorded = re.fullmatch(r"delta v(\d+)", version.tags.get(f"data.{name}", ""))
    if recorded is None:
        raise ModelError(f"{version.name} v{version.version} does not say its {name}'s version.")
    rows: pd.DataFrame = catalog.get(name).load_version(int(recorded[1]))
    return rows


def _train(
    recorded: Model,
    train: pd.DataFrame,
    selection: pd.DataFrame,
    problem: ProblemSpec,
    training: TrainingSettings,
    search: bool,
) -> Model:
    """Train as the pipeline does, with the recorded recipe or with a search of its own."""
    plan = nodes.diagnose_train_set(train, problem, training)
    training_context = TrainingContext(train, problem, training, plan)
    model_config = ModelConfig.from_dict(recorded.settings["recipe"])
    if search:
        found = nodes.search_candidates(train, plan, NoTrialStore(), problem, training)
        fitted = nodes.fit_finalists(train, plan, found, problem, training)
        board = nodes.compare_candidates(fitted, found, train, selection, problem, training)
        winner = nodes.choose_winner(
            fitted, board, found, plan, train, selection, problem, training
        )
    else:
        winner = complete_challenger(
            training_context, model_config, training_context.fit(model_config), selection
        )
    clock = str(Clock.model_validate(recorded.trained_on["as_of"]))
    return make_model(
        training_context,
        winner,
        selection,
        clock,
        None,
        profiled=True,
        reading=find_reading(problem.name),
    )


def _find_difference(
    names: pd.Series, before: np.ndarray, after: np.ndarray
) -> dict[str, Any] | None:
    differs = (before != after).reshape(len(before), -1).any(axis=1)
    if not differs.any():
        return None
    place = int(differs.argmax())
    recorded, rebuilt = (np.asarray(vector[place]).tolist() for vector in (before, after))
    return {"row": str(names.iloc[place]), "recorded": recorded, "rebuilt": rebuilt}


def _compare_papers(recorded: Model, again: Model) -> list[str]:
    """Name the parts of the description, beside predictions, that came out otherwise."""
    then, now = recorded.describe(), again.describe()
    if then["raw_schema"] is None:  # made before models carried one
        now["raw_schema"] = None
    return [name for name in then if name != "report" and str(then[name]) != str(now.get(name))]
