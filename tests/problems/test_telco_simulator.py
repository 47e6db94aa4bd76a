"""Tests of the simulated telco: its truth is what it states."""

from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest

from fullcircle.core.drift import DriftSettings, measure_drift
from fullcircle.core.metrics import roc_auc
from fullcircle.core.models.prediction import as_inputs
from fullcircle.core.profile import PREDICTION, build_profile
from fullcircle.core.validation.row_validation import REASON, SOURCE_ROW
from fullcircle.problems.telco_churn import RAW_COLUMNS, clean
from fullcircle.problems.telco_churn.contract import EVENTS
from fullcircle.problems.telco_churn.simulator import (
    DRIFTED_COLUMNS,
    LABEL_DELAY_DAYS,
    ChurnSimulator,
)

SETTINGS: dict[str, Any] = {
    "seed": 7,
    "first_month": "2024-01-01",
    "months": 4,
    "rows_per_month": 500,
    "drift_from": "2024-03-01",
}


def simulate(**changes: Any) -> dict[str, pd.DataFrame]:
    """Rows by name of the piece."""
    simulator = ChurnSimulator(**{**SETTINGS, **changes})
    return {name: rows.to_pandas() for name, rows in simulator.pieces()}


def clean_inputs(frame: pd.DataFrame) -> pd.DataFrame:
    """The model's inputs of clean events; no row may be lost on the way."""
    numbered = frame.assign(**{SOURCE_ROW: range(1, len(frame) + 1)})
    events = clean(ibis.memtable(numbered)).to_pandas()
    assert events[REASON].isna().all()
    names = [name for name in EVENTS.columns if name not in ("customer_id", "churned")]
    return as_inputs(events, names)


