"""The comparison that the endpoint's log and late labels allow."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from fullcircle.core.errors import ConfigurationError, DataError
from fullcircle.serving.comparison import compare_log, describe

HOW = {"share": 0.5, "margin": 0.001, "confidence": 0.95}


def draw(rows: int, *, other: str = "challenger", skill: float = 0.4) -> Any:
    """A log of two models on binary labels; the other one knows more by its skill."""
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 2, rows)
    dealt = rng.random(rows) < 0.5
    sure = np.where(dealt, 0.5 + skill, 0.6)
    frame = pd.DataFrame(
        {
            "request_id": [f"q{n}" for n in range(rows)],
            "row": 0,
            "row_id": [f"r{n}" for n in range(rows)],
            "entity": [f"e{n}" for n in range(rows)],
            "role": np.where(dealt, other, "champion"),
            "model_version": np.where(dealt, "2", "1"),
            "answered_at": pd.date_range("2025-01-01", periods=rows, freq="s", tz="UTC"),
            "predicted": np.where(truth == 1, sure, 1 - sure),
            "probabilities": None,
            "decision": np.where(dealt, truth, rng.integers(0, 2, rows)),
        }
    )
    labels = pd.DataFrame({"row_id": frame["row_id"], "label": truth.astype(float)})
    return frame, labels


def test_better_challenger_is_named() -> None:
    """The loss is the log loss by entity, and the better side is named with its evidence."""
    log, labels = draw(2000)
    evidence = compare_log(log, labels, "binary", **HOW)
    assert evidence.comparison.verdict == "challenger"
    assert evidence.comparison.loss == pytest.approx((-np.log(0.6), -np.log(0.9)))
    assert (evidence.kind, evidence.versions) == ("arms", ("1", "2"))
    assert evidence.labelled == 1996  # what was answered before both were at it is left out
    assert "kedro model promote" in describe(evidence)["verdict"]


def test_rows_of_one_entity_count_once() -> None:
    """A thousand rows of forty entities are forty observations: too few to decide."""
    log, labels = draw(2000)
    log["entity"] = [f"e{n % 40}" for n in range(len(log))]
    assert compare_log(log, labels, "binary", **HOW).comparison.verdict == "undecided"


def test_rows_without_label_wait() -> None:
    """Rows whose label is not known say nothing, and a label there twice counts once."""
    log, labels = draw(2000)
    some = pd.concat([labels.head(700), labels.head(5), pd.DataFrame({"row_id": [None]})])
    assert compare_log(log, some, "binary", **HOW).labelled == 696  # four before the other began
    nothing = compare_log(log, labels.head(0), "binary", **HOW)
    assert nothing.comparison.verdict == "undecided"
    assert describe(nothing)["gain"] == "cannot be said yet"


def test_a_shadow_is_compared_row_by_row() -> None:
    """A shadow's predictions are paired with the champion's answers to the same requests."""
    log, labels = draw(600)
    champion = log.assign(role="champion", model_version="1")
    better = np.clip(champion["predicted"], 0.3, 0.7) * 0 + np.where(
        champion["predicted"] > 0.5, 0.95, 0.05
    )
    shadow = log.assign(role="shadow", model_version="3", predicted=better)
    evidence = compare_log(pd.concat([champion, shadow]), labels, "binary", **HOW)
    assert (evidence.kind, evidence.comparison.verdict) == ("pairs", "challenger")
    assert "same rows" in describe(evidence)["other"]


def test_other_tasks_have_their_own_loss() -> None:
    """Values are compared by squared error, several classes by the log loss of the true one."""
    log, labels = draw(2000)
    values = log.assign(predicted=np.where(log["role"] == "champion", 3.0, 1.0))
    truth = labels.assign(label=1.0)
    evidence = compare_log(values, truth, "regression", **HOW)
    assert evidence.comparison.loss == (4.0, 0.0)
    several = log.assign(probabilities=[[0.2, 0.5, 0.3]] * len(log))
    evidence = compare_log(several, labels.assign(label=2.0), "multiclass", **HOW)
    assert evidence.comparison.loss == pytest.approx((-np.log(0.3), -np.log(0.3)))


def test_decisions_are_compared_as_they_were_answered() -> None:
    """By accuracy the share of wrong answers decides; each metric is told of both sides."""
    log, labels = draw(2000)
    evidence = compare_log(log, labels, "binary", metric="accuracy", **HOW)
    champion, challenger = evidence.comparison.loss
    assert evidence.comparison.verdict == "challenger"
    assert challenger == 0
    assert champion == pytest.approx(0.5, abs=0.06)
    assert evidence.scores["accuracy"] == pytest.approx((1 - champion, 1))
    assert evidence.scores["f1"][1] == evidence.scores["mcc"][1] == 1
    assert describe(evidence)["scores"]["f1"].endswith("and 1.0000")


def test_without_decisions_no_score_of_them_is_told() -> None:
    """A log that kept none gives the scores of its probabilities alone."""
    log, labels = draw(600)
    evidence = compare_log(log.assign(decision=None), labels, "binary", **HOW)
    assert "brier" in evidence.scores
    assert "f1" not in evidence.scores


@pytest.mark.parametrize(
    ("metric", "task"), [("f1", "binary"), ("mae", "binary"), ("r2", "regression")]
)
def test_what_is_no_mean_over_rows_decides_nothing(metric: str, task: str) -> None:
    """No interval of F1 is known that holds at every look: those that do are named."""
    log, labels = draw(200)
    with pytest.raises(ConfigurationError, match=f"{metric} is no mean over.*Compare by one of"):
        compare_log(log, labels, task, metric=metric, **HOW)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda log: log[log["role"] == "champion"], "kedro endpoint traffic --challenger"),
        (lambda log: log.assign(row_id=None), "carried a row id"),
        (lambda log: log.head(0), "kedro endpoint traffic --challenger"),
    ],
)
def test_what_cannot_be_compared_is_said(change: Any, said: str) -> None:
    """Without a second model, or without row ids, one line says what to do."""
    log, labels = draw(100)
    with pytest.raises(DataError, match=said):
        compare_log(change(log), labels, "binary", **HOW)
