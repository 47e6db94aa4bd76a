"""The reference: how inputs and predictions were spread at training, and how much that varied."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from fullcircle.core.errors import DataError
from fullcircle.core.preparation.reader import is_numeric, read_numbers
from fullcircle.core.profile.bins import (
    PREDICTION,
    Bins,
    Vector,
    choose_number_bins,
    choose_text_bins,
    count_groups,
)
from fullcircle.core.profile.moments import combine_moments, describe_numbers
from fullcircle.core.profile.windows import Grid, cut_windows, describe_windows

Profile = dict[str, Any]


@dataclass(frozen=True)
class Codes:
    """A column of texts as codes.

    Attributes:
        codes: Position of each row's text among the distinct ones, -1 where missing.
        distinct: The distinct texts.
    """

    codes: Vector
    distinct: list[str]


def build_profile(
    inputs: pd.DataFrame,
    predicted: Vector,
    moments: "pd.Series[Any] | None" = None,
    *,
    predicted_at: "pd.Series[Any] | None" = None,
    period_days: float | None = None,
) -> Profile:
    """Profile a model's inputs and predictions at training.

    Args:
        inputs: The model's input columns, shape (rows, columns).
        predicted: Predictions of these rows, or of others that the model was not fitted on; of
            several classes, the likeliest counts.
        moments: Event time of each row of ``inputs``; None for a snapshot without history.
        predicted_at: Event time of each prediction, where it is not that of the inputs.
        period_days: Length of the periods that will be compared.

    Returns:
        ``rows``, ``columns`` and ``history``. Of each column its bins (see bins.py), the ``counts``
        in them, and ``history``: the counts of the coarser bins in each window of the past, shape
        (windows, bins); of numbers ``moments`` too. ``history`` describes the windows (see
        windows.py), None where there are not two. Predictions are the column PREDICTION. All plain
        values.
    """
    values = predicted.argmax(axis=1) if predicted.ndim == 2 else predicted
    times = [each for each in (moments, predicted_at) if each is not None]
    grid = cut_windows(pd.concat(times), period_days) if times else None
    spots = None if grid is None or moments is None else grid.place(moments)
    columns = {str(name): _profile(inputs[name], spots, grid) for name in inputs.columns}
    later = moments if predicted_at is None else predicted_at
    spots = None if grid is None or later is None else grid.place(later)
    columns[PREDICTION] = _profile(pd.Series(values, dtype="float64"), spots, grid)
    history = None if grid is None or moments is None else describe_windows(grid, moments)
    return {"rows": len(inputs), "columns": columns, "history": history}


def _profile(column: "pd.Series[Any]", spots: Vector | None, grid: Grid | None) -> Bins:
    size = 0 if spots is None or grid is None else len(grid.kept)
    windows = np.full(len(column), -1) if spots is None else spots
    if is_numeric(column):
        values = read_numbers(column)
        lows, highs = _extremes(values, windows, size)
        bins = choose_number_bins(values, lows, highs)
        return count_numbers(values, bins, windows, size)
    codes, distinct = pd.factorize(column.to_numpy(dtype=object))
    texts = Codes(codes, [str(text) for text in distinct])
    known = np.bincount(codes[codes >= 0], minlength=len(distinct))
    bins = choose_text_bins(pd.Series(known, index=texts.distinct))
    return count_texts(texts, bins, windows, size)


def _extremes(values: Vector, windows: Vector, size: int) -> tuple[Vector, Vector]:
    """Smallest and largest value in each window that has any."""
    used = (windows >= 0) & ~np.isnan(values)
    lows, highs = np.full(size, np.inf), np.full(size, -np.inf)
    np.minimum.at(lows, windows[used], values[used])
    np.maximum.at(highs, windows[used], values[used])
    return lows[np.isfinite(lows)], highs[np.isfinite(highs)]


def count_numbers(values: Vector, bins: Bins, windows: Vector, size: int) -> Bins:
    """Count numbers, shape (rows,), in the given bins, in all and by window (-1 is in none)."""
    places = np.searchsorted(bins["edges"], values, side="left")
    places[np.isnan(values)] = len(bins["edges"]) + 1
    counted = _count(places, bins, windows, size, len(bins["edges"]) + 2)
    return {**counted, "moments": describe_numbers(values)}


def count_texts(texts: Codes, bins: Bins, windows: Vector, size: int) -> Bins:
    """Count texts in the given bins, in all and by window (-1 is in none)."""
    number = len(bins["categories"])
    order = {text: place for place, text in enumerate(bins["categories"])}
    table = np.array([*(order.get(text, number) for text in texts.distinct), number + 1])
    return _count(table[texts.codes], bins, windows, size, number + 2)


def _count(places: Vector, bins: Bins, windows: Vector, size: int, number: int) -> Bins:
    counts = np.bincount(places, minlength=number).tolist()
    if not size:
        return {**bins, "counts": counts, "history": []}
    used = windows >= 0
    flat = np.bincount(windows[used] * number + places[used], minlength=size * number)
    history = count_groups(bins, flat.reshape(size, number)).tolist()
    return {**bins, "counts": counts, "history": history}


def merge_profiles(one: Profile, other: Profile) -> Profile:
    """Merge the profiles of two sets of rows that were counted in the same bins and windows.

    Raises:
        DataError: Bins or windows differ.
    """
    if list(one["columns"]) != list(other["columns"]):
        raise DataError("Two profiles of other columns cannot be merged.")
    columns = {
        name: _merge_columns(name, column, other["columns"][name])
        for name, column in one["columns"].items()
    }
    history = _merge_histories(one["history"], other["history"])
    return {"rows": one["rows"] + other["rows"], "columns": columns, "history": history}


def _merge_columns(name: str, one: Bins, other: Bins) -> Bins:
    added = ("counts", "history", "moments")
    bins = {key: value for key, value in one.items() if key not in added}
    if bins != {key: value for key, value in other.items() if key not in added}:
        raise DataError(f"Two profiles with other bins of {name!r} cannot be merged.")
    merged = {
        key: np.add(
            np.asarray(one[key], dtype="int64"), np.asarray(other[key], dtype="int64")
        ).tolist()
        for key in ("counts", "history")
    }
    if one["kind"] == "number":
        merged["moments"] = combine_moments(one["moments"], other["moments"])
    return {**bins, **merged}


def _merge_histories(
    one: dict[str, Any] | None, other: dict[str, Any] | None
) -> dict[str, Any] | None:
    if one is None or other is None or one["starts"] != other["starts"]:
        if one == other:
            return one
        raise DataError("Two profiles with other windows cannot be merged.")
    return {**one, "rows": [sum(pair) for pair in zip(one["rows"], other["rows"], strict=True)]}
