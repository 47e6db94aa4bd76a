"""Tests of the preparation: reading by the plan, and encoders that hold whatever the rows hold."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from xgboost import XGBClassifier

from fullcircle.core.errors import DataError
from fullcircle.core.preparation import (
    ColumnReader,
    PreparationSettings,
    describe_preparation,
    diagnose_columns,
    prepare_linear,
    prepare_trees,
)
from fullcircle.core.preparation.encoders import Folds

SETTINGS = PreparationSettings()
NOISE = np.random.default_rng(0).normal(size=60)
TRUSTED = [
    "fullcircle.core.preparation.encoders.ColumnGroup",
    "fullcircle.core.preparation.encoders.Folds",
    "fullcircle.core.preparation.encoders.TextEncoder",
    "fullcircle.core.preparation.reader.ColumnReader",
    "numpy.dtype",
    "skrub._string_encoder.StringEncoder",
    "skrub._to_str.ToStr",
    "xgboost.core.Booster",
    "xgboost.sklearn.XGBClassifier",
]
PREPARATIONS = {
    "linear": lambda task, chosen=SETTINGS: prepare_linear(task, chosen),
    "trees": lambda task, chosen=SETTINGS: prepare_trees(task, chosen, impute=False),
    "imputed trees": lambda task, chosen=SETTINGS: prepare_trees(task, chosen, impute=True),
}
EVERY_PREPARATION = pytest.mark.parametrize("kind", PREPARATIONS)

moments = st.datetimes(min_value=pd.Timestamp("1900-01-01"), max_value=pd.Timestamp("2200-01-01"))
CELLS: dict[str, st.SearchStrategy[Any]] = {
    "nothing": st.none(),
    "constant": st.just("same"),
    "integer": st.integers(-(10**20), 10**20) | st.none(),
    "float": st.floats(allow_nan=True, allow_infinity=True),
    "flag": st.booleans() | st.none(),
    "text": st.text(max_size=6) | st.none(),
    "key": st.uuids().map(str),
    "number text": st.floats().map(lambda x: f" {x} ") | st.sampled_from(["", " ", "NA"]),
    "date text": moments.map(lambda m: m.strftime("%d/%m/%Y")) | st.sampled_from(["", "now"]),
    "moment": moments | st.none(),
    "sentence": st.lists(st.text("abéß ", max_size=5), min_size=3, max_size=6).map(" ".join),
    "list": st.lists(st.integers(0, 3), max_size=2),
    "mixed": st.one_of(
        st.none(),
        st.integers(),
        st.booleans(),
        st.text(max_size=3),
        st.floats(),
        st.complex_numbers(),
        moments,
        st.binary(max_size=3),
        st.timedeltas(),
        st.decimals().filter(lambda number: not number.is_snan()),  # pandas itself breaks on it
        st.tuples(st.integers()),
    ),
}
DTYPES = {
    "integer": ["object", "Float64"],
    "flag": ["object", "boolean"],
    "text": ["object", "str", "category"],
    "moment": ["object", "datetime64[us]", "datetime64[us, Asia/Tokyo]"],
}


@st.composite
def frames(draw: st.DrawFn, max_rows: int = 60) -> pd.DataFrame:
    """Draw rows of any columns, some of them the same, some with one name."""
    rows = draw(st.integers(1, max_rows))
    columns = []
    for kind in draw(st.lists(st.sampled_from(list(CELLS)), min_size=1, max_size=6)):
        some = draw(st.lists(CELLS[kind], min_size=1, max_size=min(rows, 12)))
        values = [some[n % len(some)] for n in range(rows)]
        dtype = draw(st.sampled_from(DTYPES.get(kind, ["object"])))
        columns.append(pd.Series(values, dtype="object").astype(dtype))
    names = draw(st.lists(st.text(min_size=1, max_size=4), min_size=len(columns)))
    return pd.concat(columns, axis=1).set_axis(names[: len(columns)], axis=1)


def draw_rows(rows: int = 600, seed: int = 0) -> tuple[pd.DataFrame, pd.Series]:
    """Rows with every kind of column, and a label that number and city decide."""
    rng = np.random.default_rng(seed)
    words = np.array(["red", "blue", "green", "house", "car", "tree", "river", "mountain"])
    number, city = rng.normal(size=rows), rng.choice(["Rome", "Oslo", "Bern"], rows).astype(object)
    label = pd.Series((number + (city == "Rome") + rng.normal(size=rows) > 0).astype(int))
    number[::7], city[::11] = np.nan, None
    frame = pd.DataFrame(
        {
            "number": number,
            "skewed": np.exp(2 * rng.normal(size=rows)),
            "city": city,
            "street": rng.choice([f"street {n}" for n in range(80)], rows),
            "when": pd.Timestamp("2024-01-01", tz="Asia/Tokyo")
            + pd.to_timedelta(rng.integers(0, 10**7, rows), unit="s"),
            "note": [" ".join(rng.choice(words, 6)) for _ in range(rows)],
            "flag": rng.random(rows) < 0.3,
            "paid": [f" {n / 7} " if n % 5 else " " for n in rng.integers(0, 90, rows)],
        }
    )
    return frame, label


def prepare(kind: str, plan: list[dict[str, Any]], task: str = "binary") -> Pipeline:
    return Pipeline([("columns", ColumnReader(plan)), ("prepare", PREPARATIONS[kind](task))])


@pytest.mark.untraced
@given(frame=frames(), task=st.sampled_from(["binary", "multiclass", "regression"]))
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_frame_is_prepared_or_refused_in_one_line(frame: pd.DataFrame, task: str) -> None:
    """Whatever the rows hold, each preparation gives numbers, or a DataError of one line.

    And rows other than those fitted give as many columns. Warnings count as failures.
    """
    classes = {"binary": 2, "multiclass": 3, "regression": 1000}[task]
    label = pd.Series(np.arange(len(frame)) * 7919 % classes)
    try:
        plan = diagnose_columns(frame, label, task, SETTINGS)
    except DataError as error:
        refused = str(error)
        assert "\n" not in refused
        return
    half = max(1, len(frame) // 2)
    for kind in PREPARATIONS:
        fitted = prepare(kind, plan, task).fit(frame.head(half), label.head(half))
        matrix = fitted.transform(frame)
        assert matrix.shape == (len(frame), fitted.transform(frame.head(1)).shape[1])
        assert matrix.dtype == "float64"
        assert not np.isinf(matrix).any()
        assert kind == "trees" or np.isfinite(matrix).all()


@given(frame=frames(), cut=st.integers(0, 60))
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_reading_in_pieces_is_reading_at_once(frame: pd.DataFrame, cut: int) -> None:
    """What a row is read as depends on no other row, and is a float or a text."""
    try:
        plan = diagnose_columns(frame, pd.Series(range(len(frame))), "regression", SETTINGS)
    except DataError:
        return
    reader = ColumnReader(plan)
    whole = reader.transform(frame)
    pieces = pd.concat([reader.transform(frame.iloc[n : n + 1]) for n in range(len(frame))])
    halves = [reader.transform(part) for part in (frame.iloc[:cut], frame.iloc[cut:])]
    pd.testing.assert_frame_equal(whole, pieces)
    pd.testing.assert_frame_equal(whole, pd.concat([part for part in halves if len(part)]))
    assert list(whole.columns) == list(reader.get_feature_names_out())
    for name in whole.columns:
        texts = whole[name].dropna()
        assert whole[name].dtype == "float64" or texts.map(type).eq(str).all()


def test_many_rows_are_read_as_few_are() -> None:
    """The quick way through thousands of texts reads what the slow way reads."""
    texts = pd.Series([" é ", "a", "", None, "a ", np.nan] * 400, dtype=object)
    plan = [{"column": "t", "action": "keep", "treatment": "text"}]
    whole = ColumnReader(plan).transform(pd.DataFrame({"t": texts}))["t"]
    assert whole.tolist()[:2] == ["é", "a"]
    few = ColumnReader(plan).transform(pd.DataFrame({"t": texts[:6]}))["t"]
    assert whole.fillna("-").tolist() == few.fillna("-").tolist() * 400


def test_dates_become_their_parts() -> None:
    """The parts of a date are those that pandas gives, in UTC, and only those that vary."""
    frame, label = draw_rows()
    read = ColumnReader(diagnose_columns(frame, label, "binary", SETTINGS)).transform(frame)
    utc = frame["when"].dt.tz_convert("UTC")
    for part in ("year", "month", "day", "hour"):
        assert read[f"when ({part})"].tolist() == getattr(utc.dt, part).tolist()
    assert read["when (day of week)"].tolist() == utc.dt.day_of_week.tolist()
    assert read["when (days)"].tolist() == (utc.astype("int64") // 10**6 / 86_400).tolist()
    day = pd.DataFrame({"when": pd.date_range("2024-03-01", periods=20, freq="D")})
    plan = diagnose_columns(day, pd.Series(NOISE[:20]), "regression", SETTINGS)
    assert list(plan[0]["outputs"]) == ["days", "day", "day of week"]


@pytest.mark.parametrize(
    "given_as",
    [
        lambda m: m,
        lambda m: m.dt.tz_convert("America/New_York"),
        lambda m: m.dt.tz_localize(None),
        lambda m: (m - pd.Timestamp(0, tz="UTC")).dt.total_seconds(),
        lambda m: m.astype(object),
        lambda m: m.map(lambda one: one.isoformat()).astype(object),
    ],
    ids=["utc", "other zone", "naive", "seconds", "objects", "ISO texts"],
)
def test_a_date_is_read_alike_in_every_shape(given_as: Any) -> None:
    """A moment is the same however it arrives: as a date, as seconds since 1970 or as text."""
    frame = pd.DataFrame(
        {"when": pd.date_range("2023-12-31 23:10", periods=50, freq="7h", tz="UTC")}
    )
    reader = ColumnReader(diagnose_columns(frame, pd.Series(NOISE[:50]), "regression", SETTINGS))
    expected = reader.transform(frame)
    read = reader.transform(frame.assign(when=given_as(frame["when"])))
    pd.testing.assert_frame_equal(read, expected)
    assert read.notna().all(axis=None)


def test_the_clock_is_never_read() -> None:
    """The words that pandas takes for this moment are no dates."""
    plan = [
        {
            "column": "when",
            "action": "keep",
            "treatment": "moment",
            "layout": "%d/%m/%Y",
            "outputs": {"days": "when (days)"},
        }
    ]
    rows = pd.DataFrame({"when": ["now", "today", "02/01/1970", "1970-01-02"]})
    assert ColumnReader(plan).transform(rows)["when (days)"].tolist()[2:] == [1.0, 1.0]
    assert ColumnReader(plan).transform(rows)["when (days)"].isna().tolist()[:2] == [True, True]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (pd.DataFrame({"Numbr": [1.0]}), r"lack the column 'number' \(nearest: 'Numbr'\)"),
        (pd.DataFrame([[1.0, 2.0]], columns=["number", "number"]), "occur twice: 'number'"),
        (np.ones((1, 1)), "a pandas frame, not a ndarray"),
    ],
    ids=["missing", "twice", "array"],
)
def test_rows_without_the_columns_are_refused(rows: Any, said: str) -> None:
    """A missing or repeated column stops the reading in one line that names it."""
    reader = ColumnReader([{"column": "number", "action": "keep", "treatment": "number"}])
    with pytest.raises(DataError, match=said):
        reader.transform(rows)


def test_a_reader_is_cloned_whole() -> None:
    """A clone has the plan and reads the same, and the plan's dropped columns are not needed."""
    frame, label = draw_rows()
    plan = diagnose_columns(frame.assign(same=1), label, "binary", SETTINGS)
    read = clone(ColumnReader(plan)).fit(frame).transform(frame)
    pd.testing.assert_frame_equal(read, ColumnReader(plan).transform(frame.assign(same=2)))


