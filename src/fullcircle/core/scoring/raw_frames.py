"""Frames of raw values, read by the schema that a model carries."""

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pandas.api import types

from fullcircle.core.errors import DataError
from fullcircle.core.models.model import Model
from fullcircle.core.parsing.raw_schema import ColumnSchema, RawSchema
from fullcircle.core.parsing.value_parser import ValueParser
from fullcircle.core.scoring.raw_columns import parse_column
from fullcircle.core.scoring.values import MOMENT, as_column


def read_frame(frame: pd.DataFrame, model: Model) -> tuple[pd.DataFrame, dict[str, int]]:
    """Read the raw values of a frame as training read them.

    Columns may have the names of the source. What is typed already stays as it is.

    Returns:
        The frame, and how many values of each column cannot be read and are missing.

    Raises:
        DataError: A value for which no row may be scored: it is named.
    """
    schema = RawSchema.from_dict(model.raw_schema)
    if schema is None:
        return frame, {}
    present = set(frame.columns)
    names = {old: new for old, new in schema.aliases.items() if new not in present}
    read = frame.rename(columns=names)
    unreadable: dict[str, int] = {}
    for name in dict.fromkeys([*model.features, *filter(None, [model.event_time])]):
        if name not in read.columns or name not in schema.columns:
            continue
        if types.is_datetime64_any_dtype(read[name].dtype):
            continue
        kind = MOMENT if name == model.event_time else None
        values, count = _read_column(read, name, ValueParser(schema.columns[name]), kind)
        read[name] = values
        if count:
            unreadable[name] = count
    for name in [each for each in model.features if each in schema.columns]:
        _fill_default(read, schema.columns[name])
    return read, unreadable


def _fill_default(frame: pd.DataFrame, column: ColumnSchema) -> None:
    """Give blanks of a column the value that they stand for beside another column's.

    Raises:
        DataError: A blank stands for nothing, and may not be there.
    """
    default, name = column.default, column.name
    if default is None or not {name, default.column} <= set(frame.columns):
        return
    stands = frame[name].isna() & (frame[default.column] == default.equals)
    frame[name] = frame[name].mask(stands, default.value)
    if column.required and (blank := frame[name].isna().to_numpy()).any():
        raise DataError(f"Row {int(blank.argmax())}: {name} is blank.")


def _read_column(
    frame: pd.DataFrame, name: str, parser: ValueParser, kind: pa.DataType | None
) -> tuple[pd.Series, int]:
    is_text = parser.schema.kind in ("text", "code")
    wanted = kind or (pa.string() if is_text else pa.float64())
    given = _as_arrow(frame[name])
    clock = parser.schema.clock
    clocks = _as_arrow(frame[clock]) if clock in frame.columns else None
    values, unreadable, faults = parse_column(given, parser, wanted, clocks)
    bad = unreadable if unreadable is not None and (parser.schema.strict or kind) else None
    if faults is not None or bad is not None:
        wrong = pc.is_valid(faults) if faults is not None else bad
        row = pc.index(wrong, True).as_py()
        told = faults[row].as_py() if faults is not None else parser.fault()
        raise DataError(f"Row {row}: {name} {told}: {frame[name].iloc[row]!r}.")
    series = pd.Series(values.to_pandas().to_numpy(), index=frame.index)
    if kind is not None:
        series = pd.to_datetime(series, utc=True)
    count = 0 if unreadable is None else int(pc.sum(unreadable).as_py())
    return series, count


def _as_arrow(column: pd.Series) -> pa.Array:
    if types.is_numeric_dtype(column.dtype):
        return pa.array(column, from_pandas=True)
    plain = column.astype(object)
    return as_column(plain.where(plain.notna(), None).tolist())
