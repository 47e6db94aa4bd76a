"""From a training set to a challenger, chosen on rows that did not train it."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from fullcircle.core.contract import Clock, ProblemSpec
from fullcircle.core.evaluation import find_threshold
from fullcircle.core.gate import GateSettings
from fullcircle.core.metrics import METRICS, score_all
from fullcircle.core.models.model import Model
from fullcircle.core.models.prediction import as_inputs, predict
from fullcircle.core.parsing.raw_schema import RawSchema, name_missing_values
from fullcircle.core.preparation import diagnose_columns
from fullcircle.core.profile.table_statistics import describe_columns, describe_head
from fullcircle.core.training.challenger import SelectedModel, complete_challenger, make_model
from fullcircle.core.training.context import TrainingContext, name_finalists
from fullcircle.core.training.distributed import FullFit
from fullcircle.core.training.estimators import refuse_single_class
from fullcircle.core.training.failures import find_failures, list_excluded
from fullcircle.core.training.finalists import find_winner
from fullcircle.core.training.model_config import ModelConfig
from fullcircle.core.training.settings import TrainingSettings
from fullcircle.core.training_data.splits import split_rows
from fullcircle.problems import find_raw_schema, find_reading
from fullcircle.reporting.notebook import NotebookFacts, write_notebook


def split_training_set(
    training_set: pd.DataFrame, problem: ProblemSpec
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Divide the training set into train, selection and gate rows, each row in one of them."""
    order = [*filter(None, [problem.event_time]), problem.row_id]
    sets = split_rows(training_set.sort_values(order, ignore_index=True), problem)
    return sets["train"], sets["selection"], sets["gate"]


