"""Tests of cleaning telco rows: every row is kept or set aside with one reason."""

from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandera.errors import SchemaErrors

from fullcircle.core.errors import ConfigurationError
from fullcircle.core.validation.row_validation import REASON, SOURCE_ROW, reject_repeated
from fullcircle.problems import load_problem
from fullcircle.problems.telco_churn import RAW_COLUMNS, clean, features
from fullcircle.problems.telco_churn.cleaning import NUMBERS, TEXTS
from fullcircle.problems.telco_churn.contract import CATEGORIES, EVENTS
from fullcircle.problems.telco_churn.simulator import ChurnSimulator

GOOD = {
    "customerID": "7590-VHVEG",
    "gender": "Female",
    "SeniorCitizen": "0",
    "Partner": "Yes",
    "Dependents": "No",
    "tenure": "5",
    "PhoneService": "Yes",
    "MultipleLines": "No",
    "InternetService": "DSL",
    "OnlineSecurity": "No",
    "OnlineBackup": "Yes",
    "DeviceProtection": "No",
    "TechSupport": "No",
    "StreamingTV": "No",
    "StreamingMovies": "No",
    "Contract": "Month-to-month",
    "PaperlessBilling": "Yes",
    "PaymentMethod": "Electronic check",
    "MonthlyCharges": "29.85",
    "TotalCharges": "149.25",
    "Churn": "No",
}


def judge(*changes: dict[str, Any]) -> list[dict[str, Any]]:
    """Clean one good row per set of changes, and give the judged rows in order."""
    rows = [{**GOOD, **change, SOURCE_ROW: n} for n, change in enumerate(changes, start=1)]
    frame = pd.DataFrame(rows).astype(dict.fromkeys(GOOD, object))
    judged = clean(ibis.memtable(frame)).order_by(SOURCE_ROW)
    return judged.to_pyarrow().to_pylist()


def test_the_good_row_is_typed() -> None:
    """A good row is kept, its numbers are numbers, its flags are words, its label is 0 or 1."""
    kept, leaver = judge({}, {"Churn": "Yes", "SeniorCitizen": "1", "gender": "  Male "})
    assert kept[REASON] is None
    assert (kept["tenure_months"], kept["monthly_charges"], kept["total_charges"]) == (
        5.0,
        29.85,
        149.25,
    )
    assert (kept["churned"], kept["senior_citizen"], kept["gender"]) == (0, "No", "Female")
    assert (leaver["churned"], leaver["senior_citizen"], leaver["gender"]) == (1, "Yes", "Male")


def test_a_blank_total_of_a_new_customer_is_zero() -> None:
    """TotalCharges may be blank for a tenure of 0 months alone; it means nothing was billed."""
    new, old, odd = judge(
        {"TotalCharges": " ", "tenure": "0"},
        {"TotalCharges": " ", "tenure": "5"},
        {"TotalCharges": "n/a", "tenure": "0"},
    )
    assert (new["total_charges"], new[REASON]) == (0.0, None)
    assert old[REASON] == "TotalCharges is no number from 0: (blank)"
    assert odd[REASON] == "TotalCharges is no number from 0: n/a"


BAD = [
    ("tenure", "five", "tenure is no number from 0: five"),
    ("tenure", "", "tenure is no number from 0: (blank)"),
    ("tenure", "-1", "tenure is no number from 0: -1"),
    ("MonthlyCharges", "29,85", "MonthlyCharges is no number from 0: 29,85"),
    ("MonthlyCharges", None, "MonthlyCharges is no number from 0: (blank)"),
    ("TotalCharges", "$149.25", "TotalCharges is no number from 0: $149.25"),
    ("Churn", "Maybe", "Churn is neither Yes nor No, nor blank for not known yet: Maybe"),
    ("Churn", "yes", "Churn is neither Yes nor No, nor blank for not known yet: yes"),
    *((source, "  ", f"{source} is blank") for source in TEXTS.values()),
    *((source, None, f"{source} is blank") for source in TEXTS.values()),
]
UNDECLARED = [
    ("SeniorCitizen", "2"),
    ("gender", "F"),
    ("Partner", "1"),
    ("MultipleLines", "No internet service"),
    ("InternetService", "Satellite"),
    ("TechSupport", "No phone service"),
    ("Contract", "Weekly"),
    ("PaperlessBilling", "yes"),
]


