"""Preparation by itself, inside the estimator: a plan, a reader, and encoders for each family.

``diagnose_columns`` makes the plan from the train rows, ``ColumnReader`` reads by it, and
``prepare_linear`` or ``prepare_trees`` turns what was read into the matrix that a model takes.
"""

from fullcircle.core.preparation.diagnosis import Plan, describe_preparation, diagnose_columns
from fullcircle.core.preparation.kinds import PreparationSettings
from fullcircle.core.preparation.matrices import prepare_linear, prepare_trees
from fullcircle.core.preparation.reader import ColumnReader

__all__ = [
    "ColumnReader",
    "Plan",
    "PreparationSettings",
    "describe_preparation",
    "diagnose_columns",
    "prepare_linear",
    "prepare_trees",
]
