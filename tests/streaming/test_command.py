"""Tests of ``kedro stream``: in a project, with a champion of the registry, and tracked."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ibis
import mlflow
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from fullcircle.cli.stream import stream
from fullcircle.core.models.model import Model
from fullcircle.core.models.prediction import as_inputs
from fullcircle.core.preparation import PreparationSettings, diagnose_columns
from fullcircle.core.training.estimators import assemble, fit

NUMBERS = ("tenure_months", "monthly_charges", "total_charges")


def draw(problem: Any, rows: int, month: int) -> pd.DataFrame:
    """Draw customers with every column of the contract."""
    rng = np.random.default_rng(month)
    frame = pd.DataFrame({name: rng.choice(["yes", "no"], rows) for name in problem.features})
    for name in NUMBERS:
        frame[name] = rng.normal(size=rows).round(3)
    frame["customer_id"] = [f"c{n}" for n in range(rows)]
    frame["reviewed_at"] = pd.Timestamp(f"2025-{month:02d}-01", tz="UTC").as_unit("us")
    return frame.assign(row_id=frame.customer_id + f"@{month}")


def train(problem: Any, rows: pd.DataFrame, seed: int) -> Model:
    inputs = as_inputs(rows, problem.features)
    label = pd.Series((rows.tenure_months > seed / 10).astype(int), name=problem.label)
    settings = PreparationSettings()
    plan = diagnose_columns(inputs, label, "binary", settings)
    estimator = assemble("logistic_regression", "binary", 1, {}, plan, settings)
    return Model(
        estimator=fit(estimator, inputs, label),
        candidate="logistic_regression",
        task="binary",
        features=problem.features,
        lookups=problem.feature_lookups,
        threshold=0.5,
        settings={"seed": 1},
        scores={},
        trained_on={"rows": len(rows), "as_of": "2025-01-01"},
        profile={"rows": len(rows), "columns": {}},
        example=inputs.head(40),
        event_time=problem.event_time,
    )


@pytest.fixture(scope="module")
def project(make: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Give a project with a champion, two feature tables, and records that wait."""
    project = make(tmp_path_factory.mktemp("stream") / "project")
    catalog = project.catalog()
    problem = catalog.load("params:problem")
    past = draw(problem, 120, 1)
    made = {
        lookup.table: ibis.memtable(past[["customer_id", "reviewed_at", *lookup.columns]])
        for lookup in problem.feature_lookups
    }
    catalog.save("feature_tables", made)
    crown(project, catalog, train(problem, past, 0))
    write(project, problem, 2)
    yield project
    while mlflow.active_run():
        mlflow.end_run()


def crown(project: Any, catalog: Any, model: Model) -> None:
    """Register a model, and make it champion without the gate."""
    catalog.save("challenger", model)
    while mlflow.active_run():
        mlflow.end_run()
    name, client = catalog.get("champion").model_name, mlflow.MlflowClient()
    version = client.get_model_version_by_alias(name, "challenger").version
    client.set_registered_model_alias(name, "champion", version)


def write(project: Any, problem: Any, month: int) -> Path:
    folder = project.path / "data" / "05_model_input" / "telco_churn" / "simulated" / "stream"
    folder.mkdir(parents=True, exist_ok=True)
    rows = draw(problem, 50, month)[[*problem.identity, *problem.request_columns]]
    rows.loc[3, "tenure_months"] = None
    path = folder / f"month-{month}.csv"
    rows.astype({"tenure_months": object}).assign(
        tenure_months=["many" if n == 5 else v for n, v in enumerate(rows.tenure_months)]
    ).to_csv(path, index=False)
    os.utime(path, (1_700_000_000 + month, 1_700_000_000 + month))
    return path


def list_files(project: Any) -> list[Path]:
    return sorted((project.path / "data").rglob("*"))


