"""A model that was made elsewhere, with all that ours know of themselves: scored, not trained."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from fullcircle.core.contract import ProblemSpec
from fullcircle.core.errors import DataError, ModelError, name_missing
from fullcircle.core.models.adopted import AdoptedEstimator
from fullcircle.core.models.model import Model
from fullcircle.core.models.prediction import as_inputs, predict
from fullcircle.core.training.model_facts import (
    compute_baseline,
    decide_and_score,
    profile_model,
    select_example,
)
from fullcircle.core.training.settings import TrainingSettings
from fullcircle.core.training_data.splits import describe_split


@dataclass(frozen=True)
class AdoptionClaims:
    """What a person says of a model, since its files do not say it.

    Attributes:
        source: Address that it was taken from.
        flavour: Name of its kind of model.
        trained_until: Moment of its last training row, ISO 8601; for a contract with a history.
        held_out: How the person knows that no gate row taught it; for a contract without one.
        as_of: The clock of the adoption.
    """

    source: str
    flavour: str
    trained_until: str | None
    held_out: str | None
    as_of: str


def check_claims(claims: AdoptionClaims, problem: ProblemSpec) -> None:
    """Refuse an adoption that leaves open which rows taught the model.

    Raises:
        DataError: Names the option that says it.
    """
    if problem.split.by == "time" and claims.trained_until is None:
        raise DataError(
            "The gate needs to know which rows taught the model. Give --trained-until, the date of "
            "its newest training row."
        )
    if problem.split.by == "key" and not claims.held_out:
        raise DataError(
            "The gate needs rows that did not teach the model. Give --held-out, in words: how you "
            "know that no row of the gate set was among its training rows."
        )


def check_columns(columns: dict[str, str], problem: ProblemSpec) -> None:
    """Refuse a model that asks for columns which the contract does not offer.

    Raises:
        DataError: Names each such column.
    """
    if missing := name_missing(columns, problem.features):
        raise DataError(
            f"The model asks for {missing}, which the contract of {problem.name} does not offer. "
            f"Its features: {', '.join(problem.features)}."
        )


def describe_adopted(
    estimator: AdoptedEstimator,
    train_set: pd.DataFrame,
    selection_set: pd.DataFrame,
    problem: ProblemSpec,
    training: TrainingSettings,
    claims: AdoptionClaims,
) -> Model:
    """Describe a foreign model: its scores and threshold on the selection rows, its profile.

    Raises:
        ModelError: It cannot predict the contract's rows, or not as the contract needs it.
        DataError: There are no rows.
    """
    if train_set.empty or selection_set.empty:
        raise DataError("There are no train and selection rows. Make them first: kedro run.")
    features = list(estimator.columns)
    inputs = as_inputs(selection_set, features)
    predicted = _predict(estimator, inputs, selection_set[problem.label], problem)
    truth = selection_set[problem.label].to_numpy()
    example = select_example(as_inputs(train_set.head(1000), features))
    lookups = [
        lookup
        for lookup in problem.feature_lookups
        if set(lookup.renaming.values()) & set(features)
    ]
    return Model(
        estimator=estimator,
        candidate=f"adopted {claims.flavour}",
        task=problem.task,
        features=features,
        lookups=lookups,
        event_time=problem.event_time,
        settings={
            "adopted": {
                "from": claims.source,
                "flavour": claims.flavour,
                "columns": estimator.columns,
                "held_out": claims.held_out,
            },
            "problem": problem.model_dump(mode="json"),
        },
        trained_on=_describe_training(train_set, problem, claims),
        profile=profile_model(
            problem, as_inputs(train_set, features), train_set, selection_set, predicted
        ),
        example=example,
        expected=predict(estimator, problem.task, example).tolist(),
        **decide_and_score(problem, training, truth, predicted),
    )


def _predict(
    estimator: AdoptedEstimator, inputs: pd.DataFrame, label: pd.Series, problem: ProblemSpec
) -> np.ndarray:
    """Predict rows, and refuse what are no predictions of the contract's kind."""
    classes = sorted(label.unique().tolist())
    if problem.task != "regression" and estimator.classes not in (None, classes):
        raise ModelError(
            f"The model's classes are {estimator.classes}, the contract's {classes}, in this order."
        )
    try:
        found = predict(estimator, problem.task, inputs)
    except Exception as error:  # whatever a foreign model raises
        raise ModelError(f"The model cannot predict the selection rows: {error}") from error
    wanted = (len(inputs), len(classes)) if problem.task == "multiclass" else (len(inputs),)
    if found.shape != wanted:
        raise ModelError(f"The model gives values of shape {found.shape}, needed is {wanted}.")
    if not np.isfinite(found).all():
        raise ModelError("The model gives values that are not finite for some selection rows.")
    if problem.task != "regression":
        _refuse_no_probabilities(found)
    return found


def _refuse_no_probabilities(found: np.ndarray) -> None:
    if found.min() < 0 or found.max() > 1:
        raise ModelError("The model gives values below 0 or above 1, which are no probabilities.")
    if np.isin(found, (0.0, 1.0)).all():
        raise ModelError(
            "The model gives classes, not probabilities. Log it with a function that gives them, "
            "such as pyfunc_predict_fn='predict_proba'."
        )


def _describe_training(
    train_set: pd.DataFrame, problem: ProblemSpec, claims: AdoptionClaims
) -> dict[str, Any]:
    """Say of the training what a person claims; the baseline is that of our own train rows."""
    facts = {
        "as_of": claims.as_of,
        "split": describe_split(problem),
        "baseline": compute_baseline(problem, train_set[problem.label]),
    }
    return facts if claims.trained_until is None else {**facts, "last": claims.trained_until}
