"""Whom the model serves worse: scores, decisions and errors by group."""

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field
from scipy import stats

from fullcircle.core.contract import Settings, require_columns
from fullcircle.core.evaluation.intervals import Estimate
from fullcircle.core.metrics import AS_DECIDED, METRICS, Vector

MAX_VALUES = 20  # values of a column that are reported on their own
MIN_PER_CLASS = 10  # fewer positives or negatives give no score worth comparing

_BINNED_ABOVE = 10  # a numeric column with more values is cut into quartiles
_ROWS_PER_DRAW = 2000


class SliceSettings(Settings):
    """How slices are judged.

    Attributes:
        min_rows: A smaller slice is reported as too small to judge.
        bootstrap_resamples: Resamples behind each interval.
        confidence: Coverage of each score's interval; one minus it is the chance that a model which
            serves all slices alike has any of them called worse.
        seed: Seed of the resamples.
    """

    min_rows: int = Field(ge=1)
    bootstrap_resamples: int = Field(ge=100)
    confidence: float = Field(gt=0, lt=1)
    seed: int


def score_slices(
    frame: pd.DataFrame,
    slice_columns: list[str],
    metric: str,
    task: str,
    truth: Vector,
    predicted: Vector,
    decided: Vector | None,
    settings: SliceSettings,
) -> list[dict[str, Any]]:
    """Score every slice and compare it with all other rows.

    A slice is called worse where the interval of the difference lies below 0. That interval is the
    normal one around the bootstrap's standard error, and its confidence is shared among the judged
    slices of all columns (Bonferroni), so far out that percentiles would need too many resamples.

    Args:
        frame: Rows with the slice columns, shape (rows, columns).
        slice_columns: Columns to divide the rows by; see label_slices.
        metric: Name in METRICS.
        task: binary, multiclass or regression.
        truth: Shape (rows,).
        predicted: Shape (rows,) or (rows, classes).
        decided: Shape (rows,), 0 or 1; needed for a binary task only. Without it there is no slice
            to score by a metric of decisions.
        settings: How slices are judged.

    Returns:
        Per column and value: ``column``, ``slice``, ``rows``, ``judged`` with the ``reason`` where
        not, ``score`` with its interval, ``difference`` to all other rows with its interval
        (positive is better, whatever the metric's direction), ``worse``; for a binary task also
        the shares ``positive``, ``decided_positive``, ``true_positive_rate`` and
        ``false_positive_rate``. None where a value is undefined.

    Raises:
        DataError: A slice column is missing.
    """
    require_columns(list(map(str, frame.columns)), slice_columns, "The set to slice")
    if task == "binary" and METRICS[metric].decides:
        if decided is None:
            return []
        predicted = decided.astype("float64")
    found = [slice_ for column in slice_columns for slice_ in _find_slices(frame[column])]
    reasons = [_reason_against(member, truth, task, settings.min_rows) for _, _, member in found]
    level = 1 - (1 - settings.confidence) / max(reasons.count(None), 1)
    rows = []
    for (column, name, member), reason in zip(found, reasons, strict=True):
        row: dict[str, Any] = {"column": column, "slice": name, "rows": int(member.sum())}
        if task == "binary" and decided is not None:
            row |= _rates(truth[member], decided[member])
        row |= {"judged": reason is None, "reason": reason}
        if reason is None:
            row |= _compare(metric, truth, predicted, member, settings, level)
        else:
            row |= {"score": None, "difference": None, "worse": None}
        rows.append(row)
    return rows


def measure_gaps(slices: list[dict[str, Any]], min_rows: int) -> list[dict[str, Any]]:
    """Measure per column how far apart a binary model's decisions are between its slices.

    Both are the largest difference between two slices of enough rows: of the decided-positive share
    (demographic parity, Dwork et al., ITCS 2012) and of the true positive rate (equal opportunity,
    Hardt, Price and Srebro, NeurIPS 2016). Chance alone keeps them above 0, the more so the more
    slices there are.

    Args:
        slices: As score_slices gives them for a binary task.
        min_rows: Rows that a slice needs; of class 1 it needs MIN_PER_CLASS for its rate.

    Returns:
        Per column: ``column``, ``demographic_parity_difference``, ``equal_opportunity_difference``;
        None where fewer than two slices have enough rows.
    """
    columns = list(dict.fromkeys(row["column"] for row in slices))
    gaps = []
    for column in columns:
        rows = [r for r in slices if r["column"] == column and r["rows"] >= min_rows]
        rated = [r for r in rows if r["positive"] * r["rows"] >= MIN_PER_CLASS - 0.5]
        gaps.append(
            {
                "column": column,
                "demographic_parity_difference": _spread([r["decided_positive"] for r in rows]),
                "equal_opportunity_difference": _spread([r["true_positive_rate"] for r in rated]),
            }
        )
    return gaps