@pytest.fixture
def run(project: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Give the function that runs ``kedro stream`` in the project's folder."""
    monkeypatch.chdir(project.path)

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(stream, list(arguments))

    return call


def test_it_scores_once_tracks_and_then_has_nothing_to_do(
    run: Callable[..., Result], project: Any
) -> None:
    """What is there is scored into the stream's tables, with an MLflow run; a second time, not."""
    result = run("--once", "--json", "--as-of", "2025-03-01")
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert (facts["rows"], facts["rejected"]) == (49, 1)
    assert facts["reasons"] == {"tenure_months is no number": 1}
    rows = project.catalog().load("stream_predictions").to_pandas()
    assert set(rows["run_id"]) == {facts["run_id"]}
    assert set(rows["as_of"]) == {"2025-03-01"}
    assert set(rows["model_version"]) == {"1"}
    assert rows["monthly_charges"].notna().all()
    logged = mlflow.MlflowClient().get_run(facts["run_id"])
    assert logged.info.status == "FINISHED"
    assert logged.data.metrics["total.rows"] == logged.data.metrics["rows"] == 49
    assert logged.data.metrics["arrival_lag_seconds.max"] > 0
    assert logged.data.params["batch_pieces"] == "64"
    again = json.loads(run("--once", "--json").stdout)
    assert (again["rows"], again["tables"]) == (0, facts["tables"])


def test_sigterm_ends_after_the_batch_under_way(run: Callable[..., Result], project: Any) -> None:
    """A stream that is told to end finishes its batch, says what it did, and ends well."""
    catalog = project.catalog()
    problem = catalog.load("params:problem")
    before = catalog.get("stream_predictions").last_batch("stream")

    def follow() -> None:
        write(project, problem, 3)
        limit = time.monotonic() + 30
        while time.monotonic() < limit:
            if catalog.get("stream_predictions").last_batch("stream") > before:
                break
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGTERM)

    kept = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    teller = threading.Thread(target=follow)
    teller.start()
    result = run("--every", "0.05", "--json")
    teller.join()
    signal.signal(signal.SIGTERM, kept)
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert (facts["batches"], facts["rows"]) == (1, 49)
    assert mlflow.MlflowClient().get_run(facts["run_id"]).info.status == "FINISHED"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--folder", "nowhere"), "There is no folder nowhere to take records from"),
        (("--table", "nowhere"), "There is no Delta table at nowhere"),
        (("--folder", "a", "--table", "b"), "Give one of --folder, --table and --topic"),
        (("--pattern", "*.csv"), "--pattern says which files of --folder"),
        (("--topic", "sales"), "Give --topic and --broker together"),
        (("--checkpoint", "here"), "--checkpoint is Spark's"),
        (("--as-of", "soon"), "--as-of 'soon' is no moment"),
        (("--every", "0"), "Invalid value for '--every'"),
        (("--problem", "no_such"), "PROBLEM='no_such' is not one of"),
        (("--problem", "diabetes"), "There is no folder"),
        (("--env", "nowhere"), "There is no environment 'nowhere'"),
    ],
)
def test_a_wish_that_cannot_be_meant_is_one_line(
    run: Callable[..., Result], project: Any, arguments: tuple[str, ...], said: str
) -> None:
    """A wrong option is answered in one line, before anything is scored, written or tracked."""
    tables = list_files(project)
    result = run("--once", *arguments)
    assert result.exit_code != 0
    assert said in result.output.replace("\n", " ")
    assert "Traceback" not in result.output
    assert list_files(project) == tables


def test_without_a_champion_a_line_says_how_to_get_one(
    run: Callable[..., Result], project: Any
) -> None:
    """A problem without a champion is one line, and no table is begun."""
    folder = project.path / "taxi"
    folder.mkdir()
    result = run("--once", "--problem", "nyc_taxi", "--folder", str(folder))
    assert result.exit_code == 1
    assert "has no champion of fullcircle.nyc_taxi.simulated_model yet" in result.output
    assert not (project.path / "data" / "07_model_output" / "nyc_taxi").exists()


def test_a_wrong_parameter_is_one_line(
    run: Callable[..., Result], project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A parameter that is not valid is named with what was given."""
    path = project.path / "conf" / "local" / "parameters_stream.yml"
    path.write_text("stream: {row_ids: guessed}\n", encoding="utf-8")
    result = run("--once")
    path.unlink()
    assert "stream.row_ids: Input should be 'given' or 'place', given 'guessed'" in result.output


def test_spark_where_it_cannot_run_is_one_line(
    run: Callable[..., Result], project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without PySpark, or for what is no folder, a line says so before anything is scored."""
    from fullcircle.engines import spark_session

    table = project.path / "data/07_model_output/telco_churn/simulated/stream_sources"
    assert "Spark brings files" in run("--once", "--spark", "--table", str(table)).output
    monkeypatch.setattr(spark_session, "find_spec", lambda name: None)
    assert "needs a package more: pip install" in run("--once", "--spark").output
