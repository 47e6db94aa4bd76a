"""Columns that are empty or constant in a fold: no family fails, and none is misled by them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fullcircle.core.models.prediction import predict
from fullcircle.core.preparation import PreparationSettings, diagnose_columns
from fullcircle.core.training.candidates import CANDIDATES
from fullcircle.core.training.crossvalidation import CrossValidation
from fullcircle.core.training.estimators import assemble, fit

SETTINGS = PreparationSettings()
ROWS, EARLY = 240, 80  # of a history whose oldest fold is fitted on the early rows
METRICS = {"binary": "roc_auc", "multiclass": "multiclass_log_loss", "regression": "rmse"}
PAIRS = [
    (name, task)
    for name, family in CANDIDATES.items()
    for task in METRICS
    if family.fits(task, ordered=True)
]
EVERY_PAIR = pytest.mark.parametrize(("name", "task"), PAIRS)
# What a column holds in the early rows, and what it holds later.
COLUMNS: dict[str, tuple[object, object]] = {
    "empty number": (np.nan, [1.0, 2.5, np.nan, 7.0]),
    "constant number": (3.1, [1.0, 3.1, np.nan, 9.0]),
    "constant number with gaps": ([0.1, np.nan], [0.1, 5.0, np.nan]),
    "empty text": (np.nan, ["red", "blue", np.nan]),
    "constant text": ("red", ["red", "blue", "green", np.nan]),
    "empty flag": (np.nan, [0.0, 1.0]),
}


def draw(*, informative: bool = True, columns: tuple[str, ...] = tuple(COLUMNS)) -> pd.DataFrame:
    """Draw rows in the order of time, with a column of each kind."""
    rng = np.random.default_rng(0)
    known: dict[str, object] = {}
    if informative:
        known = {"size": rng.normal(size=ROWS), "colour": rng.choice(["r", "b"], ROWS)}
    for name in columns:
        early, late = COLUMNS[name]
        first = rng.choice(np.array(early, dtype=object).reshape(-1), EARLY)
        known[name] = np.concatenate(
            [first, rng.choice(np.array(late, dtype=object), ROWS - EARLY)]
        )
        if "text" not in name:
            known[name] = np.asarray(known[name], dtype="float64")
    return pd.DataFrame(known)


def label_of(frame: pd.DataFrame, task: str) -> pd.Series:
    """Draw a label that the first column decides in part."""
    rng = np.random.default_rng(1)
    signal = rng.normal(size=len(frame))
    if "size" in frame:
        signal = signal + frame["size"].to_numpy()
    if task == "regression":
        return pd.Series(signal, name="y")
    cuts = [0.0] if task == "binary" else [-0.5, 0.5]
    return pd.Series(np.digitize(signal, cuts), name="y")


def validate(frame: pd.DataFrame, task: str) -> CrossValidation:
    """Give two folds of a history: fitted on the early rows, and on all but the last."""
    label, rows = label_of(frame, task), np.arange(ROWS)
    folds = [(rows[:EARLY], rows[EARLY:160]), (rows[:160], rows[160:])]
    plan = diagnose_columns(frame, label, task, SETTINGS)
    kept = [entry["column"] for entry in plan if entry["action"] == "keep"]
    assert kept == list(frame.columns)
    return CrossValidation(
        frame,
        label,
        folds,
        task=task,
        metric=METRICS[task],
        plan=plan,
        preparation=SETTINGS,
        seed=1,
    )


@EVERY_PAIR
def test_no_family_fails_on_a_column_that_a_fold_does_not_know(name: str, task: str) -> None:
    """Each family, as it comes and as it often does well, scores a fold with such columns."""
    validation = validate(draw(), task)
    for parameters in CANDIDATES[name].variants:
        folds = [validation.score_fold(name, parameters, number) for number in range(2)]
        assert np.isfinite([scores[METRICS[task]] for scores in folds]).all()


@EVERY_PAIR
@pytest.mark.parametrize("column", ["empty number", "empty text", "constant text"])
def test_no_family_fails_where_a_fold_knows_nothing(name: str, task: str, column: str) -> None:
    """A fold in which the only column is empty or constant is scored: without skill, but scored."""
    validation = validate(draw(informative=False, columns=(column,)), task)
    assert np.isfinite(validation.score_fold(name, {}, 0)[METRICS[task]])


@EVERY_PAIR
def test_what_taught_nothing_decides_nothing(name: str, task: str) -> None:
    """Whatever such a column holds later, a model fitted on the early rows predicts the same."""
    frame = draw()
    label = label_of(frame, task)
    plan = diagnose_columns(frame, label, task, SETTINGS)
    model = fit(assemble(name, task, 1, {}, plan, SETTINGS), frame[:EARLY], label[:EARLY])
    later = frame[EARLY:]
    other = later.copy()
    for column in ("empty number", "constant number", "empty flag"):
        other[column] = np.where(later[column].isna(), 1e6, np.nan)
    for column in ("empty text", "constant text"):
        other[column] = np.where(later[column].isna(), "a word", None)
    np.testing.assert_allclose(
        predict(model, task, other), predict(model, task, later), rtol=1e-9, atol=1e-9
    )


@pytest.mark.untraced
@given(data=st.data(), task=st.sampled_from(sorted(METRICS)))
@settings(max_examples=40, deadline=None)
def test_any_pattern_of_gaps_is_fitted(data: st.DataObject, task: str) -> None:
    """Whichever cells of a table are known, the families that bin and that add up are fitted."""
    rows = 30
    cells = st.sampled_from([np.nan, 0.0, 1.0, 2.5])
    columns = {
        f"c{n}": data.draw(
            st.lists(cells, min_size=rows, max_size=rows) | cells.map(lambda value: [value] * rows)
        )
        for n in range(data.draw(st.integers(1, 3)))
    }
    frame = pd.DataFrame(columns, dtype="float64")
    classes = {"binary": 2, "multiclass": 3, "regression": 1000}[task]
    label = pd.Series(np.arange(rows) * 7 % classes, name="y")
    plan = [
        {"column": name, "action": "keep", "treatment": "number", "kind": "number"}
        for name in frame
    ]
    linear = "ridge" if task == "regression" else "logistic_regression"
    for name in (linear, "hist_gradient_boosting"):
        model = assemble(name, task, 1, {}, plan, SETTINGS)
        assert np.isfinite(predict(fit(model, frame, label), task, frame)).all()


def test_a_column_known_in_hardly_any_row_is_binned() -> None:
    """Of more rows than the binning looks at, a column with one value does not stop the fit."""
    rows = 210_000
    frame = pd.DataFrame({"size": np.arange(rows) % 7 * 1.0, "rare": np.full(rows, np.nan)})
    label = (frame["size"] > 3).astype("int64").rename("y")
    plan = [
        {"column": name, "action": "keep", "treatment": "number", "kind": "number"}
        for name in frame
    ]
    # Of the rows that the binning draws by this seed, none is row 0.
    frame.loc[0, "rare"] = 1.0
    model = assemble("hist_gradient_boosting", "binary", 1, {"max_iter": 1}, plan, SETTINGS)
    fitted = fit(model, frame, label)
    assert np.isfinite(predict(fitted, "binary", frame.head())).all()
