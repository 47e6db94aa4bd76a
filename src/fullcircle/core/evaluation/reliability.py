"""Do probabilities mean what they say? Observed shares against predicted ones, with a verdict."""

from typing import Any

import numpy as np
from scipy import stats
from scipy.special import expit

from fullcircle.core.evaluation.calibrators import fit_logistic, to_logit
from fullcircle.core.evaluation.intervals import Estimate
from fullcircle.core.metrics import METRICS, Vector

MIN_ROWS = 50  # fewer rows tell nothing
MIN_PER_CLASS = 10  # events that a slope needs: Peduzzi et al., J. Clin. Epidemiol. 49 (1996) 1373
_ROWS_PER_BIN = 20


def check_calibration(truth: Vector, probability: Vector, *, confidence: float) -> dict[str, Any]:
    """Judge probabilities by what happened.

    The verdict rests on two tests that share the error rate ``1 - confidence`` evenly, so that
    calibrated probabilities are called uncalibrated at most that often: the exact binomial test of
    every bin (Bonferroni over the bins), which finds a local fault, and the likelihood-ratio test
    of slope 1 and intercept 0 (Cox, Biometrika 45 (1958) 562-565), which finds probabilities that
    are too bold, too shy, too high or too low.

    Args:
        truth: 0 or 1, or the position of the class among the columns, shape (rows,).
        probability: Of class 1, shape (rows,), or of each class, shape (rows, classes); there the
            likeliest class of each row is judged (Guo et al., ICML 2017).
        confidence: Coverage of each interval; one minus it is the error rate of the verdict.

    Returns:
        Plain values: ``rows``, ``of`` (what the probabilities are of), ``judged`` with the
        ``reason`` where not, ``calibrated``, ``p_value``, ``bins`` of equal counts (each its
        ``rows``, mean ``predicted``, ``observed`` share, Clopper-Pearson ``low`` and ``high``, and
        whether ``predicted`` lies ``inside``), ``expected_calibration_error`` (mean distance over
        the bins, Naeini et al., AAAI 2015) and ``error_by_chance`` (what calibrated probabilities
        would show), ``brier``, ``log_loss``, and ``slope`` and ``intercept`` with Wald intervals;
        None where a value is undefined.
    """
    truth, probability = np.asarray(truth), np.asarray(probability, dtype="float64")
    scores = _score(truth, probability)
    of = "class 1" if probability.ndim == 1 else "the predicted class"
    reason = _reason_against(truth)  # of the labels: a model of many classes may always be right
    if probability.ndim == 2:
        truth, probability = probability.argmax(axis=1) == truth, probability.max(axis=1)
    truth = truth.astype("int64")
    bins = [_compare_bin(*group, confidence) for group in _bin_rows(truth, probability)]
    cox = _fit_cox(truth, probability, confidence)
    p_values = [b.pop("p_value") for b in bins]
    p_value = None if reason else _combine(p_values, cox["p_value"])
    return {
        "rows": len(truth),
        "of": of,
        "confidence": confidence,
        "judged": reason is None,
        "reason": reason,
        "calibrated": None if p_value is None else p_value >= 1 - confidence,
        "p_value": p_value,
        **_summarise_errors(bins, truth, probability),
        **scores,
        "slope": cox.get("slope"),
        "intercept": cox.get("intercept"),
        "bins": bins,
    }


def _score(truth: Vector, probability: Vector) -> dict[str, float | None]:
    if not len(truth):
        return {"brier": None, "log_loss": None}
    if probability.ndim == 1:
        brier = np.mean((probability - truth) ** 2)
        return {"brier": float(brier), "log_loss": _finite(METRICS["log_loss"](truth, probability))}
    hit = np.arange(probability.shape[1]) == truth[:, None]
    brier = np.mean(np.sum((probability - hit) ** 2, axis=1))  # Brier's own sum over the classes
    loss = METRICS["multiclass_log_loss"](truth, probability)
    return {"brier": float(brier), "log_loss": _finite(loss)}


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _reason_against(truth: Vector) -> str | None:
    if len(truth) < MIN_ROWS:
        return f"{len(truth)} rows are fewer than {MIN_ROWS}"
    if len(np.unique(truth)) < 2:
        return "the rows have a single outcome"
    return None


