"""An A/B comparison by the endpoint's own log and the labels that have come since."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from fullcircle.core.comparison import Comparison, compare_arms, compare_pairs
from fullcircle.core.errors import DataError
from fullcircle.core.metrics import Vector
from fullcircle.serving.traffic import CHALLENGER, CHAMPION, SHADOW

_SMALLEST = 1e-15
COLUMNS = ["request_id", "row", "row_id", "entity", "role", "model_version", "answered_at"]
COLUMNS += ["predicted", "probabilities"]


@dataclass(frozen=True)
class Evidence:
    """What a comparison rests on.

    Attributes:
        comparison: Its outcome.
        versions: Of champion and of the other.
        kind: ``arms`` where each answered its own entities, ``pairs`` where a shadow followed.
        answered: Rows in the log, of the two versions.
        labelled: Those whose label is known.
        loss: What is compared.
    """

    comparison: Comparison
    versions: tuple[str, str]
    kind: str
    answered: int
    labelled: int
    loss: str


def compare_log(
    log: pd.DataFrame,
    labels: pd.DataFrame,
    task: str,
    *,
    share: float | None,
    margin: float,
    confidence: float,
) -> Evidence:
    """Compare champion and challenger, or champion and shadow, by what they predicted.

    Args:
        log: Of ``endpoint_predictions``, with COLUMNS.
        labels: ``row_id`` and ``label`` of the rows whose truth is known.
        task: ``binary``, ``multiclass`` or ``regression``.
        share: Of the challenger; None takes what was dealt.
        margin: A difference below this share of the champion's loss does not matter.
        confidence: Of the interval, at all looks together.

    Raises:
        DataError: Nobody but the champion has predicted, or no row carries an id.
    """
    champion, other, kind = _find_sides(log)
    both = pd.concat([champion, other])
    if both["row_id"].isna().all():
        raise DataError("No request carried a row id, so no label can be matched to an answer.")
    known = labels.dropna().drop_duplicates("row_id").set_index("row_id")["label"]
    sides = [_add_loss(side, known, task) for side in (champion, other)]
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
    loss = "squared error" if task == "regression" else "log loss"
    return Evidence(found, (versions[0], versions[1]), kind, len(both), labelled, loss)


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


def _add_loss(side: pd.DataFrame, labels: pd.Series, task: str) -> pd.DataFrame:
    truth = side["row_id"].map(labels)
    known = side[truth.notna()]
    return known.assign(loss=_losses(known, truth[truth.notna()].to_numpy(dtype=float), task))


def _losses(side: pd.DataFrame, truth: Vector, task: str) -> Vector:
    if task == "regression":
        return np.asarray((side["predicted"].to_numpy(dtype=float) - truth) ** 2)
    if task == "binary":
        positive = side["predicted"].to_numpy(dtype=float)
        chance = np.where(truth == 1, positive, 1 - positive)
    else:
        rows = [np.asarray(given, dtype=float) for given in side["probabilities"]]
        chance = np.array([row[int(label)] for row, label in zip(rows, truth, strict=True)])
    return np.asarray(-np.log(np.clip(chance, _SMALLEST, 1)))


def _mean_by_entity(side: pd.DataFrame) -> Vector:
    """One loss per entity: rows of one entity err alike, and count as one observation."""
    named = side["entity"].fillna(side["request_id"])
    return np.asarray(side.groupby(named)["loss"].mean(), dtype=float)


def describe(evidence: Evidence) -> dict[str, Any]:
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
        "needed": f"about {found.needed} entities in all" if found.needed else None,
    }


_VERDICTS = {
    "challenger": "the other is better: kedro model promote, which asks the gate",
    "champion": "the champion is better",
    "equal": "no difference that matters",
    "undecided": "the data do not suffice yet",
}
