"""Tests of what people read: figures, pages and texts are, to the word, those once looked at."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import asdict, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from tests.core.approval import hold, hold_figure, hold_value
from tests.core.card_cases import CALIBRATION, MODEL, decision, model_with, slice_of
from tests.core.test_dashboard import DRIFT, PERFORMANCE, REFERENCE, SCORE, SERVICE, draw
from tests.core.test_figures import (
    make_leaderboard,
    make_slices,
    make_swarm,
    make_trials,
    predict,
)
from tests.ingestion.inference.test_proposal import ROWS, propose, table

from fullcircle.core.backtest.summary import summarize_backtest
from fullcircle.reporting.figures import (
    evaluation_figures,
    hyperparameter_importance_figure,
    importance_figure,
    leaderboard_figure,
    learning_curve_figure,
    monitoring_figures,
    parallel_coordinates_figure,
    search_history_figure,
    shap_figure,
    slices_figure,
)
from fullcircle.reporting.figures.backtest import draw_replay
from fullcircle.reporting.model_card import write_card, write_card_page


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_figures_of_an_evaluation(task: str) -> None:
    """Curves, tables and histograms of a few rows look as they were looked at."""
    truth, predicted, decided = predict(task, 30)
    for name, figure in evaluation_figures(task, truth, predicted, decided).items():
        hold_figure(f"{task}_{name}", figure)


def draw_comparisons() -> Iterator[tuple[str, go.Figure | None]]:
    points: list[dict[str, Any]] = [{"rows": 10, "reason": "few"}]
    points += [
        {"rows": n, "value": 0.7, "low": 0.6, "high": 0.8, "confidence": 0.95} for n in (20, 40)
    ]
    importances = [
        {"column": f"c{i}", "metric": "rmse", "value": i / 10, "low": i / 10 - 0.15, "high": 1.0}
        for i in range(-1, 40)
    ]
    swarm = make_swarm()
    for row in swarm["swarm"]:
        row["shap"], row["level"] = row["shap"][:5], row["level"][:5]
    trials = make_trials(12)
    yield "learning_curve", learning_curve_figure(points, "roc_auc")
    yield "importance", importance_figure(importances)
    yield "slices", slices_figure(make_slices(3), "roc_auc")
    yield "leaderboard", leaderboard_figure(make_leaderboard(3), "m1")
    yield "shap", shap_figure(swarm)
    yield "shap_of_classes", shap_figure(make_swarm(with_rows=False))
    yield "search_history", search_history_figure(trials, "roc_auc")
    yield "search_history_of_losses", search_history_figure(trials, "log_loss")
    yield "search_parallel", parallel_coordinates_figure(trials, "roc_auc")
    yield "search_parallel_of_losses", parallel_coordinates_figure(trials, "log_loss")
    figure = hyperparameter_importance_figure(trials, "roc_auc")
    if figure is not None:  # how much each matters is a forest's word, and not the same everywhere
        figure.update_traces(x=[0] * len(figure.data[0].x), text=None)
    yield "search_importance", figure


def test_figures_of_a_search_and_of_what_matters() -> None:
    """Comparisons, importances and trials look as they were looked at."""
    for name, figure in draw_comparisons():
        hold_figure(name, figure)


LATE = {
    "as_of": "2024-06-01",
    "model_version": "4",
    "rows": 200,
    "labelled": 50,
    "unlabelled_share": 0.75,
    "score": {"value": 0.6, "low": 0.55, "high": 0.65, "confidence": 0.95},
    "estimate": {"value": 0.7, "low": 0.6, "high": 0.8, "holds": False},
    "value": {
        "total": 12345.6,
        "unit": "EUR",
        "rows": 50,
        "per_row": {"value": 1.234, "low": 1.0, "high": 1.5},
    },
    "beside": [
        {"role": "shadow", "model_version": "9", "rows": 1000, "score": SCORE, "reason": None,
         "gain": {"value": g, "low": g - 0.01, "high": g + 0.01}, "value": None}
        for g in (0.02, 0.0, -0.02)
    ] + [{"role": "shadow", "model_version": "8", "rows": 10, "score": None, "reason": "10 rows",
          "gain": None}],
}  # fmt: skip
TROUBLED: dict[str, Any] = {
    "performance": {
        **PERFORMANCE,
        "windows": [
            PERFORMANCE["windows"][0],
            {**PERFORMANCE["windows"][1],
             "estimate": {"value": 0.78, "low": 0.7, "high": 0.85, "holds": True}},
            LATE,
        ],
        "problems": [{"told": "labels stay out"}],
        "estimates": {"told": "a drift of the label itself is not seen"},
        "slices": [
            {
                "rows": [
                    {"column": "city", "slice": name, "rows": 1000, "score": SCORE,
                     "judged": judged, "worse": name == "Rome"}
                    for name, judged in (("Oslo", True), ("Rome", True), ("Lima", False))
                ]
            }
        ],
    },
    "reference": {**REFERENCE, "version": "4"},
    "service": {
        **SERVICE,
        "objectives": [
            *SERVICE["objectives"],
            {"name": "requests a day", "limit": 10, "value": None, "met": None, "at_most": False},
            {"name": "errors", "limit": 0.01, "value": 0.001, "met": True, "at_most": True},
        ],
        "by_version": [
            {"role": "champion", "model_version": "4", "requests": 1234, "error_share": 0.25,
             "latency_ms": {"p95": 9.87}},
            {"role": "canary", "model_version": "5", "requests": 0, "error_share": 0.0,
             "latency_ms": {"p95": None}},
        ],
        "problems": [{"told": "the log has a gap"}],
    },
    "alerts": [
        {"as_of": "2024-05-01T00:00:00+00:00", "severity": "critical", "state": "new",
         "what": "price drifted", "since": "2024-04-01T00:00:00+00:00", "how_much": "PSI 0.46",
         "what_to_do": "look at the source"},
        {"at": "2024-05-02", "what": "old"},
        {"as_of": "2024-06-01T12:00:00+00:00", "what": "of this day"},
        {"as_of": "2024-06-02", "what": "later than the page"},
    ],
}  # fmt: skip
BROKEN = {
    **DRIFT,
    "vanished": ["age", "sex"],
    "prediction_drifted": True,
    "alarms": [{"column": None, "told": "few rows"}, {"column": "price", "told": "gaps"}],
    "problems": [{"told": "no rows came"}],
}
STEADY: dict[str, Any] = {
    **DRIFT,
    "drifted": [],
    "columns": [
        {**column, "drifted": False, "reasons": [], "mean_before": 1234.5, "wasserstein_scaled": 0}
        for column in DRIFT["columns"]
    ],
}
NO_LABEL: dict[str, Any] = {"metric": "rmse", "windows": []}
PAGES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "troubled": (BROKEN, TROUBLED),
    "steady": (STEADY, {"retraining": {"retrain": False, "reasons": ["no drift"]}}),
    "young": (
        {**STEADY, "judged": False, "vanished": ["age"]},
        {"performance": NO_LABEL, "service": {"present": False, "told": "no log of this day"}},
    ),
}


@pytest.mark.parametrize("name", list(PAGES))
def test_the_monitoring_page(name: str) -> None:
    """Of a troubled, a steady and a young model, the page reads as it was looked at."""
    drift, others = PAGES[name]
    page = draw(deepcopy(drift), **deepcopy(others))
    body = page[page.index("<body") :]
    hold(
        f"dashboard_{name}.html",
        "\n".join(line.rstrip() for line in body.splitlines() if line.strip()),
    )


def test_figures_of_monitoring() -> None:
    """Scores, volumes, latencies and distributions look as they were looked at."""
    for page in ("troubled", "steady"):
        drift, others = PAGES[page]
        performance = others.get("performance", PERFORMANCE)
        service = others.get("service", SERVICE)
        figures = monitoring_figures(drift, performance, REFERENCE["promised"], service)
        for name, figure in figures.items():
            hold_figure(f"monitoring_{page}_{name}", figure)


def gain(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.01, "high": value + 0.02}


def line_of(window: int, **more: Any) -> dict[str, Any]:
    return {
        "window": f"2025-0{window}-01",
        "end": f"2025-0{window + 1}-01",
        "rows": 1000 * (window - 1),
        "notices": [],
        "retrained": None,
        "scores": {"rules": gain(0.8), "never": gain(0.7 - window / 100), "always": gain(0.81)},
        "gains": {"rules over never": gain(0.1), "always over never": gain(0.11)},
        **more,
    }


NEWS = {"what": "price drifted", "how_much": "PSI 0.3"}
REPLAY: dict[str, Any] = {
    "metric": "roc_auc",
    "from": "2025-01-01",
    "to": "2025-05-01",
    "recipe": "ridge",
    "rows": 3000,
    "trainings": {
        name: {"models": models, "trainings": models - 1}
        for name, models in (("rules", 3), ("never", 1), ("always", 5))
    },
    "scores": {"rules": gain(0.8), "never": gain(0.7), "always": gain(0.81)},
    "gains": {
        "rules over never": gain(0.1),
        "rules over always": gain(-0.01),
        "always over never": gain(-0.2),
    },
    "windows": [
        line_of(1, scores=None, gains=None),
        line_of(2, notices=[{**NEWS, "state": "over"}], held_back=["budget"]),
        line_of(
            3,
            notices=[
                {**NEWS, "state": "new"},
                *[{**NEWS, "what": f"c{n}", "state": "on"} for n in range(6)],
            ],
            retrained={"as_of": "2025-04-01T00:00:00", "promoted": True, "why": "drift"},
        ),
        line_of(4, retrained={"as_of": "2025-05-01T00:00:00", "promoted": False, "why": "age"}),
    ],
}


def test_a_replay_in_pictures_and_sentences() -> None:
    """Scores, gains, alerts and retrainings of a replay look and read as they were looked at."""
    for name, figure in zip(("scores", "gains"), draw_replay(REPLAY), strict=True):
        hold_figure(f"replay_{name}", figure)
    quiet = {**REPLAY, "windows": [line_of(2)], "scores": None}
    once = {**REPLAY, "windows": [line_of(1), line_of(2, held_back=[1])]}
    stories = [summarize_backtest(report) for report in (REPLAY, quiet, once)]
    hold("replay.txt", "\n\n".join("\n".join(story) for story in stories) + "\n")


UNSURE = {
    "slices": [slice_of("blue", 0.0), slice_of("red", -0.05), slice_of("grey", None)],
    "calibration": {
        **CALIBRATION,
        **dict.fromkeys(("calibrated", "p_value", "slope", "intercept", "error_by_chance")),
        "judged": False,
        "reason": "40 rows are fewer than 100",
        "rows": 40,
        "bins": [],
    },
}
CARDS: dict[str, tuple[Any, Any]] = {
    "promoted": (MODEL, decision(promote=True, incumbent="full.shop.model v2")),
    "refused": (MODEL, decision(promote=False, incumbent="full.shop.model v2")),
    "first": (MODEL, decision(promote=True)),
    "several": (replace(MODEL, task="multiclass", threshold=None), None),
    "undecided": (model_with(UNSURE, registration=None), None),
    "unassessed": (replace(MODEL, report=None), None),
}


@pytest.mark.parametrize("name", list(CARDS))
def test_the_model_card(name: str) -> None:
    """Of a promoted, a refused, an undecided and an unassessed model, the card is as approved."""
    model, decided = CARDS[name]
    hold(f"card_{name}.md", write_card(model, decided))
    page = write_card_page(model, decided)
    hold(f"card_{name}.html", page[page.index("<body") :])


def look_at_tables() -> Iterator[tuple[str, Any]]:
    rng = np.random.default_rng(0)
    days = pd.date_range("2024-01-01", periods=ROWS)
    one, two = rng.integers(1, 99, (2, ROWS))
    ids = [f"c{n:04d}" for n in range(ROWS)]
    history = {
        "Ordered": days.strftime("%d.%m.%Y"),
        "CustomerID": [ids[n % 80] for n in range(ROWS)],
    }
    yield "snapshot", propose(table(CustomerID=ids, Sex=rng.choice(["f", "m"], ROWS)))
    yield "history", propose(table(**history), keys=("CustomerID",), label_delay_days=3)
    yield (
        "history_of_weeks",
        propose(
            table(At=days.strftime("%Y-%m-%d %H:%M:%S"), y=one),
            period_days=7,
            as_of=date(2024, 12, 1),
        ),
    )
    yield "sum", propose(table(One=one, Two=two, Zip=one % 9, y=one + two))
    yield "product", propose(table(One=one, Two=two, y=one * two))
    frame = table(
        Age=[-999] * 20 + [n % 90 for n in range(ROWS - 20)],
        Weight=["?"] * 9 + ["1,5", "2,25"] * 195 + ["x"],
        Same="same",
        Empty=None,
        Code=[f"x{n * 7919 % 1000}" for n in range(ROWS)],
        Region=rng.choice(list("abcdefghijklmnop"), ROWS),
        y=["rare"] * 12 + ["b", "c"] * (ROWS // 2 - 8) + [None] * 4,
    ).assign(Copy=lambda f: f.Size, Tells=lambda f: f.y.map({"rare": "0", "b": "1", "c": "2"}))
    yield "mess", propose(pd.concat([frame, frame.head(3)], ignore_index=True))
    mixed = ["2024-01-05", "05.01.2024"] * (ROWS // 2)
    yield "dates", propose(table(Mixed=mixed, Shipped=days.strftime("%m/%d/%Y")))
    yield (
        "told",
        propose(table(y=["yes"] * 12 + ["no"] * (ROWS - 12)), positive="no", snapshot=True),
    )


def test_what_a_survey_proposes() -> None:
    """Contract, reading, key, time, what is left out and what is said of tables of every kind."""
    for name, proposal in look_at_tables():
        parts = {**asdict(proposal), "spec": proposal.spec.model_dump(mode="json")}
        del parts["columns"]  # what the page draws: tests/ingestion/inference/test_page.py
        hold_value(f"survey_{name}", parts)
