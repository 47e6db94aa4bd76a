"""Read columns by a plan: whatever a frame holds becomes float64 numbers or plain texts."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api import types
from sklearn.base import BaseEstimator, TransformerMixin

from fullcircle.core.errors import DataError, name_missing

Vector = npt.NDArray[Any]
ISO = "ISO8601"

# Trees think in float32, which ends at 3e38, and variances need the square; beyond is missing.
LARGEST = 1e30
_LAST_SECOND = 253_402_300_799  # of the year 9999
_DAY = 86_400
# pandas would read these from the clock.
_CLOCK_WORDS = ("now", "today")
_MANY_ROWS = 1000


def is_numeric(column: pd.Series) -> bool:
    """Whether the dtype holds real numbers or booleans."""
    kind = column.dtype
    return (types.is_numeric_dtype(kind) or types.is_bool_dtype(kind)) and not (
        types.is_complex_dtype(kind) or isinstance(kind, pd.CategoricalDtype)
    )


def read_numbers(column: pd.Series) -> Vector:
    """Read numbers, booleans (0 and 1), durations (seconds) or texts of numbers as float64.

    Infinity, numbers beyond 1e30 and whatever is no number become NaN.
    """
    if is_numeric(column):
        values = column.to_numpy(dtype="float64", na_value=np.nan)
    elif types.is_timedelta64_dtype(column.dtype):
        values = column.dt.total_seconds().to_numpy(dtype="float64")
    else:
        values = _parse_numbers(column.to_numpy(dtype=object))
    return np.where(np.abs(values) <= LARGEST, values, np.nan)


def _parse_numbers(values: Vector) -> Vector:
    real = [_as_parsable(value) for value in values] if _is_mixed(values) else values
    parsed = pd.to_numeric(pd.Series(real, dtype=object), errors="coerce")
    return parsed.to_numpy(dtype="float64", na_value=np.nan)


def _is_mixed(values: Vector) -> bool:
    return types.infer_dtype(values, skipna=True) not in {"string", "integer", "floating", "empty"}


def _as_parsable(value: Any) -> Any:
    """Keep booleans, numbers and texts, and let pandas not guess at anything else."""
    if isinstance(value, str | bool | np.bool_):
        return value
    if isinstance(value, timedelta):
        return value.total_seconds()
    if not isinstance(value, int | float | Decimal | np.integer | np.floating):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def read_texts(column: pd.Series) -> Vector:
    """Read values as texts without surrounding blanks, an object array; NaN for null and blank."""
    values = column.to_numpy(dtype=object)
    if len(values) < _MANY_ROWS or types.infer_dtype(values, skipna=True) != "string":
        return _as_objects([clean_text(value) for value in values])
    codes, distinct = pd.factorize(values)
    return _as_objects([*map(clean_text, distinct), np.nan])[codes]


def clean_text(value: Any) -> Any:
    """Read one value as text without surrounding blanks; NaN for null and blank."""
    if not isinstance(value, str):
        if types.is_scalar(value) and pd.isna(value):
            return np.nan
        # A null among integers makes them floats; 1 and 1.0 are one category.
        whole = isinstance(value, float) and value.is_integer()
        value = str(int(value) if whole else value)
    text = value.strip()
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode()
    return text or np.nan


def _as_objects(values: list[Any]) -> Vector:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def read_moments(column: pd.Series, layout: str = ISO) -> Vector:
    """Read moments as whole seconds since 1970 UTC; NaN for null, unreadable or beyond year 9999.

    Args:
        column: Moments of any time zone (UTC where none is given), numbers that are seconds since
            1970 already, or texts.
        layout: How texts are written; ISO 8601 is always understood.
    """
    if is_numeric(column):
        seconds = np.floor(read_numbers(column))
    elif types.is_datetime64_any_dtype(column.dtype):
        seconds = _as_seconds(column)
    else:
        seconds = _as_seconds(parse_moments(read_texts(column), layout))
    return np.where(np.abs(seconds) <= _LAST_SECOND, seconds, np.nan)


def parse_moments(texts: Vector, layout: str) -> pd.Series:
    """Parse texts as moments in UTC, by their layout or else as ISO 8601; NaT if neither fits."""
    given = pd.Series(texts, dtype=object)
    given = given.mask(given.isin(_CLOCK_WORDS))
    parsed = pd.to_datetime(given, format=layout, errors="coerce", utc=True)
    if layout == ISO or parsed.notna().all():
        return parsed
    return parsed.fillna(pd.to_datetime(given, format=ISO, errors="coerce", utc=True))


def _as_seconds(moments: pd.Series) -> Vector:
    if getattr(moments.dt, "tz", None) is not None:
        moments = moments.dt.tz_convert("UTC").dt.tz_localize(None)
    values = moments.to_numpy().astype("datetime64[s]")
    return np.where(np.isnat(values), np.nan, values.astype("int64").astype("float64"))


def split_moments(seconds: Vector) -> dict[str, Vector]:
    """Split seconds since 1970 UTC into float columns; Monday is day 0."""
    known = np.isfinite(seconds)
    whole = np.where(known, seconds, 0).astype("int64")
    day = (whole // _DAY).astype("datetime64[D]")
    month = day.astype("datetime64[M]")
    parts = {
        "days": seconds / _DAY,
        "year": day.astype("datetime64[Y]").astype("int64") + 1970,
        "month": month.astype("int64") % 12 + 1,
        "day": (day - month).astype("int64") + 1,
        "day of week": (day.astype("int64") + 3) % 7,
        "hour": whole % _DAY // 3600,
    }
    return {name: np.where(known, part, np.nan) for name, part in parts.items()}


def _read_moment_parts(column: pd.Series, entry: dict[str, Any]) -> dict[str, Any]:
    parts = split_moments(read_moments(column, entry["layout"]))
    return {output: parts[part] for part, output in entry["outputs"].items()}


def drop_sentinels(numbers: Vector, entry: dict[str, Any]) -> Vector:
    """Return numbers with NaN for those that mean that nothing is known, as a plan names them."""
    sentinels = entry.get("sentinels")
    return np.where(np.isin(numbers, sentinels), np.nan, numbers) if sentinels else numbers


def read_word(text: Any, entry: dict[str, Any]) -> Any:
    """Return what a clean text means: NaN for a word that says that nothing is known."""
    if text in entry.get("missing_words", ()):
        return np.nan
    return entry.get("spellings", {}).get(text, text)


def _read_words(column: pd.Series, entry: dict[str, Any]) -> Vector:
    texts = read_texts(column)
    if not ("missing_words" in entry or "spellings" in entry):
        return texts
    return _as_objects([read_word(text, entry) for text in texts])


# The treatments that a plan may name, each with its reading: (column, entry) -> output columns.
READINGS: dict[str, Callable[[pd.Series, dict[str, Any]], dict[str, Any]]] = {
    "number": lambda column, entry: {entry["column"]: drop_sentinels(read_numbers(column), entry)},
    # As a series, since pandas would infer a dtype of its own for an array of texts.
    "text": lambda column, entry: {
        entry["column"]: pd.Series(
            _read_words(column, entry), index=column.index, dtype=object, copy=False
        )
    },
    "moment": _read_moment_parts,
}


class ColumnReader(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Turn raw columns into float64 numbers and texts, as the plan of diagnose_columns says.

    Each output depends on its own row alone, and nothing is learnt.

    Attributes:
        plan: One entry per column, as diagnose_columns gives them.
    """

    def __init__(self, plan: list[dict[str, Any]]) -> None:
        self.plan = plan

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def fit(self, frame: pd.DataFrame, label: Any = None) -> "ColumnReader":  # noqa: ARG002
        """Learn nothing."""
        return self

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Read the kept columns.

        Returns:
            Shape (rows, get_feature_names_out): float64, or object texts with NaN for null.

        Raises:
            DataError: Names each missing or repeated column.
        """
        kept = [entry for entry in self.plan if entry["action"] == "keep"]
        _require(frame, [entry["column"] for entry in kept])
        read: dict[str, Any] = {}
        for entry in kept:
            read |= READINGS[entry["treatment"]](frame[entry["column"]], entry)
        # Without a copy into one block, which takes longer than all the reading.
        return pd.DataFrame(read, index=frame.index, copy=False)

    def get_feature_names_out(self, input_features: Any = None) -> Vector:  # noqa: ARG002
        """Name the output columns in order."""
        kept = [entry for entry in self.plan if entry["action"] == "keep"]
        names = [entry.get("outputs", {"": entry["column"]}).values() for entry in kept]
        return np.asarray([name for group in names for name in group], dtype=object)


def _require(frame: Any, wanted: list[str]) -> None:
    if not isinstance(frame, pd.DataFrame):
        raise DataError(f"The model reads a pandas frame, not a {type(frame).__name__}.")
    if not frame.columns.is_unique:
        raise DataError(f"Columns occur twice: {repeated_names(frame)}. Rename or drop one each.")
    if any(name not in frame.columns for name in wanted):
        missing = name_missing(wanted, map(str, frame.columns))
        raise DataError(f"The rows lack the column {missing}.")


def repeated_names(frame: pd.DataFrame) -> str:
    """Name the columns that occur more than once."""
    return ", ".join(sorted({repr(name) for name in frame.columns[frame.columns.duplicated()]}))
