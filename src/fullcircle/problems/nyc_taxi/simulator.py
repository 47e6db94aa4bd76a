"""A city whose truth is known: TLC's columns, a stated best RMSE, and a drift on a stated day.

Zones lie on a plane. A trip's expected minutes are a fixed function of its route, hour and weekday,
and its true minutes are that value times noise with mean 1, so the RMSE of the expected minutes is
the best that any model can reach. From ``drift_from`` on all traffic is slower, which the columns
known at pick-up do not show: only late labels and trailing statistics do. A known share of the rows
is absurd, each kind as it occurs in TLC's files.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from fullcircle.problems.nyc_taxi.cleaning import (
    BACKWARDS,
    BROKEN_CLOCK,
    REVERSAL,
    STRAY_TIME,
    TOO_LONG,
    TOO_SHORT,
)

ABSURD_SHARES = {
    TOO_SHORT: 0.015,
    TOO_LONG: 0.008,
    BACKWARDS: 0.004,
    REVERSAL: 0.003,
    BROKEN_CLOCK: 0.003,
    STRAY_TIME: 0.001,
}
UNCOUNTED_SHARE = 0.04  # rows that lack passengers, codes and way of payment all at once
SLOWDOWN = 1.3
NOISE_SHARE = 0.2  # standard deviation of a trip's minutes, as a share of the expected minutes
_ZONES = 40
_CITY_MILES = 5.0
_START_MINUTES = 3.0
_MONTH_SECONDS = 28 * 86_400  # the days that every month has
_PIECE_ROWS = 100_000


class TripSimulator:
    """Draws taxi trips month by month.

    Args:
        seed: Seed of all draws; a month's rows depend on it and on the month alone.
        first_month: First day of the first month, ISO format.
        months: Number of months.
        trips_per_month: Rows per month, absurd ones included.
        drift_from: First day of the first month with slow traffic, ISO format; None never drifts.
    """

    def __init__(
        self,
        *,
        seed: int,
        first_month: str,
        months: int,
        trips_per_month: int,
        drift_from: str | None = None,
    ) -> None:
        self.seed = seed
        self.months = pd.date_range(first_month, periods=months, freq="MS")
        self.trips_per_month = trips_per_month
        self.drift_from = pd.Timestamp(drift_from) if drift_from else None
        plan = np.random.default_rng([seed, _ZONES])
        self._places = plan.uniform(0, _CITY_MILES, (_ZONES, 2))
        self._popularity = plan.dirichlet(np.full(_ZONES, 0.6))

    def pieces(self) -> Iterator[tuple[str, pa.Table]]:
        """Give the rows month by month, at most 100 000 at a time."""
        for month in self.months:
            for number, start in enumerate(range(0, self.trips_per_month, _PIECE_ROWS)):
                rows = min(_PIECE_ROWS, self.trips_per_month - start)
                frame = self.draw(month, rows, number).drop(columns=["expected_minutes", "absurd"])
                yield f"{month:%Y-%m}-{number:04d}", _as_table(frame)

    def draw(self, month: pd.Timestamp, rows: int, piece: int = 0) -> pd.DataFrame:
        """Draw one piece of a month in TLC's columns.

        Beside them stand the true ``expected_minutes`` and ``absurd``, which names what is wrong
        with the row and is None for a trip as it should be.
        """
        rng = np.random.default_rng([self.seed, month.year, month.month, piece])
        start = pd.Series(month + pd.to_timedelta(_draw_seconds(rng, rows), unit="s"))
        ends = rng.choice(_ZONES, (2, rows), p=self._popularity)
        miles = route_miles(self._places[ends[0]], self._places[ends[1]])
        slow = SLOWDOWN if self.drift_from is not None and month >= self.drift_from else 1.0
        expected = expected_minutes(miles, start, slow)
        shape = 1 / NOISE_SHARE**2
        minutes = np.clip(expected * rng.gamma(shape, 1 / shape, rows), 1.5, 59.5)
        frame = _fill_columns(rng, start, minutes, ends + 1, miles)
        frame["source_file"] = f"simulated_tripdata_{month:%Y-%m}"
        frame["expected_minutes"] = expected
        return _spoil(frame, rng)

    def state_truth(self, rows: int = 200_000) -> dict[str, Any]:
        """State what any model is up against before the drift, over ``rows`` fresh rows.

        ``best_rmse`` is the RMSE of the true expected minutes, in minutes; ``baseline_rmse`` that
        of the mean. ``absurd_shares`` gives the share of rows to be set aside by reason.
        """
        drawn = self.draw(pd.Timestamp("2000-01-01"), rows)
        fine = drawn[drawn["absurd"].isna()]
        minutes = (
            fine["lpep_dropoff_datetime"] - fine["lpep_pickup_datetime"]
        ).dt.total_seconds() / 60
        error = minutes - fine["expected_minutes"]
        return {
            "best_rmse": float(np.sqrt((error**2).mean())),
            "baseline_rmse": float(minutes.std()),
            "absurd_shares": ABSURD_SHARES,
            "drift_from": self.drift_from,
            "slowdown": SLOWDOWN,
        }


def route_miles(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Miles along a rectangular street grid, shape (rows,); a trip within a zone is a mile."""
    return np.asarray(np.maximum(np.abs(start - end).sum(axis=1), 1.0))


