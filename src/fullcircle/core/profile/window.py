"""A window of rows profiled in the engine: one aggregation over the table, whatever its size."""

from typing import Any

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
import numpy as np

from fullcircle.core.profile.bins import Bins
from fullcircle.core.profile.moments import NOTHING

# As in training, numbers beyond are missing (see preparation/reader.py).
_LARGEST = 1e30


@ibis.udf.agg.builtin(name="histogram")  # type: ignore[untyped-decorator]
def _count_up_to(value: dt.float64, edges: dt.Array(dt.float64)) -> dt.Map(dt.float64, dt.int64):  # type: ignore[valid-type]
    """DuckDB's own count of the values up to and including each edge."""


@ibis.udf.agg.builtin(name="histogram_exact")  # type: ignore[untyped-decorator]
def _count_equal(value: dt.string, texts: dt.Array(dt.string)) -> dt.Map(dt.string, dt.int64):  # type: ignore[valid-type]
    """DuckDB's own count of the values equal to each text."""


def readable(kind: str, type_: dt.DataType) -> bool:
    """Whether a column of this type holds what training read as ``number`` or ``text``."""
    if type_.is_null():
        return True
    number = type_.is_integer() or type_.is_floating() or type_.is_timestamp() or type_.is_date()
    if kind == "number":
        return bool(number or type_.is_boolean())
    return not (number or type_.is_interval())


def profile_window(
    table: ir.Table, columns: dict[str, Bins], event_time: str | None = None
) -> dict[str, Any]:
    """Count a window's rows in the bins of a reference, in one pass.

    Args:
        table: The window, with a readable column for each of ``columns``.
        columns: Bins by column.
        event_time: Column with the moment of each row.

    Returns:
        ``rows``, ``newest`` (moment, None without rows or event time) and ``columns``: of each its
        ``counts`` as in a profile, of numbers ``moments``, of texts about how many are
        ``distinct``.
    """
    native = _knows_histograms(table)
    aggregates: dict[str, ir.Value] = {"rows": table.count()}
    if event_time is not None:
        aggregates["newest"] = table[event_time].max()
    for number, (name, bins) in enumerate(columns.items()):
        take = _take_number if bins["kind"] == "number" else _take_text
        for fact, value in take(table[name], bins, native=native).items():
            aggregates[f"{fact}_{number}"] = value
    found = table.aggregate(**aggregates).to_pyarrow().to_pylist()[0]
    rows = int(found["rows"])
    profiled = {
        name: (_read_number if bins["kind"] == "number" else _read_text)(
            bins, {fact: found.get(f"{fact}_{number}") for fact in _facts(bins)}, rows
        )
        for number, (name, bins) in enumerate(columns.items())
    }
    return {"rows": rows, "newest": found.get("newest"), "columns": profiled}


def _knows_histograms(table: ir.Table) -> bool:
    """Whether the engine is DuckDB, which counts all bins of a column at once."""
    return bool(table.get_backend().name == "duckdb")


def _facts(bins: Bins) -> list[str]:
    if bins["kind"] == "text":
        places = [f"bin{place}" for place in range(len(bins["categories"]))]
        return ["count", "distinct", "histogram", *places]
    places = [f"bin{place}" for place in range(len(bins["edges"]))]
    return ["count", "mean", "variance", "min", "max", "histogram", *places]


def _take_number(column: ir.Column, bins: Bins, *, native: bool) -> dict[str, ir.Value]:
    value = _as_number(column)
    taken = {
        "count": value.count(),
        "mean": value.mean(),
        "variance": value.var(how="pop"),
        "min": value.min(),
        "max": value.max(),
    }
    if not bins["edges"]:
        return taken
    # As texts: an engine may read a literal with 17 digits as another number.
    edges = [repr(edge) for edge in bins["edges"]]
    if native:
        bounds = ibis.literal(edges, "array<string>").cast("array<float64>")
        return {**taken, "histogram": _count_up_to(value, bounds)}
    bounded = {
        f"bin{place}": (value <= ibis.literal(edge).cast("float64")).cast("int64").sum()
        for place, edge in enumerate(edges)
    }
    return {**taken, **bounded}


def _as_number(column: ir.Column) -> ir.Column:
    """Read booleans, moments and numbers as training does; what it takes for missing is null."""
    type_ = column.type()
    if type_.is_date():
        column = column.cast("timestamp")
    if column.type().is_timestamp():
        column = column.truncate("s").epoch_seconds()
    number = column.cast("float64")
    return ibis.ifelse(number.abs() <= _LARGEST, number, ibis.null("float64"))


def _take_text(column: ir.Column, bins: Bins, *, native: bool) -> dict[str, ir.Value]:
    if column.type().is_boolean():
        column = ibis.ifelse(column, "True", "False")
    text = column.cast("string")
    taken = {"count": text.count(), "distinct": text.approx_nunique()}
    # In DuckDB's answer the empty text stands for all others.
    native_texts = [each for each in bins["categories"] if each] if native else []
    if native_texts:
        listed = ibis.literal(native_texts, "array<string>")
        taken["histogram"] = _count_equal(text, listed)
    counted = {
        f"bin{place}": (text == each).cast("int64").sum()
        for place, each in enumerate(bins["categories"])
        if each not in native_texts
    }
    return {**taken, **counted}


def _read_number(bins: Bins, found: dict[str, Any], rows: int) -> Bins:
    present = int(found["count"] or 0)
    if found["histogram"] is not None:
        by_edge = dict(found["histogram"])
        inner = [int(by_edge.get(edge, 0)) for edge in bins["edges"]]
    else:
        up_to = [int(found[f"bin{place}"] or 0) for place in range(len(bins["edges"]))]
        inner = np.diff([0, *up_to]).tolist()
    moments = {name: found[name] for name in ("count", "mean", "variance", "min", "max")}
    return {
        "counts": [*inner, present - sum(inner), rows - present],
        "moments": moments if present else NOTHING,
    }


def _read_text(bins: Bins, found: dict[str, Any], rows: int) -> Bins:
    present = int(found["count"] or 0)
    by_text = dict(found["histogram"] or [])
    listed = [
        int((by_text.get(text) if text in by_text and text else found[f"bin{place}"]) or 0)
        for place, text in enumerate(bins["categories"])
    ]
    counts = [*listed, present - sum(listed), rows - present]
    return {"counts": counts, "distinct": int(found["distinct"] or 0)}
