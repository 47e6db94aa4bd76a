"""The data contract of clean taxi trips."""

import pandera.ibis as pa

from fullcircle.problems.nyc_taxi.cleaning import (
    MAX_TRIP_MILES,
    MAX_TRIP_MINUTES,
    MIN_TRIP_MINUTES,
)

EVENTS = pa.DataFrameSchema(
    {
        "row_id": pa.Column(str),
        "trip_minutes": pa.Column(
            float, pa.Check.in_range(MIN_TRIP_MINUTES, MAX_TRIP_MINUTES), nullable=True
        ),
        "pickup_zone": pa.Column(str),
        "dropoff_zone": pa.Column(str),
        "route": pa.Column(str),
        "vendor": pa.Column(str, nullable=True),
        "passengers": pa.Column(float, pa.Check.ge(1), nullable=True),
        "pickup_hour": pa.Column(int, pa.Check.in_range(0, 23)),
        "pickup_minute": pa.Column(int, pa.Check.in_range(0, 1439)),
        "weekday": pa.Column(int, pa.Check.in_range(0, 6)),
        "day_part": pa.Column(str),
        "trip_miles": pa.Column(float, pa.Check.in_range(0, MAX_TRIP_MILES), nullable=True),
    }
)
