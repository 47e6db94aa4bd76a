"""What the model leans on and what more rows would bring: importances and learning curves."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from fullcircle.core.errors import DataError
from fullcircle.core.evaluation.intervals import Estimate
from fullcircle.core.metrics import METRICS, Vector


def permutation_importance(  # noqa: PLR0913 - what is scored, by what, and how often
    predict: Callable[[pd.DataFrame], Vector],
    inputs: pd.DataFrame,
    truth: Vector,
    metric: str,
    *,
    threshold: float | None = None,
    repeats: int,
    seed: int,
    max_rows: int,
    confidence: float = 0.95,
) -> list[dict[str, Any]]:
    """Measure by how much the score falls when the values of one column change rows.

    Columns that tell the same share their importance: each alone then seems to matter little.
    The interval is Student's around the mean of the repeats. Its spread is that of single repeats,
    each on rows drawn with replacement, so it holds for other rows too, and errs on the wide side.
    Source: Breiman, Machine Learning 45 (2001) 5-32; Fisher, Rudin and Dominici, JMLR 20 (2019).

    Args:
        predict: Gives predictions, shape (rows,) or (rows, classes), for rows of the inputs.
        inputs: Rows that did not train the model, shape (rows, columns).
        truth: Shape (rows,).
        metric: Name in METRICS.
        threshold: Probability from which a row counts as class 1, for a metric of decisions.
        repeats: Permutations of each column, 2 or more.
        seed: Seed of every draw.
        max_rows: From more rows, this many are drawn.
        confidence: Coverage of each interval.

    Returns:
        Per column, the most important first: ``column``, ``metric``, ``value`` (fall of the score
        in units of the metric, positive where the column helps), ``low``, ``high``, ``confidence``.

    Raises:
        DataError: There are no rows, or the score is undefined on them.
    """
    if not len(inputs):
        raise DataError("Importance by permutation needs at least one row.")
    rng = np.random.default_rng(seed)
    if len(inputs) > max_rows:
        kept = np.sort(rng.choice(len(inputs), max_rows, replace=False))
        inputs, truth = inputs.iloc[kept], truth[kept]
    intact = predict(inputs)
    if not np.isfinite(METRICS[metric](truth, intact, threshold)):
        raise DataError(f"{metric} is undefined on the rows to explain the model by.")
    stacked = pd.concat([inputs] * repeats, ignore_index=True)
    rows: list[dict[str, Any]] = []
    for column in inputs.columns:
        places = [rng.permutation(len(inputs)) for _ in range(repeats)]
        shuffled = stacked.assign(**{column: inputs[column].array.take(np.concatenate(places))})
        changed = np.split(predict(shuffled), repeats)
        score = partial(METRICS[metric], threshold=threshold)
        estimate = _estimate_fall(metric, score, truth, intact, changed, confidence, rng)
        rows.append({"column": str(column), "metric": metric, **estimate.as_dict()})
    return sorted(rows, key=lambda row: -row["value"])


def _estimate_fall(
    metric: str,
    score: Callable[[Vector, Vector], float],
    truth: Vector,
    intact: Vector,
    changed: list[Vector],
    confidence: float,
    rng: np.random.Generator,
) -> Estimate:
    def fall(predicted: Vector, rows: Any) -> float:
        before, after = (score(truth[rows], each[rows]) for each in (intact, predicted))
        return METRICS[metric].gain(before, after)

    mean = float(np.mean([fall(predicted, slice(None)) for predicted in changed]))
    draws = [fall(predicted, rng.integers(0, len(truth), len(truth))) for predicted in changed]
    if (defined := int(np.isfinite(draws).sum())) < 2:
        return Estimate(mean, float("-inf"), float("inf"), confidence)
    reach = stats.t.ppf((1 + confidence) / 2, defined - 1) * np.nanstd(draws, ddof=1)
    return Estimate(mean, float(mean - reach), float(mean + reach), confidence)


def learning_curve(
    fit_and_score: Callable[[int], Estimate],
    rows: int,
    shares: tuple[float, ...] = (0.1, 0.2, 0.4, 0.7, 1.0),
) -> list[dict[str, Any]]:
    """Score the model fitted on ever more rows; a curve still rising says that more would help.

    Args:
        fit_and_score: Fits on the given number of rows and scores on rows held apart, always the
            same.
        rows: Rows there are to fit on.
        shares: Shares of the rows to fit on.

    Returns:
        Per size, the smallest first: ``rows`` and the score's ``value``, ``low``, ``high`` and
        ``confidence``; or ``rows`` and the ``reason`` why so few rows could not be fitted on.
    """
    points: list[dict[str, Any]] = []
    for size in sorted({max(1, round(share * rows)) for share in shares}):
        try:
            points.append({"rows": size, **fit_and_score(size).as_dict()})
        except DataError as error:
            points.append({"rows": size, "reason": str(error)})
    return points
