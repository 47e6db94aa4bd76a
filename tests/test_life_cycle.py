"""The whole circle, turned on the simulator."""

from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient

from fullcircle.problems.telco_churn.simulator import ChurnSimulator

MODEL = "fullcircle.telco_churn.simulated_model"


def report(project: Any, name: str) -> Any:
    return project.catalog().load(name)


@pytest.fixture
def client(circle: Any) -> MlflowClient:
    circle.catalog()
    return MlflowClient()


def test_every_output_of_every_pipeline_exists_after_one_run(circle: Any) -> None:
    """One run leaves every dataset that the catalog declares in its place."""
    catalog = circle.catalog()
    declared = {name for name in catalog.keys() if not name.startswith("stream_")}  # noqa: SIM118
    # `kedro retrain`, the endpoint and the first alert write these; the first is MLflow's.
    declared -= {"candidate_runs", "retrainings", "alert_log"}
    declared = {name for name in declared if not name.startswith("endpoint_")}
    missing = [n for n in declared if ":" not in n and n != "parameters" and not catalog.exists(n)]
    assert missing == []


def test_champion_comes_close_to_the_best_that_the_simulator_states(circle: Any) -> None:
    """The champion's AUC lies within 0.02 of the best reachable."""
    truth = ChurnSimulator(seed=7, first_month="2024-08-01", months=1, rows_per_month=1)
    windows = report(circle, "performance_report")["windows"]
    score = next(w["score"] for w in windows if w["as_of"] == "2025-03-01")
    champion = circle.catalog().load("champion")
    reached = champion.scores["roc_auc"]
    assert abs(reached["value"] - truth.state_truth()["best_auc"]) < 0.02
    assert score["low"] - 0.02 < truth.state_truth()["best_auc"] < score["high"] + 0.03


def test_drift_report_names_the_drifted_columns_and_no_others(circle: Any) -> None:
    """After the known date of drift exactly the columns that the simulator moved are named."""
    drift = report(circle, "drift_report")
    assert drift["as_of"] == "2025-04-01"
    assert drift["drifted"] == ["monthly_charges", "payment_method"]


def test_quiet_months_raise_no_alarm(circle: Any, client: MlflowClient) -> None:
    """Before the known date of drift no column is named and no retraining is asked for."""
    quiet = [run for run in all_runs(client) if run.data.tags["as_of"] != "2025-04-01"]
    assert len(quiet) == 2
    assert [run.data.metrics["retrain_decision.retrain"] for run in quiet] == [0.0, 0.0]
    assert report(circle, "retrain_decision")["retrain"] is True


def test_performance_waits_for_labels(circle: Any) -> None:
    """A period is judged only once its labels have become known, 30 days late."""
    windows = {w["as_of"]: w for w in report(circle, "performance_report")["windows"]}
    assert windows["2025-02-01"]["unlabelled_share"] == 0.0
    assert windows["2025-04-01"]["score"] is None
    assert windows["2025-04-01"]["unlabelled_share"] == 1.0


def test_predictions_keep_every_scored_period(circle: Any) -> None:
    """Scoring a later period adds its partition and leaves the earlier ones alone."""
    predictions = circle.catalog().load("predictions").to_pandas()
    counts = predictions.groupby("scored_on").size().to_dict()
    assert counts == {"2025-02-01": 800, "2025-03-01": 800, "2025-04-01": 800}
    assert predictions["row_id"].is_unique
    assert predictions[["run_id", "scored_at", "model_version"]].notna().all(axis=None)


def test_rerun_replaces_its_own_partition_only(circle: Any) -> None:
    """A rerun of one clock rewrites that period's rows, doubles none and touches no other."""
    before = circle.catalog().load("predictions").to_pandas()
    circle.run("scoring", as_of="2025-03-01")
    after = circle.catalog().load("predictions").to_pandas()
    assert len(after) == len(before)
    rewritten = after[after["run_id"] != before["run_id"].iloc[0]]
    untouched = before[before["scored_on"] != "2025-03-01"].sort_values("row_id")
    kept = after[after["scored_on"] != "2025-03-01"].sort_values("row_id")
    assert untouched["scored_at"].tolist() == kept["scored_at"].tolist()
    assert set(rewritten["scored_on"]) >= {"2025-03-01"}


