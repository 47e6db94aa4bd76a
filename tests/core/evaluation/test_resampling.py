"""Tests of scores on resamples: the fast way is the metric itself."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fullcircle.core.evaluation import intervals, resample_metric
from fullcircle.core.metrics import METRICS, Vector


def draw(metric: str, rows: int, rng: np.random.Generator) -> tuple[Vector, Vector]:
    """Labels and predictions with many ties, certain ones among them."""
    [task, *_] = METRICS[metric].tasks
    if task == "regression":
        return rng.normal(size=rows).round(1), rng.normal(size=rows).round(1)
    if task == "binary":
        return rng.integers(0, 2, rows), rng.integers(0, 6, rows) / 5
    shares = rng.integers(0, 3, (rows, 3)) + np.array([1, 0, 0])
    return rng.integers(0, 3, rows), shares / shares.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("metric", METRICS)
@given(seed=st.integers(0, 10_000), rows=st.integers(2, 40))
@settings(max_examples=60, deadline=None)
def test_the_fast_score_of_a_resample_is_the_metric_of_its_rows(
    metric: str, seed: int, rows: int
) -> None:
    """For any rows drawn with replacement the score is scikit-learn's, or both are undefined."""
    rng = np.random.default_rng(seed)
    truth, predicted = draw(metric, rows, rng)
    score = METRICS[metric].prepare(truth, predicted, 0.5)
    chosen = rng.integers(0, rows, (5, rows))
    expected = [METRICS[metric](truth[one], predicted[one], 0.5) for one in chosen]
    assert score(chosen) == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_the_auc_of_a_resample_is_the_same_to_the_last_bit() -> None:
    """Ranks are whole numbers, so that both ways to the AUC end in the same number."""
    rng = np.random.default_rng(0)
    truth, predicted = draw("roc_auc", 500, rng)
    score = METRICS["roc_auc"].prepare(truth, predicted)
    chosen = rng.integers(0, 500, (50, 500))
    expected = [METRICS["roc_auc"](truth[one], predicted[one]) for one in chosen]
    assert score(chosen).tolist() == expected


def test_many_rows_are_drawn_piece_by_piece_with_the_same_result() -> None:
    """How many resamples lie in memory at a time changes no number."""
    truth, predicted = draw("roc_auc", 301, np.random.default_rng(0))
    whole = resample_metric("roc_auc", truth, predicted, resamples=50, seed=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(intervals, "_AT_ONCE", 1000)
        pieces = resample_metric("roc_auc", truth, predicted, resamples=50, seed=1)
    assert (whole.draws == pieces.draws).all()


@pytest.mark.parametrize("metric", METRICS)
def test_unequal_lengths_are_refused(metric: str) -> None:
    """Rows that do not belong to each other are not scored."""
    truth, predicted = draw(metric, 10, np.random.default_rng(0))
    with pytest.raises(ValueError, match="10 labels and 9 predictions"):
        resample_metric(metric, truth, predicted[:9], threshold=0.5, resamples=5, seed=0)
