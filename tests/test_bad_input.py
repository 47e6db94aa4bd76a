"""Bad input gets one clear line, a non-zero exit code, and loses nothing."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

HEADER = (
    "customerID,gender,SeniorCitizen,Partner,Dependents,tenure,PhoneService,MultipleLines,"
    "InternetService,OnlineSecurity,OnlineBackup,DeviceProtection,TechSupport,StreamingTV,"
    "StreamingMovies,Contract,PaperlessBilling,PaymentMethod,MonthlyCharges,TotalCharges,Churn"
)


def write_telco(folder: Path, rows: int = 60, header: str = HEADER, **replaced: str) -> str:
    """Write a small file in IBM's columns; ``replaced`` sets a column in every row."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [header]
    for number in range(rows):
        row = {
            **dict.fromkeys(HEADER.split(","), "No"),
            "customerID": f"{number:04d}-AAAAA",
            "gender": "Female",
            "SeniorCitizen": "0",
            "tenure": str(number),
            "InternetService": "DSL",
            "Contract": "One year",
            "PaymentMethod": "Mailed check",
            "MonthlyCharges": "29.85",
            "TotalCharges": "29.85",
            "Churn": "Yes" if number % 3 == 0 else "No",
            **replaced,
        }
        lines.append(",".join(row.values()))
    (folder / "Telco-Customer-Churn.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(folder)


@pytest.fixture
def real(new_project: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Give a project that reads the publisher's file."""
    monkeypatch.setenv("DATA_SOURCE", "real")
    return new_project(simulation=None)


def said(result: Any) -> str:
    """Give the one line that a failed command said, having checked that it is one line."""
    assert result.exit_code != 0
    errors = [line for line in result.output.splitlines() if not line.startswith("INFO")]
    assert len(errors) == 1, result.output
    assert "Traceback" not in result.output
    return errors[0]


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        ("PROBLEM", "telco", "telco_churn"),
        ("DATA_SOURCE", "reel", "simulated, real"),
        ("ENGINE", "sparc", "duckdb, spark"),
    ],
)
def test_wrong_switch_lists_the_right_values(
    new_project: Any, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, allowed: str
) -> None:
    """A switch with a wrong value is refused with the values that are right."""
    monkeypatch.setenv(variable, value)
    line = said(new_project().command())
    assert variable in line
    assert repr(value) in line
    assert allowed in line


@pytest.mark.parametrize(
    ("parameter", "wanted"),
    [
        ("as_of=yesterday", "as_of: 'yesterday' is no moment: write 2025-03-01"),
        ("as_off=2024-06-01", "there is no 'as_off' (nearest: 'as_of')"),
        ("as_of=", "as_of: no moment is given: write 2025-03-01"),
        ("as_of:2024-06-01", "write as_of=2024-06-01"),
        ("as_of=2025-03-01,as_of=2025-04-01", "gives as_of twice"),
        ("gate.min_rows=many", "gate.min_rows: Input should be a valid integer"),
        ("gate.min_row=3", "gate.min_row: there is no 'min_row' (nearest: 'min_rows')"),
        ("training.candidates=[xgbost]", "unknown candidate 'xgbost' (nearest: 'xgboost')"),
        ("problem.primary_metric=rmse", "primary_metric 'rmse' is not one of: roc_auc"),
        ("problem.split.gate=0.9", "the shares add up to 1.7, not to 1"),
    ],
)
def test_parameter_that_cannot_be_meant_is_named(
    new_project: Any, parameter: str, wanted: str
) -> None:
    """A wrong parameter is named before any node runs, with what is wrong with it."""
    project = new_project()
    assert wanted in said(project.command("--params", parameter))
    assert not (project.path / "data").exists()


def test_unknown_pipeline_offers_the_nearest(new_project: Any) -> None:
    """A pipeline that does not exist is refused with the nearest name and all names."""
    line = said(new_project().command("--pipeline", "trainig"))
    assert "no pipeline 'trainig' (nearest: 'training')" in line
    assert "data_processing, feature_store" in line


def test_missing_raw_file_says_where_it_belongs(real: Any, monkeypatch: Any) -> None:
    """Without the publisher's file the command says where to put it and how to do without."""
    monkeypatch.setenv("RAW_DIR", "nowhere")
    line = said(real.command())
    assert "nowhere/Telco-Customer-Churn.csv" in line
    assert "DATA_SOURCE=simulated" in line


@pytest.mark.parametrize(
    ("content", "wanted"),
    [(b"", "is empty"), (HEADER.encode() + b"\n", "no rows"), (b"\0\1\2" * 99, "not a text file")],
    ids=["empty", "header only", "binary"],
)
def test_file_without_a_table_is_refused(
    real: Any, tmp_path: Path, monkeypatch: Any, content: bytes, wanted: str
) -> None:
    """A file that holds no table is refused for what it is."""
    (tmp_path / "Telco-Customer-Churn.csv").write_bytes(content)
    monkeypatch.setenv("RAW_DIR", str(tmp_path))
    assert wanted in said(real.command())


