"""What a request is answered, and what the journal says of it."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from fullcircle.core.errors import DataError
from fullcircle.core.metrics import Vector
from fullcircle.serving.memory import count_resident_bytes
from fullcircle.serving.schemas import FaultyRowsError
from fullcircle.serving.scoring import Part


def find_fault(parts: Sequence[Part]) -> Exception | None:
    """Give what is wrong with a request, rows counted as in the request; None where nothing is."""
    faults: dict[int, str] = {}
    for part in parts:
        if isinstance(part.fault, FaultyRowsError):
            faults |= {
                row if part.rows is None else part.rows[row]: text
                for row, text in part.fault.faults.items()
            }
        elif part.fault is not None:
            return part.fault
    return FaultyRowsError(faults) if faults else None


def describe_parts(parts: Sequence[Part], rows: int) -> dict[str, Any]:
    """Give the answer's content, row by row in the order of the request.

    Returns:
        ``predictions`` as MLflow's own server gives them (probabilities per class, or the value);
        ``decisions`` for classes, or ``intervals`` for values where the model has them; ``roles``
        and ``model_versions``, who answered each row; the ``model``; and, where there are any,
        ``feature_gaps``: tables whose features were missing or stale, with the rows; and
        ``unreadable_cells``: values that cannot be read and count as missing.
    """
    content: dict[str, Any] = {"predictions": _in_order(parts, rows, _as_served)}
    if parts[0].loaded.model.task != "regression":
        content["decisions"] = _in_order(parts, rows, _decide)
    elif all(part.intervals() is not None for part in parts):
        content["intervals"] = _in_order(parts, rows, lambda part: part.intervals() or [])
    content["roles"] = _in_order(parts, rows, lambda part: [_plain(part.role)] * part.size)
    content["model_versions"] = _in_order(parts, rows, lambda p: [p.loaded.version] * p.size)
    registration = parts[0].loaded.model.registration
    content["model"] = registration.name if registration else "unregistered"
    if any(part.gaps for part in parts):
        content["feature_gaps"] = _describe_gaps(parts)
    if any(part.unreadable for part in parts):
        content["unreadable_cells"] = _describe_unreadable(parts)
    return content


def _describe_unreadable(parts: Sequence[Part]) -> list[dict[str, Any]]:
    """Return the values that count as missing, by their rows in the request."""
    cells = [
        cell if part.rows is None else cell._replace(row=part.rows[cell.row])
        for part in parts
        for cell in part.unreadable
    ]
    return [cell._asdict() for cell in sorted(cells, key=lambda cell: (cell.row, cell.column))]


def _describe_gaps(parts: Sequence[Part]) -> list[dict[str, Any]]:
    """Return per table the rows of the request whose features were missing, or stale."""
    tables: dict[str, dict[str, list[int]]] = {}
    for part in parts:
        for gap in part.gaps:
            rows = tables.setdefault(gap.table, {"missing": [], "stale": []})
            rows[gap.kind].append(gap.row if part.rows is None else part.rows[gap.row])
    return [
        {"table": table, **{f"{kind}_rows": sorted(found) for kind, found in rows.items()}}
        for table, rows in tables.items()
    ]


def _plain(role: str) -> str:
    return role.partition(" ")[0]


def _in_order(parts: Sequence[Part], rows: int, give: Any) -> list[Any]:
    if parts[0].rows is None:
        return list(give(parts[0]))
    ordered: list[Any] = [None] * rows
    for part in parts:
        for row, value in zip(part.rows or (), give(part), strict=True):
            ordered[row] = value
    return ordered


def _as_served(part: Part) -> list[Any]:
    predicted = _known(part)
    if part.loaded.model.task != "binary":
        return list(predicted.tolist())
    return list(np.column_stack([1 - predicted, predicted]).tolist())


def _decide(part: Part) -> list[Any]:
    return list(part.loaded.model.decide(_known(part)).tolist())


def _known(part: Part) -> Vector:
    if part.predicted is None:
        raise DataError("There is no prediction.")
    return part.predicted


def describe_request(name: str, route: str, began: float, worker: int) -> dict[str, Any]:
    """Begin what the journal says of a request, now that its answer is ready."""
    return {
        "id": name,
        "at": time.time_ns() // 1000,
        "route": route,
        "ms": (time.perf_counter() - began) * 1000,
        "worker": worker,
        "memory": count_resident_bytes(),
    }


def describe_part(
    part: Part, row_id: str, keys: list[str], private: frozenset[str]
) -> dict[str, Any]:
    """Say what the journal keeps of the rows that a model answered."""
    kept = {name: values for name, values in part.inputs.items() if name not in private}
    known = {key: part.columns[key] for key in keys if key in part.columns and key not in private}
    ids = part.columns.get(row_id) if row_id not in private else None
    registration = part.loaded.model.registration
    return {
        "role": part.role,
        "model": registration.name if registration else "unregistered",
        "version": part.loaded.version,
        "rows": list(range(part.size)) if part.rows is None else part.rows,
        "ids": ids,
        "keys": known,
        "inputs": kept,
        "predicted": _known(part).tolist(),
        "decisions": None if part.loaded.model.task == "regression" else _decide(part),
    }