@EVERY_PREPARATION
def test_rows_never_met_keep_the_width(kind: str) -> None:
    """Unseen categories, null columns and huge numbers give as many and finite numbers."""
    frame, label = draw_rows()
    fitted = prepare(kind, diagnose_columns(frame, label, "binary", SETTINGS)).fit(frame, label)
    strange = frame.head(3).assign(city="Lima", street="elsewhere", note=None, number=np.nan)
    strange = strange.assign(skewed=[1e29, -1e29, np.inf], paid="unreadable", when=pd.NaT)
    matrix = fitted.transform(strange)
    assert matrix.shape[1] == fitted.transform(frame).shape[1]
    assert not np.isinf(matrix).any()
    assert kind == "trees" or np.isfinite(matrix).all()


@EVERY_PREPARATION
def test_a_fold_without_values_keeps_the_width(kind: str) -> None:
    """Columns that are null in every row fitted keep their place, whatever comes later."""
    frame, label = draw_rows()
    plan = diagnose_columns(frame, label, "binary", SETTINGS)
    empty = frame.head(80).assign(number=np.nan, city=None, street=None, note=None, when=pd.NaT)
    fitted = prepare(kind, plan).fit(empty, label.head(80))
    assert fitted.transform(frame).shape == (600, fitted.transform(empty).shape[1])


