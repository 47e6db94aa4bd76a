"""``kedro model``: acts on the registry of a circle that has turned, each in a copy of its own."""

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from kedro.framework.startup import bootstrap_project
from mlflow.models import infer_signature
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fullcircle.cli.main import cli
from fullcircle.serving.active_models import load_model
from fullcircle.serving.schemas import Contract
from fullcircle.tracking.registry.lookup import find_version, list_aliases
from fullcircle.tracking.registry.model_files import fetch_version, read_model
from fullcircle.tracking.registry.operations import Registry

MODEL = "fullcircle.telco_churn.simulated_model"
TOLERANT = """
training: {search: {trials: 4}}
gate: {comparison: non_inferiority, margin: 0.3, slice_margin: 0.5, max_latency_ms: null}
"""


@pytest.fixture
def place(circle: Any, copy_of: Any, tmp_path: Path) -> Path:
    """A copy of the circle's project whose gate tolerates a loss, its tracking set up."""
    folder = copy_of(circle, tmp_path / "copy").path
    (folder / "conf" / "local" / "parameters.yml").write_text(TOLERANT, encoding="utf-8")
    bootstrap_project(folder)
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    return folder


@pytest.fixture
def ask(place: Path) -> Callable[..., Result]:
    """Run ``kedro model`` in the copy, as a terminal of 200 columns would."""

    def run(*words: str) -> Result:
        before = Path.cwd()
        os.chdir(place)
        try:
            return CliRunner(env={"COLUMNS": "200"}).invoke(cli, ["model", *words])
        finally:
            os.chdir(before)

    return run


def facts(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def said(result: Result) -> str:
    """What a refusal says, which must be one line."""
    assert result.exit_code != 0, result.output
    assert "Traceback" not in result.output
    return result.output.strip().splitlines()[-1]


def test_the_gate_run_again_leaves_the_champion_s_decision_and_card(
    ask: Any, place: Path, circle: Any
) -> None:
    """Where the challenger is the champion, the registry's pipeline changes no decision."""
    project, newest = replace(circle, path=place), facts(ask("list", "--json"))[0]["version"]
    facts(ask("promote", newest, "--json"))
    tags, history = (facts(ask(*words, "--json")) for words in (("show", newest), ("history",)))
    decision, card = project.catalog().load("promotion_decision"), ask("card", newest).output
    project.run("registry", as_of="2025-04-01")
    assert facts(ask("show", newest, "--json")) == tags
    assert facts(ask("history", "--json")) == history
    assert project.catalog().load("promotion_decision") == decision
    assert ask("card", "champion").output == card


def test_list_and_show_tell_roles_scores_and_origin(ask: Any) -> None:
    """Every version is listed with role and decision; one is shown with all its tags."""
    rows = facts(ask("list", "--json"))
    assert [row["version"] for row in rows] == sorted((r["version"] for r in rows), reverse=True)
    assert next(row for row in rows if "champion" in row["roles"])["gate"] == "promote"
    shown = facts(ask("show", "telco@champion", "--json"))
    assert shown["version"] == list_aliases(MODEL)["champion"]
    expected = {
        "framework", "candidate", "trained.rows", "trained.first", "trained.as_of", "digest",
        "selection.roc_auc", "data.train_set", "git_commit", "owner", "use_case", "environment",
        "problem", "decision", "decided_against",
    }  # fmt: skip
    assert expected <= set(shown["tags"])
    assert MODEL in ask("show").output


def test_promote_asks_the_gate_and_rollback_returns_the_very_same(ask: Any, place: Path) -> None:
    """A version that passes serves; after one rollback the former predictions are back, exactly."""
    champion = list_aliases(MODEL)["champion"]
    newest = facts(ask("list", "--json"))[0]["version"]
    rows = read_model(find_version(f"models:/{MODEL}@champion")).example
    before = read_model(find_version(f"models:/{MODEL}@champion")).predict(rows)
    done = facts(ask("promote", newest, "--why", "fresher data", "--json"))
    assert done["roles"]["champion"] == f"v{newest}"
    assert done["roles"]["previous"] == f"v{champion}"
    assert not np.array_equal(
        read_model(find_version(f"models:/{MODEL}@champion")).predict(rows), before
    )
    client = mlflow.MlflowClient()
    digest = client.get_model_version(MODEL, champion).tags["digest"]
    client.set_model_version_tag(MODEL, champion, "digest", "other")
    assert "is not what was registered" in said(ask("rollback"))
    assert list_aliases(MODEL)["champion"] == newest
    client.set_model_version_tag(MODEL, champion, "digest", digest)
    done = facts(ask("rollback", "--why", "complaints", "--json"))
    assert done["roles"]["champion"] == f"v{champion}"
    after = read_model(find_version(f"models:/{MODEL}@champion")).predict(rows)
    assert np.array_equal(after, before)
    profile = next(place.glob("data/06_models/**/reference_profile.json"))
    assert json.loads(profile.read_text("utf-8"))["version"] == champion
    assert "no previous champion" in said(ask("rollback"))
    assert "fresher data" in ask("history").output


def test_a_rollback_holds_against_a_retraining(ask: Any, place: Path, circle: Any) -> None:
    """Trained again from the same rows, what was rolled back is refused until a person allows."""
    project, champion = replace(circle, path=place), list_aliases(MODEL)["champion"]
    newest = facts(ask("list", "--json"))[0]["version"]
    facts(ask("promote", newest, "--json"))
    facts(ask("rollback", "--why", "complaints", "--json"))
    project.run("training", "registry", as_of="2025-04-01")
    again = list_aliases(MODEL)["challenger"]
    assert list_aliases(MODEL)["champion"] == champion
    refused = facts(ask("show", again, "--json"))["tags"]["decision"]
    assert (again != newest, refused) == (True, "refuse")
    assert "unlike_rolled_back" in said(ask("promote", again))
    assert "rolled back for 'complaints'" in said(ask("promote", again))
    facts(ask("allow", newest, "--why", "the bills were wrong, not the model", "--json"))
    assert facts(ask("promote", again, "--json"))["roles"]["champion"] == f"v{again}"
    assert "the bills were wrong" in ask("history").output


def log_by_hand(rows: pd.DataFrame) -> str:
    """Register a model as a user of MLflow would, with no help of this library."""
    inputs = rows[["tenure_months", "monthly_charges"]].astype(float)
    model = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression())
    mlflow.set_experiment("by hand")
    with mlflow.start_run():
        mlflow.sklearn.log_model(
            model.fit(inputs, rows["churned"]),
            name="m",
            serialization_format="skops",
            skops_trusted_types=["numpy.dtype"],
            signature=infer_signature(inputs, np.array([0.5])),
            pip_requirements=[],
            registered_model_name="by_hand",
        )
    return "models:/by_hand/1"


