"""Tests of what travels from training to scoring."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fullcircle.core.contract import FeatureLookup
from fullcircle.core.errors import ModelError
from fullcircle.core.models.model import Model, Registration


class Echo:
    """An estimator that gives the column ``price`` back."""

    def predict(self, inputs: pd.DataFrame) -> Any:
        return inputs["price"]

    def predict_proba(self, inputs: pd.DataFrame) -> Any:
        return np.column_stack([1 - inputs["price"], inputs["price"]])


def make_model(**changes: Any) -> Model:
    fields: dict[str, Any] = {
        "estimator": Echo(),
        "candidate": "echo",
        "task": "binary",
        "features": ["price", "colour"],
        "lookups": [FeatureLookup(table="t", keys={"a": "b"}, columns={"c": "colour"})],
        "threshold": 0.5,
        "settings": {"seed": 1},
        "scores": {"roc_auc": 0.5},
        "trained_on": {"rows": 3},
        "profile": {"rows": 3, "columns": {}},
        "report": {"metric": "roc_auc", "rows": 3},
        "example": pd.DataFrame({"price": [0.5], "colour": ["red"]}),
    }
    return Model(**{**fields, **changes})


ROWS = pd.DataFrame({"colour": ["red"] * 3, "price": [0.2, 0.5, 0.7], "order_id": [1, 2, 3]})


def test_a_model_predicts_rows_with_other_columns() -> None:
    """Columns that are no features, and the order of columns, mean nothing."""
    assert make_model().predict(ROWS).tolist() == [0.2, 0.5, 0.7]
    assert make_model(task="regression").predict(ROWS).tolist() == [0.2, 0.5, 0.7]


def test_a_missing_feature_is_named() -> None:
    """A feature that the rows lack is named with its nearest and with the model."""
    with pytest.raises(ModelError, match=r"unregistered echo needs the column 'colour' \(nearest"):
        make_model().predict(ROWS.rename(columns={"colour": "color"}))


def test_a_probability_on_the_threshold_is_a_yes() -> None:
    """From the threshold on, the decision is class 1."""
    decided = make_model().decide(np.array([0.49999, 0.5, 0.50001]))
    assert decided.tolist() == [0, 1, 1]
    assert decided.dtype == np.int64


def test_decisions_fit_the_task() -> None:
    """Of several classes the likeliest is decided; a value stays what it is."""
    several = np.array([[0.2, 0.5, 0.3], [0.6, 0.2, 0.2]])
    assert make_model(task="multiclass", threshold=None).decide(several).tolist() == [1, 0]
    values = np.array([1.5, -2.0])
    assert make_model(task="regression", threshold=None).decide(values) is values


def test_a_description_survives_json() -> None:
    """What a model says of itself is plain, and rebuilds the model from it."""
    model = make_model()
    told = json.loads(json.dumps(model.describe()))
    rebuilt = Model.from_description(told, model.estimator, model.example)
    # From Python 3.13 on, == of dataclasses asks each field, and frames have no one answer.
    assert rebuilt.describe() == model.describe()
    assert rebuilt.estimator is model.estimator
    assert rebuilt.example is model.example
    assert rebuilt.lookups[0].renaming == {"c": "colour"}


def test_a_description_of_an_older_version_is_read() -> None:
    """What an older version did not say of itself is None, and no reason to refuse it."""
    told = make_model().describe()
    for name in ("expected", "event_time", "report"):
        del told[name]
    rebuilt = Model.from_description(told, None, ROWS)
    assert (rebuilt.expected, rebuilt.event_time, rebuilt.report) == (None, None, None)


def test_registration_changes_a_copy() -> None:
    """Registering gives the same model with its name, and leaves the first one unregistered."""
    model = make_model()
    registered = model.registered_as(Registration("a.b.c", "7", "run"))
    assert str(registered) == "a.b.c v7"
    assert str(model) == "unregistered echo"
    assert registered.describe() == model.describe()
