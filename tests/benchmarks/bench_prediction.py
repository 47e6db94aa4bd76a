"""Prediction by a chosen estimator, beside scikit-learn's own pipeline and XGBoost alone.

Run: python tests/benchmarks/bench_prediction.py [--rows 1000000] [--repeats 3]
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from xgboost import XGBClassifier

from fullcircle.core.models.prediction import as_inputs, predict
from fullcircle.core.preparation import PreparationSettings, diagnose_columns
from fullcircle.core.training.estimators import assemble, fit

_TEXTS, _NUMBERS = 15, 4


def draw(rows: int, seed: int) -> tuple[pd.DataFrame, pd.Series]:
    """Draw rows shaped as Telco's: 15 texts of three values and 4 numbers."""
    rng = np.random.default_rng(seed)
    values = np.array(["no", "yes", "not asked"], dtype=object)
    texts = {f"text_{n}": values[rng.integers(0, 3, rows)] for n in range(_TEXTS)}
    numbers = {f"number_{n}": rng.normal(size=rows) for n in range(_NUMBERS)}
    frame = pd.DataFrame({**texts, **numbers})
    chance = 1 / (1 + np.exp(-frame["number_0"] - (frame["text_0"] == "yes")))
    return frame, pd.Series((rng.random(rows) < chance).astype(int), name="label")


def clock(work: Callable[[], Any], repeats: int) -> float:
    """Give the median of the seconds."""
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return float(np.median(seconds))


def main(rows: int, repeats: int) -> None:
    """Fit the same XGBoost in both layouts and predict one row and many."""
    frame, label = draw(7_000, seed=1)
    names, settings = list(frame.columns), PreparationSettings()
    parameters = {"n_estimators": 200, "max_depth": 3}
    plan = diagnose_columns(as_inputs(frame, names), label, "binary", settings)
    ours = assemble("xgboost", "binary", 1, parameters, plan, settings)
    fit(ours, as_inputs(frame, names), label)
    texts = [name for name in names if name.startswith("text")]
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), texts), remainder="passthrough"
    )
    reference = make_pipeline(encode, XGBClassifier(**parameters, n_jobs=1)).fit(frame, label)
    many, _ = draw(rows, seed=2)
    one = many.iloc[[0]]
    matrix = ours[1].transform(ours[0].transform(as_inputs(many, names))).astype("float32")
    booster = ours[-1].get_booster()
    for what, given, times, floats in (
        ("one row", one, 100 * repeats, matrix[:1]),
        (f"{rows:,} rows", many, repeats, matrix),
    ):
        mine = clock(lambda g=given: predict(ours, "binary", as_inputs(g, names)), times)
        theirs = clock(lambda g=given: reference.predict_proba(g), times)
        alone = clock(lambda f=floats: booster.inplace_predict(f), times)
        print(
            f"{what}: ours {mine * 1e3:.2f} ms, scikit-learn's pipeline {theirs * 1e3:.2f} ms "
            f"({theirs / mine:.2f} x ours), XGBoost on a ready matrix {alone * 1e3:.2f} ms"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    main(given.rows, given.repeats)