def test_a_model_made_by_hand_is_adopted_and_used_like_ours(
    ask: Any, place: Path, circle: Any
) -> None:
    """One command checks and gates it; then it scores, is served, compared and rolled back."""
    project, before = replace(circle, path=place), list_aliases(MODEL)["champion"]
    uri = log_by_hand(project.catalog().load("train_set"))
    assert "Give --trained-until" in said(ask("adopt", uri))
    assert "write 2025-03-01" in said(ask("adopt", uri, "--trained-until", "soon"))
    claim = ("--trained-until", "2024-06-01", "--why", "simple")
    done = facts(ask("adopt", uri, *claim, "--json"))
    version = find_version(f"models:/{MODEL}@champion")
    assert done["roles"]["champion"] == f"v{version.version}" != f"v{before}"
    assert version.tags["adopted_from"] == uri
    assert facts(ask("compare", "champion", before, "--json"))["gate_rows"] > 100
    project.run("scoring", as_of="2025-04-01")
    rows = project.catalog().load("predictions").to_pandas()
    assert str(version.version) in set(rows["model_version"].astype(str))
    entry = {
        "name": MODEL, "version": str(version.version), "run_id": "r", "facts": version.tags,
        "digest": version.tags["digest"], "folder": str(fetch_version(version, str(place / "f"))),
    }  # fmt: skip
    seat = load_model(entry, Contract("telco_churn", "row_id", ["customer_id"], None, []), 0)
    assert seat.form.known == ["tenure_months"]
    assert "adopted sklearn" in ask("card", "champion").output
    done = facts(ask("rollback", "--why", "too simple", "--json"))
    assert done["roles"]["champion"] == f"v{before}"


def test_a_refusal_of_the_gate_is_one_line_with_its_reasons(ask: Any, place: Path) -> None:
    """What does not pass is not promoted, the reasons are said, and the champion stays."""
    strict = "gate: {minimum: {roc_auc: 0.99}, max_latency_ms: null}"
    (place / "conf" / "local" / "parameters.yml").write_text(strict, encoding="utf-8")
    champion, newest = list_aliases(MODEL)["champion"], facts(ask("list", "--json"))[0]["version"]
    line = said(ask("promote", newest))
    assert line.startswith(f"Error: The gate refused v{newest}; the champion stays v{champion}")
    assert "above_minimum: roc_auc" in line
    assert list_aliases(MODEL)["champion"] == champion
    assert "is the champion already" in said(ask("promote", "champion"))


