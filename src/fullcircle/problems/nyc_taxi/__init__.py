"""NYC taxi: how many minutes will this green cab's trip take, asked when it starts?

Data: the green trip records of the New York City Taxi and Limousine Commission (TLC), one Parquet
file a month, or a simulator in their columns.
"""

from fullcircle.problems.nyc_taxi.cleaning import RAW_COLUMNS, clean
from fullcircle.problems.nyc_taxi.features import features

__all__ = ["RAW_COLUMNS", "clean", "features"]
