"""Tests of SHAP values: exact where the truth is known, on the columns that a user knows."""

import builtins
import json
import sys
from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor, VotingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from fullcircle.core.errors import ConfigurationError, DataError
from fullcircle.core.evaluation.attributions import DERIVED, find_origin, shap_values
from fullcircle.core.evaluation.calibration import calibrate

needs_shap = pytest.mark.skipif(find_spec("shap") is None, reason="the extra 'explain' is absent")


@pytest.fixture(scope="module")
def inputs() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "size": rng.normal(size=200),
            "noise": rng.normal(size=200),
            "colour": rng.choice(["red", "blue", "green"], 200),
        }
    )
    frame.loc[::9, "size"] = np.nan
    return frame


def strength(inputs: pd.DataFrame) -> pd.Series:
    return 2 * inputs["size"].fillna(0) + 1.0 * (inputs["colour"] == "red")


def pipeline(model: Any) -> Any:
    numbers = SimpleImputer(add_indicator=True)
    texts = OneHotEncoder(sparse_output=False)
    prepare = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (texts, make_column_selector(dtype_exclude="number")),
    )
    return make_pipeline(prepare, model)


def explain(estimator: Any, inputs: pd.DataFrame, **settings: Any) -> dict[str, Any]:
    report = shap_values(estimator, inputs, **settings)
    return json.loads(json.dumps(report, allow_nan=False))


@needs_shap
def test_a_linear_model_is_explained_exactly(inputs: pd.DataFrame) -> None:
    """A column's value is its weight times its distance from the mean, one-hot columns added up."""
    model = pipeline(LinearRegression()).fit(inputs, strength(inputs))
    report = explain(model, inputs, max_rows=200)
    found = {row["column"]: row["mean_abs"] for row in report["columns"]}
    red = (inputs["colour"] == "red").astype(float)
    assert list(found) == ["size", "colour", "noise"]
    assert found["colour"] == pytest.approx(abs(red - red.mean()).mean(), rel=0.1)
    assert found["noise"] == pytest.approx(0, abs=1e-9)
    assert (report["explainer"], report["output"]) == ("LinearExplainer", "value")


@needs_shap
@pytest.mark.parametrize(
    ("model", "explainer", "output"),
    [
        (LogisticRegression(), "LinearExplainer", "log-odds"),
        (RandomForestClassifier(10, random_state=0), "TreeExplainer", "probability"),
        (GaussianNB(), "PermutationExplainer", "probability"),
    ],
    ids=["linear", "trees", "other"],
)
def test_each_model_has_its_explainer(
    inputs: pd.DataFrame, model: Any, explainer: str, output: str
) -> None:
    """Trees and linear models are explained exactly, others by permutations; units are named."""
    fitted = pipeline(model).fit(inputs, (strength(inputs) > 0).astype(int))
    report = explain(fitted, inputs, max_rows=20)
    assert (report["explainer"], report["output"]) == (explainer, output)
    assert report["columns"][0]["column"] == "size"
    assert report["rows"] == 20
    assert [row["column"] for row in report["swarm"]] == [r["column"] for r in report["columns"]]
    levels = {row["column"]: row["level"] for row in report["swarm"]}
    assert set(levels["colour"]) == {None}
    assert all(level is None or 0 < level <= 1 for level in levels["size"])


@needs_shap
def test_a_calibrated_model_is_explained_by_the_one_below(inputs: pd.DataFrame) -> None:
    """Calibration does not change what moves a prediction."""
    label = (strength(inputs) > 0).astype(int)
    model = pipeline(LogisticRegression()).fit(inputs, label)
    calibrated = calibrate(model, "sigmoid", np.linspace(0.1, 0.9, 200), label.to_numpy())
    assert explain(calibrated, inputs) == explain(model, inputs)


@needs_shap
def test_a_blend_and_a_nameless_preparation_are_explained_on_their_columns(
    inputs: pd.DataFrame,
) -> None:
    """What is no pipeline with named columns is explained all the same, texts included."""
    label = (strength(inputs) > 0).astype(int)
    blend = VotingClassifier([("a", pipeline(LogisticRegression()))], voting="soft")
    encode = FunctionTransformer(lambda frame: frame[["size"]].fillna(0).to_numpy())
    nameless = make_pipeline(encode, LogisticRegression())
    for estimator in (blend.fit(inputs, label), nameless.fit(inputs, label)):
        report = explain(estimator, inputs, max_rows=10)
        assert report["explainer"] == "PermutationExplainer"
        assert report["columns"][0]["column"] == "size"
    assert {row["column"]: row["mean_abs"] for row in report["columns"]}["colour"] == 0


@needs_shap
def test_of_many_classes_the_mean_over_classes_is_given(inputs: pd.DataFrame) -> None:
    """Three classes have one strength per column and no swarm."""
    label = np.digitize(strength(inputs), [-1, 1])
    forest = pipeline(RandomForestClassifier(10, random_state=0)).fit(inputs, label)
    report = explain(forest, inputs, max_rows=20)
    assert (report["output"], report["swarm"]) == ("score per class", [])
    assert report["columns"][0]["column"] == "size"


@needs_shap
def test_the_same_rows_give_the_same_values(inputs: pd.DataFrame) -> None:
    """Draws of rows and background depend on the seed alone; no rows are refused."""
    forest = pipeline(RandomForestRegressor(5, random_state=0)).fit(inputs, strength(inputs))
    assert explain(forest, inputs, max_rows=30) == explain(forest, inputs, max_rows=30)
    with pytest.raises(DataError, match="at least one row"):
        shap_values(forest, inputs[:0])


def test_without_shap_one_line_says_what_to_install(
    inputs: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the library is absent, the error names the extra."""
    real = builtins.__import__

    def refuse(name: str, *arguments: Any) -> Any:
        if name == "shap":
            raise ImportError(name)
        return real(name, *arguments)

    monkeypatch.delitem(sys.modules, "shap", raising=False)
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ConfigurationError, match=r"pip install 'fullcircle\[explain\]'"):
        shap_values(None, inputs)


@pytest.mark.parametrize(
    ("name", "origin"),
    [
        ("age", "age"),
        ("numbers__age", "age"),
        ("numbers__missingindicator_age", "age"),
        ("texts__city_New__York", "city"),
        ("city: rome, oslo", "city"),
        ("city_size_large", "city_size"),
        ("numbers__a__b", "a__b"),
        ("a__b", "a__b"),
        ("ages", DERIVED),
        ("pca0", DERIVED),
    ],
)
def test_prepared_columns_find_their_origin(name: str, origin: str) -> None:
    """The longest original name that a prepared name begins with is its origin."""
    assert find_origin(name, ["age", "city", "city_size", "a__b"]) == origin