@pytest.fixture(scope="module")
def reasons() -> dict[tuple[str, str | None], str | None]:
    """Reason by column and bad value; each was judged in a row that is good apart from it."""
    faults = [(column, value) for column, value, _ in BAD] + UNDECLARED
    judged = judge(*({column: value} for column, value in faults))
    return {fault: row[REASON] for fault, row in zip(faults, judged, strict=True)}


@pytest.mark.parametrize(("column", "value", "reason"), BAD)
def test_a_bad_value_is_set_aside_with_its_reason(
    reasons: dict[Any, Any], column: str, value: str | None, reason: str
) -> None:
    """A bad value sets its row aside, and the reason names the column and quotes the value."""
    assert reasons[column, value] == reason


@pytest.mark.parametrize(("column", "value"), UNDECLARED)
def test_an_undeclared_category_is_set_aside(
    reasons: dict[Any, Any], column: str, value: str
) -> None:
    """A text that the data contract does not declare sets its row aside and is quoted."""
    assert reasons[column, value].endswith(f": {value}")
    assert "is not one of ['" in reasons[column, value]


def test_a_label_that_is_not_known_yet_is_no_fault() -> None:
    """A blank Churn means not known yet: the row is kept, and its label is null, never 0."""
    for row in judge({"Churn": " "}, {"Churn": None}):
        assert (row[REASON], row["churned"]) == (None, None)


def test_the_first_fault_is_the_reason() -> None:
    """A row with two faults is set aside once, with one reason."""
    [row] = judge({"Churn": "Maybe", "tenure": "five", "gender": None})
    assert row[REASON].startswith("Churn is neither")


def is_bad(row: dict[str, Any]) -> bool:
    """Oracle: whether any value of a row with the faults below is bad."""
    row = {name: (value or "").strip() for name, value in row.items()}
    if row["tenure"] == "0" and not row["TotalCharges"]:
        row["TotalCharges"] = "0"
    senior = {"0": "No", "1": "Yes"}.get(row["SeniorCitizen"], row["SeniorCitizen"])
    sources = {**TEXTS, **NUMBERS}
    return (
        any(not row[source] for source in sources.values())
        or any(row[source] in ("Yes", "No", "-3", "oops") for source in NUMBERS.values())
        or any(
            (senior if name == "senior_citizen" else row[TEXTS[name]]) not in allowed
            for name, allowed in CATEGORIES.items()
        )
        or row["Churn"] not in ("Yes", "No", "")
    )


values = st.sampled_from([None, "", "  ", "Yes", "No", "0", "1", "-3", "2.5", "oops"])
faults = st.dictionaries(st.sampled_from(sorted(GOOD)), values, max_size=2)


@given(st.lists(faults, min_size=30, max_size=60))
@settings(max_examples=10, deadline=None)
def test_every_row_is_kept_or_has_one_reason(changes: list[dict[str, str | None]]) -> None:
    """No row is lost or doubled; a row is set aside if and only if a value in it is bad."""
    judged = judge(*changes)
    assert [row[SOURCE_ROW] for row in judged] == list(range(1, len(changes) + 1))
    for change, row in zip(changes, judged, strict=True):
        assert (row[REASON] is not None) == is_bad({**GOOD, **change}), (change, row[REASON])


def test_a_repeated_customer_is_set_aside() -> None:
    """Of rows that share a customer the first stays, and the others name it."""
    rows = [{**GOOD, "customerID": c, SOURCE_ROW: n} for n, c in enumerate("abab", start=1)]
    judged = reject_repeated(clean(ibis.memtable(pd.DataFrame(rows))), "customer_id")
    reasons = judged.order_by(SOURCE_ROW).to_pyarrow()[REASON].to_pylist()
    assert reasons == [None, None, "same row id as row 1", "same row id as row 2"]


def test_a_snapshot_gets_no_invented_history() -> None:
    """Without moments in the raw rows there are none in the events, nor in the feature tables."""
    raw = ibis.memtable(pd.DataFrame([{**GOOD, SOURCE_ROW: 1}]))
    events = clean(raw)
    assert not {"row_id", "reviewed_at", "churn_known_at"} & set(events.columns)
    assert all("reviewed_at" not in table.columns for table in features(events).values())


