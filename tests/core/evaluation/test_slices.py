"""Tests of slices: a worse served group is named, a lucky difference seldom."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from scipy.stats import binom

from fullcircle.core.errors import DataError
from fullcircle.core.evaluation.slices import (
    SliceSettings,
    label_slices,
    measure_gaps,
    score_slices,
)

SETTINGS = SliceSettings(min_rows=50, bootstrap_resamples=100, confidence=0.9, seed=1)


def draw(seed: int, rows: int = 800, *, blind_to: str = "") -> dict[str, Any]:
    """A binary problem in four equal groups; of one of them the model knows nothing."""
    rng = np.random.default_rng(seed)
    group = rng.choice(list("abcd"), rows)
    score = rng.normal(0, 1.5, rows)
    known = np.where(group == blind_to, rng.normal(0, 1.5, rows), score)
    return {
        "frame": pd.DataFrame({"group": group}),
        "truth": (rng.random(rows) < expit(score)).astype(int),
        "predicted": expit(known),
        "decided": (known > 0).astype(int),
    }


def score(
    problem: dict[str, Any],
    metric: str = "roc_auc",
    task: str = "binary",
    columns: tuple[str, ...] = ("group",),
    settings: SliceSettings = SETTINGS,
) -> dict[str, dict[str, Any]]:
    """Slices by name, passed through JSON, which refuses NaN."""
    arguments = [problem[k] for k in ("truth", "predicted", "decided")]
    rows = score_slices(problem["frame"], list(columns), metric, task, *arguments, settings)
    return {row["slice"]: row for row in json.loads(json.dumps(rows, allow_nan=False))}


@pytest.mark.untraced
def test_a_model_that_serves_all_alike_is_seldom_accused() -> None:
    """Of 100 fair models few are said to serve any slice worse: at most as declared, but some."""
    alarms = sum(any(row["worse"] for row in score(draw(seed)).values()) for seed in range(100))
    assert 0 < alarms <= binom.ppf(0.999, 100, 0.1 / 2)


@pytest.mark.parametrize("metric", ["roc_auc", "log_loss"])
@pytest.mark.parametrize("seed", range(3))
def test_the_worse_served_group_is_named(metric: str, seed: int) -> None:
    """A group that the model knows nothing of is called worse, whatever the metric's direction."""
    rows = score(draw(seed, blind_to="b"), metric)
    assert [name for name, row in rows.items() if row["worse"]] == ["b"]
    assert rows["b"]["difference"]["high"] < 0


def test_intervals_cover_the_slices_true_score() -> None:
    """Of 90 % intervals for a slice's score about 90 in 100 hold that of endless rows."""
    truth = score(draw(999, 200_000))["a"]["score"]["value"]
    scores = [row["score"] for seed in range(25) for row in score(draw(seed)).values()]
    hits = sum(s["low"] <= truth <= s["high"] for s in scores)
    assert binom.ppf(0.0005, 100, 0.9) <= hits <= binom.ppf(0.9995, 100, 0.9)


def test_many_rows_narrow_the_interval() -> None:
    """Draws of at most 2000 rows give the width that all rows deserve: a tenth for 100 times."""
    few, many = (score(draw(1, rows))["a"]["score"] for rows in (4000, 400_000))
    ratio = (few["high"] - few["low"]) / (many["high"] - many["low"])
    assert ratio == pytest.approx(10, rel=0.35)


def test_small_and_one_sided_slices_are_not_judged() -> None:
    """A slice of few rows, of nearly one class, or of nearly all rows gets a reason, no verdict."""
    problem = draw(1)
    problem["frame"]["size"] = np.where(np.arange(800) < 49, "small", "large")
    problem["frame"]["luck"] = np.where(problem["truth"] == 1, "lucky", "unlucky")
    rows = score(problem, columns=("size", "luck"))
    assert "49 rows are fewer than 50" in rows["small"]["reason"]
    assert "leaves too few" in rows["large"]["reason"]
    assert "0 rows of a class" in rows["lucky"]["reason"]
    assert all(row["worse"] is None and row["score"] is None for row in rows.values())


def test_unjudged_slices_do_not_weaken_the_others() -> None:
    """The error rate is shared among the judged slices only."""
    problem = draw(1)
    problem["frame"]["id"] = np.arange(800).astype(str)
    alone = score(problem)["a"]["difference"]["confidence"]
    beside = score(problem, columns=("group", "id"))["a"]["difference"]["confidence"]
    assert alone == beside == pytest.approx(1 - 0.1 / 4)