def _find_slices(column: pd.Series) -> list[tuple[str, str, Vector]]:
    """Column, name and member rows (shape (rows,), boolean) of each slice."""
    labels = label_slices(column)
    return [(str(column.name), name, np.asarray(labels == name)) for name in _order(column, labels)]


def label_slices(column: pd.Series) -> pd.Series:
    """Name each row's slice: its value, its quartile, ``(other)`` or ``(missing)``.

    A numeric column of more than ten values is cut into quartiles; of any other column the most
    frequent MAX_VALUES values stand for themselves.
    """
    if _is_numeric(column) and column.nunique() > _BINNED_ABOVE:
        labels = _name_quartiles(column.astype("float64"))
    elif _is_numeric(column):
        labels = column.map("{:.12g}".format, na_action="ignore").astype(object)
    else:
        labels = column.astype(object).map(str, na_action="ignore")
    frequent = labels.value_counts().sort_index(kind="stable").nlargest(MAX_VALUES).index
    labels = labels.where(labels.isin(frequent) | labels.isna(), "(other)")
    return labels.where(labels.notna(), "(missing)")


def _is_numeric(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _name_quartiles(column: pd.Series) -> pd.Series:
    """Quartile of each row as ``low to high``, the upper end included; missing values stay so."""
    edges = np.unique(column.dropna().quantile([0, 0.25, 0.5, 0.75, 1]))
    names = np.array([f"{low:.4g} to {high:.4g}" for low, high in pairwise(edges)], dtype=object)
    places = np.searchsorted(edges[1:-1], column, side="left")
    return pd.Series(names[places], index=column.index).where(column.notna())


def _order(column: pd.Series, labels: pd.Series) -> list[str]:
    """Slices of numbers from low to high, other slices by size; of equals by name."""
    if _is_numeric(column):
        return list(column.groupby(labels).min().sort_values(kind="stable").index)
    return list(
        labels.value_counts().sort_index().sort_values(ascending=False, kind="stable").index
    )


def _reason_against(member: Vector, truth: Vector, task: str, min_rows: int) -> str | None:
    """Say why a slice cannot be compared with the rest; None where it can."""
    if (rows := int(member.sum())) < min_rows:
        return f"{rows} rows are fewer than {min_rows}"
    if len(member) - rows < min_rows:
        return f"all but {len(member) - rows} rows are in it, which leaves too few to compare with"
    parts = (truth[member], truth[~member])
    few = min(min(np.sum(part == 1), np.sum(part == 0)) for part in parts)
    if task == "binary" and few < MIN_PER_CLASS:
        return f"it or the rest has {few} rows of a class, fewer than {MIN_PER_CLASS}"
    return None


def _rates(truth: Vector, decided: Vector) -> dict[str, float | None]:
    return {
        "positive": _share(truth == 1),
        "decided_positive": _share(decided == 1),
        "true_positive_rate": _share(decided[truth == 1] == 1),
        "false_positive_rate": _share(decided[truth == 0] == 1),
    }


def _share(hits: Vector) -> float | None:
    return float(hits.mean()) if len(hits) else None


def _spread(values: list[float]) -> float | None:
    return max(values) - min(values) if len(values) > 1 else None


def _compare(
    metric: str,
    truth: Vector,
    predicted: Vector,
    member: Vector,
    settings: SliceSettings,
    level: float,
) -> dict[str, Any]:
    """Score the slice and the rest, each resampled on its own."""
    value, draws = _resample(metric, truth[member], predicted[member], settings)
    rest_value, rest_draws = _resample(metric, truth[~member], predicted[~member], settings)
    deviation = float(np.hypot(np.nanstd(draws), np.nanstd(rest_draws)))
    reach = float(stats.norm.ppf((1 + level) / 2)) * deviation
    gain = METRICS[metric].gain(value, rest_value)
    tail = (1 - settings.confidence) / 2
    low, high = np.nanquantile(draws, [tail, 1 - tail])
    return {
        "score": Estimate(value, float(low), float(high), settings.confidence).as_dict(),
        "difference": Estimate(gain, gain - reach, gain + reach, level).as_dict(),
        "worse": bool(gain + reach < 0),
    }


def _resample(
    metric: str, truth: Vector, predicted: Vector, settings: SliceSettings
) -> tuple[float, Vector]:
    """Score of all rows, and of resamples around it, shape (resamples,).

    A draw takes at most 2000 rows, and its distance from the score is scaled down to the rows that
    there are: Bickel, Goetze and van Zwet, Statistica Sinica 7 (1997) 1-31. So the time does not
    grow with the rows.
    """
    score, rows = METRICS[metric], len(truth)
    size = min(rows, _ROWS_PER_DRAW)
    rng = np.random.default_rng(settings.seed)
    value = score(truth, predicted, AS_DECIDED)
    draw = score.prepare(truth, predicted, AS_DECIDED)
    picks = (rng.integers(0, rows, (1, size)) for _ in range(settings.bootstrap_resamples))
    draws = np.concatenate([draw(pick) for pick in picks])
    return value, value + (draws - value) * np.sqrt(size / rows)
