"""Which columns a model gets and how they are read: a plan made from the train rows alone."""

from collections import Counter
from itertools import count
from typing import Any

import numpy as np
import pandas as pd

from fullcircle.core.errors import DataError
from fullcircle.core.preparation import column_scores
from fullcircle.core.preparation.kinds import PreparationSettings, drop_column, recognise_column
from fullcircle.core.preparation.reader import Vector, read_moments, repeated_names

Plan = list[dict[str, Any]]


def diagnose_columns(
    frame: pd.DataFrame,
    label: pd.Series,
    task: str,
    settings: PreparationSettings,
    *,
    event_time: pd.Series | None = None,
) -> Plan:
    """Say of each column what it is, whether to keep it and how to read it.

    Args:
        frame: Input columns of the train rows, and no others; their order means nothing.
        label: One value a row, none missing.
        task: binary, multiclass or regression.
        settings: Limits.
        event_time: Moment of the prediction; a date that mostly lies after it is a leak.

    Returns:
        One entry a column: ``column``, ``kind``, ``action`` (keep, drop), ``treatment`` (number,
        text, moment, none), ``why``, ``missing`` (share of rows), ``score`` (see score_columns,
        or None); ``layout`` and ``outputs`` for moments. Plain values that JSON can hold.

    Raises:
        DataError: Names are no texts or repeated, lengths differ, nothing usable remains, or
            columns give the label away and the settings say to refuse.
    """
    _refuse_unreadable(frame, label, event_time)
    read = {name: recognise_column(frame[name], settings) for name in frame.columns}
    plan = {name: {"column": name, **entry} for name, (entry, _) in read.items()}
    values = {name: array for name, (_, array) in read.items()}
    for name, earlier in column_scores.find_duplicates(_of_kept(values, plan)).items():
        drop_column(plan[name], "duplicate", f"equal to {earlier!r} in all {len(frame)} rows")
    target = _as_target(label, task)
    suspects = _find_leaks(plan, values, target, task, settings)
    if event_time is not None:
        suspects |= _find_later(plan, values, event_time)
    _treat_leaks(plan, suspects, settings)
    _drop_collinear(plan, values, target, settings)
    if not _of_kept(values, plan):
        counts = Counter(entry["kind"] for entry in plan.values())
        found = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
        raise DataError(f"No usable column is left of {len(plan)}: {found or 'none given'}.")
    _name_outputs(plan)
    return list(plan.values())


def _refuse_unreadable(frame: pd.DataFrame, label: pd.Series, event_time: pd.Series | None) -> None:
    # NumPy, which scikit-learn asks for names, loses a NUL at their end.
    plain = [isinstance(name, str) and "\0" not in name for name in frame.columns]
    if unnamed := [
        repr(n) for n, is_plain in zip(frame.columns, plain, strict=True) if not is_plain
    ]:
        raise DataError(f"Column names must be texts, not {', '.join(unnamed[:5])}. Rename them.")
    if not frame.columns.is_unique:
        raise DataError(f"Columns occur twice: {repeated_names(frame)}. Rename or drop one each.")
    if frame.empty and len(frame.columns):
        raise DataError("There are no train rows to tell columns by.")
    for what, column in {"label": label, "event time": event_time}.items():
        if column is not None and len(column) != len(frame):
            raise DataError(f"{len(frame)} rows came with {len(column)} values of the {what}.")
    if missing := int(label.isna().sum()):
        raise DataError(f"{missing} train rows have no label. Leave them out.")


def _of_kept(values: dict[str, Vector], plan: dict[str, Any], *kinds: str) -> dict[str, Vector]:
    """Values of the columns still kept, of the treatments given or of all."""
    return {
        name: array
        for name, array in values.items()
        if plan[name]["action"] == "keep" and (not kinds or plan[name]["treatment"] in kinds)
    }


def _as_target(label: pd.Series, task: str) -> Vector:
    """Values of a regression, or the number of each row's class in their sorted order."""
    if task == "regression":
        return label.to_numpy(dtype="float64")
    return pd.factorize(label, sort=True)[0]


