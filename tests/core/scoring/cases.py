"""Requests, feature tables and models for tests of scoring."""

from datetime import UTC, datetime, timedelta
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa

from fullcircle.core.contract import FeatureLookup, FeatureTable, ProblemSpec
from fullcircle.core.features.point_in_time import KeyedTable
from fullcircle.core.models.model import Model, Registration
from fullcircle.core.models.prediction import as_inputs
from fullcircle.core.preparation import PreparationSettings, diagnose_columns
from fullcircle.core.scoring.planning import ScoringSettings
from fullcircle.core.scoring.requests import RequestTable
from fullcircle.core.scoring.stream import Scoring
from fullcircle.core.training.estimators import assemble, fit

START = datetime(2025, 3, 1, tzinfo=UTC)
CUSTOMERS = 12
STAMPS = {"model_name": "a.b.c", "as_of": "2025-03-01", "feature_versions": "habits v0"}
HABITS = FeatureLookup(table="habits", keys=["who"], columns=["colour", "visits"], max_age_days=3)
SPEC = ProblemSpec.model_validate(
    {
        "name": "telco_churn",
        "task": "binary",
        "row_id": "id",
        "entity_keys": ["who"],
        "event_time": "at",
        "label": "y",
        "label_time": "y_at",
        "period_days": 28,
        "request_columns": ["size", "shape"],
        "feature_lookups": [HABITS.model_dump()],
        "primary_metric": "roc_auc",
        "threshold": {"value": 0.5},
        "split": {"by": "time", "train": 0.6, "selection": 0.2, "gate": 0.2},
    }
)


def draw_requests(days: int, per_day: int, seed: int = 0) -> pd.DataFrame:
    """Draw requests in the order of time, some of their values missing."""
    rng = np.random.default_rng(seed)
    rows = days * per_day
    at = [START + timedelta(days=n // per_day, seconds=n % per_day) for n in range(rows)]
    return pd.DataFrame(
        {
            "id": [f"r{n:06d}" for n in range(rows)],
            "who": rng.integers(0, CUSTOMERS, rows),
            "at": pd.to_datetime(at, utc=True).as_unit("us"),
            "size": np.where(rng.random(rows) < 0.1, np.nan, rng.normal(size=rows)),
            "shape": rng.choice(np.array(["round", "flat", None], dtype=object), rows),
            "scored_on": [f"{moment:%Y-%m-%d}" for moment in at],
        }
    )


def draw_habits(days: int, seed: int = 1) -> pd.DataFrame:
    """Draw what is known of customers: now and then, and of some nothing."""
    rng = np.random.default_rng(seed)
    rows = days * 3
    at = START + pd.to_timedelta(rng.integers(-4 * 86400, days * 86400, rows), unit="s")
    return pd.DataFrame(
        {
            "who": rng.integers(0, CUSTOMERS - 2, rows),
            "at": pd.DatetimeIndex(at).as_unit("us"),
            "colour": rng.choice(["red", "blue", "green"], rows),
            "visits": rng.integers(0, 50, rows).astype(float),
        }
    ).drop_duplicates(["who", "at"])


def tables(days: int) -> dict[str, KeyedTable]:
    """Give the feature tables."""
    declared = FeatureTable(keys=["who"], event_time="at")
    return {"habits": KeyedTable(ibis.memtable(draw_habits(days)), declared, "v0")}


def make_model(
    candidate: str = "xgboost",
    lookups: list[FeatureLookup] | None = None,
    version: str = "1",
    **changes: Any,
) -> Model:
    """Fit a small model on its features, drawn alike."""
    lookups = [HABITS] if lookups is None else lookups
    looked_up = [new for lookup in lookups for new in lookup.renaming.values()]
    features = ["size", "shape", *looked_up]
    rng = np.random.default_rng(7)
    drawn: dict[str, Any] = {
        name: rng.choice(["red", "blue", "green"], 300)
        if "colour" in name
        else rng.choice(["round", "flat"], 300)
        if name == "shape"
        else rng.normal(size=300)
        for name in features
    }
    inputs = as_inputs(pd.DataFrame(drawn), features)
    label = pd.Series((inputs["size"] + (inputs["shape"] == "flat") > 0.4).astype(int), name="y")
    settings = PreparationSettings()
    plan = diagnose_columns(inputs, label, "binary", settings)
    parameters = {"n_estimators": 20} if candidate == "xgboost" else {}
    estimator = assemble(candidate, "binary", 1, parameters, plan, settings)
    values: dict[str, Any] = {
        "estimator": fit(estimator, inputs, label),
        "candidate": candidate,
        "task": "binary",
        "features": features,
        "lookups": lookups,
        "threshold": 0.5,
        "settings": {},
        "scores": {},
        "trained_on": {"as_of": "2025-03-01"},
        "profile": {},
        "example": inputs.head(4),
        "event_time": "at",
        "registration": Registration("a.b.c", version, "run", {"digest": version}),
    }
    return Model(**{**values, **changes})


def prepare(models: dict[str, Model], days: int, **settings: int) -> Scoring:
    """Make models ready for requests of so many days."""
    return Scoring.prepare(models, tables(days), SPEC, STAMPS, ScoringSettings(**settings))


def request_table(frame: pd.DataFrame) -> RequestTable:
    """Give requests as a table that is read day by day."""
    return RequestTable.of(ibis.memtable(frame))


def read_all(days: Any) -> pa.Table:
    """Take scored days one by one."""
    return pa.concat_tables([day.read().read_all() for day in days])
