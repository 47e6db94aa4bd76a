"""Columns of which the label is made: sums and products, also where rounding blurs them."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

Matrix = npt.NDArray[np.float64]

_ROWS = 2000
_ROWS_PER_COLUMN = 5
_EXACT = 1e-12
# Rounding and small corrections leave this share of the label's variance unexplained; what nature
# relates, however closely, leaves more.
_CLOSE = 1e-4
_LEAST_COMPLETE = 0.9
_LEAST_WEIGHT = 1e-3  # in standard deviations of the label


@dataclass(frozen=True)
class Formula:
    """How a label is made of columns.

    Attributes:
        columns: The columns, in the order of the table.
        how: ``add up to`` or ``multiply to``.
        exact: Whether nothing is left; otherwise rounding or small corrections are.
        unexplained: Share of the label's variance that is left.
    """

    columns: tuple[str, ...]
    how: str
    exact: bool
    unexplained: float


def find_formulas(numbers: pd.DataFrame, label: pd.Series) -> list[Formula]:
    """Find columns whose weighted sum, or whose product of powers, is the label.

    Args:
        numbers: Columns of floats, NaN where nothing is known; shape (rows, columns).
        label: Values, one a row, none of them NaN.

    Returns:
        At most one formula of each kind. A product is looked for among the positive numbers of a
        label that is never negative.
    """
    found = [_find_sum(numbers, label, "add up to")]
    if (label >= 0).all():
        # Logarithms turn a product into a sum. A zero has none, and is the product of any zero.
        logs = _logarithms(label.to_frame("label"))["label"]
        found.append(_find_sum(_logarithms(numbers), logs, "multiply to"))
    # A single column in proportion is both a sum and a product.
    return list({each.columns: each for each in found if each is not None}.values())


def _logarithms(numbers: pd.DataFrame) -> pd.DataFrame:
    return numbers.where(numbers > 0).apply(np.log)


def _find_sum(numbers: pd.DataFrame, label: pd.Series, how: str) -> Formula | None:
    numbers = numbers[label.notna()]
    usable = numbers.loc[:, (numbers.notna().mean() >= _LEAST_COMPLETE) & (numbers.std() > 0)]
    complete = usable.notna().all(axis=1)
    label = label[label.notna()]
    rows = min(int(complete.sum()), _ROWS)
    if usable.empty or rows < _ROWS_PER_COLUMN * (len(usable.columns) + 1) or not label.std() > 0:
        return None
    chosen = np.flatnonzero(complete.to_numpy())
    chosen = chosen[np.linspace(0, len(chosen) - 1, rows).astype(int)]
    matrix = _standardise(usable.iloc[chosen].to_numpy(dtype="float64"))
    target = _standardise(label.iloc[chosen].to_numpy(dtype="float64")[:, None])[:, 0]
    weights, left = _fit(matrix, target)
    if left > _CLOSE:
        return None
    limit = _EXACT if left <= _EXACT else _CLOSE
    kept = _drop_idle(matrix, target, weights, limit)
    _, left = _fit(matrix[:, kept], target)
    columns = tuple(str(usable.columns[place]) for place in kept)
    return Formula(columns, how, exact=bool(left <= _EXACT), unexplained=left)


def _standardise(matrix: Matrix) -> Matrix:
    spread = np.maximum(matrix.std(axis=0), 1e-300)
    return np.asarray((matrix - matrix.mean(axis=0)) / spread)


def _fit(matrix: Matrix, target: Matrix) -> tuple[Matrix, float]:
    weights, *_ = np.linalg.lstsq(matrix, target, rcond=None)
    return np.asarray(weights), float(np.mean((matrix @ weights - target) ** 2))


def _drop_idle(matrix: Matrix, target: Matrix, weights: Matrix, limit: float) -> list[int]:
    """Return the places of the columns without which the formula does not hold."""
    order = np.argsort(np.abs(weights))
    kept = [int(place) for place in range(len(weights)) if abs(weights[place]) > _LEAST_WEIGHT]
    if not kept or _fit(matrix[:, kept], target)[1] > limit:
        kept = list(range(len(weights)))
    for place in (int(n) for n in order if int(n) in kept):
        without = [other for other in kept if other != place]
        if without and _fit(matrix[:, without], target)[1] <= limit:
            kept = without
    return kept


def name_columns(names: Iterable[str]) -> str:
    """Join names as a sentence does: ``a, b and c``."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