@EVERY_PREPARATION
def test_a_seed_decides_the_preparation(kind: str) -> None:
    """Two fits give one matrix to the last bit, and a row alone what it has in a batch."""
    frame, label = draw_rows()
    plan = diagnose_columns(frame, label, "binary", SETTINGS)
    first = prepare(kind, plan)
    encoded = first.fit_transform(frame, label)
    np.testing.assert_array_equal(encoded, prepare(kind, plan).fit_transform(frame, label))
    alone = np.vstack([first.transform(frame.iloc[[n]]) for n in range(20)])
    np.testing.assert_array_equal(alone, first.transform(frame.head(20)))


@EVERY_PREPARATION
def test_many_categories_do_not_give_the_label_away(kind: str) -> None:
    """Codes of a key without meaning are cross-fitted: they tell nothing of the rows fitted."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"street": rng.choice([f"s{n}" for n in range(500)], 1000)})
    label = pd.Series(rng.integers(0, 2, 1000))
    plan = diagnose_columns(frame, label, "binary", SETTINGS)
    assert plan[0]["kind"] == "high_cardinality"
    codes = prepare(kind, plan).fit_transform(frame, label)
    assert codes.shape == (1000, 1)
    assert abs(np.corrcoef(codes[:, 0], label)[0, 1]) < 0.15


def test_linear_numbers_are_on_one_scale() -> None:
    """Numbers lie about zero with spread one, and a long tail is drawn in."""
    frame, label = draw_rows()
    plan = diagnose_columns(frame[["number", "skewed"]], label, "binary", SETTINGS)
    matrix = prepare("linear", plan).fit_transform(frame, label)
    np.testing.assert_allclose(matrix[:, :2].mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(matrix[:, 1].std(), 1, atol=1e-9)
    assert frame["skewed"].skew() > 5
    assert abs(pd.Series(matrix[:, 1]).skew()) < 1
    assert matrix[:, 2].tolist() == frame["number"].isna().astype(float).tolist()


@pytest.mark.parametrize("shape", ["tiny", "left", "mostly zero", "far from zero"])
def test_every_long_tail_is_drawn_in(shape: str) -> None:
    """A skewed column of any size and side becomes finite, of spread one and less skewed."""
    rng = np.random.default_rng(0)
    tail = np.exp(2 * rng.normal(size=2000))
    column = {
        "tiny": 1e-9 * tail,
        "left": 1 - 1e-3 * np.exp(rng.normal(size=2000)),
        "mostly zero": np.where(rng.random(2000) < 0.9, 0, tail),
        "far from zero": 1e9 + tail,
    }[shape]
    frame, label = pd.DataFrame({"tail": column}), pd.Series(np.arange(2000) % 2)
    plan = diagnose_columns(frame, label, "binary", SETTINGS)
    matrix = prepare("linear", plan).fit_transform(frame, label)[:, 0]
    np.testing.assert_allclose(matrix.std(), 1, atol=1e-9)
    assert abs(pd.Series(matrix).skew()) < 0.6 * abs(pd.Series(column).skew())


def test_one_hot_columns_are_bounded() -> None:
    """Beyond the limit, the text columns of most values give one column each."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({f"c{n}": rng.choice(list("abcdef"[: n + 2]), 300) for n in range(5)})
    label = pd.Series(rng.integers(0, 2, 300))
    plan = diagnose_columns(frame, label, "binary", SETTINGS)
    widths = {}
    for limit in (1000, 9):
        chosen = PreparationSettings(max_one_hot_columns=limit)
        steps = Pipeline(
            [("c", ColumnReader(plan)), ("p", PREPARATIONS["linear"]("binary", chosen))]
        )
        widths[limit] = steps.fit_transform(frame, label).shape[1]
    assert widths == {1000: 2 + 3 + 4 + 5 + 6, 9: 2 + 3 + 1 + 1 + 1}


