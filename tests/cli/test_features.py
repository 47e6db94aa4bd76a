"""``kedro features``, batch scoring by keys, and lineage, on a circle that has turned."""

import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from fullcircle.api import score_batch
from fullcircle.cli.features import features
from fullcircle.core.errors import DataError, ModelError
from fullcircle.tracking.registry.actors import name_actor

MODEL = "fullcircle.telco_churn.simulated_model"
CHAMPION = f"models:/{MODEL}@champion"


@pytest.fixture
def ask(circle: Any) -> Callable[..., Result]:
    """Run ``kedro features`` in the project's folder."""

    def run(*words: str) -> Result:
        before = Path.cwd()
        os.chdir(circle.path)
        try:
            return CliRunner().invoke(features, list(words))
        finally:
            os.chdir(before)

    return run


def facts(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def test_list_shows_each_table_with_its_version_and_rows(ask: Any) -> None:
    """Every declared table is listed with keys, time, version and rows."""
    rows = facts(ask("list", "--json"))
    assert [row["table"] for row in rows] == [
        "fullcircle.telco_churn.customer_services",
        "fullcircle.telco_churn.customer_billing",
    ]
    assert [row["rows"] for row in rows] == [8800, 8800]
    assert "customer_billing" in ask("list").output


def test_describe_tells_columns_keys_and_span(ask: Any) -> None:
    """One table is described by short or full name: columns with types, keys, first and last."""
    described = facts(ask("describe", "fullcircle.telco_churn.customer_billing", "--json"))
    assert described["keys"] == ["customer_id"]
    assert described["columns"]["monthly_charges"] == "float64"
    assert described["first"].startswith("2024-08-01")
    assert "monthly_charges" in ask("describe", "customer_billing").output


def test_unknown_table_offers_the_nearest(ask: Any) -> None:
    """A table that does not exist is refused in one line with the nearest name."""
    result = ask("describe", "customer_biling")
    assert result.exit_code == 1
    assert "'customer_biling' (nearest: 'customer_billing')" in result.output
    assert len(result.output.strip().splitlines()) == 1


def test_history_names_the_runs_that_wrote(ask: Any, circle: Any) -> None:
    """Each version names the MLflow run that wrote it."""
    circle.catalog()
    newest = facts(ask("history", "customer_billing", "--json"))[0]
    assert newest["rows"] == "8800"
    assert newest["user"] == name_actor()
    assert facts(ask("describe", "customer_billing", "--json"))["written"] == newest
    assert mlflow.get_run(newest["run_id"]).info.status == "FINISHED"


def test_maintain_keeps_the_rows(ask: Any) -> None:
    """Maintenance reports files, and the table still has every row."""
    done = facts(ask("maintain", "customer_billing", "--json"))
    assert done[0]["files_after"] <= done[0]["files_before"]
    assert facts(ask("list", "--json"))[1]["rows"] == 8800


def test_publish_fills_the_online_store_and_agrees(ask: Any) -> None:
    """Publishing brings each key's newest row online; again it does nothing; and both agree."""
    first = facts(ask("publish", "customer_billing", "--check", "--json"))[0]
    assert first["written"] == 8800
    assert first["agrees"] is True
    assert facts(ask("publish", "customer_billing", "--json"))[0]["already_published"] is True


def test_publishing_leaves_no_connection_open(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each connection to the online store is closed when the command ends, not when it is lost."""
    connect, made = sqlite3.connect, []

    def remember(*given: Any, **options: Any) -> sqlite3.Connection:
        made.append(connect(*given, **options))
        return made[-1]

    monkeypatch.setattr(sqlite3, "connect", remember)
    facts(ask("publish", "customer_billing", "--force", "--check", "--json"))
    ours = [each for each in made if is_open(each)]
    assert made
    assert [name_file(each) for each in ours if name_file(each).endswith("online.db")] == []


def is_open(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("SELECT 1")
    except sqlite3.ProgrammingError:
        return False
    return True


def name_file(connection: sqlite3.Connection) -> str:
    return str(connection.execute("PRAGMA database_list").fetchone()[2])


def test_lineage_follows_a_feature_to_its_models(ask: Any) -> None:
    """A column is followed to every model version that looks it up, with its alias."""
    users = facts(
        ask("lineage", "--table", "customer_billing", "--feature", "monthly_charges", "--json")
    )
    assert {user["model"] for user in users} == {MODEL}
    assert "champion" in {user["alias"] for user in users}
    assert facts(ask("lineage", "--table", "customer_billing", "--feature", "no", "--json")) == []


def test_lineage_follows_a_model_to_tables_and_code(ask: Any) -> None:
    """A model is followed to the versions of the data and to the code that made it."""
    made_of = facts(ask("lineage", "--model", CHAMPION, "--json"))
    assert "customer_billing v" in made_of["data_read"]["feature_tables"]
    assert made_of["data_read"]["raw"].startswith("simulation ")
    assert made_of["git_commit"]
    assert made_of["feature_lookups"]["customer_billing"] == ["monthly_charges", "total_charges"]


def test_lineage_reaches_back_over_runs(ask: Any, circle: Any) -> None:
    """A model that was trained alone is followed through its training set to the raw data."""
    circle.run("feature_store", as_of="2025-04-01")
    circle.run("training", as_of="2025-04-01")
    made_of = facts(ask("lineage", "--model", f"models:/{MODEL}@challenger", "--json"))
    assert "customer_billing v" in made_of["data_read"]["feature_tables"]
    assert made_of["data_read"]["raw"].startswith("simulation ")
    assert len(made_of["runs"]) >= 3


@pytest.mark.parametrize("words", [[], ["--table", "a", "--model", "b"]])
def test_lineage_wants_one_question(ask: Any, words: list[str]) -> None:
    """Lineage is asked either of a table or of a model."""
    assert "either --table" in ask("lineage", *words).output


@pytest.mark.parametrize("uri", ["telco@champion", f"models:/{MODEL}@king", f"models:/{MODEL}/99"])
def test_model_that_does_not_exist_is_said(ask: Any, uri: str) -> None:
    """An address that names no model is refused in one line that repeats it."""
    result = ask("lineage", "--model", uri)
    assert result.exit_code == 1
    assert uri in result.output


@pytest.fixture
def requests(circle: Any) -> pd.DataFrame:
    """Give requests with keys and what is known at request, and the tables' own rows dropped."""
    rows = circle.catalog().load("scoring_requests").rows.to_pandas()
    return rows.sample(20, random_state=1)


def test_batch_by_keys_equals_the_pipelines_predictions(circle: Any, requests: Any) -> None:
    """A model finds its features by itself and predicts what the scoring pipeline predicted."""
    catalog = circle.catalog()
    circle.run("scoring", as_of="2025-04-01")
    batch = score_batch(CHAMPION, requests, catalog.load("feature_tables"))
    stored = catalog.load("predictions").to_pandas().set_index("row_id")["predicted"]
    assert batch.rows["row_id"].tolist() == requests["row_id"].tolist()
    assert batch.rows["predicted"].tolist() == stored.loc[requests["row_id"]].tolist()
    assert set(batch.missing.values()) == {0}
    assert set(batch.stale.values()) == {0}


def test_batch_says_which_features_are_missing(circle: Any, requests: Any) -> None:
    """Keys that no table knows are scored all the same, and counted per feature."""
    catalog = circle.catalog()
    unknown = requests.assign(customer_id=lambda rows: ["nobody", *rows["customer_id"][1:]])
    batch = score_batch(CHAMPION, unknown, catalog.load("feature_tables"))
    assert batch.missing["monthly_charges"] == 1
    assert len(batch.rows) == 20
    assert batch.rows["predicted"].notna().all()


def test_batch_says_which_features_are_stale(circle: Any, requests: Any) -> None:
    """A feature older than its lookup allows counts as stale, not as missing."""
    from fullcircle import api

    catalog = circle.catalog()
    model = catalog.load("champion")
    strict = [lookup.model_copy(update={"max_age_days": 1.0}) for lookup in model.lookups]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            api, "read_model", lambda _: type(model)(**{**vars(model), "lookups": strict})
        )
        late = requests.assign(reviewed_at=lambda rows: rows["reviewed_at"] + pd.Timedelta("3D"))
        batch = score_batch(CHAMPION, late, catalog.load("feature_tables"))
    assert batch.stale["monthly_charges"] == 20
    assert batch.missing["monthly_charges"] == 0


def test_batch_without_a_moment_is_scored_as_of_now(circle: Any, requests: Any) -> None:
    """Requests without their moment see what is known today."""
    tables = circle.catalog().load("feature_tables")
    batch = score_batch(CHAMPION, requests.drop(columns="reviewed_at"), tables)
    assert set(batch.missing.values()) == {0}


def test_batch_without_a_key_is_refused(circle: Any, requests: Any) -> None:
    """A frame that lacks a key column is refused with its name; so is a model that is not there."""
    tables = circle.catalog().load("feature_tables")
    with pytest.raises(DataError, match="'customer_id'"):
        score_batch(CHAMPION, requests.drop(columns="customer_id"), tables)
    with pytest.raises(ModelError, match="none of models:/name@alias"):
        score_batch("telco", requests, tables)


def test_batch_finds_the_projects_own_tables(
    circle: Any, requests: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Inside a project the tables need not be named; outside, that is said."""
    monkeypatch.chdir(circle.path)
    assert len(score_batch(CHAMPION, requests).rows) == 20
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="no Kedro project here"):
        score_batch(CHAMPION, requests)
