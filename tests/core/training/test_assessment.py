"""Tests of the assessment: each part of the report is of the winner, on the selection rows."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fullcircle.core.contract import ProblemSpec
from fullcircle.core.evaluation.importance import permutation_importance
from fullcircle.core.evaluation.intervals import bootstrap_metric
from fullcircle.core.evaluation.reliability import check_calibration
from fullcircle.core.evaluation.slices import SliceSettings, measure_gaps, score_slices
from fullcircle.core.models.prediction import as_inputs, predict
from fullcircle.core.preparation import diagnose_columns
from fullcircle.core.training import assessment
from fullcircle.core.training.assessment import assess, decide
from fullcircle.core.training.challenger import SelectedModel, complete_challenger
from fullcircle.core.training.context import TrainingContext
from fullcircle.core.training.model_config import ModelConfig
from fullcircle.core.training.settings import SearchSettings, TrainingSettings
from fullcircle.reporting.figures.training import draw_figures

Make = Callable[..., ProblemSpec]
TRAINING = TrainingSettings(
    seed=3,
    candidates=["logistic_regression"],
    search=SearchSettings(trials=1, folds=3),
    calibration="sigmoid",
    bootstrap_resamples=100,
    confidence=0.9,
)
DRAWS: Any = {"resamples": 100, "confidence": 0.9, "seed": 3}
TASKS = {
    "binary": ("roc_auc", "logistic_regression"),
    "multiclass": ("multiclass_log_loss", "logistic_regression"),
    "regression": ("rmse", "ridge"),
}


def draw(task: str, rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    price, colour = rng.normal(size=rows), rng.choice(["red", "blue"], rows)
    signal = price + (colour == "red") + rng.normal(size=rows)
    label = {
        "binary": (signal > 0.5).astype("int64"),
        "multiclass": np.digitize(signal, [-0.3, 0.9]),
        "regression": signal,
    }
    return pd.DataFrame(
        {
            "order_id": range(rows),
            "buyer": range(rows),
            "ordered_at": pd.date_range("2024-01-01", periods=rows, freq="h", tz="UTC"),
            "returned_known_at": pd.date_range("2024-01-02", periods=rows, freq="h", tz="UTC"),
            "price": price,
            "colour": colour,
            "returned": label[task],
        }
    )


@pytest.fixture(scope="module")
def settle(
    make_problem: Make,
) -> Callable[..., tuple[TrainingContext, SelectedModel, pd.DataFrame]]:
    """Give the function that fits and settles a winner for a task, once each."""

    @cache
    def make(
        task: str, *, history: bool = False
    ) -> tuple[TrainingContext, SelectedModel, pd.DataFrame]:
        metric, family = TASKS[task]
        changes: dict[str, Any] = {"task": task, "primary_metric": metric, "slices": ["colour"]}
        if task != "binary":
            changes["threshold"] = None
        problem = make_problem(history=history, **{"threshold": {"value": 0.4}, **changes})
        rows, selection = draw(task, 241, 0), draw(task, 240, 1)
        inputs = as_inputs(rows, problem.features)
        plan = diagnose_columns(inputs, rows["returned"], problem.task, TRAINING.preparation)
        method = "temperature" if task == "multiclass" else "sigmoid"
        training = TRAINING.model_copy(update={"calibration": method})
        training_context = TrainingContext(rows, problem, training, plan)
        model_config = ModelConfig("simple", family)
        return (
            training_context,
            complete_challenger(
                training_context, model_config, training_context.fit(model_config), selection
            ),
            selection,
        )

    return make


@pytest.fixture(scope="module")
def judge(settle: Any) -> Callable[..., dict[str, Any]]:
    """Give the function that assesses the winner of a task, once each."""
    return cache(lambda task, history=False: assess(*settle(task, history=history)))


def predict_all(
    training_context: TrainingContext, winner: SelectedModel, rows: pd.DataFrame
) -> np.ndarray:
    problem = training_context.problem
    return predict(winner.estimator, problem.task, as_inputs(rows, problem.features))


@pytest.mark.parametrize("task", list(TASKS))
def test_each_part_is_of_the_winner_on_the_selection_rows(
    settle: Any, judge: Any, task: str
) -> None:
    """Scores, importance, calibration, slices and gaps are those of its predictions there."""
    training_context, winner, rows = settle(task)
    metric, truth = training_context.problem.primary_metric, rows["returned"].to_numpy()
    predicted = predict_all(training_context, winner, rows)
    report = judge(task)

    assert (report["metric"], report["rows"], report["threshold"]) == (
        metric,
        240,
        0.4 if task == "binary" else None,
    )
    assert report["scores"] == winner.scores
    assert report["scores"][metric] == bootstrap_metric(metric, truth, predicted, **DRAWS).as_dict()
    ranks = permutation_importance(
        lambda inputs: predict(winner.estimator, task, inputs),
        as_inputs(rows, training_context.problem.features),
        truth,
        metric,
        repeats=5,
        seed=3,
        max_rows=2_000,
        confidence=0.9,
    )
    assert report["importance"] == ranks
    slices = score_slices(
        rows,
        ["colour"],
        metric,
        training_context.problem.task,
        truth,
        predicted,
        (predicted >= 0.4).astype("int64") if task == "binary" else None,
        SliceSettings(min_rows=50, bootstrap_resamples=100, confidence=0.9, seed=3),
    )
    assert report["slices"] == slices
    assert all(each["judged"] for each in slices)
    assert report.get("gaps") == (measure_gaps(slices, 50) if task == "binary" else None)
    assert "shap" not in report
    assert ("calibration" in report) == (task != "regression")
    if task != "regression":
        check = check_calibration(truth, predicted, confidence=0.9)
        assert report["calibration"] == {**check, "method": winner.calibration}
        declared = training_context.training.calibration
        assert winner.calibration == {"method": declared, "evidence": "declared"}


@pytest.mark.parametrize("task", list(TASKS))
def test_the_sample_shows_rows_with_what_was_predicted(settle: Any, judge: Any, task: str) -> None:
    """Ten selection rows, the first, each with its label and the winner's own prediction."""
    training_context, winner, rows = settle(task)
    sample = judge(task)["sample"]
    assert len(sample) == 10
    assert [row["order_id"] for row in sample] == list(range(10))
    expected = predict_all(training_context, winner, rows)[:10]
    for name, values in (("returned", rows["returned"][:10]), ("predicted", expected)):
        np.testing.assert_allclose(np.array([row[name] for row in sample]), values, atol=1e-9)


