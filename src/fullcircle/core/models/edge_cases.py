"""Rows as they come on a bad day, and what a model makes of them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from fullcircle.core.models.model import Model
from fullcircle.core.preparation.reader import LARGEST, is_numeric

_UNSEEN = "a category that no row has ever had"
CASES = ("as usual", "all missing", "lowest", "highest", "all zero", "unseen categories")
# Sums of a row alone and of one among others are added up in another order.
_RELATIVE, _ABSOLUTE = 1e-9, 1e-12


def predict_edge_cases(model: Model) -> dict[str, dict[str, Any]]:
    """Predict each edge case by itself and among the others.

    Returns:
        By case: ``alone`` and ``together``, what was predicted, and ``error`` where one failed.
    """
    rows = make_edge_cases(model.example)
    try:
        together = model.predict(rows)
    except Exception as error:  # whatever a model raises is what the gate must know
        return {case: {"error": _first_line(error)} for case in CASES}
    return {
        case: _predict_alone(model, rows.iloc[[place]], together[place])
        for place, case in enumerate(CASES)
    }


def make_edge_cases(example: pd.DataFrame) -> pd.DataFrame:
    """Make one row for each of CASES, from the first row of an example."""
    rows = pd.concat([example.iloc[[0]]] * len(CASES), ignore_index=True)
    for name in rows.columns:
        usual = rows[name].iloc[0]
        if is_numeric(example[name]):
            rows[name] = [usual, np.nan, -LARGEST, LARGEST, 0.0, usual]
        else:
            rows[name] = pd.Series([usual, None, "", "z" * 1000, "0", _UNSEEN], dtype=object)
    return rows


def find_edge_faults(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Say which edge cases a model does not stand: no answer, none that is finite, or two."""
    return [f"{case}: {fault}" for case in CASES if (fault := _find_fault(found.get(case)))]


def _find_fault(case: Mapping[str, Any] | None) -> str | None:
    if not case:
        return "was not tried"
    if case.get("error"):
        return str(case["error"])
    alone, together = (np.asarray(case[how], dtype=float) for how in ("alone", "together"))
    if not alone.size or not np.isfinite(alone).all() or not np.isfinite(together).all():
        return "no finite prediction"
    if not np.allclose(alone, together, rtol=_RELATIVE, atol=_ABSOLUTE):
        return f"{alone.tolist()} alone, {together.tolist()} among other rows"
    return None


def _predict_alone(model: Model, row: pd.DataFrame, together: Any) -> dict[str, Any]:
    try:
        alone = model.predict(row)[0]
    except Exception as error:  # as above
        return {"error": _first_line(error)}
    return {"alone": np.asarray(alone).tolist(), "together": np.asarray(together).tolist()}


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
