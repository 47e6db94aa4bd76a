"""Bad input to batch scoring, as a newcomer gives it: one clear line, and no prediction changed."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import mlflow
import pytest
from deltalake import CommitProperties, DeltaTable
from tests.streaming.test_command import crown, draw, train
from tests.test_bad_input import said

PREDICTIONS = "data/07_model_output/telco_churn/simulated/predictions"


@pytest.fixture(scope="module")
def project(make: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Give a project with events, feature tables, a champion, and a period that it has scored."""
    project = make(tmp_path_factory.mktemp("scoring") / "project")
    for name in ("data_processing", "feature_store"):
        project.run(name)
    catalog = project.catalog()
    problem = catalog.load("params:problem")
    crown(project, catalog, train(problem, draw(problem, 120, 1), 0))
    project.run("scoring")
    yield project
    while mlflow.active_run():
        mlflow.end_run()


def table_of(project: Any) -> DeltaTable:
    return DeltaTable(project.path / PREDICTIONS)


def change_lookup(model: Any, **changes: Any) -> Any:
    first, *others = model.lookups
    return replace(model, lookups=[first.model_copy(update=changes), *others])


def lose_feature(model: Any) -> Any:
    first, *others = model.lookups[0].renaming.items()
    return change_lookup(model, columns={"gone": first[1], **dict(others)})


def lose_table(model: Any) -> Any:
    return change_lookup(model, table="gone")


def need_another_key(model: Any) -> Any:
    return change_lookup(model, keys={"account": "customer_id"})


def learn_text(model: Any) -> Any:
    name = model.example.select_dtypes("number").columns[0]
    return replace(model, example=model.example.assign(**{name: "text"}))


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (lose_feature, ".gone, which no longer exists. Bring it back"),
        (lose_table, "needs the feature gone."),
        (need_another_key, "The request table lacks the column 'account'"),
        (learn_text, "as text, but it is"),
    ],
)
def test_a_champion_that_does_not_fit_the_rows_is_one_line(
    project: Any, change: Callable[[Any], Any], wanted: str
) -> None:
    """Features, keys and kinds that are no longer as the champion learnt them are named."""
    catalog = project.catalog()
    champion = catalog.load("champion")
    before = table_of(project).version()
    crown(project, catalog, replace(change(champion), registration=None))
    line = said(project.command("--pipeline", "scoring"))
    crown(project, catalog, champion)
    assert wanted in line
    assert table_of(project).version() == before


@pytest.mark.parametrize(
    ("params", "wanted"),
    [
        ("since=yesterday", "since"),
        ("since=2025-03-01,until=2025-02-01", "until"),
        ("since=2031-01-01,until=2031-02-01", "There is nothing to score from 2031-01-01"),
        ("scoring.batch_rows=0", "scoring.batch_rows"),
    ],
)
def test_days_that_cannot_be_meant_are_one_line(project: Any, params: str, wanted: str) -> None:
    """A span without sense or rows, and a wrong setting, are named; nothing is scored."""
    before = table_of(project).version()
    assert wanted in said(project.command("--pipeline", "scoring", "--params", params))
    assert table_of(project).version() == before


def test_predictions_of_a_newer_project_stay_as_they_are(project: Any) -> None:
    """A table that a newer version wrote is left alone, and the line says what to do."""
    table = table_of(project)
    table.alter.set_table_properties(
        {"delta.logRetentionDuration": "interval 40 days"},
        commit_properties=CommitProperties(custom_metadata={"predictions_layout": "99"}),
    )
    line = said(project.command("--pipeline", "scoring"))
    assert "written by a newer version of this project. Update it" in line
    assert table_of(project).version() == table.version()


def test_distributed_training_without_spark_is_one_line(project: Any) -> None:
    """Asked for on DuckDB, it is refused before the search, with the switch to set."""
    params = "training.distributed=true"
    line = said(project.command("--pipeline", "training", "--params", params))
    assert "Set ENGINE=spark, or set training.distributed: false" in line
    assert not (project.path / "data/06_models/telco_churn/simulated/search_report.json").exists()
