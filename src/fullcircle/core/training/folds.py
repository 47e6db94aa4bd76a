"""Cross-validation folds that respect time and groups."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

from fullcircle.core.contract import ProblemSpec
from fullcircle.core.errors import DataError

Rows = npt.NDArray[np.int64]
Fold = tuple[Rows, Rows]


def make_folds(rows: pd.DataFrame, problem: ProblemSpec, folds: int, seed: int) -> list[Fold]:
    """Divide the train set for cross-validation.

    With a split by time the validation rows of each fold follow its training rows, whose labels
    were all known when the first validation row happened (an expanding window with a purge: López
    de Prado, Advances in Financial Machine Learning, 2018, ch. 7). With a split by key no entity
    is on both sides, and classes keep their shares.

    Args:
        rows: The train set, with the contract's bookkeeping columns.
        problem: The contract.
        folds: Number of folds at most; few rows, moments or entities give fewer.
        seed: Seed of the shuffle of a split by key.

    Returns:
        Positions of the training and of the validation rows per fold.

    Raises:
        DataError: There are too few rows, moments or entities for two folds.
    """
    made = (
        _fold_by_time(rows, problem, folds)
        if problem.split.by == "time"
        else _fold_by_key(rows, problem, folds, seed)
    )
    if problem.task != "regression":
        label = rows[problem.label].to_numpy()
        made = [fold for fold in made if len(np.unique(label[fold[0]])) == len(np.unique(label))]
    if not made:
        raise DataError(
            f"{len(rows)} train rows are too few for cross-validation: no fold has rows of every "
            "class, or every moment, on both sides. Give more history or larger shares."
        )
    return made


def _fold_by_time(rows: pd.DataFrame, problem: ProblemSpec, folds: int) -> list[Fold]:
    moments = rows[str(problem.event_time)]
    known = rows[str(problem.label_time)]
    shares = np.arange(1, folds + 1) / (folds + 1)
    cuts = [*pd.unique(moments.quantile(shares, interpolation="nearest")), None]
    made = []
    for start, end in pairwise(cuts):
        valid = moments >= start if end is None else (moments >= start) & (moments < end)
        train = (moments < start) & (known <= start)
        made.append((np.flatnonzero(train), np.flatnonzero(valid)))
    return [fold for fold in made if len(fold[0]) and len(fold[1])]


def _fold_by_key(rows: pd.DataFrame, problem: ProblemSpec, folds: int, seed: int) -> list[Fold]:
    label = rows[problem.label]
    groups = rows.groupby(problem.entity_keys, dropna=False, sort=False).ngroup().to_numpy()
    entities = len(np.unique(groups))
    splits = min(folds, entities)
    if splits < 2:
        return []
    classes = problem.task != "regression" and int(label.value_counts().min()) >= splits
    shuffle = {"n_splits": splits, "shuffle": True, "random_state": seed}
    if entities == len(rows):
        splitter = StratifiedKFold(**shuffle) if classes else KFold(**shuffle)
        return list(splitter.split(label, label))
    splitter = StratifiedGroupKFold(**shuffle) if classes else GroupKFold(**shuffle)
    return list(splitter.split(label, label, groups))