def test_where_a_person_must_approve_nothing_is_promoted_without(ask: Any, place: Path) -> None:
    """With approval asked for, the gate refuses until a person approves of that very version."""
    declared = TOLERANT.replace("gate: {", "gate: {approval: true, ")
    (place / "conf" / "local" / "parameters.yml").write_text(declared, encoding="utf-8")
    newest = facts(ask("list", "--json"))[0]["version"]
    assert "approved_by_a_person" in said(ask("promote", newest))
    assert "Missing option '--why'" in ask("approve", newest).output
    facts(ask("approve", newest, "--why", "reviewed with sales", "--json"))
    done = facts(ask("promote", newest, "--json"))
    assert done["roles"]["champion"] == f"v{newest}"
    assert "reviewed with sales" in ask("show", newest).output


def test_compare_gives_differences_with_intervals(ask: Any) -> None:
    """Two versions are compared by every metric on the gate rows, and what differs is named."""
    compared = facts(ask("compare", "champion", "challenger", "--json"))
    assert compared["gate_rows"] > 100
    assert "the first better by" in compared["roc_auc"]
    assert "trained_on.as_of" in compared["differ_in"]


def test_history_verifies_and_shows_a_change(ask: Any) -> None:
    """A whole log says so; with one entry changed the command names it and ends with status 1."""
    assert "The log is whole" in ask("history", "--verify").output
    client = mlflow.MlflowClient()
    log = client.get_experiment_by_name(f"{MODEL} log").experiment_id
    run = client.search_runs([log])[0]
    client.set_tag(
        run.info.run_id, "entry", run.data.tags["entry"].replace('"why": ""', '"why": "?"')
    )
    result = ask("history", "--verify")
    assert result.exit_code == 1
    assert "was changed" in result.output


def test_alias_tags_and_texts_are_one_command_each(ask: Any) -> None:
    """Each act prints what it did; what is not valid is one line."""
    assert facts(ask("alias", "shadow", "1", "--json"))["roles"]["shadow"] == "v1"
    assert "shadow" not in facts(ask("alias", "shadow", "--delete", "--json"))["roles"]
    assert "moves by the gate alone" in said(ask("alias", "champion", "1"))
    assert "either a version or --delete" in said(ask("alias", "shadow"))
    facts(ask("tag", "1", "team=sales", "--json"))
    assert facts(ask("show", "1", "--json"))["tags"]["team"] == "sales"
    untagged = facts(ask("untag", "1", "team", "--json"))
    assert untagged["changed"] == {"team": "sales → not set"}
    assert "has no tag: team" in said(ask("untag", "1", "team"))
    assert "NAME=VALUE" in said(ask("tag", "1", "team"))
    assert "Give a version and its tags" in said(ask("tag", "team=sales"))
    tagged = facts(ask("tag", "--on-model", "domain=churn", "--json"))
    assert tagged["changed"] == {"domain": "not set → churn"}
    assert facts(ask("show", "latest", "--json"))["model_tags"] == {"domain": "churn"}
    assert "domain: churn → not set" in ask("untag", "--on-model", "domain").output
    assert "No hand may write" in said(ask("tag", "1", "decision=promote"))
    facts(ask("describe", "1", "The first.", "--json"))
    assert facts(ask("show", "1", "--json"))["description"] == "The first."
    assert "has no version '99'" in said(ask("show", "99"))


def test_retire_asks_and_is_for_good(ask: Any) -> None:
    """Without a yes nothing happens; what serves is not retired; a retired version gets no role."""
    newest = facts(ask("list", "--json"))[0]["version"]
    assert "no terminal to ask at: answer with --yes" in said(ask("retire", newest, "--why", "old"))
    assert "is champion" in said(ask("retire", "champion", "--why", "old", "--yes"))
    facts(ask("retire", newest, "--why", "old", "--yes", "--json"))
    assert "is retired: old" in said(ask("alias", "shadow", newest))
    assert "is retired: old" in said(ask("promote", newest))


def test_any_version_has_a_card(ask: Any, tmp_path: Path) -> None:
    """The card of a version that was refused tells the decision and how to rebuild it."""
    text = ask("card", "2").output
    assert f"{MODEL} v2" in text
    assert "kedro model reproduce" in text
    assert "better_than_champion" in text
    page = tmp_path / "card.html"
    assert "Cannot write to" in said(ask("card", "--output", str(tmp_path / "no" / "x.md")))
    ask("card", "champion", "--html", "--output", str(page))
    assert page.read_text("utf-8").lstrip().lower().startswith("<!doctype html>")


