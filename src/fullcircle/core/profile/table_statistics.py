"""What a set of rows looks like: its first rows, and a few numbers for each column."""

import json
from typing import Any

import pandas as pd
from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_numeric_dtype


def describe_head(rows: pd.DataFrame, count: int = 5) -> list[dict[str, Any]]:
    """Give the first rows as plain values, one mapping a row; moments as ISO 8601, NaN as None."""
    text = rows.head(count).to_json(orient="records", date_format="iso", default_handler=str)
    head: list[dict[str, Any]] = json.loads(text)
    return head


def describe_columns(rows: pd.DataFrame, top: int = 5) -> dict[str, Any]:
    """Describe every column of a table.

    Args:
        rows: The table.
        top: How many of the commonest values to count, in columns that are no numbers or moments.

    Returns:
        ``{"rows": int, "columns": {name: {"dtype", "nulls", "distinct", ...}}}``: a column of
        numbers has ``min``, ``mean``, ``max`` besides, one of moments ``min`` and ``max`` as
        ISO 8601, any other ``top`` as ``{value: rows}``. All values are plain, None where a column
        is empty.
    """
    columns = {str(name): _describe_column(rows[name], top) for name in rows.columns}
    return {"rows": len(rows), "columns": columns}


def _describe_column(column: "pd.Series[Any]", top: int) -> dict[str, Any]:
    known = column.dropna()
    facts: dict[str, Any] = {
        "dtype": str(column.dtype),
        "nulls": len(column) - len(known),
        "distinct": int(known.nunique()),
    }
    if is_datetime64_any_dtype(column.dtype):
        span = {"min": known.min(), "max": known.max()} if len(known) else {}
        return facts | {name: span[name].isoformat() if span else None for name in ("min", "max")}
    if is_numeric_dtype(column.dtype) and not is_bool_dtype(column.dtype):
        return facts | {name: _number(known, name) for name in ("min", "mean", "max")}
    counts = known.value_counts().head(top)
    return facts | {"top": {str(value): int(rows) for value, rows in counts.items()}}


def _number(known: "pd.Series[Any]", name: str) -> float | int | None:
    """Compute one number; a whole column stays whole, and what is not finite is None."""
    if known.empty:
        return None
    value: float | int = getattr(known, name)()
    plain = value.item() if hasattr(value, "item") else value
    return plain if abs(plain) < float("inf") else None
