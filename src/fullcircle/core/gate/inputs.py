"""What the gate looks at."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pandas as pd

from fullcircle.core.contract import ProblemSpec
from fullcircle.core.metrics import Vector
from fullcircle.core.models.model import Model


@dataclass(frozen=True)
class RolledBack:
    """A version that was champion until people rolled it back.

    Attributes:
        name: Name and version.
        why: Their reason.
        predicted: Its predictions of the gate rows; None where it could not predict them.
        threshold: Probability from which it counts a row as class 1 (binary only).
        error: Why it could not.
        same_origin: Whether the challenger was made from the same rows and settings.
    """

    name: str
    why: str
    predicted: Vector | None = None
    threshold: float | None = None
    error: str | None = None
    same_origin: bool = False


@dataclass(frozen=True)
class GateInputs:
    """What the gate looks at; all vectors and ``rows`` are the same gate rows in the same order.

    Attributes:
        problem: The contract; it says which questions are to be asked.
        as_of: The clock, in UTC.
        model: The challenger: what it says of itself.
        rows: The gate rows with features, slice columns and event time, shape (rows, columns).
        truth: Labels, shape (rows,).
        baseline: Predictions of a model without skill, from the train set's labels alone, shape
            (rows,) or (rows, classes).
        challenger: Predictions of the challenger, of the same shape.
        challenger_error: Why the challenger could not predict the gate rows, where it could not.
        champion: Predictions of the champion; None where there is none.
        champion_threshold: Probability from which the champion counts a row as class 1.
        champion_error: Why the champion could not predict the gate rows, where it could not.
        offered: Columns that a request, or a feature table that exists, can give a model.
        probe: What was found when the registry's copy was loaded and used: ``model``, ``error``,
            ``signature``, ``predictions``, ``edge_cases`` (see edge_cases.py), ``latency_ms``,
            ``size_mb``, ``approvals``.
        intake: What came in and was set aside (see row_validation.py).
        rolled_back: Versions that people rolled back and that nobody has allowed again.
    """

    problem: ProblemSpec
    as_of: datetime
    model: Model
    rows: pd.DataFrame
    truth: Vector
    baseline: Vector
    challenger: Vector
    challenger_error: str | None = None
    champion: Vector | None = None
    champion_threshold: float | None = None
    champion_error: str | None = None
    offered: Collection[str] = ()
    probe: Mapping[str, Any] = field(default_factory=dict)
    intake: Mapping[str, Any] = field(default_factory=dict)
    rolled_back: Sequence[RolledBack] = ()
