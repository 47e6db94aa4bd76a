"""Checks of the rows: are they enough, whole, unseen by the challenger, new and clean?"""

from typing import Any

import numpy as np
import pandas as pd

from fullcircle.core.gate.context import GateContext
from fullcircle.core.metrics import Vector
from fullcircle.core.training_data.splits import assign_by_key, describe_split


def enough_rows(case: GateContext) -> tuple[bool, str]:
    """Are there enough gate rows to decide anything?"""
    rows, needed = len(case.evidence.truth), case.settings.min_rows
    return rows >= needed, f"{rows} gate rows, at least {needed} needed"


def complete_evidence(case: GateContext) -> tuple[bool, str]:
    """Is there a finite label, and a finite prediction of each model, for every row?"""
    evidence = case.evidence
    if evidence.challenger_error is not None:
        return False, f"the challenger could not predict: {evidence.challenger_error}"
    rows = len(evidence.truth)
    vectors = {
        "label": evidence.truth,
        "baseline": evidence.baseline,
        "challenger": evidence.challenger,
    }
    if evidence.champion is not None:
        vectors["champion"] = evidence.champion
    several = evidence.problem.task == "multiclass"
    finite = {
        name: _count_finite(vector, several=several and name != "label")
        for name, vector in vectors.items()
    }
    finite["rows"] = len(evidence.rows)
    counted = ", ".join(f"{name} {count}" for name, count in finite.items())
    return rows > 0 and set(finite.values()) == {rows}, f"finite for {rows} rows: {counted}"


def _count_finite(vector: Vector, *, several: bool) -> int:
    """Count the rows with finite values; a vector of the wrong form has none."""
    values = np.asarray(vector, dtype=float)
    if values.ndim != (2 if several else 1):
        return -1
    return int(np.isfinite(values.reshape(len(values), -1)).all(axis=1).sum())


def every_class_present(case: GateContext) -> tuple[bool, str]:
    """Do the gate rows hold more than one class, or more than one value?"""
    distinct = len(np.unique(case.evidence.truth))
    return distinct > 1, f"{distinct} distinct labels among the gate rows"


def unseen_rows(case: GateContext) -> tuple[bool, str]:
    """Did none of the gate rows teach the challenger?

    By time, all it was trained on must lie before the first gate row. By key, it must have been
    trained under the contract's own split, and every gate row must belong to the gate by it.
    """
    evidence = case.evidence
    problem, trained_on = evidence.problem, evidence.model.trained_on
    if problem.split.by == "time":
        last = pd.Timestamp(trained_on["last"])
        first = evidence.rows[str(problem.event_time)].min(skipna=False)
        return bool(last < first), f"trained on rows up to {last}, the first gate row is of {first}"
    if trained_on["split"] != describe_split(problem):
        return False, f"trained under the split {trained_on['split']}, which is not the contract's"
    sets = assign_by_key(evidence.rows[problem.entity_keys], problem.split)
    strange = int(np.sum(sets != "gate"))
    return len(sets) > 0 and not strange, f"{strange} of {len(sets)} gate rows belong to other sets"


def fresh_data(case: GateContext) -> tuple[bool, str]:
    """Is the newest row that taught the challenger no older than allowed, nor from the future?"""
    last, most = case.evidence.model.trained_on["last"], case.settings.max_data_age_days
    age = (pd.Timestamp(case.evidence.as_of) - pd.Timestamp(last)) / pd.Timedelta(days=1)
    said = f"the newest train row is of {last}, {age:.1f} days before the clock"
    return bool(0 <= age <= _limit(most)), f"{said}, {_say(most, '{:g} days allowed')}"


def clean_data(case: GateContext) -> tuple[bool, str]:
    """Was no larger share of the raw rows set aside than allowed?"""
    read, share = case.evidence.intake["rows_read"], case.evidence.intake["rejected_share"]
    most = case.settings.max_rejected_share
    said = f"{share:.2%} of {read} raw rows were set aside, {_say(most, '{:.2%} allowed')}"
    return bool(read > 0 and 0 <= share <= _limit(most)), said


def _limit(budget: float | None) -> float:
    return np.finfo("float64").max if budget is None else budget


def _say(budget: Any, form: str) -> str:
    return "no limit set" if budget is None else str(form.format(budget))