def test_rates_are_the_textbook_ones() -> None:
    """Shares and rates of a slice are those counted by hand."""
    problem = {
        "frame": pd.DataFrame({"group": ["x"] * 5 + ["y"]}),
        "truth": np.array([1, 1, 1, 0, 0, 0]),
        "predicted": np.full(6, 0.5),
        "decided": np.array([1, 1, 0, 1, 0, 0]),
    }
    x, y = score(problem)["x"], score(problem)["y"]
    assert (x["positive"], x["decided_positive"]) == (3 / 5, 3 / 5)
    assert (x["true_positive_rate"], x["false_positive_rate"]) == (2 / 3, 1 / 2)
    assert y["true_positive_rate"] is None


def test_gaps_are_the_widest_differences() -> None:
    """Gaps span the slices of enough rows; one alone has none."""
    rates = {"positive": 0.5, "decided_positive": 0.2, "true_positive_rate": 0.6}
    rows = [
        {"column": "c", "rows": 100, **rates},
        {"column": "c", "rows": 100, **rates, "decided_positive": 0.5, "true_positive_rate": 0.9},
        {"column": "c", "rows": 49, **rates, "decided_positive": 1.0, "true_positive_rate": 0.0},
        {"column": "c", "rows": 100, **rates, "positive": 0.01, "true_positive_rate": 0.0},
        {"column": "d", "rows": 100, **rates},
    ]
    c, d = measure_gaps(rows, 50)
    assert c["demographic_parity_difference"] == pytest.approx(0.3)
    assert c["equal_opportunity_difference"] == pytest.approx(0.3)
    assert d["demographic_parity_difference"] is d["equal_opportunity_difference"] is None


def test_other_tasks_have_scores_without_rates() -> None:
    """Values and many classes are scored by slice, and worse served groups found."""
    rng = np.random.default_rng(1)
    group = np.repeat(["a", "b"], 300)
    truth = rng.normal(size=600)
    noise = rng.normal(size=600) * np.where(group == "a", 1, 3)
    values = {"frame": pd.DataFrame({"group": group}), "truth": truth, "decided": None}
    rows = score({**values, "predicted": truth + noise}, "rmse", "regression")
    assert (rows["a"]["worse"], rows["b"]["worse"]) == (False, True)
    assert "positive" not in rows["a"]
    classes = np.arange(600) % 3
    sure = np.where(np.arange(3) == classes[:, None], 0.8, 0.1)
    vague = np.where((group == "a")[:, None], sure, 1 / 3)
    many = {**values, "truth": classes, "predicted": vague, "decided": vague.argmax(axis=1)}
    assert score(many, "multiclass_log_loss", "multiclass")["b"]["worse"] is True


def test_numbers_are_cut_into_quartiles() -> None:
    """A number of many values has four slices, in order, and one for missing values."""
    column = pd.Series([*range(100), np.nan], name="age", dtype=float)
    labels = label_slices(column)
    assert labels.value_counts().to_dict() == {
        "0 to 24.75": 25,
        "24.75 to 49.5": 25,
        "49.5 to 74.25": 25,
        "74.25 to 99": 25,
        "(missing)": 1,
    }
    assert list(label_slices(pd.Series([1.0, 0.0, np.nan]))) == ["1", "0", "(missing)"]
    assert list(label_slices(pd.Series([True, False]))) == ["True", "False"]


def test_rare_values_share_a_slice() -> None:
    """Of many texts the twenty commonest stand for themselves, the rest is other."""
    column = pd.Series([f"city {i}" for i in range(30) for _ in range(i + 1)], name="city")
    counts = label_slices(column).value_counts()
    assert len(counts) == 21
    assert counts["(other)"] == sum(range(1, 11))


def test_quartiles_are_reported_from_low_to_high() -> None:
    """Slices of a number come in its order, others by size."""
    problem = draw(1)
    problem["frame"]["age"] = np.random.default_rng(0).integers(20, 60, 800)
    lows = [float(name.split(" to ")[0]) for name in score(problem, columns=("age",))]
    assert lows == sorted(lows)
    sizes = [row["rows"] for row in score(problem).values()]
    assert sizes == sorted(sizes, reverse=True)


def test_missing_slice_column_is_named() -> None:
    """A slice column that the rows lack is named with the nearest one."""
    with pytest.raises(DataError, match=r"'groups' \(nearest: 'group'\)"):
        score(draw(1), columns=("groups",))
