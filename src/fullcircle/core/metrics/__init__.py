"""The metrics that choose, gate and alarm: what there are, and what scores predictions by them.

A metric scores probabilities, values or decisions. One of decisions needs the threshold from which
a probability of class 1 counts as a decision for it; all are called alike::

    METRICS["roc_auc"](truth, probability)
    METRICS["f1"](truth, probability, threshold)
"""

from fullcircle.core.metrics.decisions import AS_DECIDED, Vector, count_decisions, decide
from fullcircle.core.metrics.kinds import (
    BINARY,
    CLASSIFICATION,
    MULTICLASS,
    REGRESSION,
    DecisionMetric,
    Draws,
    MeanMetric,
    Metric,
    RankMetric,
    prepare_counts,
)
from fullcircle.core.metrics.registry import METRICS, list_metrics, roc_auc, score_all
from fullcircle.core.metrics.roles import (
    describe_metrics,
    list_threshold_metrics,
    raise_if_cannot_select,
    raise_if_sets_no_threshold,
    raise_if_unknown,
)

__all__ = [
    "AS_DECIDED",
    "BINARY",
    "CLASSIFICATION",
    "METRICS",
    "MULTICLASS",
    "REGRESSION",
    "DecisionMetric",
    "Draws",
    "MeanMetric",
    "Metric",
    "RankMetric",
    "Vector",
    "count_decisions",
    "decide",
    "describe_metrics",
    "list_metrics",
    "list_threshold_metrics",
    "prepare_counts",
    "raise_if_cannot_select",
    "raise_if_sets_no_threshold",
    "raise_if_unknown",
    "roc_auc",
    "score_all",
]
