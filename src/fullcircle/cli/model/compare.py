"""What two versions have in common and what tells them apart."""

from typing import Any

import pandas as pd

from fullcircle.core.contract import ProblemSpec, flatten
from fullcircle.core.errors import DataError
from fullcircle.core.evaluation import bootstrap_gain
from fullcircle.core.gate import GateSettings
from fullcircle.core.metrics import METRICS, score_all
from fullcircle.core.models.model import Model
from fullcircle.tracking.registry.decisions import find_decision


def compare_models(
    one: Model, two: Model, rows: pd.DataFrame, problem: ProblemSpec, gate: GateSettings
) -> dict[str, Any]:
    """Compare two models on the same rows, by every metric of the task, each at its own threshold.

    Returns:
        Plain values: the models, the number of rows, by metric both scores and by how much the
        first is better with its interval, and the settings and features in which they differ.
    """
    if rows.empty:
        raise DataError("There are no gate rows to compare on. Run training first: kedro run.")
    truth = rows[problem.label].to_numpy()
    predicted = [model.predict(rows) for model in (one, two)]
    thresholds = (one.threshold, two.threshold)
    also = [name for name in gate.minimum if problem.task in METRICS[name].tasks]
    found, others = (
        score_all(problem.task, truth, vector, threshold, also=[problem.primary_metric, *also])
        for vector, threshold in zip(predicted, thresholds, strict=True)
    )
    scores = {}
    for name in found:
        gain = bootstrap_gain(
            name,
            truth,
            *predicted,
            thresholds=thresholds,
            resamples=gate.bootstrap_resamples,
            confidence=gate.confidence,
            seed=gate.seed,
        )
        scores[name] = f"{found[name]:.4f} and {others[name]:.4f}, the first better by {gain}"
    return {
        "models": [str(one), str(two)],
        "gate_rows": len(rows),
        **scores,
        "differ_in": _differences(one, two),
    }


def _differences(one: Model, two: Model) -> dict[str, str]:
    first, second = (
        flatten({"trained_on": m.trained_on, "features": m.features, **m.settings})
        for m in (one, two)
    )
    names = sorted({*first, *second})
    return {n: f"{first.get(n)} | {second.get(n)}" for n in names if first.get(n) != second.get(n)}


def describe_version(registry: Any, version: Any, *, html: bool) -> str:
    """Write the card of a version, by its own metadata and by the gate's last decision on it."""
    from fullcircle.reporting.model_card import write_card, write_card_page
    from fullcircle.tracking.registry.model_files import read_model

    model, decision = read_model(version), find_decision(registry, str(version.version))
    facts = {**version.tags, "run_id": str(version.run_id)}
    return (write_card_page if html else write_card)(model, decision, facts)
