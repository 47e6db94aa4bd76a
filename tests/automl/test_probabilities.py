"""Probabilities of the chosen model against those that the simulator drew by."""

import numpy as np
import pandas as pd
import pytest

from fullcircle import automl
from fullcircle.problems.telco_churn.simulator import ChurnSimulator

pytestmark = pytest.mark.untraced
ROWS = 10_000
MONTH = pd.Timestamp("2024-01-01", tz="UTC")


def draw(seed: int, rows: int) -> pd.DataFrame:
    simulator = ChurnSimulator(seed=seed, first_month="2024-01-01", months=1, rows_per_month=rows)
    return simulator.draw(MONTH, rows)


def test_predicted_probabilities_are_the_true_ones_in_every_decile() -> None:
    """In each decile the mean prediction is within sampling error of the mean true probability.

    The error allowed is that of a share observed among a tenth of the rows that there were to
    learn from, at 99 % over the ten deciles together.
    """
    known, fresh = draw(1, ROWS), draw(2, 40_000)
    result = automl.classify(
        known.drop(columns=["probability", "customerID"]),
        "Churn",
        seconds=None,
        trials=4,
        track=False,
        folder=None,
        candidates=["logistic_regression", "xgboost"],
    )
    predicted = pd.Series(result.predict_proba(fresh)[:, 1])
    decile = pd.qcut(predicted.rank(method="first"), 10, labels=False)
    said = predicted.groupby(decile).mean()
    true = fresh["probability"].groupby(decile.to_numpy()).mean()
    error = np.sqrt(true * (1 - true) / (ROWS / 10))
    assert ((said - true).abs() / error).max() < 3.29
    assert said.iloc[-1] - said.iloc[0] > 0.4
