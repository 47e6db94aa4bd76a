"""Batch, stream and endpoint give one raw row one prediction, to the last digit."""

import json
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.cases.agreement import ROOT, find_disagreements, learn_case, learn_example

from fullcircle.core.models.model import Model
from fullcircle.core.parsing.raw_schema import RawSchema
from fullcircle.problems.diabetes.simulator import PatientSimulator
from fullcircle.problems.nyc_taxi import clean
from fullcircle.problems.nyc_taxi.simulator import TripSimulator
from fullcircle.problems.telco_churn import RAW_COLUMNS
from fullcircle.problems.telco_churn.simulator import ChurnSimulator

ROWS = 1000
DATA = ROOT.parent / "shared" / "data"
CASES: list[tuple[str, str, str, dict[str, Any]]] = [
    ("c05", "stationen.csv", "index", {}),
    ("c21", "pumps_mixed.csv", "fault", {"time": "measured"}),
    ("c29", "readings.csv", "fault", {"time": "Reading Time"}),
    ("c41", "train.csv", "fault", {}),
]


@pytest.mark.parametrize(
    ("case", "file", "target", "problem_options"), CASES, ids=[c[0] for c in CASES]
)
def test_a_case_is_read_alike_everywhere(
    case: str, file: str, target: str, problem_options: dict[str, Any]
) -> None:
    """1,000 raw rows get the same predictions from batch, stream and endpoint."""
    assert find_disagreements(learn_case(case, file, target, **problem_options), ROWS) == {}


def draw_customers() -> pd.DataFrame:
    """Customers as the simulator writes them, some with values that a source may hold."""
    simulator = ChurnSimulator(seed=1, first_month="2024-02-01", months=1, rows_per_month=ROWS)
    rows = simulator.draw(simulator.moments[0], ROWS)
    texts = [name for name in RAW_COLUMNS if name in rows.columns]
    rows[texts] = rows[texts].astype(str).astype(object)
    rows.loc[:9, "TotalCharges"] = [" ", "", None, "n/a", "-1", "1e3", " 5 ", "5,5", "inf", "+7"]
    rows.loc[:3, "tenure"] = ["0", "0", "12", "0"]
    rows.loc[10:14, "SeniorCitizen"] = ["2", "1 ", " ", "Yes", "yes"]
    rows.loc[15:18, "gender"] = ["F", " Male ", None, "Female\t"]
    return rows


def read_customers() -> pd.DataFrame:
    rows = pd.read_csv(_find(DATA / "Telco-Customer-Churn.csv"), dtype=str, keep_default_na=False)
    blank = rows[rows["TotalCharges"].str.strip() == ""]
    return pd.concat([blank, rows.head(ROWS - len(blank))]).drop_duplicates("customerID")


def draw_patients() -> pd.DataFrame:
    """Patients as texts, some with values that a source may hold."""
    rows = PatientSimulator(seed=1, patients=ROWS).draw(ROWS).astype(str)
    rows = rows.drop(columns="probability").astype(object)
    rows.loc[:7, "Glucose"] = ["0", "0.0", "", " ", "-1", "abc", "1e2", "-0"]
    rows.loc[8:11, "Age"] = ["", "-3", "0", "forty"]
    return rows


def read_patients() -> pd.DataFrame:
    return pd.read_csv(_find(DATA / "diabetes.csv"), dtype=str, keep_default_na=False)


def draw_trips() -> pd.DataFrame:
    simulator = TripSimulator(seed=1, first_month="2024-02-01", months=1, trips_per_month=ROWS)
    return _spoil_trips(simulator.draw(simulator.months[0], ROWS + 200))


def read_trips() -> pd.DataFrame:
    file = _find(DATA / "nyc_taxi" / "green_tripdata_2025-01.parquet")
    return _spoil_trips(pq.read_table(file).slice(0, ROWS + 200).to_pandas())


def _spoil_trips(rows: pd.DataFrame) -> pd.DataFrame:
    """Keep trips whose outcome is no reason to reject them, and spoil what requests bring."""
    numbered = rows.assign(source_row=range(len(rows)))
    judged = clean(ibis.memtable(pa.Table.from_pandas(numbered, preserve_index=False)))
    good = judged.filter(judged["rejection_reason"].isnull()).to_pyarrow()["source_row"]
    kept = rows.iloc[sorted(good.to_pylist())[:ROWS]].reset_index(drop=True)
    kept.loc[:4, "passenger_count"] = 0
    kept["PULocationID"] = kept["PULocationID"].astype("Int64")
    kept.loc[5:7, "PULocationID"] = pd.NA
    return kept


def _find(path: Path) -> Path:
    if not path.exists():
        pytest.skip(f"the real data are not at {path}")
    return path


EXAMPLES = {
    "telco_churn, simulated": draw_customers,
    "telco_churn, real": read_customers,
    "diabetes, simulated": draw_patients,
    "diabetes, real": read_patients,
    "nyc_taxi, simulated": draw_trips,
    "nyc_taxi, real": read_trips,
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_read_alike_everywhere(name: str) -> None:
    """1,000 raw rows get the same predictions from all three, and the same rows get none."""
    problem, source = name.split(", ")
    learnt = learn_example(problem, source, EXAMPLES[name]())
    assert find_disagreements(learnt, ROWS) == {}


def test_a_model_keeps_its_schema_in_its_description() -> None:
    """What is written beside a model brings the same schema back, defaults and spellings too."""
    model = learn_example("telco_churn", "simulated", draw_customers()).model
    written = json.loads(json.dumps(model.describe()))
    again = Model.from_description(written, model.estimator, model.example)
    schema = RawSchema.from_dict(again.raw_schema)
    assert schema == RawSchema.from_dict(model.raw_schema)
    assert schema is not None
    assert schema.columns["senior_citizen"].spellings == {"1": "Yes", "0": "No"}
    assert schema.columns["total_charges"].default is not None
