"""Telco churn: will this customer leave within 30 days?

Data: IBM's Telco-Customer-Churn.csv (Apache-2.0), or a simulator in its columns.
"""

from fullcircle.problems.telco_churn.cleaning import RAW_COLUMNS, clean
from fullcircle.problems.telco_churn.features import features

__all__ = ["RAW_COLUMNS", "clean", "features"]