def same(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    return one.equals(other)


def test_the_same_seed_gives_the_same_rows() -> None:
    """A simulation can be repeated row by row; another seed gives other rows."""
    first, again, other = simulate(), simulate(), simulate(seed=8)
    assert list(first) == ["2024-01-0000", "2024-02-0000", "2024-03-0000", "2024-04-0000"]
    assert all(same(first[name], again[name]) for name in first)
    assert not any(same(first[name], other[name]) for name in first)


def test_a_month_depends_on_seed_and_month_alone() -> None:
    """A month's rows are the same whichever months are drawn beside it, and unlike any other's."""
    whole = simulate()
    later = simulate(first_month="2024-02-01", months=2)
    assert list(later) == ["2024-02-0000", "2024-03-0000"]
    assert all(same(later[name], whole[name]) for name in later)
    tenures = {tuple(rows["tenure"]) for rows in whole.values()}
    assert len(tenures) == len(whole)


def test_the_columns_are_ibms() -> None:
    """The rows have IBM's columns and beside them only the two moments of the history."""
    for rows in simulate().values():
        assert set(rows.columns) == {*RAW_COLUMNS, "ReviewedAt", "ChurnKnownAt"}
        assert len(rows) == 500


def test_no_customer_comes_twice() -> None:
    """Customer ids are unique over months and pieces."""
    simulator = ChurnSimulator(**SETTINGS)
    drawn = [simulator.draw(m, 50, piece) for m in simulator.moments for piece in range(2)]
    ids = pd.concat(drawn)["customerID"]
    assert len(ids) == 400
    assert ids.is_unique


def test_a_label_is_known_thirty_days_after_the_review() -> None:
    """Reviews are on the first of the month, UTC, and labels follow after the stated delay."""
    assert LABEL_DELAY_DAYS == 30
    for name, rows in simulate().items():
        assert set(rows["ReviewedAt"]) == {pd.Timestamp(f"{name[:7]}-01", tz="UTC")}
        assert set(rows["ChurnKnownAt"] - rows["ReviewedAt"]) == {pd.Timedelta(days=30)}


@pytest.fixture(scope="module")
def truth() -> dict[str, Any]:
    return ChurnSimulator(**SETTINGS).state_truth()


def test_the_base_rate_is_that_of_ibms_file(truth: dict[str, Any]) -> None:
    """As many customers leave as in IBM's file, 26.5 %, to a percentage point."""
    assert truth["base_rate"] == pytest.approx(0.265, abs=0.01)
    left = np.mean([(rows["Churn"] == "Yes").mean() for rows in simulate(months=2).values()])
    assert left == pytest.approx(truth["base_rate"], abs=0.04)


def test_the_best_auc_is_what_the_true_probability_reaches(truth: dict[str, Any]) -> None:
    """Over fresh customers the true probability has the stated AUC against the labels drawn."""
    simulator = ChurnSimulator(**SETTINGS)
    moment = simulator.moments[0]
    rows = pd.concat([simulator.draw(moment, 50_000, piece) for piece in range(2)])
    auc = roc_auc((rows["Churn"] == "Yes").to_numpy().astype(int), rows["probability"].to_numpy())
    assert auc == pytest.approx(truth["best_auc"], abs=0.005)
    assert 0.75 < truth["best_auc"] < 0.95


def test_the_stated_probability_is_calibrated() -> None:
    """Among customers of about one probability, that share of them leaves."""
    simulator = ChurnSimulator(**SETTINGS)
    rows = simulator.draw(simulator.moments[0], 50_000)
    left = (rows["Churn"] == "Yes").groupby(pd.qcut(rows["probability"], 10)).mean()
    expected = rows["probability"].groupby(pd.qcut(rows["probability"], 10)).mean()
    np.testing.assert_allclose(left, expected, atol=0.03)


def test_the_truth_states_the_drift(truth: dict[str, Any]) -> None:
    """Delay, day and columns of the drift are part of the stated truth."""
    assert truth["label_delay_days"] == LABEL_DELAY_DAYS
    assert truth["drift_from"] == pd.Timestamp("2024-03-01", tz="UTC")
    assert truth["drifted_columns"] == DRIFTED_COLUMNS
    assert ChurnSimulator(**{**SETTINGS, "drift_from": None}).state_truth(100)["drift_from"] is None


def test_the_drift_begins_on_its_day_and_touches_its_columns_alone() -> None:
    """Before the day nothing differs from a world without drift; after it, two columns do.

    Churn differs too, for it follows the columns.
    """
    calm, drifting = simulate(drift_from=None), simulate()
    touched = {
        name: {column for column in rows.columns if not rows[column].equals(calm[name][column])}
        for name, rows in drifting.items()
    }
    both = {"MonthlyCharges", "PaymentMethod", "Churn"}
    assert touched == {
        "2024-01-0000": set(),
        "2024-02-0000": set(),
        "2024-03-0000": both,
        "2024-04-0000": both,
    }


def test_the_monitor_finds_exactly_the_stated_drift() -> None:
    """Measured on clean events, no column drifts before the day, and the stated ones after it."""
    months = [clean_inputs(rows) for rows in simulate(rows_per_month=2000).values()]
    profile = build_profile(months[0], np.zeros(2000))
    settings = DriftSettings(false_alarm_rate=0.01, min_psi=0.1, min_rows=100)
    drifted = [
        measure_drift(ibis.memtable(month.assign(**{PREDICTION: 0.0})), profile, settings)[
            "drifted"
        ]
        for month in months
    ]
    assert drifted == [[], [], sorted(DRIFTED_COLUMNS), sorted(DRIFTED_COLUMNS)]


def test_a_new_customer_has_a_blank_total() -> None:
    """As in IBM's file, TotalCharges is blank exactly where the tenure is 0 months."""
    rows = pd.concat(simulate().values())
    blank = rows["TotalCharges"].str.strip() == ""
    assert blank.any()
    assert (blank == (rows["tenure"] == 0)).all()


def test_services_do_not_contradict_each_other() -> None:
    """No internet means no add-on, no phone means no lines, and everybody has one of the two."""
    rows = pd.concat(simulate().values())
    for add_on in ("OnlineSecurity", "TechSupport", "StreamingTV"):
        offline = rows[add_on] == "No internet service"
        assert (offline == (rows["InternetService"] == "No")).all()
    assert ((rows["MultipleLines"] == "No phone service") == (rows["PhoneService"] == "No")).all()
    assert not ((rows["PhoneService"] == "No") & (rows["InternetService"] == "No")).any()
    assert (rows["MonthlyCharges"] > 0).all()


def test_pieces_never_exceed_a_hundred_thousand_rows() -> None:
    """A big month comes in pieces of bounded size that hold all its rows, drawn one at a time."""
    drawn: list[int] = []

    class Counting(ChurnSimulator):
        def draw(self, moment: pd.Timestamp, rows: int, piece: int = 0) -> pd.DataFrame:
            drawn.append(rows)
            return super().draw(moment, min(rows, 3), piece)

    pieces = Counting(**{**SETTINGS, "months": 2, "rows_per_month": 250_001}).pieces()
    first, _ = next(pieces)
    assert drawn == [100_000]
    names = [first, *(name for name, _ in pieces)]
    assert drawn == [100_000, 100_000, 50_001] * 2
    assert names == sorted(set(names))
