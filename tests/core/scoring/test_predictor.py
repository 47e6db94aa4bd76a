"""Tests that batches are predicted as frames are."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import VotingClassifier

from fullcircle.core.errors import ModelError
from fullcircle.core.evaluation.calibration import CalibratedClassifier
from fullcircle.core.models.model import Model
from fullcircle.core.models.prediction import as_inputs
from fullcircle.core.preparation import PreparationSettings, diagnose_columns
from fullcircle.core.scoring.matrix import _lay_out as lay_out
from fullcircle.core.scoring.predictor import Predictor
from fullcircle.core.training.candidates import CANDIDATES
from fullcircle.core.training.estimators import assemble, fit

COLUMNS = ["amount", "skewed", "count", "flag", "few", "many", "words", "code", "seen_at"]
FAMILIES = [name for name, family in CANDIDATES.items() if family.fits("binary", ordered=False)]
# Sums of floats depend on how many rows are added up together; all else is the same to the bit.
ADD_UP = {"logistic_regression", "ridge", "lasso", "elastic_net"}


def draw(rows: int, seed: int, *, strange: bool) -> pa.Table:
    """Draw rows of every kind of column; strange ones hold nulls, unseen texts and extremes."""
    rng = np.random.default_rng(seed)
    frame: dict[str, Any] = {
        "amount": rng.normal(size=rows),
        "skewed": rng.lognormal(sigma=2, size=rows),
        "count": rng.integers(0, 9, rows),
        "flag": rng.random(rows) < 0.5,
        "few": rng.choice(["no", "yes", " maybe "], rows),
        "many": [f"place {n}" for n in rng.integers(0, 120, rows)],
        "words": [
            f"{rng.choice(['the', 'some'])} customer {n} called and said {n * 7} about the bill"
            for n in rng.integers(0, 500, rows)
        ],
        "code": [str(n) for n in rng.integers(0, 5, rows)],
        "seen_at": pd.Timestamp("2024-01-01", tz="UTC")
        + pd.to_timedelta(rng.integers(0, 10**6, rows), unit="s"),
    }
    table = pa.Table.from_pandas(pd.DataFrame(frame), preserve_index=False)
    return _spoil(table, rng) if strange else table


def _spoil(table: pa.Table, rng: np.random.Generator) -> pa.Table:
    for place, name in enumerate(table.column_names):
        values = table[name].to_pylist()
        odd = {"amount": 1e300, "few": "új", "many": "nowhere", "words": "", "code": "x"}
        values = [
            None if draw < 0.15 else odd.get(name, value) if draw < 0.25 else value
            for value, draw in zip(values, rng.random(len(values)), strict=True)
        ]
        table = table.set_column(place, name, pa.array(values, table.schema.field(name).type))
    return table


def make(candidate: str, task: str) -> Model:
    """Fit a family on rows of every kind."""
    table = draw(600, 0, strange=False)
    inputs = as_inputs(table.to_pandas(), COLUMNS)
    noise = np.random.default_rng(1).normal(size=600)
    score = inputs["amount"] + (inputs["few"] == "yes") + noise
    label = score if task == "regression" else (score > 0).astype(int)
    if task == "multiclass":
        label = label + (inputs["code"] == "3")
    label = pd.Series(label, name="y")
    preparation = PreparationSettings(high_cardinality=40)
    plan = diagnose_columns(inputs, label, task, preparation)
    estimator = fit(assemble(candidate, task, 1, {}, plan, preparation), inputs, label)
    return model_of(estimator, task, inputs)


def model_of(estimator: Any, task: str, inputs: pd.DataFrame) -> Model:
    return Model(
        estimator=estimator,
        candidate="tried",
        task=task,
        features=COLUMNS,
        lookups=[],
        threshold=0.4 if task == "binary" else None,
        settings={},
        scores={},
        trained_on={},
        profile={},
        example=inputs.head(5),
    )


def check(model: Model, rows: pa.Table, *, exactly: bool) -> None:
    """Compare both ways on rows as they come and with their texts as dictionaries."""
    predictor = Predictor(model)
    assert predictor.fast
    expected = model.predict(rows.to_pandas())
    [plain] = rows.combine_chunks().to_batches()
    coded = pa.RecordBatch.from_arrays(
        [c.dictionary_encode() if c.type == pa.string() else c for c in plain.columns],
        names=plain.schema.names,
    )
    for batch in (plain, coded, plain):  # again, when its texts are known
        got = predictor.predict(batch)
        if exactly:
            np.testing.assert_array_equal(got, expected)
        else:
            np.testing.assert_allclose(got, expected, rtol=1e-10)
    compare = np.testing.assert_array_equal if exactly else _assert_close
    compare(predictor.predict_values(rows.to_pydict()), expected)


def _assert_close(got: Any, expected: Any) -> None:
    np.testing.assert_allclose(got, expected, rtol=1e-10)


@pytest.mark.parametrize("candidate", FAMILIES)
def test_a_batch_is_predicted_as_a_frame(candidate: str) -> None:
    """Every family predicts batches of nulls, unseen texts and extremes exactly as frames."""
    model = make(candidate, "binary")
    for seed in (2, 3):
        check(model, draw(300, seed, strange=True), exactly=candidate not in ADD_UP)


@pytest.mark.parametrize("task", ["regression", "multiclass"])
def test_other_tasks_are_predicted_as_frames(task: str) -> None:
    """Values and probabilities of several classes are those of the frame, too."""
    check(make("xgboost", task), draw(300, 2, strange=True), exactly=True)
    linear = "ridge" if task == "regression" else "logistic_regression"
    check(make(linear, task), draw(300, 2, strange=True), exactly=False)


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_calibrated_probabilities_and_blends_are_those_of_the_frame(method: str) -> None:
    """A calibrator or a blend around a pipeline stands around the fast way as well."""
    trees, linear = make("xgboost", "binary"), make("logistic_regression", "binary")
    parameters = {
        "sigmoid": {"intercept": 0.1, "slope": 0.8},
        "isotonic": {"before": [0.0, 0.3, 1.0], "after": [0.1, 0.2, 0.9]},
    }[method]
    calibrated = CalibratedClassifier(trees.estimator, method, parameters)
    check(model_of(calibrated, "binary", trees.example), draw(200, 5, strange=True), exactly=True)
    members = [("trees", trees.estimator), ("linear", linear.estimator)]
    blend = VotingClassifier(members, voting="soft")
    blend.estimators_ = [member for _, member in members]
    blend.classes_ = trees.estimator.classes_
    check(model_of(blend, "binary", trees.example), draw(200, 5, strange=True), exactly=False)


@pytest.mark.untraced
@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.text(max_size=6), st.sampled_from(["no", "yes", " yes "])),
            st.one_of(st.none(), st.floats(), st.integers(-(2**53), 2**53).map(float)),
            st.one_of(st.none(), st.sampled_from(["1", "2", " 3", "x", "1e400", "nan", "True"])),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_any_values_are_predicted_as_frames(rows: list[tuple[Any, Any, Any]]) -> None:
    """Whatever texts and numbers come, a batch is predicted as a frame, one row or many."""
    model = _MODELS.setdefault("xgboost", make("xgboost", "binary"))
    table = draw(len(rows), 0, strange=False)
    few, amount, code = zip(*rows, strict=True)
    for name, values, kind in (
        ("few", few, pa.string()),
        ("amount", amount, pa.float64()),
        ("code", code, pa.string()),
    ):
        place = table.column_names.index(name)
        table = table.set_column(place, name, pa.array(values, kind))
    check(model, table, exactly=True)


_MODELS: dict[str, Model] = {}


def test_columns_of_unexpected_types_are_predicted_as_frames() -> None:
    """Numbers that come as integers or decimals, and columns all null, are read as from a frame."""
    model = make("xgboost", "binary")
    rows = draw(50, 7, strange=False)
    for name, values in (
        ("amount", pa.array(range(50), pa.int32())),
        ("skewed", pa.nulls(50)),
        ("count", pa.array([f"{n}.5" for n in range(50)]).cast(pa.decimal128(9, 2))),
        ("code", pa.array([n % 4 for n in range(50)], pa.int64())),
        ("few", pa.nulls(50, pa.large_string())),
        ("flag", pa.array([None, True] * 25)),
    ):
        rows = rows.set_column(rows.column_names.index(name), name, values)
    check(model, rows, exactly=True)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_no_rows_give_no_predictions(task: str) -> None:
    """A batch without rows gives predictions of the right shape and type."""
    model = make("xgboost", task)
    rows = draw(2, 0, strange=False).to_batches()[0]
    one, none = Predictor(model).predict(rows), Predictor(model).predict(rows.slice(0, 0))
    assert none.shape == (0, *one.shape[1:])
    assert none.dtype == one.dtype


def test_a_missing_column_is_named() -> None:
    """A batch without a feature is refused by the feature's name."""
    model = make("xgboost", "binary")
    [batch] = draw(3, 0, strange=False).drop_columns(["amount"]).to_batches()
    with pytest.raises(ModelError, match="'amount'"):
        Predictor(model).predict(batch)


