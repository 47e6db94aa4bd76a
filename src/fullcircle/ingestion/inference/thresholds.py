"""Columns that part the label into ranges: a threshold, bins or a rounding of it."""

import numpy as np
import pandas as pd

_MOST_GROUPS = 100
_LEAST_ROWS = 50
_ROWS_PER_GROUP = 5
# So many rows may lie beyond the border of their range, where it was drawn on other digits.
_STRAY = 0.04


def find_thresholds(features: pd.DataFrame, label: pd.Series) -> list[str]:
    """Return the columns whose groups of rows hold ranges of the label that do not overlap.

    Sorted by the label, such a column changes as often as it has groups, or little more. Among
    groups that have nothing to do with the label it changes at nearly every row.

    Args:
        features: Columns of numbers or texts, one row a row of the table.
        label: Values, one a row, none of them NaN.
    """
    order = np.argsort(label.to_numpy(), kind="stable")
    return [str(name) for name in features if _parts(features[name].iloc[order])]


def _parts(column: pd.Series) -> bool:
    known = column.dropna()
    groups = known.nunique()
    if not 2 <= groups <= _MOST_GROUPS or len(known) < max(_LEAST_ROWS, _ROWS_PER_GROUP * groups):
        return False
    codes, _ = pd.factorize(known)
    largest = np.bincount(codes).max()
    changes = int((codes[1:] != codes[:-1]).sum())
    # Of one large group and a few other rows little can be told.
    enough = bool(len(known) - largest >= _LEAST_ROWS / 2)
    return enough and bool(changes <= groups - 1 + _STRAY * (len(known) - largest))
