"""What the rows prove of their columns: which repeat each other, and which give the label away."""

import hashlib
from collections.abc import Iterable

import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.preprocessing import TargetEncoder
from sklearn.tree import DecisionTreeRegressor

from fullcircle.core.preparation.reader import Vector

MAX_ROWS = 5000
_MIN_ROWS = 30  # fewer rows can be ordered right by chance
_MIN_CLASS_ROWS = 10
_MAX_CLASSES = 20
_MIN_BINS, _MAX_BINS, _ROWS_IN_A_BIN = 6, 32, 25
_COLUMNS_AT_ONCE = 256
_FIRST_ROWS = 500
# Bins blur what a tree sees sharply, so whatever passes this share of the limit is looked at again.
_BLURRED = 0.5
_FOLDS = KFold(5, shuffle=True, random_state=0)
_MIX = np.uint64(0x9E3779B97F4A7C15)


def choose_rows(columns: Iterable[Vector], label: Vector, *, classes: bool) -> Vector:
    """Choose at most 5,000 rows, and their order, by what they hold and not by where they stand.

    Args:
        columns: Arrays of floats or texts, one value a row.
        label: One value a row.
        classes: Take as many rows of each class as there are, so that a rare one is seen.

    Returns:
        Positions of the chosen rows.
    """
    key = pd.util.hash_array(np.asarray(label))
    for values in columns:
        key = key * _MIX + pd.util.hash_array(values)
    # Equal rows are told apart by number, or else all or none of them would be chosen.
    repeat = pd.Series(key).groupby(key).cumcount().to_numpy(dtype="uint64")
    order = np.argsort(pd.util.hash_array(key + repeat * _MIX), kind="stable")
    if classes:
        nth = pd.Series(label[order]).groupby(label[order]).cumcount()
        order = order[np.argsort(nth.to_numpy(), kind="stable")]
    return np.asarray(order[:MAX_ROWS])


def find_duplicates(columns: dict[str, Vector]) -> dict[str, str]:
    """Find the columns that hold what an earlier column holds: ``{column: earlier column}``."""
    first: dict[tuple[str, str], str] = {}
    found = {}
    for name, values in columns.items():
        hashed = pd.util.hash_array(values) if values.dtype == object else values + 0.0
        digest = hashlib.blake2b(hashed.tobytes()).hexdigest()
        earlier = first.setdefault((values.dtype.kind, digest), name)
        if earlier != name:
            found[name] = earlier
    return found


def find_collinear(numbers: Vector, limit: float) -> dict[int, tuple[int, float]]:
    """Find the columns that follow an earlier one in a line.

    Args:
        numbers: Shape (rows, columns); NaN counts as the mean.
        limit: Absolute correlation above which a column repeats the earlier one.

    Returns:
        ``{column: (earlier column, absolute correlation)}``; no earlier column is itself found.
    """
    unit, few = _standardise(numbers), _standardise(numbers[:_FIRST_ROWS])
    loose = 1 - 10 * (1 - limit)
    found: dict[int, tuple[int, float]] = {}
    for start in range(0, numbers.shape[1], _COLUMNS_AT_ONCE):
        stop = min(start + _COLUMNS_AT_ONCE, numbers.shape[1])
        near = np.abs(few[:, start:stop].T @ few[:, :stop]) > loose
        for column in np.flatnonzero(near.any(axis=1)) + start:
            earlier = [n for n in np.flatnonzero(near[column - start, :column]) if n not in found]
            strength = np.abs(unit[:, earlier].T @ unit[:, column])
            if above := np.flatnonzero(strength > limit).tolist():
                found[int(column)] = (int(earlier[above[0]]), float(strength[above[0]]))
    return found


def _standardise(numbers: Vector) -> Vector:
    """Centre each column and give it length 1; a column without spread becomes zeros."""
    known = np.isfinite(numbers)
    filled = np.where(known, numbers, 0.0)
    mean = filled.sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    centred = np.where(known, numbers - mean, 0.0)
    length = np.sqrt((centred**2).sum(axis=0))
    return np.asarray(centred / np.where(length > 0, length, 1.0))


