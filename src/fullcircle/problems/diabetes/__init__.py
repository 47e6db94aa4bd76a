"""Diabetes: does this patient have it, judged by eight measurements?

Data: the Pima file of the National Institute of Diabetes and Digestive and Kidney Diseases (CC0),
or a simulator in its columns. A snapshot: the file names no dates, so none are made up.
"""

from fullcircle.problems.diabetes.cleaning import RAW_COLUMNS, clean
from fullcircle.problems.diabetes.features import features

__all__ = ["RAW_COLUMNS", "clean", "features"]
