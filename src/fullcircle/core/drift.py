"""Has the world moved? An alarm that needs both an effect worth naming and statistical proof."""

from typing import Any

import ibis.expr.types as ir
import numpy as np
from pydantic import Field
from scipy import stats

from fullcircle.core.contract import Settings
from fullcircle.core.profile import PREDICTION, bin_labels, count_bins


class DriftSettings(Settings):
    """When a shift becomes an alarm.

    Attributes:
        false_alarm_rate: Chance per report that a world at rest raises any alarm, over all columns.
        min_psi: Population stability index below which a shift is not worth an alarm.
        min_rows: A smaller window is reported as too small to judge.
    """

    false_alarm_rate: float = Field(gt=0, lt=1)
    min_psi: float = Field(ge=0)
    min_rows: int = Field(ge=1)


def population_stability_index(reference: list[int], window: list[int]) -> float:
    """Population stability index: the symmetric Kullback-Leibler divergence of two histograms.

    Each count is raised by a half, so that an empty bin gives a finite value. Source: Siddiqi,
    Credit Risk Scorecards (2006); Yurdakul and Naranjo, J. Risk Model Validation 14 (2020).

    Example:
        >>> round(population_stability_index([500, 500], [500, 500]), 4)
        0.0
        >>> round(population_stability_index([500, 500], [250, 750]), 4)
        0.2742
    """
    p, q = (np.asarray(counts, dtype=float) + 0.5 for counts in (reference, window))
    p, q = p / p.sum(), q / q.sum()
    return float(np.sum((q - p) * np.log(q / p)))


def homogeneity_p_value(reference: list[int], window: list[int]) -> float:
    """P-value of Pearson's chi-square test that two histograms come from one distribution.

    Example:
        >>> homogeneity_p_value([500, 500], [500, 500])
        1.0
        >>> homogeneity_p_value([500, 500], [250, 750]) < 1e-20
        True
    """
    counts = np.asarray([reference, window])
    counts = counts[:, counts.sum(axis=0) > 0]
    if counts.shape[1] < 2 or not counts.sum(axis=1).all():
        return 1.0
    return float(stats.chi2_contingency(counts, correction=False).pvalue)


def measure_drift(
    window: ir.Table, profile: dict[str, Any], settings: DriftSettings
) -> dict[str, Any]:
    """Compare a window of scored rows with the profile taken at training.

    The false-alarm rate is shared evenly among the columns (Bonferroni), so that it holds for the
    report as a whole whatever the columns' dependence.

    Args:
        window: Scored rows with the model's inputs and the column named in PREDICTION.
        profile: As take_profile gives it.
        settings: When a shift becomes an alarm.

    Returns:
        ``rows``, ``judged``, ``drifted`` (names of inputs), ``prediction_drifted`` and ``columns``:
        per column its PSI, p-value, shares before and now by bin, and whether it drifted.
    """
    known = {n: bins for n, bins in profile["columns"].items() if n in window.columns}
    counts = count_bins(window, known)
    rows = sum(next(iter(counts.values()))) if counts else 0
    judged = rows >= settings.min_rows
    alpha = settings.false_alarm_rate / max(len(profile["columns"]), 1)
    columns = [
        _compare(name, bins, counts[name], alpha if judged else 0.0, settings.min_psi)
        for name, bins in known.items()
    ]
    columns.sort(key=lambda column: (-column["psi"], column["name"]))
    drifted = [column["name"] for column in columns if column["drifted"]]
    return {
        "rows": rows,
        "judged": judged,
        "vanished": sorted(set(profile["columns"]) - set(known)),
        "drifted": sorted(set(drifted) - {PREDICTION}),
        "prediction_drifted": PREDICTION in drifted,
        "columns": columns,
    }


def _compare(
    name: str, bins: dict[str, Any], counts: list[int], alpha: float, min_psi: float
) -> dict[str, Any]:
    psi = population_stability_index(bins["counts"], counts)
    p_value = homogeneity_p_value(bins["counts"], counts)
    return {
        "name": name,
        "psi": psi,
        "p_value": p_value,
        "drifted": bool(psi >= min_psi and p_value < alpha),
        "bins": bin_labels(bins),
        "before": _shares(bins["counts"]),
        "now": _shares(counts),
    }


def _shares(counts: list[int]) -> list[float]:
    total = sum(counts) or 1
    return [count / total for count in counts]
