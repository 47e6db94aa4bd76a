"""``kedro model``, on a circle that has turned."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import pytest
from click.testing import CliRunner, Result

from fullcircle.cli.main import cli

MODEL = "fullcircle.telco_churn.simulated_model"


@pytest.fixture
def ask(circle: Any) -> Callable[..., Result]:
    """Run ``kedro model best`` in the project's folder, at a terminal of 80 columns."""

    def run(*words: str) -> Result:
        before = Path.cwd()
        os.chdir(circle.path)
        try:
            return CliRunner(env={"COLUMNS": "80"}).invoke(cli, ["model", "best", *words])
        finally:
            os.chdir(before)

    return run


def rows(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def test_best_candidate_leads_by_the_primary_metric(ask: Any) -> None:
    """Without options the candidates are ranked by the problem's own metric, best first."""
    ranked = rows(ask("--json", "--limit", "500"))
    values = [row["value"] for row in ranked]
    logged = [r.data.metrics.get("roc_auc") for r in mlflow.search_runs(output_format="list")]
    assert values == sorted((v for v in logged if v is not None), reverse=True)
    assert {row["metric"] for row in ranked} == {"roc_auc"}
    assert ranked[0]["candidate"] == ranked[0]["run_name"]


def test_model_of_a_run_is_named_with_its_aliases(ask: Any, circle: Any) -> None:
    """Each registered version is shown at the candidate it was made from, and at no other."""
    circle.catalog()
    client = mlflow.MlflowClient()
    ranked = rows(ask("--json", "--limit", "500"))
    shown = {row["version"]: row for row in ranked if row["version"]}
    versions = client.search_model_versions(f"name = '{MODEL}'")
    assert set(shown) == {str(version.version) for version in versions}
    for version in versions:
        row = shown[str(version.version)]
        assert row["whole_run_id"] == version.run_id
        assert row["candidate"] == version.tags["candidate"]
    champion = client.get_model_version_by_alias(MODEL, "champion")
    assert "champion" in shown[str(champion.version)]["aliases"]


def test_metric_to_minimise_is_led_by_its_smallest(ask: Any) -> None:
    """A loss is ranked from below, and the limit holds."""
    every = [row["value"] for row in rows(ask("--metric", "log_loss", "--json", "--limit", "500"))]
    two = [row["value"] for row in rows(ask("--metric", "log_loss", "--json", "--limit", "2"))]
    assert every == sorted(every)
    assert two == every[:2]


def test_table_shows_ids_whole_on_a_narrow_terminal(ask: Any) -> None:
    """At 80 columns a run's id can still be copied from one line."""
    best = rows(ask("--json", "--limit", "1"))[0]
    text = ask("--limit", "1").output
    assert best["run_id"] in text
    assert f"{best['value']:.4f}" in text
    assert best["candidate"] in text
    assert "roc_auc" in text


def test_any_metric_of_a_whole_run_can_be_asked_for(ask: Any) -> None:
    """A number that no candidate has is found on whole runs, once its direction is given."""
    words = ["--metric", "promotion_decision.gate_rows"]
    refused = ask(*words)
    assert refused.exit_code == 1
    assert "--direction max or min" in refused.output
    ranked = rows(ask(*words, "--direction", "max", "--json"))
    assert {row["candidate"] for row in ranked} == {None}
    assert all(row["run_id"] == row["whole_run_id"] for row in ranked)
    assert MODEL in {row["model"] for row in ranked}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--metric", "roc_acu"], "'roc_acu' (nearest: 'roc_auc')"),
        (["--problem", "diabetes"], "no finished runs of diabetes on simulated data yet"),
        (["--problem", "diabtes"], "'diabtes' (nearest: 'diabetes')"),
    ],
)
def test_question_without_answer_is_one_line(
    ask: Any, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    """A wrong name offers the nearest, an empty experiment the way out; the switch stays as set."""
    monkeypatch.setenv("PROBLEM", "telco_churn")
    result = ask(*words)
    assert result.exit_code == 1
    assert said in result.output
    assert len(result.output.strip().splitlines()) == 1
    assert os.environ["PROBLEM"] == "telco_churn"


def test_source_without_runs_is_named(ask: Any) -> None:
    """Runs on simulated data do not answer for real data; the switch is left unset."""
    assert "telco_churn on real data" in ask("--source", "real").output
    assert "DATA_SOURCE" not in os.environ
