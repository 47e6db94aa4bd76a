"""The past cut into windows, so that their differences show how much data without drift vary."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from fullcircle.core.profile.bins import Vector

_ENOUGH_WINDOWS = 5
_MAX_WINDOWS = 36
_MIN_ROWS = 30
_DAY = pd.Timedelta(days=1)
# Whole weeks first, then days, so that each window holds the same weekdays or hours.
_LENGTHS_DAYS = (364.0, 182.0, 91.0, 56.0, 28.0, 14.0, 7.0, 1.0, 0.5, 0.25, 1 / 24)


@dataclass(frozen=True)
class Grid:
    """Windows of equal length, next to each other from a first moment on.

    Attributes:
        first: Start of window 0.
        days: Length of a window.
        kept: Numbers of the windows that are kept apart, ascending; more than 36 are thinned out
            evenly, so that they cover all seasons.
    """

    first: pd.Timestamp
    days: float
    kept: tuple[int, ...]

    def place(self, moments: "pd.Series[Any]") -> Vector:
        """Give the position among the kept windows of each moment, and -1 for all others."""
        numbers = _number(in_utc(moments), self.first, self.days)
        known = np.asarray(self.kept)
        spots = np.clip(np.searchsorted(known, numbers), 0, len(known) - 1)
        return np.where(known[spots] == numbers, spots, -1)

    def starts(self) -> list[pd.Timestamp]:
        """Give the start of each kept window, in UTC without a time zone."""
        return [self.first + number * self.days * _DAY for number in self.kept]


def cut_windows(moments: "pd.Series[Any]", period_days: float | None) -> Grid | None:
    """Cut the past into windows as long as a scoring period, or shorter where that gives too few.

    Args:
        moments: Event times of the rows.
        period_days: Length of a scoring period; None leaves the length open.

    Returns:
        The longest windows of which at least eight hold rows; else those of which most do. None
        without two windows of 30 rows on average: then nothing is known of the past's variation.
    """
    moments = in_utc(moments).dropna()
    if moments.empty:
        return None
    first = moments.min().floor("D")
    span = (moments.max() - first) / _DAY
    longest = period_days or max(span / _ENOUGH_WINDOWS, _LENGTHS_DAYS[-1])
    best: tuple[int, float] = (1, longest)
    for days in dict.fromkeys([longest, *(each for each in _LENGTHS_DAYS if each < longest)]):
        filled = len(np.unique(_number(moments, first, days)))
        if len(moments) < _MIN_ROWS * filled:
            break
        if filled > best[0]:
            best = (filled, days)
        if filled >= _ENOUGH_WINDOWS:
            break
    filled, days = best
    return None if filled < 2 else Grid(first, days, _thin(moments, first, days))


def _number(moments: "pd.Series[Any]", first: pd.Timestamp, days: float) -> Vector:
    """Give the number of the window of each moment; -1 where there is none."""
    numbers = np.floor(((moments - first) / (days * _DAY)).to_numpy(dtype="float64"))
    return np.where(np.isnan(numbers), -1, numbers).astype("int64")


def _thin(moments: "pd.Series[Any]", first: pd.Timestamp, days: float) -> tuple[int, ...]:
    """Number the windows between first and last row, empty ones too, at most 36 of them."""
    last = int(_number(moments, first, days).max())
    spread = np.linspace(0, last, min(last + 1, _MAX_WINDOWS))
    return tuple(int(number) for number in np.unique(spread.round()))


def describe_windows(grid: Grid, moments: "pd.Series[Any]") -> dict[str, Any]:
    """Describe the kept windows.

    Returns:
        ``days`` (length of a window) and, one entry a window, ``starts`` (ISO 8601, UTC), ``rows``.
    """
    spots, starts = grid.place(moments), grid.starts()
    return {
        "days": grid.days,
        "starts": [f"{start.isoformat()}+00:00" for start in starts],
        "rows": np.bincount(spots[spots >= 0], minlength=len(starts)).tolist(),
    }


def in_utc(moments: "pd.Series[Any]") -> "pd.Series[Any]":
    """Give moments in UTC without a time zone, with a plain index."""
    plain = moments.reset_index(drop=True)
    return plain if plain.dt.tz is None else plain.dt.tz_convert("UTC").dt.tz_localize(None)
