"""The problem that a table proposes: what is inferred, what is assumed, what looks dangerous."""

from datetime import date
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fullcircle.core.errors import ConfigurationError, DataError
from fullcircle.core.validation.row_validation import SOURCE_ROW
from fullcircle.ingestion.inference import ProblemOptions, Proposal, propose_problem
from fullcircle.ingestion.inference.split_sizes import GATE_ROWS, TRAINING_ROWS, choose_split

ROWS = 400


def table(**changed: Any) -> pd.DataFrame:
    """Make a table of texts in which size and colour tell a little of y."""
    rng = np.random.default_rng(0)
    size, colour = rng.normal(size=ROWS).round(3), rng.choice(["red", "blue"], ROWS)
    y = np.where(size + (colour == "red") + rng.normal(size=ROWS) > 0.5, "yes", "no")
    frame = pd.DataFrame({"Size": size, "Colour": colour, "y": y}).assign(**changed)
    return frame.astype("str").where(frame.notna())


def propose(frame: pd.DataFrame, **problem_options: Any) -> Proposal:
    """Look at a table as ``kedro problem new`` does."""
    raw = ibis.memtable(frame.assign(**{SOURCE_ROW: range(1, len(frame) + 1)}))
    said = {"name": "shop", "target": "y", "today": date(2026, 1, 1), **problem_options}
    return propose_problem(raw, ProblemOptions.model_validate(said))


def told(proposal: Proposal, what: str) -> str:
    return "; ".join(f.found for f in proposal.findings if f.what == what)


def test_a_snapshot_of_two_classes() -> None:
    """Without a time, a table is a snapshot divided by key, and yes is what is looked for."""
    spec = propose(table()).spec
    assert (spec.task, spec.primary_metric, spec.split.by) == ("binary", "roc_auc", "key")
    assert (spec.row_id, spec.entity_keys, spec.event_time) == ("row_id", ["row_id"], None)
    assert spec.request_columns == ["size", "colour"]
    assert propose(table()).label.classes == ("no", "yes")
    assert propose(table(), positive="no").label.classes == ("yes", "no")


def test_a_column_of_dates_becomes_the_time() -> None:
    """The one column of dates is the time; labels then have one, and the last period is scored."""
    day = pd.date_range("2024-01-01", periods=ROWS).strftime("%d.%m.%Y")
    proposal = propose(table(Day=day), label_delay_days=3)
    spec = proposal.spec
    assert (spec.event_time, spec.label_time, spec.split.by) == ("day", "label_known_at", "time")
    assert spec.period_days == 28
    assert proposal.identity.as_of == "2025-01-07"
    assert proposal.identity.label_delay_days == 3
    assert proposal.reading.moments == {"day": ("Day", "%d.%m.%Y")}
    assert propose(table(Day=day), snapshot=True).spec.event_time is None
    assert propose(table(Birth_day=day)).spec.event_time is None


def test_two_columns_of_dates_are_a_question() -> None:
    """With two columns of dates none is taken for the time, and the user is asked which is."""
    day = pd.date_range("2024-01-01", periods=ROWS).strftime("%Y-%m-%d")
    proposal = propose(table(Ordered=day, Shipped=day[::-1]))
    assert proposal.spec.event_time is None
    assert "several columns hold dates: Ordered, Shipped" in told(proposal, "time")
    assert propose(table(Ordered=day, Shipped=day[::-1]), time="Shipped").spec.event_time


