"""Tests of ``fullcircle.automl``: any frame is either trained on or refused in one line."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fullcircle import automl
from fullcircle.core.errors import ConfigurationError, DataError, FullCircleError
from fullcircle.datasets.search_journal_dataset import SearchJournal

QUICK: dict[str, Any] = {
    "seconds": None,
    "trials": 0,
    "track": False,
    "folder": None,
    "candidates": ["baseline", "logistic_regression", "ridge", "xgboost"],
}


def shop(rows: int = 400, seed: int = 0) -> pd.DataFrame:
    """Rows with columns of many kinds; price and colour decide the targets."""
    rng = np.random.default_rng(seed)
    price = rng.normal(size=rows)
    colour = rng.choice(["red", "green", "blue"], rows)
    score = 2 * price + (colour == "red") + rng.normal(size=rows)
    return pd.DataFrame(
        {
            "price": price,
            "colour": colour,
            "sold": pd.date_range("2024-01-01", periods=rows, freq="h", tz="Europe/Rome"),
            "returned": np.where(score > 0.5, "yes", "no"),
            "grade": np.select([score < -1, score < 1], ["C", "B"], "A"),
            "minutes": score,
        }
    )


@pytest.fixture(scope="module")
def classified() -> automl.AutoMLResult:
    """Give what a search finds for two classes."""
    frame = shop().drop(columns=["grade", "minutes"])
    return automl.classify(frame, "returned", **QUICK)


def test_classes_come_back_as_they_were(classified: automl.AutoMLResult) -> None:
    """Predictions are the target's own values, and probabilities are in the order of classes."""
    rows = shop(seed=5)
    assert classified.classes == ["no", "yes"]
    predicted, probability = classified.predict(rows), classified.predict_proba(rows)
    assert set(predicted) == {"no", "yes"}
    np.testing.assert_allclose(probability.sum(axis=1), 1)
    assert np.mean(predicted == rows["returned"]) > 0.75
    assert classified.score.low > 0.7


def test_the_board_names_one_winner(classified: automl.AutoMLResult) -> None:
    """Each finalist has its interval, one is chosen, and each column has its reason."""
    board = classified.leaderboard
    assert board["chosen"].sum() == 1
    assert ((board["low"] <= board["value"]) & (board["value"] <= board["high"])).all()
    assert set(classified.columns["column"]) == {"price", "colour", "sold"}


def test_f1_selects_and_chooses_the_threshold() -> None:
    """With metric f1 all is by F1, on the gate rows at the threshold from before."""
    frame = shop().drop(columns=["grade", "minutes"])
    found = automl.classify(frame, "returned", metric="f1", **QUICK)
    board = found.leaderboard
    assert set(board["metric"]) == {"f1"}
    assert (board["value"] == board["f1"]).all()
    assert found.search["metric"] == "f1"
    assert found.score.value == found.scores["f1"]["value"] > 0.6
    assert found.model.settings["problem"]["threshold"]["maximise"] == "f1"
    assert {"train_f1", "train_roc_auc", "accuracy"} <= set(board.columns)


