"""Tests of importances and learning curves."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fullcircle.core.errors import DataError
from fullcircle.core.evaluation.importance import learning_curve, permutation_importance
from fullcircle.core.evaluation.intervals import Estimate


def draw(seed: int, rows: int = 400) -> tuple[pd.DataFrame, np.ndarray]:
    """Values that are twice ``strong`` plus ``weak``; a text, and a number that tells nothing."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "nothing": rng.normal(size=rows),
            "weak": rng.normal(size=rows),
            "strong": rng.normal(size=rows),
            "text": rng.choice(["x", "y"], rows),
        }
    )
    return frame, 2 * frame["strong"].to_numpy() + frame["weak"].to_numpy()


def model(frame: pd.DataFrame) -> np.ndarray:
    return 2 * frame["strong"].to_numpy() + frame["weak"].to_numpy()


def explain(seed: int = 0, metric: str = "rmse", **changes: Any) -> list[dict[str, Any]]:
    frame, truth = draw(seed)
    truth = truth + np.random.default_rng(seed).normal(size=len(truth))
    settings = {"repeats": 10, "seed": 1, "max_rows": 1000, "confidence": 0.9, **changes}
    return permutation_importance(model, frame, truth, metric, **settings)


def test_columns_are_ranked_by_what_they_bring() -> None:
    """The column with the larger weight leads; one that the model ignores is worth 0."""
    rows = explain()
    assert [row["column"] for row in rows[:2]] == ["strong", "weak"]
    assert rows[0]["low"] > rows[1]["high"] > rows[1]["low"] > 0
    assert {row["column"] for row in rows[2:]} == {"nothing", "text"}
    assert all(row["value"] == row["low"] == row["high"] == 0 for row in rows[2:])


def test_importance_is_in_units_of_the_metric() -> None:
    """Shuffling a column of weight 2 and variance 1 raises the mean error to its known value.

    The residual then has variance 1 + 2 * 4 rather than 1, so the RMSE rises from 1 to 3.
    """
    [strong] = [row for row in explain() if row["column"] == "strong"]
    assert strong["value"] == pytest.approx(2, abs=0.2)
    assert strong["low"] < 2 < strong["high"]


def test_intervals_cover_the_true_importance() -> None:
    """Of 90 % intervals over fresh rows, at least 90 in 100 hold the true fall of the score."""
    hits = 0
    for seed in range(60):
        [strong] = [row for row in explain(seed, repeats=5) if row["column"] == "strong"]
        hits += strong["low"] <= 2 <= strong["high"]
    assert hits >= 50


@pytest.mark.parametrize("metric", ["rmse", "r2"])
def test_a_needed_column_has_positive_importance(metric: str) -> None:
    """Importance is positive whatever the metric's direction."""
    assert explain(metric=metric)[0]["value"] > 0


def test_inputs_stay_as_they_are() -> None:
    """Neither the frame nor its types change, and the same seed gives the same numbers."""
    frame, truth = draw(1)
    before = frame.copy()
    settings: dict[str, Any] = {"repeats": 3, "seed": 1, "max_rows": 100}
    seen: list[Any] = []

    def spy(rows: pd.DataFrame) -> np.ndarray:
        seen.append((list(rows.columns), rows.dtypes.to_dict(), len(rows)))
        return model(rows)

    first = permutation_importance(spy, frame, truth, "rmse", **settings)
    assert first == permutation_importance(spy, frame, truth, "rmse", **settings)
    pd.testing.assert_frame_equal(frame, before)
    assert {n for _, _, n in seen} == {100, 300}
    assert all(c == list(frame) and d == frame.dtypes.to_dict() for c, d, _ in seen)
    json.dumps(first, allow_nan=False)


def test_rows_without_a_score_are_refused() -> None:
    """No rows, or one class, where the score is undefined, are refused in one line."""
    frame, truth = draw(1)
    settings: dict[str, Any] = {"repeats": 3, "seed": 1, "max_rows": 100}
    with pytest.raises(DataError, match="at least one row"):
        permutation_importance(model, frame[:0], truth[:0], "rmse", **settings)
    with pytest.raises(DataError, match="roc_auc is undefined"):
        permutation_importance(model, frame, np.ones(400), "roc_auc", **settings)


def test_a_learning_curve_has_a_point_per_size() -> None:
    """Sizes are the shares of the rows, each once, in order, with the score found there."""
    points = learning_curve(lambda n: Estimate(n / 10, 0.0, 1.0, 0.9), 10, (1.0, 0.5, 0.52, 0.01))
    assert [(p["rows"], p["value"]) for p in points] == [(1, 0.1), (5, 0.5), (10, 1.0)]
    assert points[0]["confidence"] == 0.9


def test_sizes_that_cannot_be_fitted_say_why() -> None:
    """Too few rows to fit on leave a point with the reason; any other error is not hidden."""

    def fit(rows: int) -> Estimate:
        if rows < 5:
            raise DataError("a single class")
        return Estimate(0.7, 0.6, 0.8, 0.95)

    points = learning_curve(fit, 10, (0.1, 1.0))
    assert points[0] == {"rows": 1, "reason": "a single class"}
    assert points[1]["value"] == 0.7
    with pytest.raises(ZeroDivisionError):
        learning_curve(lambda rows: Estimate(1 / (rows - rows), 0, 0, 0.9), 10)