def _bin_rows(truth: Vector, probability: Vector) -> list[tuple[Vector, Vector]]:
    """Cut rows into at most ten bins of equal counts; equal probabilities share a bin."""
    if not len(truth):
        return []
    wanted = int(np.clip(len(truth) // _ROWS_PER_BIN, 1, 10))
    edges = np.unique(np.quantile(probability, np.arange(1, wanted) / wanted))
    places = np.searchsorted(edges, probability, side="left")
    groups = [places == place for place in np.unique(places)]
    return [(truth[group], probability[group]) for group in groups]


def _compare_bin(truth: Vector, probability: Vector, confidence: float) -> dict[str, Any]:
    """Compare a bin's observed share with its mean prediction.

    Rows of one bin differ a little in their probability, so that their number of hits varies less
    than a binomial one: the interval and the test err on the cautious side.
    """
    rows, hits, predicted = len(truth), int(truth.sum()), float(probability.mean())
    predicted = min(max(predicted, 0.0), 1.0)  # a mean of ones may round to above 1
    test = stats.binomtest(hits, rows, predicted)
    tail = (1 - confidence) / 2
    low = stats.beta.ppf(tail, hits, rows - hits + 1) if hits else 0.0
    high = stats.beta.ppf(1 - tail, hits + 1, rows - hits) if hits < rows else 1.0
    return {
        "rows": rows,
        "predicted": predicted,
        "observed": hits / rows,
        "low": float(low),
        "high": float(high),
        "inside": bool(low <= predicted <= high),
        "p_value": float(test.pvalue),
    }


def _fit_cox(truth: Vector, probability: Vector, confidence: float) -> dict[str, Any]:
    """Fit intercept and slope of the truth on the log-odds, and test them against 0 and 1.

    Empty but for a ``p_value`` of None where they do not exist: with too few rows of a class, with
    one probability for all, or with classes that the probabilities separate.
    """
    score = to_logit(probability)
    if min(truth.sum(), (1 - truth).sum()) < MIN_PER_CLASS or np.ptp(score) < 1e-9:
        return {"p_value": None}
    zeros, ones = score[truth == 0], score[truth == 1]
    if zeros.max() <= ones.min() or ones.max() <= zeros.min():
        return {"p_value": None}
    fitted = np.array(fit_logistic(score, truth))
    design = np.column_stack([np.ones_like(score), score])
    spread = expit(design @ fitted) * expit(-(design @ fitted))
    deviation = np.sqrt(np.diag(np.linalg.inv((design.T * spread) @ design)))
    reach = stats.norm.ppf((1 + confidence) / 2) * deviation
    gain = _log_likelihood(truth, design @ fitted) - _log_likelihood(truth, score)
    estimates = [
        Estimate(float(v), float(v - r), float(v + r), confidence).as_dict()
        for v, r in zip(fitted, reach, strict=True)
    ]
    p_value = float(stats.chi2.sf(2 * max(gain, 0.0), df=2))
    return {"intercept": estimates[0], "slope": estimates[1], "p_value": p_value}


def _log_likelihood(truth: Vector, score: Vector) -> float:
    return float(-np.logaddexp(0, np.where(truth == 1, -score, score)).sum())


def _combine(of_bins: list[float], of_cox: float | None) -> float:
    """P-value of the whole by Bonferroni: over the bins, then over the two tests."""
    local = min(of_bins) * len(of_bins)
    return min(1.0, local if of_cox is None else 2 * min(local, of_cox))


def _summarise_errors(
    bins: list[dict[str, Any]], truth: Vector, probability: Vector
) -> dict[str, float | None]:
    """Expected calibration error, and its mean were every probability right (half-normal)."""
    if not bins:
        return {"expected_calibration_error": None, "error_by_chance": None}
    error = sum(b["rows"] * abs(b["observed"] - b["predicted"]) for b in bins) / len(truth)
    spreads = [np.sum(p * (1 - p)) for _, p in _bin_rows(truth, probability)]
    chance = np.sqrt(2 / np.pi) * np.sum(np.sqrt(np.clip(spreads, 0, None))) / len(truth)
    return {"expected_calibration_error": float(error), "error_by_chance": float(chance)}