@pytest.mark.parametrize("history", [True, False])
def test_the_learning_curve_grows_by_the_newest_rows(
    settle: Any, judge: Any, *, history: bool
) -> None:
    """An eighth, a quarter, half and all of the rows: the newest, of a snapshot a seeded draw."""
    training_context, winner, rows = settle("binary", history=history)
    curve = judge("binary", history)["learning_curve"]
    assert [point["rows"] for point in curve] == [30, 60, 120, 241]
    places = np.arange(240, -1, -1)
    if not history:
        places = np.random.default_rng(3).permutation(places)
    for point in curve:
        kept = training_context.rows.iloc[np.sort(places[: point["rows"]])]
        model = replace(training_context, rows=kept).fit(winner.model_config)
        inputs = as_inputs(rows, training_context.problem.features)
        score = bootstrap_metric(
            "roc_auc", rows["returned"].to_numpy(), predict(model, "binary", inputs), **DRAWS
        )
        assert point == {"rows": point["rows"], **score.as_dict()}


def test_what_nobody_asked_for_is_absent(settle: Any) -> None:
    """Without slices in the contract there are none, nor gaps, and no figure of them."""
    training_context, winner, rows = settle("binary")
    bare = replace(
        training_context, problem=training_context.problem.model_copy(update={"slices": []})
    )
    report = assess(bare, winner, rows)
    assert not {"slices", "gaps", "shap"} & set(report)