def test_an_estimator_of_other_parts_goes_through_frames() -> None:
    """What is not taken apart is asked as it is, with the same answer."""

    class Odd:
        classes_ = np.array([0, 1])

        def predict_proba(self, frame: pd.DataFrame) -> np.ndarray:
            half = np.full(len(frame), 0.25)
            return np.column_stack([1 - half, half])

    rows = draw(4, 0, strange=False)
    predictor = Predictor(model_of(Odd(), "binary", as_inputs(rows.to_pandas(), COLUMNS)))
    assert not predictor.fast
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert predictor.predict(rows.to_batches()[0]).tolist() == [0.25] * 4


def test_a_flag_with_gaps_is_a_flag() -> None:
    """A null among booleans, which pandas then keeps as objects, leaves them what they were."""
    full = pd.DataFrame({"flag": [True, False, True]})
    gap = pd.DataFrame({"flag": pd.Series([True, False, None], dtype=object)})
    assert as_inputs(full, ["flag"])["flag"].tolist() == [1.0, 0.0, 1.0]
    assert as_inputs(gap, ["flag"])["flag"].tolist()[:2] == [1.0, 0.0]
    assert np.isnan(as_inputs(gap, ["flag"])["flag"].iloc[2])


def test_long_columns_are_laid_out_whole() -> None:
    """Of more rows than a piece holds, each row's block is that of its code."""
    blocks = np.arange(12.0).reshape(4, 3)
    codes = np.random.default_rng(0).integers(0, 4, 3 * 4096 + 5)
    target = np.full((len(codes), 3), np.nan)
    lay_out(blocks, codes, target)
    np.testing.assert_array_equal(target, blocks[codes])
