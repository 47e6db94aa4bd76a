"""Models and decisions for tests of the card."""

from dataclasses import replace
from typing import Any

import pandas as pd

from fullcircle.core.contract import FeatureLookup
from fullcircle.core.models.model import Model, Registration


def estimate(value: float, reach: float = 0.02, confidence: float = 0.95) -> dict[str, float]:
    return {
        "value": value,
        "low": value - reach,
        "high": value + reach,
        "confidence": confidence,
    }


def slice_of(value: str, difference: float | None, **changes: Any) -> dict[str, Any]:
    judged = difference is not None
    return {
        "column": "colour",
        "slice": value,
        "rows": 120,
        "positive": 0.25,
        "decided_positive": 0.3,
        "true_positive_rate": 0.7,
        "false_positive_rate": 0.125,
        "judged": judged,
        "reason": None if judged else "9 rows are fewer than 50",
        "score": estimate(0.8) if judged else None,
        "difference": estimate(difference, 0.01) if difference is not None else None,
        "worse": difference < -0.01 if difference is not None else None,
        **changes,
    }


CALIBRATION: dict[str, Any] = {
    "rows": 400,
    "of": "class 1",
    "confidence": 0.95,
    "judged": True,
    "reason": None,
    "calibrated": True,
    "p_value": 0.5,
    "expected_calibration_error": 0.0215,
    "error_by_chance": 0.0312,
    "brier": 0.125,
    "log_loss": 0.4,
    "slope": estimate(1.01),
    "intercept": estimate(-0.03),
    "bins": [
        {"rows": 200, "predicted": 0.11, "observed": 0.1, "low": 0.05, "high": 0.15, "inside": True}
    ],
    "method": {
        "method": "sigmoid",
        "rows_out_of_fold": 900,
        "rows_selection": 400,
        "methods": [
            {"method": "none", "log_loss": 0.41},
            {"method": "sigmoid", "log_loss": 0.4, "gain": estimate(0.01, 0.005)},
            {"method": "isotonic", "reason": "900 out-of-fold rows are fewer than 1000"},
        ],
    },
}

REPORT: dict[str, Any] = {
    "metric": "roc_auc",
    "rows": 400,
    "train_rows": 1200,
    "train_scores": {"brier": 0.1, "roc_auc": 0.93},
    "confusion": [[250, 50], [30, 70]],
    "slices": [slice_of("blue", 0.0), slice_of("red", -0.005)],
    "gaps": [
        {
            "column": "colour",
            "demographic_parity_difference": 0.034,
            "equal_opportunity_difference": 0.012,
        }
    ],
    "calibration": CALIBRATION,
    "importance": [
        {"column": "billed", "metric": "roc_auc", **estimate(0.05)},
        {"column": "price", "metric": "roc_auc", **estimate(0.03)},
    ],
    "learning_curve": [
        {"rows": 100, "reason": "a fold has one class"},
        {"rows": 600, **estimate(0.81)},
        {"rows": 1200, **estimate(0.812)},
    ],
    "columns": [
        {"column": "price", "action": "keep", "why": "numbers from 1 to 9", "missing": 0.0},
        {"column": "colour", "action": "drop", "why": "one value in all rows", "missing": 0.02},
        {"column": "billed", "action": "keep", "why": "numbers from 0 to 5", "missing": 0.05},
    ],
}

PROBLEM: dict[str, Any] = {
    "name": "shop",
    "description": "Whether an order comes back.",
    "use_case": "To choose parcels to check.",
    "owner": "logistics",
    "label": "returned",
    "row_id": "order_id",
    "entity_keys": ["buyer", "shop"],
    "event_time": "ordered_at",
    "primary_metric": "roc_auc",
}

MODEL = Model(
    estimator=None,
    candidate="xgboost_tuned",
    task="binary",
    features=["price", "colour", "billed"],
    lookups=[
        FeatureLookup(table="bills", keys=["buyer"], columns={"sum": "billed"}, max_age_days=28)
    ],
    threshold=0.4,
    settings={
        "seed": 42,
        "recipe": {
            "name": "xgboost_tuned",
            "candidate": "xgboost",
            "parameters": {"max_depth": 3},
            "dropped": [],
            "members": [],
            "fold_scores": [0.8125, 0.75],
        },
        "calibration": "sigmoid",
        "refit": True,
        "problem": PROBLEM,
        "training": {"candidates": ["secret_family"]},
    },
    scores={"brier": 0.125, "roc_auc": estimate(0.81234)},
    trained_on={
        "rows": 1200,
        "as_of": "2024-06-01",
        "split": {"by": "time", "train": 0.6, "selection": 0.2, "gate": 0.2, "scoring": 0.0},
        "baseline": 0.265,
        "first": "2024-01-01T00:00:00+00:00",
        "last": "2024-05-11T00:00:00+00:00",
    },
    profile={},
    example=pd.DataFrame(),
    event_time="ordered_at",
    report=REPORT,
    registration=Registration(
        "full.shop.model", "3", "run_7", {"git_commit": "abc123", "data.train_set": "delta v4"}
    ),
)


def model_with(report: dict[str, Any] | None = None, **changes: Any) -> Model:
    """Give the model with other fields, and with other parts of its report."""
    return replace(MODEL, **{"report": {**REPORT, **(report or {})}, **changes})


def decision(
    *, promote: bool, challenger: str = "full.shop.model v3", incumbent: str | None = None
) -> dict[str, Any]:
    checks = [
        {"name": "enough_rows", "passed": True, "evidence": "400 gate rows"},
        {"name": "better_than_baseline", "passed": promote, "evidence": "better by 0.01"},
    ]
    return {
        "promote": promote,
        "challenger": challenger,
        "incumbent": incumbent,
        "metric": "roc_auc",
        "score": estimate(0.7957),
        "gain": estimate(0.0123, 0.004) if incumbent else None,
        "checks": checks,
    }