def test_renamed_column_is_named_with_the_nearest(
    real: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    """A column that is missing is named together with the present one that comes nearest."""
    renamed = HEADER.replace("TotalCharges", "Total_Charges")
    monkeypatch.setenv("RAW_DIR", write_telco(tmp_path, header=renamed))
    assert "'TotalCharges' (nearest: 'Total_Charges')" in said(real.command())


def test_too_many_bad_rows_stop_the_run_and_are_kept(
    real: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    """Text in a number column is said with its row, every bad row is kept, and the run stops."""
    monkeypatch.setenv("RAW_DIR", write_telco(tmp_path, TotalCharges="abc"))
    line = said(real.command())
    assert "60 of 60 rows were set aside" in line
    assert "row 1: TotalCharges is no number from 0: abc" in line
    rejected = real.catalog().load("rejected_rows").to_pandas()
    assert rejected["source_row"].tolist() == list(range(1, 61))
    assert set(rejected["TotalCharges"]) == {"abc"}


def test_single_class_label_is_refused(real: Any, tmp_path: Path, monkeypatch: Any) -> None:
    """Labels that are all alike teach nothing, and that is said."""
    monkeypatch.setenv("RAW_DIR", write_telco(tmp_path, Churn="No"))
    assert "hold 1 distinct value of 'churned'" in said(real.command())


def test_row_with_too_few_fields_is_set_aside(real: Any, tmp_path: Path, monkeypatch: Any) -> None:
    """A torn line is set aside with a reason instead of stopping or bending the file."""
    folder = write_telco(tmp_path)
    file = Path(folder) / "Telco-Customer-Churn.csv"
    file.write_text(file.read_text(encoding="utf-8") + "torn,Female\n", encoding="utf-8")
    monkeypatch.setenv("RAW_DIR", folder)
    assert real.command("--pipeline", "data_processing").exit_code == 0
    report = real.catalog().load("intake_report")
    assert (report["rows_read"], report["rows_kept"]) == (61, 60)


def test_as_of_before_all_data_says_what_there_is(new_project: Any) -> None:
    """A clock before all data is refused with the span of the data."""
    line = said(new_project().command("--params", "as_of=2020-01-01"))
    assert "from 2020-01-01" in line
    assert "2024-08-01" in line


def test_as_of_before_the_first_label_is_refused(new_project: Any) -> None:
    """With data but no label known yet, there is nothing to train on, and that is said."""
    project = new_project()
    project.run("data_processing")
    line = said(project.command("--pipeline", "feature_store", "--params", "as_of=2024-08-15"))
    assert "No label was known at as_of=2024-08-15" in line


def test_scoring_alone_without_a_champion_says_so(new_project: Any) -> None:
    """Scoring before any promotion names the missing champion and the command that makes one."""
    project = new_project()
    project.run("data_processing")
    project.run("feature_store")
    line = said(project.command("--pipeline", "scoring"))
    assert "has no champion of fullcircle.telco_churn.simulated_model" in line
    assert "kedro run" in line


@pytest.mark.parametrize("pipeline", ["feature_store", "training", "registry", "monitoring"])
def test_pipeline_without_its_inputs_says_what_to_run(new_project: Any, pipeline: str) -> None:
    """A pipeline run before those that feed it says that they must come first."""
    line = said(new_project().command("--pipeline", pipeline))
    assert "kedro run" in line


def test_damaged_tracking_database_is_said_in_one_line(new_project: Any) -> None:
    """A tracking database that is no database is named, with what to do, and left as it is."""
    project = new_project()
    (project.path / "mlflow.db").write_text("this is no database", encoding="utf-8")
    assert "mlflow.db" in said(project.command())
    assert (project.path / "mlflow.db").read_text(encoding="utf-8") == "this is no database"


def test_folder_that_cannot_be_written_to_is_named(new_project: Any, monkeypatch: Any) -> None:
    """A read-only folder is named in one line, and the table in it stays whole."""
    from fullcircle.storage import delta_tables

    project = new_project()
    project.run("data_processing")
    before = project.catalog().load("events").count().execute()

    def refuse(path: Path, mode: int) -> bool:
        return "03_primary" not in str(path)

    monkeypatch.setattr(delta_tables.os, "access", refuse)
    line = said(project.command("--pipeline", "data_processing"))
    assert "Cannot write to" in line
    assert "03_primary" in line
    assert project.catalog().load("events").count().execute() == before


def test_file_in_place_of_a_folder_is_named(new_project: Any) -> None:
    """A file where a folder should be is named instead of overwritten."""
    project = new_project()
    (project.path / "data").write_text("not a folder", encoding="utf-8")
    assert "Cannot write to" in said(project.command())
    assert (project.path / "data").read_text(encoding="utf-8") == "not a folder"


def test_shuffled_labels_make_no_champion(new_project: Any) -> None:
    """A challenger trained on shuffled labels is refused; with no champion the run says why."""
    project = new_project()
    project.run("data_processing", as_of="2025-02-01")
    project.run("feature_store", as_of="2025-02-01")
    catalog = project.catalog()
    training = catalog.load("training_set")
    training["churned"] = training["churned"].sample(frac=1, random_state=1).to_numpy()
    catalog.save("training_set", training)
    quick = {"candidates": ["baseline", "logistic_regression"], "search": {"trials": 2}}
    project.run("training", as_of="2025-02-01", training=quick)
    line = said(project.command("--pipeline", "registry", "--params", "as_of=2025-02-01"))
    assert "The gate refused" in line
    assert "better_than_baseline" in line
    assert project.catalog().load("incumbent") is None
    assert project.catalog().load("promotion_decision")["promote"] is False


def test_failed_run_is_failed_in_mlflow_and_closed(new_project: Any) -> None:
    """A run in which a node fails is marked FAILED in MLflow and does not stay open."""
    import mlflow

    project = new_project()
    said(project.command("--params", "as_of=2020-01-01"))
    runs = mlflow.MlflowClient().search_runs(
        [mlflow.get_experiment_by_name("telco_churn").experiment_id]
    )
    assert [run.info.status for run in runs] == ["FAILED"]
    assert mlflow.active_run() is None


def test_traceback_is_shown_on_request(new_project: Any) -> None:
    """With --traceback the original error is raised instead of one line."""
    result = new_project().command("--traceback", "--params", "as_of=2020-01-01")
    assert type(result.exception).__name__ == "DataError"