def test_a_column_that_names_rows_is_the_row_id() -> None:
    """A column of different values with the name of an id names the rows; a repeated one cannot."""
    ids = [f"c{n}" for n in range(ROWS)]
    assert propose(table(CustomerID=ids)).spec.row_id == "customer_id"
    proposal = propose(table(CustomerID=[ids[n // 2] for n in range(ROWS)]), keys=("CustomerID",))
    assert (proposal.spec.row_id, proposal.spec.entity_keys) == ("row_id", ["customer_id"])
    assert proposal.reading.texts["customer_id"] == "CustomerID"
    assert "customer_id" not in proposal.spec.request_columns


@pytest.mark.parametrize(
    ("column", "what", "wanted"),
    [
        (lambda f: f.y.map({"yes": "b", "no": "a"}), "leak", "single-column score"),
        (lambda f: "same", "constant", "every row has the same value"),
        (lambda f: None, "empty", "no row has a value"),
        (lambda f: f.Size, "duplicate", "equal to 'size' in all 400 rows"),
        (lambda f: [f"x{n * 7919 % 1000}" for n in range(ROWS)], "identifier", "400 distinct"),
    ],
)
def test_columns_that_no_model_should_see_are_left_out(column: Any, what: str, wanted: str) -> None:
    """Leaks, constants, empty columns, copies and names of rows are left out, each with why."""
    frame = table()
    proposal = propose(frame.assign(Odd=column(frame)))
    assert wanted in told(proposal, what)
    assert "odd" not in proposal.spec.request_columns
    assert "Odd" in proposal.left_out
    assert "Odd" not in proposal.reading.sources


@pytest.mark.parametrize("how", ["add up to", "multiply to"])
def test_columns_of_which_the_label_is_made_are_left_out(how: str) -> None:
    """Columns whose sum or product is the label are found, and only they."""
    rng = np.random.default_rng(1)
    one, two = rng.integers(1, 99, (2, ROWS)).astype(float)
    label = one + two if how == "add up to" else one * two
    proposal = propose(table(One=one, Two=two, Zip=one.astype(int) % 9, y=label))
    assert proposal.spec.task == "regression"
    assert set(proposal.left_out) == {"One", "Two"}
    assert how in told(proposal, "leak")


def test_what_looks_odd_is_said() -> None:
    """Sentinels, words for missing, stray texts among numbers and repeated rows are all told."""
    frame = table(
        Age=[-999] * 20 + [n % 90 for n in range(ROWS - 20)],
        Weight=["?"] * 9 + [1.5, 2.5] * 195 + ["x"],
    )
    frame = pd.concat([frame, frame.head(3)], ignore_index=True)
    proposal = propose(frame)
    assert proposal.reading.sentinels == {"age": (-999.0,)}
    assert proposal.reading.missing == ("?",)
    assert "Weight: 0.26% of the values are no number" in told(proposal, "mixed types")
    assert "3 of the first 403 rows repeat" in told(proposal, "duplicates")


def test_rare_class_is_told_and_changes_the_metric() -> None:
    """A class of very few rows is a danger, and ranking is then judged by average precision."""
    proposal = propose(table(y=["yes"] * 12 + ["no"] * (ROWS - 12)))
    assert "class 'yes' has 12 of 400 rows" in told(proposal, "rare class")
    assert proposal.spec.primary_metric == "average_precision"


def test_rows_without_a_label_are_counted_and_bear_no_class() -> None:
    """Blank labels are not known yet: they are told, and make no class of their own."""
    frame = table()
    frame.loc[:9, "y"] = None
    proposal = propose(frame)
    assert proposal.label.classes == ("no", "yes")
    assert any("10 of 400 rows have no 'y'" in f.found for f in proposal.findings)


@pytest.mark.parametrize(
    ("changed", "problem_options", "wanted"),
    [
        ({"y": "yes"}, {}, "the single value 'yes'"),
        ({"y": [None] * 380 + ["a", "b"] * 10}, {}, "20 of 400 rows hold a 'y'; training needs 30"),
        ({"y": [f"t{n}" for n in range(ROWS)]}, {}, "400 distinct texts, more than 100 classes"),
        ({}, {"task": "regression"}, "--task regression needs numbers, but 400 rows"),
        ({"y": ["a", "b", "c", "d"] * 100}, {"task": "binary"}, "needs two classes"),
        ({}, {"positive": "yess"}, "'yess' (nearest: 'yes') is no value of the target"),
        ({"y": ["a", "b", "c", "d"] * 100}, {"positive": "a"}, "--positive is for two classes"),
        ({}, {"target": "Y2"}, "lacks the column 'Y2'"),
        ({}, {"time": "Size"}, "'Size' holds numbers"),
        ({}, {"time": "Colour"}, "'Colour' holds texts that are no dates"),
        ({"D": ["2024-01-05", "u", "v", "w"] * 100}, {"time": "D"}, "no dates"),
        ({"D": ["13/01/2024", "01/13/2024"] * 200}, {"time": "D"}, "writes dates in several ways"),
        ({"D": "2024-01-05"}, {"time": "D"}, "rows cannot be divided by time"),
        ({}, {"time": "Size", "snapshot": True}, "contradict each other"),
        ({"D": ["2024-01-05", "2024-01-06"] * 200}, {"time": "D", "label_delay_days": 9}, "span"),
    ],
)
def test_what_cannot_be_meant_is_one_clear_line(
    changed: dict[str, Any], problem_options: dict[str, Any], wanted: str
) -> None:
    """A target, time or option that is not valid is refused in one line that says why."""
    with pytest.raises((ConfigurationError, DataError)) as caught:
        propose(table(**changed), **problem_options)
    assert wanted in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_table_of_the_target_alone_is_refused() -> None:
    """A table with nothing to predict from is refused."""
    with pytest.raises(DataError, match="no column to predict 'y' from"):
        propose(table()[["y"]])
    with pytest.raises(DataError, match=r"No usable column|No column is left"):
        propose(table(Size="1", Colour="red"))


@given(rows=st.integers(30, 5_000_000), history=st.booleans())
@settings(max_examples=200, deadline=None)
def test_shares_add_up_and_give_the_gate_its_rows(rows: int, *, history: bool) -> None:
    """Shares are valid for any number of rows; the gate has its rows, or an edit is named."""
    split, findings = choose_split(rows, history=history)
    assert (split.by == "time") == history
    assert (split.gate * rows >= GATE_ROWS) != any(f.level == "edit" for f in findings)
    assert (rows > TRAINING_ROWS) == any(f.what == "sample" for f in findings)
