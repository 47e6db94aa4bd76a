"""Tests of figures: they show the numbers, stay small, and are the same every time."""

import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from scipy.special import expit

from fullcircle.core.evaluation.reliability import check_calibration
from fullcircle.core.metrics import roc_auc
from fullcircle.reporting.figures import (
    calibration_figure,
    confusion_figure,
    evaluation_figures,
    hyperparameter_importance_figure,
    importance_figure,
    leaderboard_figure,
    learning_curve_figure,
    parallel_coordinates_figure,
    prediction_histogram,
    residual_figure,
    residual_quantiles_figure,
    roc_figure,
    search_history_figure,
    shap_figure,
    slices_figure,
)

MANY = 100_000
Predictions = tuple[np.ndarray, np.ndarray, np.ndarray | None]


def predict(task: str, rows: int) -> Predictions:
    """Truth, predictions and decisions of a task."""
    rng = np.random.default_rng(0)
    score = rng.normal(size=(rows, 3))
    if task == "binary":
        truth = (rng.random(rows) < expit(score[:, 0])).astype(int)
        return truth, expit(score[:, 0]), (score[:, 0] > 0).astype(int)
    if task == "multiclass":
        probability = np.exp(score) / np.exp(score).sum(axis=1, keepdims=True)
        return rng.integers(0, 3, rows), probability, probability.argmax(axis=1)
    return np.exp(score[:, 0]), np.exp(score[:, 0] + 0.3 * score[:, 1]), None


