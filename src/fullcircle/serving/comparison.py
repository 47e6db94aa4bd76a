"""An A/B comparison by the endpoint's own log and the labels that have come since."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from fullcircle.core.errors import ConfigurationError, DataError
from fullcircle.core.metrics import (
    AS_DECIDED,
    METRICS,
    MeanMetric,
    Vector,
    list_metrics,
    score_all,
)
from fullcircle.core.performance.sequential_test import (
    SequentialComparison,
    compare_arms,
    compare_pairs,
)
from fullcircle.serving.traffic import CHALLENGER, CHAMPION, SHADOW

_ACCURACY = "accuracy"
_NAMES = {
    "log_loss": "log loss",
    "multiclass_log_loss": "log loss",
    "rmse": "squared error",
    "brier": "squared error of the probability",
    "accuracy": "share of wrong decisions",
    "mae": "absolute error",
    "mape": "relative error",
}
COLUMNS = ["request_id", "row", "row_id", "entity", "role", "model_version", "answered_at"]
COLUMNS += ["predicted", "probabilities", "decision"]
_LOSSES = {"binary": "log_loss", "multiclass": "multiclass_log_loss", "regression": "rmse"}


@dataclass(frozen=True)
class ComparedAnswers:
    """What a comparison rests on.

    Attributes:
        comparison: Its outcome.
        versions: Of champion and of the other.
        kind: ``arms`` where each answered its own entities, ``pairs`` where a shadow followed.
        answered: Rows in the log, of the two versions.
        labelled: Those whose label is known.
        loss: What is compared.
        scores: By metric of the task, what champion and other score on the labelled rows.
    """

    comparison: SequentialComparison
    versions: tuple[str, str]
    kind: str
    answered: int
    labelled: int
    loss: str
    scores: dict[str, tuple[float, float]]


def compare_log(
    log: pd.DataFrame,
    labels: pd.DataFrame,
    task: str,
    *,
    share: float | None,
    margin: float,
    confidence: float,
    metric: str | None = None,
) -> ComparedAnswers:
    """Compare champion and challenger, or champion and shadow, by what they predicted.

    Args:
        log: Of ``endpoint_predictions``, with COLUMNS.
        labels: ``row_id`` and ``label`` of the rows whose truth is known.
        task: ``binary``, ``multiclass`` or ``regression``.
        share: Of the challenger; None takes what was dealt.
        margin: A difference below this share of the champion's loss does not matter.
        confidence: Of the interval, at all looks together.
        metric: By what they are compared, a mean over rows; by default the log loss, or of values
            the squared error.

    Raises:
        ConfigurationError: The metric is no mean over rows of the task.
        DataError: Nobody but the champion has predicted, or no row carries an id.
    """
    metric = metric or _LOSSES[task]
    raise_if_no_mean(metric, task)
    champion, other, kind = _find_sides(log)
    both = pd.concat([champion, other])
    if both["row_id"].isna().all():
        raise DataError("No request carried a row id, so no label can be matched to an answer.")
    known = labels.dropna().drop_duplicates("row_id").set_index("row_id")["label"]
    sides = [_add_loss(side, known, task, metric) for side in (champion, other)]
    labelled = sum(map(len, sides))
    typical = float(sides[0]["loss"].mean()) if len(sides[0]) else 0.0
    least = max(margin * typical, 1e-12)
    if kind == "pairs":
        paired = sides[0].merge(sides[1], on=["request_id", "row"], suffixes=("", "_other"))
        named = paired["entity"].fillna(paired["request_id"])
        means = paired.groupby(named)[["loss", "loss_other"]].mean()
        found = compare_pairs(
            means["loss"].to_numpy(), means["loss_other"].to_numpy(), least, confidence
        )
    else:
        first, second = (_mean_by_entity(side) for side in sides)
        dealt = share or len(second) / max(len(first) + len(second), 1)
        dealt = min(max(dealt, 1e-6), 1 - 1e-6)
        found = compare_arms(first, second, dealt, least, confidence)
    versions = tuple(str(side["model_version"].iloc[-1]) for side in (champion, other))
    loss = _NAMES.get(metric, metric)
    own, others = (_score(side, task) for side in sides)
    scores = {name: (own[name], others[name]) for name in own if name in others}
    return ComparedAnswers(
        found, (versions[0], versions[1]), kind, len(both), labelled, loss, scores
    )


def _find_sides(log: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    """Give the newest pair of versions that were up against each other."""
    for role, kind in ((CHALLENGER, "arms"), (SHADOW, "pairs")):
        other = log[log["role"] == role]
        if other.empty:
            continue
        newest = other.sort_values("answered_at")["model_version"].iloc[-1]
        other = other[other["model_version"] == newest]
        # Only while both were at it: what the champion met before may have been easier.
        began, ended = other["answered_at"].min(), other["answered_at"].max()
        meanwhile = log["answered_at"].between(began, ended)
        champion = log[(log["role"] == CHAMPION) & meanwhile]
        if champion.empty:
            continue
        version = champion.sort_values("answered_at")["model_version"].iloc[-1]
        return champion[champion["model_version"] == version], other, kind
    raise DataError(
        "The log holds no answers of a challenger or shadow beside the champion's. Give one a "
        "share first: kedro endpoint traffic --challenger 0.1."
    )


def list_means(task: str) -> list[str]:
    """Name the metrics that are means over rows, or roots of such, and accuracy, which is one."""
    return [
        name
        for name in list_metrics(task)
        if isinstance(METRICS[name], MeanMetric) or name == _ACCURACY
    ]


def raise_if_no_mean(metric: str, task: str) -> None:
    """Refuse a metric for which no interval is known that holds at every look.

    Raises:
        ConfigurationError: Names those that can be compared by.
    """
    if metric not in (means := list_means(task)):
        raise ConfigurationError(
            f"{metric} is no mean over the rows of a {task} task, so no interval of it holds at "
            f"every look. Compare by one of: {', '.join(means)}."
        )


def _add_loss(side: pd.DataFrame, labels: pd.Series, task: str, metric: str) -> pd.DataFrame:
    truth = side["row_id"].map(labels)
    known = side[truth.notna()].assign(truth=truth[truth.notna()].astype(float))
    return known.assign(loss=_find_losses(known, task, metric))


def _find_losses(side: pd.DataFrame, task: str, metric: str) -> Vector:
    """Give the loss of each row; of accuracy it is 1 for a wrong decision."""
    truth, predicted = side["truth"].to_numpy(), _stack(side, task)
    if metric == _ACCURACY:
        return np.asarray(side["decision"].to_numpy(dtype=float) != truth, dtype=float)
    return np.asarray(METRICS[metric].function(truth, predicted), dtype=float)


def _stack(side: pd.DataFrame, task: str) -> Vector:
    """Give what was predicted, shape (rows,) or (rows, classes)."""
    if task != "multiclass":
        return side["predicted"].to_numpy(dtype=float)
    rows = [np.asarray(given, dtype=float) for given in side["probabilities"]]
    return np.stack(rows) if rows else np.empty((0, 0))


def _score(side: pd.DataFrame, task: str) -> dict[str, float]:
    """Score the labelled rows by every metric, decisions as they were answered."""
    if side.empty:
        return {}
    truth, predicted = side["truth"].to_numpy(), _stack(side, task)
    scores = score_all(task, truth, predicted)
    if task == "binary" and "decision" in side and side["decision"].notna().all():
        decided = side["decision"].to_numpy(dtype=float)
        names = [name for name in list_metrics(task) if METRICS[name].decides]
        scores |= {name: METRICS[name](truth, decided, AS_DECIDED) for name in names}
    return {name: score for name, score in scores.items() if np.isfinite(score)}


def _mean_by_entity(side: pd.DataFrame) -> Vector:
    """One loss per entity: rows of one entity err alike, and count as one observation."""
    named = side["entity"].fillna(side["request_id"])
    return np.asarray(side.groupby(named)["loss"].mean(), dtype=float)


def describe(evidence: ComparedAnswers) -> dict[str, Any]:
    """Set the evidence for people."""
    found = evidence.comparison
    return {
        "champion": f"v{evidence.versions[0]}",
        "other": f"v{evidence.versions[1]}"
        + (" (shadow, same rows)" if evidence.kind == "pairs" else " (own entities)"),
        "rows": f"{evidence.answered} answered, {evidence.labelled} of them with a known label",
        "entities": f"{found.entities[0]} and {found.entities[1]}",
        evidence.loss: " and ".join("—" if v is None else f"{v:.5f}" for v in found.loss),
        "gain": "cannot be said yet"
        if found.gain is None
        else f"{found.gain:+.5f} [{found.low:+.5f}, {found.high:+.5f}], "
        f"{found.confidence:.0%} at every look",
        "verdict": _VERDICTS[found.verdict],
        "scores": {
            name: f"{champion:.4f} and {other:.4f}"
            for name, (champion, other) in evidence.scores.items()
        },
        "needed": f"about {found.needed} entities in all" if found.needed else None,
    }


_VERDICTS = {
    "challenger": "the other is better: kedro model promote, which asks the gate",
    "champion": "the champion is better",
    "equal": "no difference that matters",
    "undecided": "the data do not suffice yet",
}