def test_ordinals_tell_missing_rare_and_unseen_apart() -> None:
    """For trees a missing category is -2, an unseen one -1, and rare ones share a code."""
    city = ["Rome"] * 20 + ["Oslo"] * 20 + ["Bern", "Lima"] + [None] * 15
    frame, label = pd.DataFrame({"city": city}), pd.Series(np.arange(57) % 2)
    fitted = prepare("trees", diagnose_columns(frame, label, "binary", SETTINGS)).fit(frame, label)
    asked = pd.DataFrame({"city": [None, "Paris", "Bern", "Lima", "Oslo", "Rome"]})
    missing, unseen, bern, lima, oslo, rome = fitted.transform(asked)[:, 0]
    assert (missing, unseen) == (-2, -1)
    assert bern == lima
    assert len({bern, oslo, rome}) == 3


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 12])
def test_folds_hold_every_row_once(rows: int) -> None:
    """Each row is encoded once, by rows other than itself where there are others."""
    pairs = list(Folds(seed=1).split(np.zeros(rows)))
    assert sorted(np.concatenate([held for _, held in pairs])) == list(range(rows))
    assert rows == 1 or all(not set(fit) & set(held) for fit, held in pairs)
    assert len(pairs) <= Folds().get_n_splits()


@EVERY_PREPARATION
def test_a_fitted_pipeline_survives_skops(kind: str) -> None:
    """A pipeline goes through skops with a list of trusted types and predicts the same bits."""
    frame, label = draw_rows()
    steps = prepare(kind, diagnose_columns(frame, label, "binary", SETTINGS)).steps
    model = XGBClassifier(n_estimators=5, n_jobs=1)
    fitted = Pipeline([*steps, ("model", model)]).fit(frame, label)
    stored = skops.io.dumps(fitted)
    assert set(skops.io.get_untrusted_types(data=stored)) <= set(TRUSTED)
    again = skops.io.loads(stored, trusted=TRUSTED)
    np.testing.assert_array_equal(again.predict_proba(frame), fitted.predict_proba(frame))


def test_the_description_counts_by_kind() -> None:
    """The description says how many columns of each kind are kept and dropped."""
    frame, label = draw_rows()
    plan = diagnose_columns(frame.assign(same=1, again=frame["flag"]), label, "binary", SETTINGS)
    said = describe_preparation(plan)
    assert said["columns"] == 10
    assert said["dropped"] == {"constant": 1, "duplicate": 1}
    assert said["kept"]["numeric_text"] == said["kept"]["text"] == said["kept"]["boolean"] == 1


def test_preparing_alone_brings_no_skrub() -> None:
    """Skrub, which takes seconds to import, is left alone where no column is free text."""
    frame, label = draw_rows()
    plan = diagnose_columns(frame.drop(columns="note"), label, "binary", SETTINGS)
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        patch.setitem(__import__("sys").modules, "skrub", None)
        assert prepare("linear", plan).fit_transform(frame, label).shape[0] == 600