def _find_leaks(
    plan: dict[str, Any],
    values: dict[str, Vector],
    target: Vector,
    task: str,
    settings: PreparationSettings,
) -> dict[str, str]:
    """Enter the score of every kept column, and say why one is suspected."""
    limit = settings.max_single_column_score
    numbers = _of_kept(values, plan, "number", "moment")
    texts = _of_kept(values, plan, "text")
    scores = _score(numbers, texts, target, task, limit)
    suspects = {}
    for name, score in zip([*numbers, *texts], scores, strict=True):
        plan[name]["score"] = None if np.isnan(score) else round(float(score), 4)
        if score > limit:
            suspects[name] = f"single-column score {score:.4g} above {limit:g}"
    return suspects


def _score(
    numbers: dict[str, Vector], texts: dict[str, Vector], target: Vector, task: str, limit: float
) -> Vector:
    columns = [*numbers.values(), *texts.values()]
    rows = column_scores.choose_rows(columns, target, classes=task != "regression")
    chosen = np.empty((len(rows), len(numbers)))
    for position, array in enumerate(numbers.values()):
        chosen[:, position] = array[rows]
    codes = np.empty((len(rows), len(texts)))
    for position, array in enumerate(texts.values()):
        codes[:, position] = pd.factorize(array[rows])[0]
    return column_scores.score_columns(chosen, codes, target[rows], task, limit)


def _find_later(
    plan: dict[str, Any], values: dict[str, Vector], event_time: pd.Series
) -> dict[str, str]:
    """Say which dates lie mostly after the moment of the prediction."""
    now = read_moments(event_time)
    found = {}
    for name, seconds in _of_kept(values, plan, "moment").items():
        both = np.isfinite(seconds) & np.isfinite(now)
        later = float(np.mean(seconds[both] > now[both])) if both.any() else 0.0
        if later > 0.5:
            found[name] = f"{later:.0%} of its moments lie after the prediction's"
    return found


def _treat_leaks(
    plan: dict[str, Any], suspects: dict[str, str], settings: PreparationSettings
) -> None:
    suspects = {n: why for n, why in suspects.items() if n not in settings.allowed_columns}
    if suspects and settings.leaks == "refuse":
        named = "; ".join(f"{name!r} ({why})" for name, why in suspects.items())
        raise DataError(
            f"Columns give the label away: {named}. Leave them out or name them in allowed_columns."
        )
    for name, why in suspects.items():
        if settings.leaks == "keep_out":
            drop_column(plan[name], "leak", why)
        else:
            plan[name] |= {"kind": "leak", "why": f"{why}; kept, since leaks are only reported"}


def _drop_collinear(
    plan: dict[str, Any],
    values: dict[str, Vector],
    target: Vector,
    settings: PreparationSettings,
) -> None:
    numbers = _of_kept(values, plan, "number")
    if len(numbers) < 2:
        return
    rows = column_scores.choose_rows(numbers.values(), target, classes=False)
    matrix = np.column_stack([array[rows] for array in numbers.values()])
    names = list(numbers)
    found = column_scores.find_collinear(matrix, settings.max_collinearity)
    for column, (earlier, strength) in found.items():
        why = f"correlation {strength:.6f} with {names[earlier]!r}"
        drop_column(plan[names[column]], "collinear", f"{why} above {settings.max_collinearity:g}")


def _name_outputs(plan: dict[str, Any]) -> None:
    """Tell a date's parts from any column that happens to have the name of one."""
    taken = set(plan)
    for entry in plan.values():
        for part, name in entry.get("outputs", {}).items():
            free = next(name + "'" * n for n in count() if name + "'" * n not in taken)
            entry["outputs"][part] = free
            taken.add(free)


def describe_preparation(plan: Plan) -> dict[str, Any]:
    """Count what a plan keeps and drops: ``{"kept": {kind: n}, "dropped": {kind: n}, ...}``."""
    counts = {
        action: dict(sorted(Counter(e["kind"] for e in plan if e["action"] == action).items()))
        for action in ("keep", "drop")
    }
    return {"columns": len(plan), "kept": counts["keep"], "dropped": counts["drop"]}
