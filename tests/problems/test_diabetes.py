"""The diabetes problem: zeros that mean missing, and a snapshot that says so."""

from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import pytest

from fullcircle.core.metrics import roc_auc
from fullcircle.core.validation.row_validation import REASON, SOURCE_ROW
from fullcircle.datasets import RawFileDataset
from fullcircle.engines.engine import connect
from fullcircle.problems.diabetes import clean, features
from fullcircle.problems.diabetes.cleaning import FACTS, MEASUREMENTS
from fullcircle.problems.diabetes.contract import EVENTS
from fullcircle.problems.diabetes.simulator import LOST_SHARES, PatientSimulator

GOOD = {
    "Pregnancies": "6",
    "Glucose": "148",
    "BloodPressure": "72",
    "SkinThickness": "35",
    "Insulin": "94",
    "BMI": "33.6",
    "DiabetesPedigreeFunction": "0.627",
    "Age": "50",
    "Outcome": "1",
}


def judge(*rows: dict[str, str]) -> pd.DataFrame:
    """Clean rows that differ from a good one in what is given."""
    frame = pd.DataFrame([{**GOOD, **row} for row in rows])
    frame[SOURCE_ROW] = range(1, len(frame) + 1)
    return connect().execute(clean(ibis.memtable(frame)).order_by(SOURCE_ROW))


def test_zeros_are_missing_in_measurements_only():
    """A zero becomes null in exactly the five measurements; elsewhere it stays zero."""
    zeros = dict.fromkeys([*MEASUREMENTS.values(), *FACTS.values()], "0")
    row = judge(zeros).iloc[0]
    assert row[list(MEASUREMENTS)].isna().all()
    assert (row[list(FACTS)] == 0).all()
    assert pd.isna(row[REASON])


def test_measured_values_are_kept():
    """Every number that is not such a zero arrives unchanged."""
    row = judge({}).iloc[0]
    assert [row[name] for name in MEASUREMENTS] == [148.0, 72.0, 35.0, 94.0, 33.6]
    assert [row[name] for name in FACTS] == [6.0, 0.627, 50.0]
    assert row["has_diabetes"] == 1


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"Outcome": "maybe"}, "Outcome is neither 0 nor 1, nor blank for not known yet: maybe"),
        ({"Age": "-3"}, "Age is no number from 0: -3"),
        ({"Pregnancies": ""}, "Pregnancies is no number from 0: (blank)"),
        ({"Glucose": "high"}, "Glucose is no number: high"),
        ({"BMI": "-1"}, "BMI is no number: -1"),
    ],
)
def test_bad_rows_are_set_aside_with_their_reason(bad: dict[str, str], reason: str):
    """A row that cannot be read is marked with what is wrong, and its neighbour is not."""
    reasons = judge({}, bad)[REASON]
    assert pd.isna(reasons[0])
    assert reasons[1] == reason


def test_a_blank_outcome_is_not_known_yet():
    """A patient whose outcome is still open is kept, without a label."""
    row = judge({"Outcome": ""}).iloc[0]
    assert pd.isna(row["has_diabetes"])
    assert pd.isna(row[REASON])


def test_a_blank_measurement_is_missing():
    """A measurement left blank is missing like a zero, no reason to set the row aside."""
    row = judge({"Insulin": ""}).iloc[0]
    assert pd.isna(row["insulin_mu_u_ml"])
    assert pd.isna(row[REASON])


def test_patients_are_named_by_their_place():
    """Ids are unique, follow the source's order and stay when rows come after them."""
    few, more = judge({}, {}), judge({}, {}, {})
    assert more["patient_id"].tolist() == ["patient-0001", "patient-0002", "patient-0003"]
    assert few["patient_id"].tolist() == more["patient_id"].tolist()[:2]


def test_long_numbers_are_not_cut():
    """A place with more digits than the padding keeps them all."""
    frame = pd.DataFrame([GOOD]).assign(**{SOURCE_ROW: 123_456})
    assert connect().execute(clean(ibis.memtable(frame)).patient_id)[0] == "patient-123456"


def test_same_seed_same_patients():
    """The simulator gives the same rows for the same seed and others for another."""
    first, again = (PatientSimulator(seed=7, patients=300).draw(300) for _ in range(2))
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(PatientSimulator(seed=8, patients=300).draw(300))


def test_simulated_truth_is_reached():
    """The true probability scores the stated AUC, is calibrated, and zeros come at the rates."""
    simulator = PatientSimulator(seed=7, patients=40_000)
    truth, drawn = simulator.state_truth(), simulator.draw(40_000)
    outcome, probability = drawn["Outcome"].to_numpy(), drawn["probability"].to_numpy()
    assert roc_auc(outcome, probability) == pytest.approx(truth["best_auc"], abs=0.01)
    assert outcome.mean() == pytest.approx(truth["base_rate"], abs=0.01)
    for name, share in LOST_SHARES.items():
        assert (drawn[name] == 0).mean() == pytest.approx(share, abs=0.01)
        lost = drawn[name] == 0
        chance = probability[lost].mean()
        sigmas = np.sqrt(chance * (1 - chance) / lost.sum())
        assert abs(outcome[lost].mean() - chance) < 4 * sigmas


def test_pieces_hold_all_patients():
    """Pieces are bounded and add up to the number of patients."""
    sizes = [rows.num_rows for _, rows in PatientSimulator(seed=1, patients=100_500).pieces()]
    assert sizes == [100_000, 500]


def test_publishers_file(real_data: Path):
    """The Pima file keeps the contract: all 768 rows, 268 ill, nulls where it has zeros."""
    raw = RawFileDataset(filepath=str(real_data / "diabetes.csv")).load()
    judged = clean(raw)
    frame = judged.to_pandas()
    assert len(frame) == 768
    assert frame[REASON].isna().all()
    assert frame["has_diabetes"].sum() == 268
    nulls = {source: int(frame[name].isna().sum()) for name, source in MEASUREMENTS.items()}
    assert nulls == {
        "Glucose": 5,
        "BloodPressure": 35,
        "SkinThickness": 227,
        "Insulin": 374,
        "BMI": 11,
    }
    assert frame["patient_id"].is_unique
    EVENTS.validate(judged, lazy=True)
    assert features(judged)["patient_measurements"].count().execute() == 768
