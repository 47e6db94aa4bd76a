"""Each example is searched with all families, as its users do."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kedro.framework.session import KedroSession

from fullcircle.config_resolvers import list_problems

SMALL = {
    "telco_churn": "{first_month: '2024-08-01', months: 9, rows_per_month: 200}",
    "nyc_taxi": "{first_month: '2025-01-01', months: 3, trips_per_month: 1000}",
    "diabetes": "{patients: 700}",
}
SIMULATORS = {
    "telco_churn": "telco_churn.simulator.ChurnSimulator",
    "nyc_taxi": "nyc_taxi.simulator.TripSimulator",
    "diabetes": "diabetes.simulator.PatientSimulator",
}
EVERY_FAMILY = """
training:
  candidates: [baseline, last_value, logistic_regression, ridge, lasso, elastic_net, random_forest,
               hist_gradient_boosting, xgboost, lightgbm]
  search: {trials: 0}
  select_features: false
  bootstrap_resamples: 100
"""


@pytest.mark.untraced
@pytest.mark.parametrize("problem", [name for name in SMALL if name in list_problems()])
def test_no_family_fails_on_an_example(
    make: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, problem: str
) -> None:
    """On each example's rows, all families that fit the task score every fold."""
    monkeypatch.setenv("PROBLEM", problem)
    project = make(
        tmp_path / "project",
        simulation=f"""
raw:
  type: fullcircle.datasets.SimulatedDataset
  simulator: fullcircle.problems.{SIMULATORS[problem]}
  filepath: data/01_raw/{problem}/simulated
  settings: {SMALL[problem].replace("{", "{seed: 7, ", 1)}
""",
    )
    (project.path / "conf/local/parameters.yml").write_text(EVERY_FAMILY, encoding="utf-8")
    with KedroSession.create(project.path) as session:
        names = ["data_processing", "feature_store", "training"]
        session.run(pipeline_names=names, to_outputs=["search_report"])
    search = project.catalog().load("search_report")
    states = Counter((trial["candidate"], trial["state"]) for trial in search["trials"])
    assert search["failures"] == []
    assert {state for _, state in states} == {"complete"}
    assert {"hist_gradient_boosting", "random_forest", "xgboost"} <= {name for name, _ in states}