def make_trials(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Trials whose score follows ``rate``, as good as not ``depth``; every fifth is unfinished."""
    rng = np.random.default_rng(seed)
    trials = []
    for number in range(count):
        rate = float(10 ** rng.uniform(-3, 0))
        params = {"rate": rate, "depth": int(rng.integers(1, 9)), "kind": "ab"[number % 2]}
        state = "complete" if number % 5 else ["pruned", "failed"][number // 5 % 2]
        score = -abs(np.log10(rate) + 1.5) + rng.normal(0, 0.01)
        trials.append(
            {
                "candidate": "xgboost",
                "number": number,
                "params": params,
                "score": None if state == "failed" else score,
                "seconds": 1.0,
                "state": state,
            }
        )
    return trials


def make_slices(count: int) -> list[dict[str, Any]]:
    score = {"value": 0.7, "low": 0.6, "high": 0.8, "confidence": 0.95}
    rows = [
        {
            "column": "c",
            "slice": f"v{i}",
            "rows": 100,
            "judged": True,
            "score": score,
            "worse": i == 1,
        }
        for i in range(count)
    ]
    return [*rows, {**rows[0], "slice": "tiny", "judged": False, "score": None, "worse": None}]


def make_leaderboard(count: int) -> list[dict[str, Any]]:
    values = [0.7 + i / 1000 for i in range(count)]
    return [
        {"candidate": f"m{i}", "metric": "roc_auc", "value": v, "low": v - 0.1, "high": v + 0.1}
        for i, v in enumerate(values)
    ]


def make_swarm(*, with_rows: bool = True) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    names = [f"column {i}" for i in range(10)]
    swarm = [
        {"column": n, "shap": rng.normal(size=200).tolist(), "level": rng.random(200).tolist()}
        for n in names
    ]
    swarm[1]["level"] = [None] * 200
    columns = [{"column": name, "mean_abs": 1.0} for name in names]
    return {"output": "log-odds", "columns": columns, "swarm": swarm if with_rows else []}


def draw_all() -> Iterator[tuple[str, go.Figure]]:
    """Give every kind of figure, of many rows, trials and names."""
    for task in ("binary", "multiclass", "regression"):
        truth, predicted, decided = predict(task, MANY)
        for name, figure in evaluation_figures(task, truth, predicted, decided).items():
            yield f"{task} {name}", figure
    points = [{"rows": 10, "reason": "few"}] + [
        {"rows": n, "value": 0.7, "low": 0.6, "high": 0.8, "confidence": 0.95} for n in (20, 40)
    ]
    importances = [
        {"column": f"c{i}", "metric": "rmse", "value": 0.1, "low": 0.1 - i / 50, "high": 0.2}
        for i in range(200)
    ]
    yield "learning curve", learning_curve_figure(points, "roc_auc")
    yield "importance", importance_figure(importances)
    yield "slices", slices_figure(make_slices(100), "roc_auc")
    yield "leaderboard", leaderboard_figure(make_leaderboard(30), "m3")
    yield "shap", shap_figure(make_swarm())
    yield "shap of classes", shap_figure(make_swarm(with_rows=False))
    yield "history", search_history_figure(make_trials(5000), "roc_auc")
    yield "coordinates", parallel_coordinates_figure(make_trials(3000), "roc_auc")
    yield "parameters", hyperparameter_importance_figure(make_trials(60), "roc_auc")


@pytest.fixture(scope="module")
def drawn() -> dict[str, str]:
    """Every kind of figure as JSON."""
    return {name: figure.to_json() for name, figure in draw_all()}


def test_figures_are_small(drawn: dict[str, str]) -> None:
    """Of a hundred thousand rows and thousands of trials each figure takes less than 200 kB."""
    assert len(drawn) == 22
    assert {name: len(text) for name, text in drawn.items() if len(text) > 200_000} == {}


def test_figures_are_the_same_every_time(drawn: dict[str, str]) -> None:
    """Drawn again, each figure is the same to the letter: no time, no random name."""
    assert {name: figure.to_json() for name, figure in draw_all()} == drawn


def test_figures_name_their_axes_and_share_one_look(drawn: dict[str, str]) -> None:
    """Each figure has a title and a white ground, and each that has axes says what they show."""
    for name, text in drawn.items():
        layout = json.loads(text)["layout"]
        assert layout["title"]["text"], name
        assert layout["paper_bgcolor"] == "#FFFFFF", name
        assert layout["xaxis"]["title"]["text"] or name == "coordinates", name
        assert not re.search(r"https?://", text), name


@pytest.mark.parametrize(
    ("task", "names"),
    [
        ("binary", {"roc", "precision_recall", "calibration", "confusion", "predictions"}),
        ("multiclass", {"roc", "precision_recall", "calibration", "confusion", "predictions"}),
        ("regression", {"residuals", "residual_quantiles", "predictions"}),
    ],
)
def test_each_task_has_its_figures(task: str, names: set[str]) -> None:
    """The figures are those that mean something for the task; without rows there are none."""
    truth, predicted, decided = predict(task, 200)
    assert set(evaluation_figures(task, truth, predicted, decided)) == names
    assert evaluation_figures(task, truth[:0], predicted[:0]) == {}
    assert set(evaluation_figures(task, truth[:1], predicted[:1])) <= names


def test_of_one_class_no_curve_is_drawn() -> None:
    """Curves that need two classes are left out; the rest is drawn."""
    _, predicted, decided = predict("binary", 200)
    figures = evaluation_figures("binary", np.ones(200, dtype=int), predicted, decided)
    assert set(figures) == {"calibration", "confusion", "predictions"}
    assert "not judged" in figures["calibration"].layout.title.text


def test_the_roc_curve_is_the_models() -> None:
    """The curve runs from (0, 0) to (1, 1), rises, and tells the area that the metric has."""
    truth, predicted, _ = predict("binary", MANY)
    curve, _ = roc_figure(truth, predicted).data
    assert (curve.x[0], curve.y[0], curve.x[-1], curve.y[-1]) == (0, 0, 1, 1)
    assert (np.diff(curve.y) >= 0).all()
    assert f"{roc_auc(truth, predicted):.3f}" in curve.name
    area = np.trapezoid(curve.y, curve.x)
    assert area == pytest.approx(roc_auc(truth, predicted), abs=1e-3)


def test_the_calibration_figure_shows_the_check() -> None:
    """Points, intervals and verdict are those of the check, and the histogram counts all rows."""
    truth, predicted, _ = predict("binary", 1000)
    check = check_calibration(truth, predicted**2, confidence=0.95)
    figure = calibration_figure(check, predicted**2)
    [points] = [t for t in figure.data if t.error_y.array is not None]
    assert list(points.y) == [b["observed"] for b in check["bins"]]
    assert points.error_y.array[0] == check["bins"][0]["high"] - check["bins"][0]["observed"]
    assert "off" in figure.layout.title.text
    [bars] = [trace for trace in figure.data if trace.type == "bar"]
    assert sum(bars.y) == 1000


def test_the_confusion_matrix_counts_rows() -> None:
    """Each cell has its count and its share of the true class."""
    figure = confusion_figure(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1]))
    [heat] = figure.data
    assert list(heat.text[0]) == ["2<br>66.7%", "1<br>33.3%"]
    assert list(heat.text[1]) == ["0<br>0.0%", "1<br>100.0%"]
    assert [list(row) for row in heat.z] == [[0.6667, 0.3333], [0, 1]]


def test_residuals_count_every_row() -> None:
    """Binned values hold all rows, extremes at the edge; the bands hold their quantiles."""
    truth, predicted, _ = predict("regression", 5000)
    heat = residual_figure(truth, predicted).data[0]
    assert np.sum(heat.text) == 5000
    *_, line = residual_quantiles_figure(truth, predicted).data
    assert len(line.x) == 20
    assert list(line.x) == sorted(line.x)
    assert residual_figure(np.ones(5), np.ones(5)).data


def test_histograms_hold_all_rows() -> None:
    """Shares of each group add up to one."""
    for task in ("binary", "multiclass", "regression"):
        truth, predicted, _ = predict(task, 500)
        for bars in prediction_histogram(task, truth, predicted).data:
            assert sum(bars.y) == pytest.approx(1, abs=1e-4)


def test_the_leaderboard_is_sorted_and_marked() -> None:
    """The best is on top, whatever the metric's direction, and the chosen one has its colour."""
    rows = make_leaderboard(3)
    best_high = leaderboard_figure(rows, "m0").data[0]
    best_low = leaderboard_figure([{**row, "metric": "log_loss"} for row in rows]).data[0]
    assert list(best_high.text) == ["m2", "m1", "m0"]
    assert list(best_low.text) == ["m0", "m1", "m2"]
    assert len(set(best_high.marker.color[:2])) == 1
    assert best_high.marker.color[2] != best_high.marker.color[0]
    marked = leaderboard_figure([{**rows[0], "chosen": True}, rows[1]])
    assert [trace.name for trace in marked.data] == [None, "chosen"]


def test_slices_mark_the_worse_and_count_the_unjudged() -> None:
    """A worse slice has a colour of its own, unjudged ones are counted in the title."""
    figure = slices_figure(make_slices(3), "roc_auc")
    assert figure is not None
    assert figure.data[0].marker.color[1] != figure.data[0].marker.color[0]
    assert "1 too small" in figure.layout.title.text
    assert slices_figure(make_slices(3)[-1:], "roc_auc") is None


def test_nothing_to_draw_is_none() -> None:
    """Without a point, a complete trial or a parameter that varies there is no figure."""
    failed = [{**trial, "state": "failed", "score": None} for trial in make_trials(4)]
    alike = [{**trial, "params": {"rate": 0.1}} for trial in make_trials(9)]
    equal = [{**trial, "score": 0.5} for trial in make_trials(9)]
    assert learning_curve_figure([{"rows": 1, "reason": "few"}], "roc_auc") is None
    for draw in (
        search_history_figure,
        parallel_coordinates_figure,
        hyperparameter_importance_figure,
    ):
        assert draw(failed, "roc_auc") is None
        assert draw([], "roc_auc") is None
    for draw in (parallel_coordinates_figure, hyperparameter_importance_figure):
        assert draw(alike, "roc_auc") is None
        assert draw(make_trials(2)[1:], "roc_auc") is None
        assert draw([{**trial, "params": {}} for trial in make_trials(9)], "roc_auc") is None
    assert hyperparameter_importance_figure(equal, "roc_auc") is None


@pytest.mark.parametrize(("metric", "best"), [("roc_auc", max), ("rmse", min)])
def test_the_history_ends_at_the_best_score(metric: str, best: Any) -> None:
    """The line of the best so far only improves, counts complete trials only, and ends at the best.

    Trials named by ``parameters``, as the search itself writes them, are read too.
    """
    trials = [{**t, "parameters": t["params"]} for t in make_trials(30)]
    for trial in trials:
        del trial["params"]
    trials[0]["score"] = 99.0 if best is max else -99.0  # pruned, so it does not count
    figure = search_history_figure(trials, metric)
    assert figure is not None
    line = figure.data[-1]
    steps = np.diff(line.y)
    assert ((steps >= 0) if best is max else (steps <= 0)).all()
    assert line.y[-1] == best(t["score"] for t in trials if t["state"] == "complete")
    assert len(figure.data[0].x) == sum(t["score"] is not None for t in trials)


def test_the_parameter_that_matters_leads() -> None:
    """The parameter that the score follows explains most of it; nothing is printed meanwhile."""
    figure = hyperparameter_importance_figure(make_trials(60), "roc_auc")
    assert figure is not None
    [bars] = figure.data
    assert bars.y[-1] == "rate"
    assert bars.x[-1] > 0.8
    assert sum(bars.x) == pytest.approx(1)


def test_drawing_a_search_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Optuna announces no study when a figure is drawn, and its logging stays as it was."""
    logger = logging.getLogger("optuna")
    monkeypatch.setattr(logger, "level", logging.INFO)
    said: list[logging.LogRecord] = []
    listener = logging.Handler()
    monkeypatch.setattr(listener, "emit", said.append)
    logger.addHandler(listener)
    logging.getLogger("optuna.storages").manager._clear_cache()  # type: ignore[attr-defined]
    hyperparameter_importance_figure(make_trials(10), "rmse")
    logger.removeHandler(listener)
    assert said == []
    assert logger.level == logging.INFO


def test_parallel_coordinates_have_an_axis_per_varying_parameter() -> None:
    """Numbers over orders of magnitude have a logarithmic axis, texts their names."""
    untuned = {**make_trials(2)[1], "params": {}}
    figure = parallel_coordinates_figure([untuned, *make_trials(50)], "roc_auc")
    assert figure is not None
    [lines] = figure.data
    assert [d.label for d in lines.dimensions] == ["roc_auc", "rate (log)", "depth", "kind"]
    assert lines.dimensions[3].ticktext == ("a", "b")
    assert len(lines.dimensions[0]["values"]) == 40