def test_a_history_keeps_its_moments_in_utc() -> None:
    """Where the source has moments, the row id is customer and day, and moments are UTC."""
    simulator = ChurnSimulator(seed=1, first_month="2024-02-01", months=1, rows_per_month=3)
    frame = simulator.draw(simulator.moments[0], 3).assign(**{SOURCE_ROW: [1, 2, 3]})
    events = clean(ibis.memtable(frame)).order_by(SOURCE_ROW).to_pyarrow().to_pylist()
    assert [e["row_id"] for e in events] == [f"{e['customer_id']}@2024-02-01" for e in events]
    assert {e["reviewed_at"].isoformat() for e in events} == {"2024-02-01T00:00:00+00:00"}
    assert {e["churn_known_at"].isoformat() for e in events} == {"2024-03-02T00:00:00+00:00"}


def test_feature_tables_hold_one_row_per_event_and_no_label() -> None:
    """Each feature table has the events' rows, keyed by customer, and nothing of the label."""
    simulator = ChurnSimulator(seed=1, first_month="2024-02-01", months=1, rows_per_month=20)
    frame = simulator.draw(simulator.moments[0], 20).assign(**{SOURCE_ROW: range(20)})
    events = clean(ibis.memtable(frame))
    tables = features(events)
    assert set(tables) == {"customer_services", "customer_billing"}
    for table in tables.values():
        rows = table.to_pandas()
        assert list(rows.columns[:2]) == ["customer_id", "reviewed_at"]
        assert not {"churned", "churn_known_at"} & set(rows.columns)
        assert sorted(rows["customer_id"]) == sorted(frame["customerID"])


@pytest.fixture(scope="module")
def simulated_events() -> Any:
    simulator = ChurnSimulator(seed=1, first_month="2024-02-01", months=1, rows_per_month=500)
    frame = simulator.draw(simulator.moments[0], 500).assign(**{SOURCE_ROW: range(500)})
    return clean(ibis.memtable(frame)).to_pyarrow()


def test_simulated_events_keep_the_data_contract(simulated_events: Any) -> None:
    """Clean events of the simulator pass the schema of the problem."""
    EVENTS.validate(ibis.memtable(simulated_events), lazy=True)


@pytest.mark.parametrize(
    ("column", "value"), [("contract", "Weekly"), ("monthly_charges", -0.01), ("churned", 2)]
)
def test_the_data_contract_refuses_what_was_not_declared(
    simulated_events: Any, column: str, value: Any
) -> None:
    """One value outside of what is declared breaks the schema, and the error names its column."""
    rows = simulated_events.to_pylist()
    rows[250][column] = value
    events = ibis.memtable(pa.Table.from_pylist(rows, simulated_events.schema))
    with pytest.raises(SchemaErrors, match=column):
        EVENTS.validate(events, lazy=True)


def test_ibms_file_is_kept_whole(real_data: Path) -> None:
    """All 7043 rows of IBM's file are kept, and its known counts come out."""
    frame = pd.read_csv(real_data / "Telco-Customer-Churn.csv", dtype=str, keep_default_na=False)
    assert set(RAW_COLUMNS) == set(frame.columns)
    raw = ibis.memtable(frame.assign(**{SOURCE_ROW: range(1, len(frame) + 1)}))
    judged = reject_repeated(clean(raw), "customer_id")
    events = judged.to_pandas()
    assert len(events) == 7043
    assert events[REASON].isna().all()
    assert events["churned"].sum() == 1869
    unbilled = events[events["tenure_months"] == 0]
    assert len(unbilled) == 11
    assert (unbilled["total_charges"] == 0).all()
    EVENTS.validate(ibis.memtable(judged.to_pyarrow()), lazy=True)


def test_a_problem_is_found_by_its_name() -> None:
    """The package of a problem is loaded by name; a name without a package is refused."""
    assert load_problem("telco_churn").RAW_COLUMNS == RAW_COLUMNS
    with pytest.raises(ConfigurationError, match=r"no package fullcircle\.problems\.telco_chum"):
        load_problem("telco_chum")
