"""The gate's decisions, kept by the runs that took them."""

import json
from typing import Any

from fullcircle.tracking.registry.operations import Registry
from fullcircle.tracking.registry.rules import seal_decision


def find_decision(registry: Registry, version: str) -> dict[str, Any] | None:
    """Find the gate's last decision on a version, among the artifacts of the run that took it.

    Returns:
        The decision; None where there was none, or it is not the one that the log tells of.
    """
    import mlflow

    judged = [e for e in registry.history() if (e.act, e.version) == ("judge", version)]
    run = judged[-1].evidence.get("run_id") if judged else None
    if run is None:
        return None
    try:
        text = mlflow.artifacts.load_text(f"runs:/{run}/promotion_decision.json")
    except (mlflow.MlflowException, OSError):
        return None
    decision: dict[str, Any] = json.loads(text)
    return decision if seal_decision(decision) == judged[-1].evidence["decision_sha256"] else None
