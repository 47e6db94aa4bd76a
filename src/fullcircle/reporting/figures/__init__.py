"""Figures of models and searches, all in one style, each small enough for a page of many."""

from fullcircle.reporting.figures.classification import (
    calibration_figure,
    confusion_figure,
    precision_recall_figure,
    roc_figure,
)
from fullcircle.reporting.figures.comparison import (
    importance_figure,
    leaderboard_figure,
    learning_curve_figure,
    shap_figure,
    slices_figure,
)
from fullcircle.reporting.figures.evaluation import (
    evaluation_figures,
    prediction_histogram,
    residual_figure,
    residual_quantiles_figure,
)
from fullcircle.reporting.figures.monitoring import drift_figure, monitoring_figures
from fullcircle.reporting.figures.search import (
    hyperparameter_importance_figure,
    parallel_coordinates_figure,
    search_history_figure,
)

__all__ = [
    "calibration_figure",
    "confusion_figure",
    "drift_figure",
    "evaluation_figures",
    "hyperparameter_importance_figure",
    "importance_figure",
    "leaderboard_figure",
    "learning_curve_figure",
    "monitoring_figures",
    "parallel_coordinates_figure",
    "precision_recall_figure",
    "prediction_histogram",
    "residual_figure",
    "residual_quantiles_figure",
    "roc_figure",
    "search_history_figure",
    "shap_figure",
    "slices_figure",
]
