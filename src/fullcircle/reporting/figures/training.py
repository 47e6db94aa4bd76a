"""Figures of a training: what the report, the leaderboard and the search say."""

from typing import Any

from fullcircle.core.metrics import Vector
from fullcircle.core.training.assessment import decide
from fullcircle.core.training.failures import list_excluded
from fullcircle.reporting.figures import (
    evaluation_figures,
    hyperparameter_importance_figure,
    importance_figure,
    leaderboard_figure,
    learning_curve_figure,
    parallel_coordinates_figure,
    search_history_figure,
    shap_figure,
    slices_figure,
)


def draw_figures(
    report: dict[str, Any],
    task: str,
    truth: Vector,
    predicted: Vector,
    leaderboard: list[dict[str, Any]],
    trials: list[dict[str, Any]],
) -> dict[str, Any]:
    """Draw what the report, the leaderboard and the search say; what cannot be drawn is absent."""
    [chosen] = [row["candidate"] for row in leaderboard if row["chosen"]]
    metric = report["metric"]
    excluded = [failure["family"] for failure in list_excluded(report.get("failures", []))]
    drawn = {
        "leaderboard": leaderboard_figure(leaderboard, chosen, excluded),
        **evaluation_figures(task, truth, predicted, decide(task, predicted, report["threshold"])),
        "importance": importance_figure(report["importance"]) if report["importance"] else None,
        "learning_curve": learning_curve_figure(report["learning_curve"], metric),
        "slices": slices_figure(report["slices"], metric) if report.get("slices") else None,
        "shap": shap_figure(report["shap"]) if "shap" in report else None,
        **_draw_search(trials, metric),
    }
    return {name: figure for name, figure in drawn.items() if figure is not None}


def _draw_search(trials: list[dict[str, Any]], metric: str) -> dict[str, Any]:
    """Draw the history of the search and, of each family that was tuned, what mattered."""
    records = [{**trial, "params": trial["parameters"]} for trial in trials]
    drawn: dict[str, Any] = {"search_history": search_history_figure(records, metric)}
    for family in dict.fromkeys(trial["candidate"] for trial in records):
        own = [trial for trial in records if trial["candidate"] == family and trial["params"]]
        drawn[f"search_parallel_{family}"] = parallel_coordinates_figure(own, metric)
        drawn[f"search_importance_{family}"] = hyperparameter_importance_figure(own, metric)
    return drawn
