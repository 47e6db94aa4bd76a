"""Evidence for the gate, drawn so that the truth behind it is known."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from fullcircle.core.contract import FeatureLookup, ProblemSpec
from fullcircle.core.gate import Decision, GateInputs, GateSettings
from fullcircle.core.metrics import Vector
from fullcircle.core.models.edge_cases import CASES
from fullcircle.core.models.model import Model, Registration
from fullcircle.core.models.prediction import as_inputs
from fullcircle.core.training_data.splits import describe_split

ROWS = 600
SETTINGS = GateSettings(min_rows=100, bootstrap_resamples=100, confidence=0.95, seed=1)
BILLS = FeatureLookup(table="bills", keys=["buyer"], columns={"sum": "billed"})
PROBLEM = ProblemSpec.model_validate(
    {
        "name": "shop",
        "task": "binary",
        "row_id": "order_id",
        "entity_keys": ["buyer"],
        "event_time": "ordered_at",
        "label": "returned",
        "label_time": "returned_known_at",
        "period_days": 7,
        "request_columns": ["price", "colour"],
        "feature_lookups": [BILLS],
        "slices": ["colour"],
        "primary_metric": "roc_auc",
        "threshold": {"value": 0.5},
        "split": {"by": "time", "train": 0.6, "selection": 0.2, "gate": 0.2},
    }
)
SNAPSHOT = PROBLEM.model_copy(
    update={
        "event_time": None,
        "label_time": None,
        "period_days": None,
        "split": PROBLEM.split.model_copy(update={"by": "key", "train": 0.0, "selection": 0.0}),
    }
)
MODEL = Model(
    estimator=None,
    candidate="forest",
    task="binary",
    features=["price", "colour", "billed"],
    lookups=[BILLS],
    threshold=0.5,
    settings={},
    scores={},
    trained_on={
        "rows": 2400,
        "baseline": 0.5,
        "split": describe_split(PROBLEM),
        "first": "2024-01-01T00:00:00+00:00",
        "last": "2024-04-30T23:59:59+00:00",
    },
    profile={},
    example=pd.DataFrame({"price": [1.5, 2.5], "colour": ["red", "blue"], "billed": [0.0, 9.0]}),
    expected=[0.25, 0.1 + 0.2],
    registration=Registration("full.shop.model", "2", "run"),
)
PROBE: dict[str, Any] = {
    "model": "full.shop.model v2",
    "error": None,
    "signature": {"price": "double", "colour": "string", "billed": "double"},
    "predictions": [0.25, 0.1 + 0.2],
    "edge_cases": {case: {"alone": 0.3, "together": 0.3} for case in CASES},
    "latency_ms": {"p50": 8.0, "p95": 12.0, "calls": 40},
    "size_mb": 1.5,
    "approvals": [],
    "trainer": {"who": "ada", "actor": {"how": "claimed", "host": "a", "uid": 1}},
}
INTAKE = {"rows_read": 4000, "rows_kept": 3960, "rows_rejected": 40, "rejected_share": 0.01}


def draw_rows(rows: int) -> pd.DataFrame:
    """Gate rows of half an hour each, a third of them red, from May 2024 on."""
    return pd.DataFrame(
        {
            "order_id": [f"o{n}" for n in range(rows)],
            "buyer": [f"b{n}" for n in range(rows)],
            "ordered_at": pd.date_range("2024-05-01", periods=rows, freq="30min", tz="UTC"),
            "price": np.arange(rows) / 7,
            "colour": np.where(np.arange(rows) % 3 == 0, "red", "blue"),
            "billed": np.arange(rows) % 5.0,
        }
    )


def draw_signal(rng: np.random.Generator, rows: int) -> tuple[Vector, Vector]:
    """A signal, and labels that are 1 with the probability norm.cdf(signal)."""
    signal = rng.normal(size=rows)
    return signal, (signal + rng.normal(size=rows) > 0).astype("int64")


def see(signal: Vector, noise: float, rng: np.random.Generator) -> Vector:
    """Calibrated probabilities of a model that sees the signal through noise of its own."""
    share = 1 / (1 + noise**2)
    seen = signal + noise * rng.normal(size=len(signal))
    return np.asarray(norm.cdf(seen * share / np.sqrt(2 - share)))


def clear_case(**changes: Any) -> GateInputs:
    """Evidence by which any gate would promote: a strong challenger, a champion that guesses.

    A change of ``task`` or ``metric`` is one of the contract; all others are of the evidence.
    """
    rng = np.random.default_rng(0)
    signal, truth = draw_signal(rng, ROWS)
    evidence: dict[str, Any] = {
        "problem": PROBLEM,
        "as_of": pd.Timestamp("2024-06-01", tz="UTC").to_pydatetime(),
        "model": MODEL,
        "rows": draw_rows(ROWS),
        "truth": truth,
        "baseline": np.full(ROWS, 0.5),
        "challenger": see(signal, 0.0, rng),
        "champion": see(signal, 3.0, rng),
        "champion_threshold": 0.5,
        "offered": ["price", "colour", "billed"],
        "probe": PROBE,
        "intake": INTAKE,
    }
    told = {"task": changes.pop("task", "binary"), "metric": changes.pop("metric", "roc_auc")}
    evidence |= changes
    contract = {"task": told["task"], "primary_metric": told["metric"]}
    return GateInputs(**{**evidence, "problem": evidence["problem"].model_copy(update=contract)})


def snapshot_case(**changes: Any) -> GateInputs:
    """The clear case of a snapshot without history, all of whose rows belong to the gate."""
    given = {"problem": SNAPSHOT, "model": taught(split=describe_split(SNAPSHOT))}
    rows = draw_rows(ROWS).drop(columns="ordered_at")
    return clear_case(**{**given, "rows": rows, **changes})


def probed(**changes: Any) -> dict[str, Any]:
    """Give the probe with changes."""
    return {**PROBE, **changes}


def probe_of(model: Model) -> dict[str, Any]:
    """Give what a flawless registry would find of a model: all as it was in memory."""
    inputs = as_inputs(model.example, model.features)
    return probed(
        model=str(model),
        signature={n: "string" if inputs[n].dtype == object else "double" for n in inputs},
        predictions=model.expected,
    )


def taught(**changes: Any) -> Model:
    """Give the model with changes in what it says of the rows that taught it."""
    return replace(MODEL, trained_on={**MODEL.trained_on, **changes})


def demand(**changes: Any) -> GateSettings:
    """Give the settings with changes, past their validation."""
    return SETTINGS.model_copy(update=changes)


def passed(decision: Decision) -> dict[str, bool]:
    """Each check's answer by name."""
    return {check.name: check.passed for check in decision.checks}


def failed(decision: Decision) -> set[str]:
    """Names of the checks that failed."""
    return {check.name for check in decision.checks if not check.passed}
