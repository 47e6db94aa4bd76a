"""What a column is, told by its values: number, date, category, text, key or nothing of use."""

import re
import warnings
from typing import Any, Literal

import numpy as np
import pandas as pd
from pandas.api import types
from pandas.tseries.api import guess_datetime_format
from pydantic import Field

from fullcircle.core.contract import Settings, Share
from fullcircle.core.preparation.reader import (
    ISO,
    Vector,
    is_numeric,
    parse_moments,
    read_moments,
    read_numbers,
    read_texts,
    split_moments,
)

_NULL_WORDS = {"na", "n/a", "nan", "null", "none", "nil", "?", "-", "."}
# What pandas infers of objects that are no texts.
_MOMENTS = {"datetime", "datetime64", "date"}
_NUMBERS = {"boolean", "integer", "floating", "decimal", "timedelta", "mixed-integer-float"}
_CODE = re.compile(r"[+-]?0\d+")  # 00123 is a code: as a number it would lose its zeros
_ID_NAME = re.compile(r"(?:^|[^A-Za-z])(?i:id|key|uuid|guid)$|[a-z](?:Id|ID|Key)$")
_WORDS_OF_A_SENTENCE = 3
# Fewer rows are too often all different by chance.
_MIN_ROWS_FOR_IDENTIFIER = 50
# So many different integers so close together are numbers given out in order.
_GAPS_OF_ROW_NUMBERS = 3


class PreparationSettings(Settings):
    """How columns are recognised, kept out and prepared.

    Attributes:
        rare_category_rows: Categories with fewer rows share one column or code.
        high_cardinality: A text column with more distinct values is encoded by its target.
        max_one_hot_columns: One-hot columns of the linear preparation, above which the text
            columns with the most distinct values are encoded by their target too.
        max_distinct_share: Distinct values per row from which a text or a key is an identifier.
        max_collinearity: Absolute correlation with an earlier numeric column above which a column
            is left out.
        leaks: What happens to a column that gives the label away: kept out, kept and reported, or
            the run stops.
        max_single_column_score: Score of one column alone above which it is a suspected leak:
            2 AUC - 1 for classes, R2 of ranks for values (see score_columns).
        allowed_columns: Columns that are never kept out as suspected leak or identifier.
        text_components: Columns that a column of free text becomes.
    """

    rare_category_rows: int = Field(10, ge=1)
    high_cardinality: int = Field(40, ge=2)
    max_one_hot_columns: int = Field(1000, ge=2)
    max_distinct_share: Share = 0.95
    max_collinearity: float = Field(0.9999, gt=0.9, lt=1)
    leaks: Literal["keep_out", "report", "refuse"] = "keep_out"
    max_single_column_score: Share = 0.99
    allowed_columns: list[str] = Field(default_factory=list)
    text_components: int = Field(30, ge=2)


def recognise_column(
    column: pd.Series, settings: PreparationSettings
) -> tuple[dict[str, Any], Vector]:
    """Tell what a column is by its values.

    Returns:
        The column's entry in the plan (see diagnose_columns), and its values as they are read:
        floats, of a date seconds since 1970, or texts with NaN for null.
    """
    if is_numeric(column) or types.is_timedelta64_dtype(column.dtype):
        return _as_number(column, read_numbers(column), settings, "numeric")
    inferred = types.infer_dtype(column.to_numpy(dtype=object), skipna=True)
    if types.is_datetime64_any_dtype(column.dtype) or inferred in _MOMENTS:
        return _as_moment(column, ISO, "date")
    if inferred in _NUMBERS and not isinstance(column.dtype, pd.CategoricalDtype):
        return _as_number(column, read_numbers(column), settings, "numeric")
    return _recognise_texts(column, read_texts(column), settings)


def _recognise_texts(
    column: pd.Series, texts: Vector, settings: PreparationSettings
) -> tuple[dict[str, Any], Vector]:
    distinct = [str(text) for text in pd.unique(texts[~pd.isna(texts)])]
    told = [text for text in distinct if text.lower() not in _NULL_WORDS]
    if told and not isinstance(column.dtype, pd.CategoricalDtype) and _are_numbers(told):
        return _as_number(column, read_numbers(column), settings, "numeric_text")
    if told and (layout := _find_layout(told)):
        return _as_moment(column, layout, "date_text")
    return _as_text(column, texts, distinct, settings)


def _are_numbers(texts: list[str]) -> bool:
    if any(_CODE.fullmatch(text) for text in texts):
        return False
    return bool(np.isfinite(read_numbers(pd.Series(texts, dtype=object))).all())