def test_a_very_wide_table_is_not_ranked(settle: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """More columns than can be permuted in fair time are not ranked; as many as that still are."""
    training_context, winner, rows = settle("regression")
    monkeypatch.setattr(assessment, "_MOST_COLUMNS", 2)
    assert len(assess(training_context, winner, rows)["importance"]) == 2
    monkeypatch.setattr(assessment, "_MOST_COLUMNS", 1)
    assert assess(training_context, winner, rows)["importance"] == []


def test_probabilities_become_classes_at_the_threshold() -> None:
    """From the threshold on it is class 1, one half where none is declared; else the likeliest."""
    chances = np.array([0.39, 0.4, 0.5, 0.9])
    assert np.array_equal(decide("binary", chances, 0.4), [0, 1, 1, 1])
    assert np.array_equal(decide("binary", chances, None), [0, 0, 1, 1])
    of_many = np.array([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]])
    assert np.array_equal(decide("multiclass", of_many, None), [1, 0])
    assert decide("regression", chances, 0.4) is None


def make_trials(count: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    return [
        {
            "candidate": "tuned" if number else "untuned",
            "number": number,
            "parameters": {"rate": float(rng.random())} if number else {},
            "score": float(rng.random()),
            "seconds": 1.0,
            "state": "complete",
        }
        for number in range(count)
    ]


@pytest.mark.parametrize("task", list(TASKS))
def test_every_part_that_can_be_drawn_is_drawn(settle: Any, judge: Any, task: str) -> None:
    """Each part of the report has its figure under its name, by its own rows; no other is there."""
    training_context, winner, rows = settle(task)
    report = judge(task)
    score = {"metric": report["metric"], **report["scores"][report["metric"]]}
    board = [{"candidate": name, "chosen": name == "b", **score} for name in "abc"]
    predicted, truth = predict_all(training_context, winner, rows), rows["returned"].to_numpy()
    drawn = draw_figures(report, task, truth, predicted, board, make_trials(12))
    classes = {"roc", "precision_recall", "calibration", "confusion", "predictions"}
    values = {"residuals", "residual_quantiles", "predictions"}
    expected = values if task == "regression" else classes
    assert set(drawn) == expected | {
        "leaderboard",
        "importance",
        "learning_curve",
        "slices",
        "search_history",
        "search_parallel_tuned",
        "search_importance_tuned",
    }
    assert len(drawn["slices"].data[0].y) == len(report["slices"])
    assert len(drawn["search_parallel_tuned"].data[0].line.color) == 11
    colours = drawn["leaderboard"].data[0].marker.color
    assert [colours.count(colour) for colour in colours] == [2, 1, 2]
    if task == "binary":
        at = {"x": "class 1", "y": "class 1"}
        cells = drawn["confusion"].data[0]
        found = cells.text[list(cells.y).index(at["y"])][list(cells.x).index(at["x"])]
        both = int(((predicted >= 0.4) & (truth == 1)).sum())
        assert found.startswith(f"{both}<br>")
    bare = {**report, "slices": [], "importance": [], "learning_curve": []}
    left = set(draw_figures(bare, task, truth, predicted, board, []))
    assert left == expected | {"leaderboard"}


@pytest.mark.parametrize("task", ["binary", "multiclass"])
@pytest.mark.parametrize("rare", [0, 1])
def test_a_learning_curve_leaves_out_rows_without_a_class(
    settle: Any, task: str, rare: int
) -> None:
    """Few rows that lack a class are no point: their model's columns would be other classes'."""
    training_context, winner, selection = settle(task)
    label = training_context.rows["returned"]
    kept = label.where(label != rare, (rare + 1) % label.nunique())
    order = np.random.default_rng(3).permutation(np.arange(len(label))[::-1])
    kept.iloc[order[40:43]] = rare  # in the first quarter of the rows, not in the first eighth
    rows = training_context.rows.assign(returned=kept)
    curve = assess(replace(training_context, rows=rows), winner, selection)["learning_curve"]
    classes = label.nunique()
    assert curve[0] == {"rows": 30, "reason": f"30 rows hold {classes - 1} of {classes} classes."}
    assert all(np.isfinite(point["value"]) for point in curve[1:])