def test_tie_keeps_the_champion(circle: Any, client: MlflowClient) -> None:
    """A challenger whose gain may be nought is refused for that alone, and the champion stays."""
    before = client.get_model_version_by_alias(MODEL, "champion").version
    circle.run("training", as_of="2025-04-01")
    circle.run("registry", as_of="2025-04-01")
    decision = report(circle, "promotion_decision")
    refused = [check["name"] for check in decision["checks"] if not check["passed"]]
    assert decision["promote"] is False
    assert refused == ["better_than_champion"]
    assert decision["gain"]["low"] < 0 < decision["gain"]["high"]
    assert client.get_model_version_by_alias(MODEL, "champion").version == before


def all_runs(client: MlflowClient) -> list[Any]:
    experiment = client.get_experiment_by_name("telco_churn")
    runs = client.search_runs([experiment.experiment_id], "tags.pipelines = 'all'")
    return list(runs)


def test_one_run_is_one_mlflow_run_that_says_everything(circle: Any, client: MlflowClient) -> None:
    """A run is named for problem, pipelines and clock and holds what is needed to repeat it."""
    run = next(r for r in all_runs(client) if r.data.tags["as_of"] == "2025-03-01")
    assert run.info.run_name == "telco_churn all 2025-03-01"
    assert run.info.status == "FINISHED"
    assert run.data.params["training.seed"] == "42"
    assert run.data.params["problem.split.by"] == "time"
    assert len(run.data.tags["git_commit"]) == 40 or run.data.tags["git_commit"] == "unknown"
    assert run.data.tags["git_dirty"] in ("true", "false", "unknown")
    assert run.data.tags["data.events"].startswith("delta v")
    assert run.data.tags["data.raw"].startswith("simulation ")
    assert run.data.tags["version.scikit-learn"]
    assert run.data.metrics["seconds.search_candidates"] > 0
    assert run.data.metrics["promotion_decision.score.value"] > 0.7


def test_each_candidate_has_a_nested_run(circle: Any, client: MlflowClient) -> None:
    """Every candidate's parameters and scores lie in a run below the one that trained it."""
    parent = next(r for r in all_runs(client) if r.data.tags["as_of"] == "2025-03-01")
    children = client.search_runs(
        [parent.info.experiment_id], f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'"
    )
    names = {child.info.run_name for child in children}
    assert {"baseline", "logistic_regression", "xgboost"} <= names
    assert all("roc_auc" in c.data.metrics and c.data.params["seed"] for c in children)
    assert sum(child.data.tags["chosen"] == "true" for child in children) == 1


def test_no_run_stays_open(circle: Any) -> None:
    """After runs in this process no MLflow run is active."""
    assert mlflow.active_run() is None


def test_logged_model_has_signature_example_requirements_and_lookups(
    circle: Any, client: MlflowClient
) -> None:
    """The registered model can be used without this project: it says what it needs."""
    version = client.get_model_version_by_alias(MODEL, "challenger")
    info = mlflow.models.get_model_info(f"models:/{MODEL}/{version.version}")
    assert [c.name for c in info.signature.inputs][:2] == ["gender", "senior_citizen"]
    assert info.saved_input_example_info is not None
    assert [entry["table"] for entry in info.metadata["feature_lookups"]] == [
        "customer_services",
        "customer_billing",
    ]
    requirements = Path(
        mlflow.artifacts.download_artifacts(f"models:/{MODEL}/{version.version}/requirements.txt")
    ).read_text(encoding="utf-8")
    assert "scikit-learn==" in requirements


def _is_measured(metric: str) -> bool:
    """Whether a metric is of the machine, not of the data."""
    measured = ("seconds.", "rows_per_second", "peak_memory_mb", "system/")
    return any(part in metric for part in measured)


def test_same_clock_and_data_give_the_same_numbers_in_another_folder(
    circle: Any, tmp_path: Path, client: MlflowClient, make: Any
) -> None:
    """Every metric of a fresh run in another folder equals the first one's to the last digit."""
    first = next(r for r in all_runs(client) if r.data.tags["as_of"] == "2025-02-01")
    other = make(tmp_path / "elsewhere")
    other.run(as_of="2025-02-01")
    again = next(r for r in all_runs(MlflowClient()) if r.data.tags["as_of"] == "2025-02-01")
    assert again.info.run_id != first.info.run_id
    expected, found = (
        {name: value for name, value in run.data.metrics.items() if not _is_measured(name)}
        for run in (first, again)
    )
    assert found == expected
    assert len(expected) > 8
