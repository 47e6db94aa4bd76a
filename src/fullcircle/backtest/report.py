"""What came of a replay: judged by the truth that came later, told, and drawn."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from fullcircle.backtest.runner import Backtest, Lines
from fullcircle.core.backtest import POLICIES, compare_policies
from fullcircle.core.backtest.policy_value import LabelledPredictions
from fullcircle.core.backtest.summary import summarize_backtest
from fullcircle.core.metrics import METRICS
from fullcircle.core.profile import PREDICTION


def report_replay(replay: Backtest, lines: Lines, settings: Any) -> dict[str, Any]:
    """Judge the policies and say what happened when.

    Args:
        replay: The replay, which has run.
        lines: Its ledger.
        settings: Resamples, confidence and seed, as PerformanceSettings has them.
    """
    problem = replay.history.problem
    judged = compare_policies(
        _gather(replay, lines),
        problem.primary_metric,
        resamples=settings.bootstrap_resamples,
        confidence=settings.confidence,
        seed=settings.seed,
    )
    worth = {each["name"]: each for each in judged["windows"]}
    empty = {"labelled": 0, "scores": None, "gains": None}
    report = {
        "problem": problem.name,
        "name": replay.folder.path.name,
        "from": replay.windows[0].name,
        "to": f"{replay.windows[-1].end:%Y-%m-%d}",
        "recipe": replay.trainer.model_config,
        "confidence": settings.confidence,
        **{name: judged[name] for name in ("metric", "rows", "windows_judged", "scores", "gains")},
        "trainings": _count_trainings(lines),
        "windows": [{**line, **worth.get(line["window"], empty)} for line in lines],
    }
    for line in report["windows"]:
        line.pop("alerts_memory", None)
        line.pop("watched", None)
    return {**report, "story": summarize_backtest(report)}


def _gather(replay: Backtest, lines: Lines) -> list[LabelledPredictions]:
    """Join each window's predictions with the truth, whenever it came."""
    problem = replay.history.problem
    decides = problem.task == "binary" and METRICS[problem.primary_metric].decides
    judged = "decision" if decides else PREDICTION
    columns = {"rules": judged} | {name: f"{name}_{judged}" for name in POLICIES[1:]}
    truth = replay.history.labels().select(problem.row_id, problem.label)
    found = []
    for line in lines:
        if not line["rows"]:
            continue
        rows = replay.scorer.read([replay.windows[line["number"] - 1]])
        chosen = rows.select(problem.row_id, **columns).inner_join(truth, problem.row_id)
        frame = chosen.order_by(problem.row_id).to_pandas()
        predicted = {name: _as_vector(frame[name]) for name in POLICIES}
        label = frame[problem.label].to_numpy(dtype=float)
        found.append(LabelledPredictions(line["window"], label, predicted))
    return found


def _as_vector(column: pd.Series) -> np.ndarray:
    """Give numbers, or a row of probabilities per row."""
    return (
        np.stack([np.asarray(value, dtype=float) for value in column])
        if len(column)
        else (np.empty(0))
    )


def _count_trainings(lines: Lines) -> dict[str, dict[str, int]]:
    """Count per policy how often was trained, and how many models have scored."""
    acts = [line["retrained"] for line in lines if line["retrained"]]
    always = sum(1 for line in lines if line["after"]["always"] != line["scored_by"]["always"])
    models = {
        name: len({line["scored_by"][name] for line in lines if line["rows"]}) for name in POLICIES
    }
    trained = {"rules": len(acts), "never": 0, "always": always}
    return {name: {"trainings": trained[name], "models": models[name]} for name in POLICIES}


def draw_page(report: dict[str, Any], figures: Sequence[go.Figure]) -> str:
    """Write one page that needs no network: what happened, and the pictures."""
    from markupsafe import Markup

    from fullcircle.reporting.pages import fill_page

    parts = [
        # Plotly has escaped what it draws.
        Markup(  # noqa: S704
            figure.to_html(full_html=False, include_plotlyjs=place == 0, div_id=f"figure{place}")
        )
        for place, figure in enumerate(figures)
    ]
    return fill_page("replay.html.jinja", report=report, figures=parts)