def _find_layout(texts: list[str]) -> str | None:
    """Find how dates are written, month before day where the rows leave both open."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas tells which way round it guessed
        guesses = [
            guess_datetime_format(text, dayfirst=dayfirst)
            for dayfirst in (False, True)
            for text in (min(texts), max(texts))
        ]
    given = _as_array(texts)
    for layout in dict.fromkeys([ISO, *filter(None, guesses)]) if any(guesses) else ():
        if parse_moments(given, layout).notna().all():
            return layout
    return None


def _as_array(texts: list[str]) -> Vector:
    return np.asarray(texts, dtype=object)


def _as_number(
    column: pd.Series, values: Vector, settings: PreparationSettings, kind: str
) -> tuple[dict[str, Any], Vector]:
    known = values[np.isfinite(values)]
    low, high = (known.min(), known.max()) if len(known) else (np.nan, np.nan)
    entry = _entry(kind, "number", f"numbers from {low:g} to {high:g}", len(known) / len(values))
    if kind == "numeric_text":
        entry["why"] = f"texts that are all {entry['why']}"
    if len(known) and ((known == 0) | (known == 1)).all():
        entry |= {"kind": "boolean", "why": f"yes in {np.mean(known == 1):.1%} of the known rows"}
    _drop_uninformative(entry, known)
    if entry["action"] == "keep" and (why := _find_key(column, known, settings)):
        drop_column(entry, "identifier", why)
    return entry, values


def _as_moment(column: pd.Series, layout: str, kind: str) -> tuple[dict[str, Any], Vector]:
    seconds = read_moments(column, layout)
    known = seconds[np.isfinite(seconds)]
    entry = _entry(kind, "moment", "", len(known) / len(seconds)) | {"layout": layout}
    if len(known):
        first, last = (np.datetime64(int(s), "s") for s in (known.min(), known.max()))
        written = "" if kind == "date" else f", written as {layout}"
        entry["why"] = f"moments from {first} to {last} UTC{written}"
        parts = split_moments(known)
        varying = [part for part, one in parts.items() if np.ptp(one) > 0]
        entry["outputs"] = {part: f"{column.name} ({part})" for part in varying or ["days"]}
    _drop_uninformative(entry, known)
    return entry, seconds


def _as_text(
    column: pd.Series, texts: Vector, distinct: list[str], settings: PreparationSettings
) -> tuple[dict[str, Any], Vector]:
    known = int((~pd.isna(texts)).sum())
    entry = _entry("category", "text", f"{len(distinct)} distinct texts", known / len(texts))
    if are_sentences(distinct) and len(distinct) > settings.high_cardinality:
        entry |= {"kind": "text", "why": f"free text, {len(distinct)} distinct"}
    elif len(distinct) > settings.high_cardinality:
        entry["kind"] = "high_cardinality"
        entry["why"] += f", more than {settings.high_cardinality}"
        share = len(distinct) / known
        many = known >= _MIN_ROWS_FOR_IDENTIFIER and share >= settings.max_distinct_share
        if many and column.name not in settings.allowed_columns:
            drop_column(entry, "identifier", f"{len(distinct)} distinct texts in {known} rows")
    _drop_uninformative(entry, _as_array(distinct))
    return entry, texts


def are_sentences(distinct: list[str]) -> bool:
    """Whether texts have three words or more on average."""
    blanks = sum(text.count(" ") for text in distinct)
    return bool(distinct) and blanks >= (_WORDS_OF_A_SENTENCE - 1) * len(distinct)


def _entry(kind: str, treatment: str, why: str, known: float) -> dict[str, Any]:
    return {
        "kind": kind,
        "action": "keep",
        "treatment": treatment,
        "why": why,
        "missing": 1 - known,
        "score": None,
    }


def drop_column(entry: dict[str, Any], kind: str, why: str) -> None:
    """Enter that a column is left out, as what and why."""
    entry |= {"kind": kind, "action": "drop", "treatment": "none", "why": why}


def _drop_uninformative(entry: dict[str, Any], known: Vector) -> None:
    if not len(known):
        drop_column(entry, "empty", "no row has a value")
    elif not entry["missing"] and (known == known[0]).all():
        shown = entry["why"].removeprefix("moments ") if "layout" in entry else str(known[0])[:40]
        drop_column(entry, "constant", f"every row has the same value, {shown}")


def _find_key(column: pd.Series, known: Vector, settings: PreparationSettings) -> str | None:
    """Say why integers are a key: they fill their range, or are distinct and named so."""
    few = len(known) < _MIN_ROWS_FOR_IDENTIFIER
    if few or column.name in settings.allowed_columns or (known % 1 != 0).any():
        return None
    distinct = len(pd.unique(known))
    share, span = distinct / len(known), known.max() - known.min() + 1
    if share < settings.max_distinct_share:
        return None
    said = f"{distinct} distinct integers in {len(known)} rows"
    if share > 0.99 and span <= _GAPS_OF_ROW_NUMBERS * len(known):
        return f"{said} that fill {known.min():.0f} to {known.max():.0f} like row numbers"
    return f"{said} and the name of a key" if _ID_NAME.search(str(column.name)) else None
