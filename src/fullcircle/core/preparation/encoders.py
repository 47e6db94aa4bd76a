"""Parts of the preparation that scikit-learn lacks: which columns go where, folds, free text."""

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_any_real_numeric_dtype
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.model_selection import KFold

from fullcircle.core.preparation.kinds import are_sentences
from fullcircle.core.preparation.reader import Vector

_SKEWED = 1.0
_FEW_VALUES = 10
# HistGradientBoosting bins by 200,000 of its rows, among which it must find a value.
_MIN_KNOWN_SHARE = 1e-4


class ColumnGroup:
    """Choose the columns of one group in the rows to fit; a class, since skops keeps no lambda.

    A column can be empty or constant in the rows of a fold although it is neither in all rows. It
    then has nothing to teach, and some models refuse it or mistake it for their intercept; so the
    groups are chosen anew for each fit.

    Attributes:
        name: Of the numbers: numbers (all), its halves even and skewed, its halves known and empty,
            or gaps (known in some rows only). Of the texts: few, many or free; constant where
            ``max_one_hot`` is given.
        high_cardinality: More distinct texts are many.
        max_one_hot: Beyond so many distinct texts in all, columns of the most count as many.
    """

    def __init__(
        self, name: str, high_cardinality: int = 0, max_one_hot: int | None = None
    ) -> None:
        self.name = name
        self.high_cardinality = high_cardinality
        self.max_one_hot = max_one_hot

    def __call__(self, frame: pd.DataFrame) -> list[str]:
        """Name the group's columns, in the order of the frame."""
        numbers = [
            str(name) for name, kind in frame.dtypes.items() if is_any_real_numeric_dtype(kind)
        ]
        if self.name in _NUMBER_GROUPS:
            return _NUMBER_GROUPS[self.name](frame[numbers])
        texts = frame.columns.difference(numbers, sort=False)
        groups = self._divide(frame[texts])
        return [name for name in texts if groups[name] == self.name]

    def _divide(self, texts: pd.DataFrame) -> dict[str, str]:
        distinct = {name: texts[name].dropna().unique() for name in texts.columns}
        left = np.inf if self.max_one_hot is None else self.max_one_hot
        groups = {}
        for name in sorted(distinct, key=lambda name: len(distinct[name])):
            width = len(distinct[name]) + 1
            if self.max_one_hot is not None and texts[name].nunique(dropna=False) < 2:
                groups[name] = "constant"
            elif len(distinct[name]) > self.high_cardinality:
                groups[name] = "free" if are_sentences(list(distinct[name])) else "many"
            else:
                groups[name] = "few" if width <= left else "many"
                left -= width
        return groups


def _name_all(numbers: pd.DataFrame) -> list[str]:
    return [str(name) for name in numbers.columns]


def _name_known(numbers: pd.DataFrame) -> list[str]:
    """Name the columns with values enough that a sample of the rows holds some of them."""
    share = numbers.notna().mean()
    return [name for name in _name_all(numbers) if share[name] >= _MIN_KNOWN_SHARE]


def _name_empty(numbers: pd.DataFrame) -> list[str]:
    known = set(_name_known(numbers))
    return [name for name in _name_all(numbers) if name not in known]


def _name_gaps(numbers: pd.DataFrame) -> list[str]:
    share = numbers.notna().mean()
    return [name for name in _name_all(numbers) if 0 < share[name] < 1]


def _name_even(numbers: pd.DataFrame) -> list[str]:
    skewed = _find_skewed(numbers)
    return [name for name in _name_all(numbers) if name not in skewed]


def _name_skewed(numbers: pd.DataFrame) -> list[str]:
    skewed = _find_skewed(numbers)
    return [name for name in _name_all(numbers) if name in skewed]


_NUMBER_GROUPS: dict[str, Callable[[pd.DataFrame], list[str]]] = {
    "numbers": _name_all,
    "known": _name_known,
    "empty": _name_empty,
    "gaps": _name_gaps,
    "even": _name_even,
    "skewed": _name_skewed,
}


def _find_skewed(numbers: pd.DataFrame) -> set[str]:
    """Columns of more than ten values whose skewness passes 1 either way."""
    block = numbers.to_numpy("float64", na_value=np.nan)  # of one piece, not column by column
    skew = pd.DataFrame(block, columns=numbers.columns).skew().abs()
    skewed = [str(name) for name in numbers.columns[(skew > _SKEWED).to_numpy()]]
    return {name for name in skewed if numbers[name].nunique() > _FEW_VALUES}


class Folds:
    """Five seeded folds, fewer where there are fewer rows; a single row is its own fold."""

    def __init__(self, n_splits: int = 5, seed: int = 0) -> None:
        self.n_splits = n_splits
        self.seed = seed

    def get_n_splits(self, *rows: Any) -> int:  # noqa: ARG002
        """How many folds, at most."""
        return self.n_splits

    def split(self, rows: Vector, *label: Any) -> Iterator[tuple[Vector, Vector]]:  # noqa: ARG002
        """Give positions of the rows to fit and of the rows to encode."""
        if len(rows) == 1:
            return iter([(np.arange(1), np.arange(1))])
        folds = KFold(min(self.n_splits, len(rows)), shuffle=True, random_state=self.seed)
        return iter(folds.split(rows))


class TextEncoder(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Encode columns of free text by skrub's StringEncoder, one for each column.

    A text is learnt from and encoded once, however many rows repeat it: a table of sales names
    each product a hundred times, and n-grams are what preparing it costs.

    Attributes:
        components: Columns that each text column becomes; fewer where its n-grams are fewer.
        seed: Seed of the decomposition.
    """

    def __init__(self, components: int = 30, seed: int = 0) -> None:
        self.components = components
        self.seed = seed

    def fit(self, frame: pd.DataFrame, label: Any = None) -> "TextEncoder":
        """Learn the n-grams and their components."""
        self.fit_transform(frame, label)
        return self

    def fit_transform(self, frame: pd.DataFrame, label: Any = None) -> Vector:  # noqa: ARG002
        """Learn and encode; shape (rows, columns x components)."""
        from skrub import StringEncoder  # type: ignore[import-untyped]

        self.encoders_ = {
            name: StringEncoder(self.components, random_state=self.seed) for name in frame.columns
        }
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The matrix shape is")
            parts = [_once(e.fit_transform, frame[name]) for name, e in self.encoders_.items()]
        return np.hstack(parts).astype("float64")

    def transform(self, frame: pd.DataFrame) -> Vector:
        """Encode; shape (rows, columns x components)."""
        parts = [_once(e.transform, frame[name]) for name, e in self.encoders_.items()]
        return np.hstack(parts).astype("float64")

    def widths(self) -> list[int]:
        """How many columns each text column becomes."""
        return [len(encoder.get_feature_names_out()) for encoder in self.encoders_.values()]


def _once(encode: Callable[[pd.Series], Any], texts: pd.Series) -> Vector:
    """Encode each distinct text once; shape (rows, components)."""
    places, distinct = pd.factorize(texts.fillna("").astype("str"))
    return np.asarray(encode(pd.Series(distinct, name=texts.name)))[places]