def describe_train_set(train_set: pd.DataFrame) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Give the first rows of the train set, and what each column holds."""
    return describe_head(train_set), describe_columns(train_set)


def diagnose_train_set(
    train_set: pd.DataFrame,
    problem: ProblemSpec,
    training: TrainingSettings,
    raw_schema: RawSchema | None = None,
) -> list[dict[str, Any]]:
    """Say of each feature what it is, what becomes of it, why, and what means missing in it.

    Raises:
        DataError: The label has a single class, no column is of use, or one that gives the label
            away is refused by policy.
    """
    label = train_set[problem.label]
    refuse_single_class(problem.task, label)
    plan = diagnose_columns(
        train_set[problem.features],
        label,
        problem.task,
        training.preparation,
        event_time=train_set[problem.event_time] if problem.event_time else None,
    )
    return name_missing_values(plan, raw_schema or find_raw_schema(problem.name))


def search_candidates(
    train_set: pd.DataFrame,
    preparation_report: list[dict[str, Any]],
    search_journal: Any,
    problem: ProblemSpec,
    training: TrainingSettings,
) -> dict[str, Any]:
    """Search families and parameters under cross-validation on the train set.

    Returns:
        Trials, which families failed and why, the finalists' recipes (the simplest first), and
        where the seconds went.
    """
    from fullcircle.core.training.search import Search

    training_context = TrainingContext(train_set, problem, training, preparation_report).bounded()
    validation = training_context.cross_validate()
    families = training.families(problem.task, ordered=problem.split.by == "time")
    journal = search_journal.open(training_context.fingerprint())
    search = Search(validation, families, training.search, training.seed, journal)
    trials = search.run()
    seconds = search.account_for_time()
    finalists = name_finalists(trials, validation, training)
    failures = find_failures([asdict(trial) for trial in trials])
    return {
        "rows": len(training_context.rows),
        "folds": validation.count,
        "metric": problem.primary_metric,
        "trials": [asdict(trial) for trial in trials],
        "failures": failures,
        "families_excluded": len(list_excluded(failures)),
        "finalists": [model_config.as_dict() for model_config in finalists],
        "seconds": seconds,
    }


def fit_finalists(
    train_set: pd.DataFrame,
    preparation_report: list[dict[str, Any]],
    search_report: dict[str, Any],
    problem: ProblemSpec,
    training: TrainingSettings,
) -> dict[str, Any]:
    """Fit every finalist on the train set, the simplest first."""
    training_context = TrainingContext(train_set, problem, training, preparation_report)
    model_configs = [ModelConfig.from_dict(values) for values in search_report["finalists"]]
    return {model_config.name: training_context.fit(model_config) for model_config in model_configs}


def compare_candidates(
    candidates: dict[str, Any],
    search_report: dict[str, Any],
    train_set: pd.DataFrame,
    selection_set: pd.DataFrame,
    problem: ProblemSpec,
    training: TrainingSettings,
) -> list[dict[str, Any]]:
    """Score every finalist on the selection set and choose, of those that tie, the simplest.

    Decisions are scored at each finalist's own threshold, chosen as the contract declares it on
    the same selection rows.

    Returns:
        One row per finalist, best first: its name, the primary metric with its interval, all
        metrics there and on the train rows that it was fitted on, its threshold, its score in the
        search, how far it is behind and whether it was ``chosen``.
    """
    inputs = as_inputs(selection_set, problem.features)
    truth = selection_set[problem.label].to_numpy()
    predicted = {name: predict(each, problem.task, inputs) for name, each in candidates.items()}
    thresholds = {
        name: find_threshold(problem.threshold, truth, each) for name, each in predicted.items()
    }
    model_configs = [ModelConfig.from_dict(values) for values in search_report["finalists"]]
    winner, standing = find_winner(
        model_configs,
        predicted,
        truth,
        problem.primary_metric,
        thresholds=thresholds,
        standard_errors=training.tie_standard_errors,
        resamples=training.bootstrap_resamples,
        confidence=training.confidence,
        seed=training.seed,
    )
    in_search = {model_config.name: model_config.cv_score for model_config in model_configs}
    taught = TrainingContext(train_set, problem, training, []).bounded()
    also = [problem.primary_metric]
    rows = [
        {
            "candidate": name,
            "chosen": name == winner,
            "metric": problem.primary_metric,
            "cv_score": in_search[name],
            **standing[name],
            "threshold": thresholds[name],
            "scores": score_all(problem.task, truth, vector, thresholds[name], also=also),
            "train_scores": taught.score(candidates[name], thresholds[name]),
        }
        for name, vector in predicted.items()
    ]
    sign = -1 if METRICS[problem.primary_metric].greater_is_better else 1
    return sorted(rows, key=lambda row: sign * row["value"])


def record_candidates(
    search_report: dict[str, Any], leaderboard: list[dict[str, Any]], training: TrainingSettings
) -> dict[str, Any]:
    """Give each finalist's parameters and scores and its family's trials, for one nested run each.

    A family's trials go to its tuned self, where there is one.
    """
    rows = {row["candidate"]: row for row in leaderboard}
    records: dict[str, Any] = {}
    families: dict[str, str] = {}
    for model_config in search_report["finalists"]:
        row = rows[model_config["name"]]
        records[model_config["name"]] = {
            "parameters": {"seed": training.seed, **model_config["parameters"]},
            "metrics": {
                **row["scores"],
                # A leaderboard of an earlier version, read again, does not tell of the train rows.
                **{f"train.{name}": score for name, score in row.get("train_scores", {}).items()},
            },
            "tags": {"family": model_config["candidate"], "chosen": str(row["chosen"]).lower()},
            "metric": search_report["metric"],
        }
        if not model_config["dropped"]:
            families[model_config["candidate"]] = model_config["name"]
    for family, name in families.items():
        trials = [trial for trial in search_report["trials"] if trial["candidate"] == family]
        records[name]["trials"] = [{**trial, "params": trial["parameters"]} for trial in trials]
    return records


def choose_winner(
    candidates: dict[str, Any],
    leaderboard: list[dict[str, Any]],
    search_report: dict[str, Any],
    preparation_report: list[dict[str, Any]],
    train_set: pd.DataFrame,
    selection_set: pd.DataFrame,
    problem: ProblemSpec,
    training: TrainingSettings,
) -> SelectedModel:
    """Give the chosen finalist with calibrated probabilities and its decision threshold."""
    [name] = [row["candidate"] for row in leaderboard if row["chosen"]]
    model_configs = [ModelConfig.from_dict(values) for values in search_report["finalists"]]
    [model_config] = [model_config for model_config in model_configs if model_config.name == name]
    training_context = TrainingContext(train_set, problem, training, preparation_report)
    return complete_challenger(training_context, model_config, candidates[name], selection_set)


def assess_winner(
    winner: SelectedModel,
    leaderboard: list[dict[str, Any]],
    search_report: dict[str, Any],
    preparation_report: list[dict[str, Any]],
    train_set: pd.DataFrame,
    selection_set: pd.DataFrame,
    problem: ProblemSpec,
    training: TrainingSettings,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Report on the winner by the selection rows, and draw what the report says."""
    from fullcircle.core.training.assessment import assess
    from fullcircle.reporting.figures.training import draw_figures

    training_context = TrainingContext(train_set, problem, training, preparation_report).bounded()
    report = assess(training_context, winner, selection_set)
    report["failures"] = search_report.get("failures", [])
    inputs = as_inputs(selection_set, problem.features)
    figures = draw_figures(
        report,
        problem.task,
        selection_set[problem.label].to_numpy(),
        predict(winner.estimator, problem.task, inputs),
        leaderboard,
        search_report["trials"],
    )
    return report, figures


def make_challenger(  # noqa: PLR0913, PLR0917 - all that the model is to know of itself
    winner: SelectedModel,
    preparation_report: list[dict[str, Any]],
    train_set: pd.DataFrame,
    selection_set: pd.DataFrame,
    problem: ProblemSpec,
    training: TrainingSettings,
    as_of: Clock,
    evaluation_report: dict[str, Any] | None = None,
    full_fits: Sequence[FullFit] = (),
    *,
    profiled: bool = True,
) -> Model:
    """Make the winner a model: fitted on all rows but the gate's, with all that is known of it.

    It carries how raw values are read. Without a profile of its inputs nobody can monitor it, and
    it is made faster; without a report its card says less.
    """
    return make_model(
        TrainingContext(train_set, problem, training, preparation_report),
        winner,
        selection_set,
        str(as_of),
        evaluation_report,
        profiled=profiled,
        full_fit=next(iter(full_fits), None),
        reading=find_reading(problem.name),
    )


def write_challenger_notebook(
    challenger: Model,
    preparation_report: list[dict[str, Any]],
    leaderboard: list[dict[str, Any]],
    data_versions: dict[str, dict[str, Any]],
    problem: ProblemSpec,
    training: TrainingSettings,
    gate: GateSettings,
) -> str:
    """Write the challenger as a notebook that a person can run, read and edit."""
    facts = NotebookFacts(
        model=challenger,
        plan=preparation_report,
        leaderboard=leaderboard,
        places=data_versions,
        problem=problem,
        training=training,
        gate=gate,
    )
    return write_notebook(facts)