def score_columns(numbers: Vector, codes: Vector, label: Vector, task: str, limit: float) -> Vector:
    """Score how well each column alone tells the label of rows that were held out.

    Each column is cut into bins or taken by category and target-encoded in 5 folds; a numeric
    column that passes half the limit is scored again by small trees and by a line through
    its ranks, in the same folds.

    Args:
        numbers: Numeric columns, shape (rows, columns), as choose_rows orders the rows.
        codes: Category numbers, shape (rows, columns).
        label: One value a row.
        task: binary, multiclass or regression.
        limit: Score that counts as suspicious.

    Returns:
        Scores of the numeric, then of the category columns, from 0 (chance) to 1 (all told):
        2 AUC - 1, its mean over the classes one against the rest, or R2 of the label's ranks,
        which no outlier decides. NaN where there are too few rows to tell.
    """
    target = _as_target(label, task)
    count = numbers.shape[1] + codes.shape[1]
    if not count or len(label) < _MIN_ROWS or not target.shape[1]:
        return np.full(count, np.nan)
    ranks = pd.DataFrame(numbers).rank(method="average").fillna(-1.0).to_numpy()
    bins = min(_MAX_BINS, max(_MIN_BINS, len(label) // _ROWS_IN_A_BIN))
    groups = np.hstack([np.floor(np.clip(ranks - 1, -1, None) * bins / len(label)), codes])
    scores = np.concatenate(
        [
            _score(_encode(groups[:, start : start + _COLUMNS_AT_ONCE], target), target, task)
            for start in range(0, count, _COLUMNS_AT_ONCE)
        ]
    )
    for column in np.flatnonzero(scores[: numbers.shape[1]] > limit * _BLURRED):
        at = [column]
        scores[column] = _score_closely(numbers[:, at], ranks[:, at], target, task)
    return np.asarray(np.clip(scores, 0, 1))


def _as_target(label: Vector, task: str) -> Vector:
    """Give ranks, or one column of 0 and 1 for each class with rows enough; shape (rows, n)."""
    if task == "regression":
        ranks = pd.Series(label).rank().to_numpy(dtype="float64")[:, None]
        return np.asarray(ranks) if np.ptp(ranks) > 0 else ranks[:, :0]
    classes, counts = np.unique(label, return_counts=True)
    usable = classes[np.minimum(counts, len(label) - counts) >= _MIN_CLASS_ROWS]
    if task == "binary":
        usable = usable[-1:]
    return np.asarray(label[:, None] == usable[:_MAX_CLASSES])


def _encode(groups: Vector, target: Vector) -> Vector:
    """Mean target of each group in the other folds; shape (rows, columns, targets)."""
    encoder = TargetEncoder(target_type="continuous", cv=_FOLDS)
    return np.stack(
        [encoder.fit_transform(groups, one.astype("float64")) for one in target.T], axis=2
    )


def _score_closely(values: Vector, ranks: Vector, target: Vector, task: str) -> float:
    """Best of a tree on the values, a tree on the ranks and a line through the ranks.

    Values keep the gap between two classes, ranks keep apart what float32 would merge.
    """
    tree = DecisionTreeRegressor(max_leaf_nodes=128, random_state=0)
    known = np.where(np.isfinite(values), _standardise(values), np.nan)
    wanted = target.astype("float64")
    scores = []
    for model, inputs in ((tree, known), (tree, ranks), (LinearRegression(), ranks)):
        predicted = cross_val_predict(model, inputs, wanted, cv=_FOLDS).reshape(len(wanted), 1, -1)
        scores.append(_score(predicted, target, task)[0])
    return float(max(scores))


def _score(predicted: Vector, target: Vector, task: str) -> Vector:
    """Score predictions of shape (rows, columns, targets); one score a column."""
    if task == "regression":
        residual = ((predicted - target[:, None, :]) ** 2).sum(axis=(0, 2))
        return np.asarray(1 - residual / ((target - target.mean()) ** 2).sum())
    each = [_gini(predicted[:, :, n], one) for n, one in enumerate(target.T)]
    return np.asarray(np.mean(each, axis=0))


def _gini(predicted: Vector, positive: Vector) -> Vector:
    """2 AUC - 1 of each column by the rank-sum identity (Hanley and McNeil 1982)."""
    rank_sum = positive @ pd.DataFrame(predicted).rank().to_numpy()
    n_positive = int(positive.sum())
    pairs = n_positive * (len(positive) - n_positive)
    return np.asarray(2 * (rank_sum - n_positive * (n_positive + 1) / 2) / pairs - 1)