def expected_minutes(miles: np.ndarray, start: pd.Series, slow: float = 1.0) -> np.ndarray:
    """The truth: expected minutes of a trip, a function of route, hour and weekday alone."""
    hour, weekend = start.dt.hour.to_numpy(), start.dt.day_of_week.to_numpy() >= 5
    rush = np.isin(hour, [7, 8, 9, 16, 17, 18]) & ~weekend
    night = (hour < 6) | (hour >= 22)
    minutes_per_mile = np.select([rush, night], [5.5, 3.0], default=4.2)
    return np.asarray((_START_MINUTES + miles * minutes_per_mile * 0.7) * slow)


def _draw_seconds(rng: np.random.Generator, rows: int) -> np.ndarray:
    """Pick-up times as seconds of the month, sorted; days are busier than nights."""
    days = rng.integers(0, _MONTH_SECONDS // 86_400, rows) * 86_400
    hours = np.clip(rng.normal(14.5, 5.0, rows), 0, 23.99)
    return np.sort(days + (hours * 3600).astype(int))


def _fill_columns(
    rng: np.random.Generator,
    start: pd.Series,
    minutes: np.ndarray,
    zones: np.ndarray,
    miles: np.ndarray,
) -> pd.DataFrame:
    """Give a trip TLC's columns; whatever is paid follows the metered miles and minutes."""
    rows = len(start)
    metered = np.round(miles * rng.normal(1.0, 0.05, rows).clip(0.8, 1.2), 2)
    fare = np.round(3.0 + 1.75 * metered + 0.35 * minutes, 2)
    tip = np.round(fare * rng.choice([0.0, 0.15, 0.2], rows), 2)
    counted = rng.random(rows) >= UNCOUNTED_SHARE
    return pd.DataFrame(
        {
            "VendorID": rng.choice([1, 2], rows, p=[0.13, 0.87]).astype("int32"),
            "lpep_pickup_datetime": start,
            "lpep_dropoff_datetime": start + pd.to_timedelta((minutes * 60).round(), unit="s"),
            "store_and_fwd_flag": pd.Series("N", index=start.index).where(counted),
            "RatecodeID": _where_counted(np.ones(rows), counted),
            "PULocationID": zones[0].astype("int32"),
            "DOLocationID": zones[1].astype("int32"),
            "passenger_count": _where_counted(
                rng.choice(6, rows, p=[0.01, 0.84, 0.09, 0.02, 0.01, 0.03]), counted
            ),
            "trip_distance": metered,
            "fare_amount": fare,
            "extra": 0.0,
            "mta_tax": 0.5,
            "tip_amount": tip,
            "tolls_amount": 0.0,
            "ehail_fee": np.full(rows, np.nan),
            "improvement_surcharge": 1.0,
            "total_amount": np.round(fare + tip + 1.5, 2),
            "payment_type": _where_counted(rng.choice([1, 2], rows, p=[0.7, 0.3]), counted),
            "trip_type": _where_counted(np.ones(rows), counted),
            "congestion_surcharge": np.where(counted, 0.0, np.nan),
            "cbd_congestion_fee": 0.0,
        }
    )


def _where_counted(values: np.ndarray, counted: np.ndarray) -> pd.Series:
    return pd.Series(np.asarray(values, dtype="int64")).astype("Int64").where(counted)


def _spoil(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Make each row absurd in one way, or none, at the stated shares."""
    kinds = [*ABSURD_SHARES, None]
    shares = [*ABSURD_SHARES.values(), 1 - sum(ABSURD_SHARES.values())]
    drawn = rng.choice(len(kinds), len(frame), p=shares)
    frame["absurd"] = pd.Series([kinds[kind] for kind in drawn], dtype=object)
    for kind, spoil in _SPOILERS.items():
        spoil(frame, frame["absurd"] == kind)
    return frame


def _set_minutes(frame: pd.DataFrame, rows: pd.Series, minutes: float) -> None:
    end = frame.loc[rows, "lpep_pickup_datetime"] + pd.Timedelta(minutes=minutes)
    frame.loc[rows, "lpep_dropoff_datetime"] = end


def _shorten(frame: pd.DataFrame, rows: pd.Series) -> None:
    _set_minutes(frame, rows, 0.25)
    frame.loc[rows, "trip_distance"] = 0.0


def _lengthen(frame: pd.DataFrame, rows: pd.Series) -> None:
    _set_minutes(frame, rows, 23.8 * 60)


def _reverse(frame: pd.DataFrame, rows: pd.Series) -> None:
    _set_minutes(frame, rows, -0.5)


def _take_back(frame: pd.DataFrame, rows: pd.Series) -> None:
    for column in ("fare_amount", "tip_amount", "total_amount"):
        frame.loc[rows, column] *= -1


def _break_clock(frame: pd.DataFrame, rows: pd.Series) -> None:
    """Show the month where the minute belongs, and an hour later the same minute."""
    start = frame.loc[rows, "lpep_pickup_datetime"]
    shown = start.dt.floor("h") + pd.to_timedelta(start.dt.month, unit="min")
    frame.loc[rows, "VendorID"] = 6
    frame.loc[rows, "lpep_pickup_datetime"] = shown
    frame.loc[rows, "lpep_dropoff_datetime"] = shown + pd.Timedelta(hours=1)


def _stray(frame: pd.DataFrame, rows: pd.Series) -> None:
    """Set the clock back by five years."""
    frame.loc[rows, "lpep_pickup_datetime"] -= pd.Timedelta(days=5 * 365)
    frame.loc[rows, "lpep_dropoff_datetime"] -= pd.Timedelta(days=5 * 365)


_SPOILERS: dict[str, Callable[[pd.DataFrame, pd.Series], None]] = {
    TOO_SHORT: _shorten,
    TOO_LONG: _lengthen,
    BACKWARDS: _reverse,
    REVERSAL: _take_back,
    BROKEN_CLOCK: _break_clock,
    STRAY_TIME: _stray,
}


def _as_table(frame: pd.DataFrame) -> pa.Table:
    """Give rows in the types of TLC's files: microseconds without a zone, integers with nulls."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    for name in ("lpep_pickup_datetime", "lpep_dropoff_datetime"):
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, table[name].cast(pa.timestamp("us")))
    return table
