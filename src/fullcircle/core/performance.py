"""How well did past predictions do, once their labels are known?"""

from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field

from fullcircle.core.contract import ProblemSpec, Settings
from fullcircle.core.evaluation import bootstrap_metric


class PerformanceSettings(Settings):
    """How performance is judged.

    Attributes:
        min_labels: Fewer labels give no verdict.
        bootstrap_resamples: Resamples behind each interval.
        confidence: Coverage of each interval, 0 to 1.
        seed: Seed of the resamples.
    """

    min_labels: int = Field(ge=1)
    bootstrap_resamples: int = Field(ge=100)
    confidence: float = Field(gt=0, lt=1)
    seed: int


def measure_performance(
    scored: pd.DataFrame, problem: ProblemSpec, settings: PerformanceSettings
) -> dict[str, Any]:
    """Score each window and model version on the rows whose label has arrived.

    Args:
        scored: One row per prediction: ``as_of``, ``model_version``, ``predicted`` and the label
            (null where it is not known yet).
        problem: The contract.
        settings: How performance is judged.

    Returns:
        ``metric`` and ``windows``, oldest first: rows, labelled rows, share still unlabelled and
        the primary metric with its interval (None where labels do not suffice).
    """
    windows = [
        {"as_of": as_of, "model_version": version, **_judge(rows, problem, settings)}
        for (as_of, version), rows in scored.groupby(["as_of", "model_version"], sort=True)
    ]
    return {"metric": problem.primary_metric, "windows": windows}


def _judge(
    rows: pd.DataFrame, problem: ProblemSpec, settings: PerformanceSettings
) -> dict[str, Any]:
    labelled = rows[rows[problem.label].notna()]
    enough = len(labelled) >= settings.min_labels and labelled[problem.label].nunique() > 1
    score = None
    if enough:
        score = bootstrap_metric(
            problem.primary_metric,
            labelled[problem.label].to_numpy(dtype=float),
            np.stack(labelled["predicted"].to_list()),
            resamples=settings.bootstrap_resamples,
            confidence=settings.confidence,
            seed=settings.seed,
        ).as_dict()
    return {
        "rows": len(rows),
        "labelled": len(labelled),
        "unlabelled_share": 1 - len(labelled) / len(rows),
        "score": score,
    }