def test_excluded_columns_are_not_used() -> None:
    """What is excluded is no feature, and needs not be there to predict."""
    frame = shop().drop(columns=["grade"])
    found = automl.classify(frame, "returned", exclude=["minutes", "sold"], **QUICK)
    assert found.model.features == ["price", "colour"]
    assert len(found.predict(frame[["price", "colour"]])) == len(frame)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"exclude": ["minuts"]}, r"lacks the column 'minuts' .nearest: 'minutes'"),
        ({"exclude": ["returned"]}, "returned cannot be excluded: it is target, time or key"),
        ({"exclude": ["key"], "key": "key"}, "key cannot be excluded"),
        ({"candidates": ["lasso"]}, "lasso cannot do a binary task. These do: baseline, logistic"),
        ({"metric": "recall"}, "'recall' is perfect, or undefined.*choose by one of: .*f1"),
        ({"metric": "f1_macro"}, "'f1_macro' is not one of: .*f1"),
    ],
)
def test_what_cannot_be_searched_is_said_before_anything_is_fitted(
    options: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Columns, candidates and metrics that do not fit are refused, and what fits is named."""

    def fit(*given: Any) -> None:
        raise AssertionError(f"fitted on {given}")

    monkeypatch.setattr("fullcircle.pipelines.training.nodes.search_candidates", fit)
    frame = shop().assign(key=range(400))
    with pytest.raises(FullCircleError, match=said):
        automl.classify(frame, "returned", **{**QUICK, **options})


def test_several_classes_and_numbers_are_learnt() -> None:
    """Three classes give a probability each; a number gives a value, and no probability."""
    grades = automl.classify(shop().drop(columns=["returned", "minutes"]), "grade", **QUICK)
    assert grades.predict_proba(shop(seed=5)).shape == (400, 3)
    assert np.mean(grades.predict(shop(seed=5)) == shop(seed=5)["grade"]) > 0.55
    assert grades.scores["f1_macro"]["value"] > 0.5
    minutes = automl.regress(shop().drop(columns=["returned", "grade"]), "minutes", **QUICK)
    rows = shop(seed=5)
    assert np.corrcoef(minutes.predict(rows), rows["minutes"])[0, 1] > 0.8
    with pytest.raises(DataError, match="values, not probabilities"):
        minutes.predict_proba(rows)


def test_later_rows_judge_earlier_ones() -> None:
    """With a time column, the rows that judge come after those that trained."""
    frame = shop().drop(columns=["grade", "minutes"])
    result = automl.classify(frame.sample(frac=1, random_state=1), "returned", time="sold", **QUICK)
    assert "sold" not in result.model.features
    assert pd.Timestamp(result.model.trained_on["last"]) == frame["sold"].max()


def test_rows_of_one_entity_stay_together_without_a_word_of_the_user() -> None:
    """A column that repeats and fixes the target is the key: its score is that of unseen ones."""
    rng = np.random.default_rng(5)
    person = rng.integers(0, 80, 800)
    traits = rng.normal(size=(80, 3))[person] + 0.02 * rng.normal(size=(800, 3))
    frame = pd.DataFrame(traits, columns=["a", "b", "c"])
    frame["person"] = [f"p{n}" for n in person]
    frame["ill"] = rng.integers(0, 2, 80)[person]  # chance alone decides who is ill
    few = {"trials": 0, "candidates": ["logistic_regression", "xgboost"], "track": False}
    apart = automl.classify(frame, "ill", folder=None, seconds=None, **few)
    assert apart.score.value < 0.8
    assert apart.notes[0].startswith("person repeats (80 in 800 rows) and fixes ill")
    mixed = automl.classify(frame, "ill", folder=None, seconds=None, no_key=True, **few)
    assert mixed.score.value > 0.95
    assert mixed.notes == []


def test_the_same_search_gives_the_same_model() -> None:
    """The same frame, seed and budget in trials give the same board and the same predictions."""
    frame = shop(200).drop(columns=["grade", "minutes"])
    budget = {**QUICK, "trials": 6, "candidates": ["logistic_regression", "xgboost"]}
    first, again = (automl.classify(frame, "returned", **budget) for _ in range(2))
    pd.testing.assert_frame_equal(first.leaderboard, again.leaderboard)
    np.testing.assert_array_equal(first.predict_proba(frame), again.predict_proba(frame))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: f.head(1), "1 of 1 rows have a returned; training needs 30"),
        (lambda f: f.assign(returned="yes"), "has the single class 'yes'"),
        (lambda f: f.assign(returned=None), "0 of 400 rows have a returned"),
        (lambda f: f[["returned"]], "no column to predict 'returned' from"),
        (lambda f: f.drop(columns="returned"), "lacks the column 'returned'"),
        (lambda f: f.assign(returned=range(400)), "400 classes, more than 100"),
        (lambda f: f.assign(returned=["once"] + ["a", "b", "a"] * 133), "'once' of 'returned' has"),
        (lambda f: pd.concat([f, f[["price"]]], axis=1), "Columns occur twice: price"),
        (lambda f: f[["returned"]].assign(nothing=None, same=1), "column"),
    ],
    ids=[
        *("one row", "one class", "no target", "no features", "no such column"),
        *("numbers as classes", "rare class", "repeated names", "nothing of use"),
    ],
)
def test_what_cannot_be_learnt_is_said_in_one_line(change: Any, said: str) -> None:
    """A frame that is not valid is refused in one line that names the reason."""
    with pytest.raises(DataError, match=said) as refused:
        automl.classify(change(shop()), "returned", **QUICK)
    assert "\n" not in str(refused.value)


def test_options_that_cannot_be_meant_are_named() -> None:
    """An unknown option, metric or candidate is one line with what is allowed."""
    for options, said in (
        ({"second": 3}, "no option 'second' .nearest: 'seconds'"),
        ({"candidates": ["xgbost"]}, "unknown candidate 'xgbost'"),
        ({"metric": "speed"}, "'speed' is not one of: .*f1"),
        ({"metric": "rmse"}, "'rmse' is not one of: .*f1"),
        ({"seconds": None}, "never ends"),
    ):
        with pytest.raises(ConfigurationError, match=said):
            automl.classify(shop(), "returned", **options)


def test_rows_without_a_target_are_set_aside() -> None:
    """Null and infinite targets are counted and left out; the others are learnt."""
    frame = shop().drop(columns=["returned", "grade"])
    frame.loc[:4, "minutes"] = np.nan
    frame.loc[5:6, "minutes"] = np.inf
    assert automl.regress(frame, "minutes", **QUICK).set_aside == 7


COLUMNS = {
    "empty": lambda n, rng: [None] * n,
    "constant": lambda n, rng: ["same"] * n,
    "mixed": lambda n, rng: [[1, "a", None, 2.5, True][k] for k in rng.integers(0, 5, n)],
    "lists": lambda n, rng: [[int(k)] for k in rng.integers(0, 3, n)],
    "keys": lambda n, rng: [f"key {k}" for k in range(n)],
    "zoned": lambda n, rng: pd.date_range("2024", periods=n, freq="D", tz="Asia/Tokyo"),
    "flags": lambda n, rng: pd.array(rng.integers(0, 2, n).astype(bool), dtype="boolean"),
    "unicode": lambda n, rng: rng.choice(["è", "日本", "🦆", ""], n),
    "infinite": lambda n, rng: rng.choice([np.inf, -np.inf, np.nan, 1.0], n),
    "huge": lambda n, rng: rng.normal(size=n) * 1e300,
    "integers": lambda n, rng: pd.array([None, *rng.integers(0, 9, n - 1)], dtype="Int64"),
    "texts": lambda n, rng: [" 12 ", "7", None, "3.5"] * (n // 4) + ["1"] * (n % 4),
    "dated": lambda n, rng: ["2024-01-0" + str(k) for k in rng.integers(1, 9, n)],
    "categories": lambda n, rng: pd.Categorical(rng.choice(["x", "y"], n)),
    "spans": lambda n, rng: pd.to_timedelta(rng.integers(0, 99, n), unit="h"),
}


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, max_size=6, unique=True),
    st.integers(1, 120),
    st.sampled_from(["classify", "regress"]),
    st.integers(0, 3),
    st.integers(0, 99),
)
def test_any_frame_is_trained_on_or_explained(
    kinds: list[str], rows: int, task: str, classes: int, seed: int
) -> None:
    """Whatever a frame holds, there is a model that predicts its rows, or one clear line."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({name: COLUMNS[name](rows, rng) for name in kinds})
    drawn = rng.integers(0, classes + 1, rows)
    frame["target"] = np.where(rng.random(rows) < 0.1, None, drawn)
    try:
        result = getattr(automl, task)(frame, "target", **QUICK)
    except FullCircleError as error:
        said = str(error)
        assert "\n" not in said
        return
    assert len(result.predict(frame)) == rows


def test_a_killed_search_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked again after a kill, it tries only what is missing, and ends with the same board."""
    frame = shop().drop(columns=["grade", "minutes"])
    asked = {**QUICK, "trials": 6, "candidates": ["baseline", "logistic_regression"]}
    whole = automl.classify(frame, "returned", **{**asked, "folder": tmp_path / "whole"})
    done: list[str] = []
    put = SearchJournal.put

    def die_at_the_fifth(journal: SearchJournal, key: str, record: dict[str, Any]) -> None:
        if len(done) == 4:
            raise KeyboardInterrupt
        done.append(key)
        put(journal, key, record)

    asked["folder"] = tmp_path / "killed"
    with monkeypatch.context() as patch:
        patch.setattr(SearchJournal, "put", die_at_the_fifth)
        with pytest.raises(KeyboardInterrupt):
            automl.classify(frame, "returned", **asked)
    later: list[str] = []
    monkeypatch.setattr(SearchJournal, "put", lambda _, key, record: later.append(key))
    again = automl.classify(frame, "returned", **asked)
    assert not set(done) & set(later)
    assert len(done) + len(later) == len(whole.search["trials"])
    pd.testing.assert_frame_equal(again.leaderboard, whole.leaderboard)


@pytest.mark.untraced
def test_five_thousand_columns_are_learnt() -> None:
    """A frame far wider than long is trained on, and predicts better than chance."""
    rng = np.random.default_rng(0)
    wide = pd.DataFrame(rng.normal(size=(200, 5000)), columns=[f"c{n}" for n in range(5000)])
    wide["target"] = (wide.iloc[:, :20].mean(axis=1) > 0).astype(int)
    wide.iloc[:, :20] += 2.0 * wide[["target"]].to_numpy() - 1
    result = automl.classify(wide, "target", **{**QUICK, "candidates": ["logistic_regression"]})
    assert result.score.value > 0.8