def test_reproduce_refuses_unknown_code_and_proves_the_rest(ask: Any) -> None:
    """Without a known commit it refuses; told to go on, it rebuilds the same predictions."""
    assert "in no git repository" in said(ask("reproduce", "champion"))
    rebuilt = facts(ask("reproduce", "champion", "--any-code", "--json"))
    assert rebuilt["identical"] is True
    assert rebuilt["rows"] > 1000
    assert rebuilt["largest_difference"] == 0
    searched = facts(ask("reproduce", "champion", "--any-code", "--search", "--json"))
    assert searched["identical"] is True


def test_reproduce_tells_the_first_difference(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the rebuilt model predicts otherwise, the first row that differs is shown."""
    import fullcircle.reproduction as rebuilding

    model_config = rebuilding.ModelConfig.from_dict

    def other(values: dict[str, Any]) -> Any:
        return model_config({**values, "candidate": "baseline", "parameters": {}, "dropped": []})

    monkeypatch.setattr(rebuilding.ModelConfig, "from_dict", staticmethod(other))
    result = ask("reproduce", "champion", "--any-code")
    assert result.exit_code == 1
    assert "first difference" in result.output
    assert "does not come out the same" in said(result)


def test_reproduce_goes_by_the_recorded_commit(place: Path, ask: Any) -> None:
    """Of a recorded commit only that commit's clean code rebuilds; else the command to go there."""
    version = list_aliases(MODEL)["champion"]

    def git(*words: str) -> str:
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", *words]
        done = subprocess.run(command, cwd=place, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    git("init", "-q")
    git("add", "pyproject.toml")
    git("commit", "-qm", "one")
    client = mlflow.MlflowClient()
    client.set_model_version_tag(MODEL, version, "git_dirty", "false")
    client.set_model_version_tag(MODEL, version, "git_commit", "a" * 40)
    assert "git worktree add ../rebuild aaaaaaaaaaaa" in said(ask("reproduce", "champion"))
    client.set_model_version_tag(MODEL, version, "git_commit", git("rev-parse", "HEAD"))
    from fullcircle.tracking.provenance import describe_code

    describe_code.cache_clear()
    assert facts(ask("reproduce", "champion", "--json"))["identical"] is True
    (place / "pyproject.toml").write_text(
        (place / "pyproject.toml").read_text("utf-8") + "\n", encoding="utf-8"
    )
    describe_code.cache_clear()
    assert "has uncommitted changes" in said(ask("reproduce", "champion"))
    describe_code.cache_clear()


def test_copy_takes_the_same_bytes_and_no_role_of_the_gate(ask: Any, place: Path) -> None:
    """Elsewhere the copy is a challenger with the same digest, and predicts alike."""
    source = find_version(f"models:/{MODEL}@champion")
    rows = read_model(source).example
    expected = read_model(source).predict(rows)
    assert "answer with --yes" in said(ask("copy", "champion", "--to", "staging"))
    done = facts(ask("copy", "champion", "--to", "staging", "--yes", "--json"))
    assert done["digest"] == source.tags["digest"]
    staged = facts(ask("list", "--env", "staging", "--json"))
    assert [row["roles"] for row in staged] == [["challenger"]]
    assert "holds the same files already" in said(
        ask("copy", "champion", "--to", "staging", "--yes")
    )
    assert "The log is whole" in ask("history", "--verify", "--env", "staging").output
    assert "The log is whole" in ask("history", "--verify").output
    facts(ask("show", "challenger", "--env", "staging", "--json"))
    name = MODEL.replace("fullcircle.", "fullcircle_staging.")
    copied = read_model(find_version(f"models:/{name}@challenger"))
    assert np.array_equal(copied.predict(rows), expected)
    Registry(name).verify()


def test_without_a_model_each_command_is_one_line(make: Any, tmp_path: Path) -> None:
    """Before anything was trained every command says what to do first."""
    project = make(tmp_path / "empty")
    before = Path.cwd()
    os.chdir(project.path)
    try:
        for words in (["list"], ["show"], ["promote", "1"], ["rollback"], ["card"], ["reproduce"]):
            result = CliRunner().invoke(cli, ["model", *words])
            assert "yet" in said(result) or "no previous champion" in said(result), words
    finally:
        os.chdir(before)
