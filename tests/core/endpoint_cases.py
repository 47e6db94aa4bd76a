"""Logs of an endpoint, as its collector writes them, for tests of monitoring."""

import json
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pyarrow as pa

from fullcircle.serving.collector import PREDICTIONS


def log_of(rows: pd.DataFrame, inputs: list[str], **changes: Any) -> pd.DataFrame:
    """Return the log of answers to rows that have ``at``, ``predicted`` and the inputs.

    Args:
        rows: One answered row each.
        inputs: Columns that the model saw.
        changes: Columns of the log that differ from those of a champion's single rows.
    """
    at = pd.to_datetime(rows["at"], utc=True)
    place = np.arange(len(rows))
    log = {
        "answered_at": at.dt.as_unit("us").to_numpy(),
        "date": at.dt.date,
        "request_id": [f"q{n}" for n in place],
        "row": 0,
        "row_id": rows["id"] if "id" in rows else [f"r{n}" for n in place],
        "entity": None,
        "role": "champion",
        "answered": True,
        "model_name": "a.b.c",
        "model_version": "1",
        "predicted": rows["predicted"].to_numpy(),
        "probabilities": None,
        "decision": (rows["predicted"].to_numpy() >= 0.5).astype("int64"),
        "features": [_spell(each) for each in rows[inputs].to_dict("records")],
    }
    return pd.DataFrame(log | changes)


def _spell(values: dict[str, Any]) -> str:
    plain = {
        name: None
        if value is None or value != value  # noqa: PLR0124 - NaN
        else value.isoformat()
        if hasattr(value, "isoformat")
        else value
        for name, value in values.items()
    }
    return json.dumps(plain, separators=(",", ":"), default=lambda each: each.item())


def table_of(log: pd.DataFrame) -> ir.Table:
    """Return the log as a table with the types that the collector writes."""
    listed = log.astype({"row": "int32"}).to_dict("list")
    listed["answered_at"] = pd.to_datetime(log["answered_at"], utc=True).tolist()
    arrays = {name: pa.array(listed[name], type_) for name, type_ in _types().items()}
    return ibis.memtable(pa.table(arrays))


def _types() -> dict[str, pa.DataType]:
    return {field.name: field.type for field in PREDICTIONS}
