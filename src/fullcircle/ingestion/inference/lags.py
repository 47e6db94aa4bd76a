"""Columns that hold the label of a neighbouring row: known too early, or never in time."""

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir

from fullcircle.core.parsing.column_parser import ColumnParser, as_moment
from fullcircle.core.validation.entities import MIN_ENTITIES
from fullcircle.core.validation.row_validation import SOURCE_ROW
from fullcircle.ingestion.inference.column_kinds import Column
from fullcircle.ingestion.inference.issues import Issue

_MAX_ROWS = 100_000
_MOSTLY = 0.95
_CLOSE = 0.01  # of the label's standard deviation


def find_lags(
    raw: ir.Table,
    numbers: Sequence[Column],
    label: ir.Column,
    keys: tuple[str, ...],
    time: Column,
    reading: ColumnParser,
) -> list[Issue]:
    """Find columns that hold the label of the row before, or of the row behind.

    Args:
        raw: The table as it came, with ``source_row``.
        numbers: Columns of numbers.
        label: The label of each raw row, a number.
        keys: Source columns of the key; rows of one key are a series.
        time: The time column.
        reading: How texts are read.
    """
    moment = as_moment(reading.moment_text(raw, time.source, time.clock), time.layout)
    texts = {f"k{place}": reading.text(raw, key) for place, key in enumerate(keys)}
    values = {f"c{n}": reading.number(raw, each.source) for n, each in enumerate(numbers)}
    rows = raw.select(SOURCE_ROW, at=moment, y=label.cast("float64"), **texts, **values)
    series = ibis.window(group_by=list(texts) or None, order_by=["at", SOURCE_ROW])
    around = rows.mutate(
        before=rows.y.lag().over(series),
        behind=rows.y.lead().over(series),
    ).limit(_MAX_ROWS)
    [scale] = rows.aggregate(scale=rows.y.std()).to_pyarrow().to_pylist()
    close = _CLOSE * (scale["scale"] or 0.0)  # a lag may be rounded
    asked = {
        f"{name}_{side}": ((around[name] - around[side]).abs() <= close).mean()
        for name in values
        for side in ("before", "behind")
    }
    if not asked:
        return []
    [row] = around.aggregate(spread=around.y.nunique(), **asked).to_pyarrow().to_pylist()
    if (row["spread"] or 0) < MIN_ENTITIES:  # equal neighbours are common among few values
        return []
    return [
        _describe_lag(column.source, side, row[f"c{place}_{side}"])
        for place, column in enumerate(numbers)
        for side in ("before", "behind")
        if (row[f"c{place}_{side}"] or 0) > _MOSTLY
    ]


def _describe_lag(source: str, side: str, share: float) -> Issue:
    if side == "behind":
        told = f"{source} is the label of the next row in {share:.0%} of the rows"
        return Issue("danger", "leak", told, "take it out of request_columns: nobody knows it yet")
    told = f"{source} is the label of the row before in {share:.0%} of the rows"
    do = "kept; make sure that this label is known by then (--label-delay-days)"
    return Issue("danger", "lag", told, do)
