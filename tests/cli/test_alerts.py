"""``kedro alerts``, and the channels that credentials declare, in a project."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result
from kedro.framework.startup import bootstrap_project

from fullcircle.cli.main import cli

CHANNELS = """
my_channels:
  team: {address: "json://127.0.0.1:9/hush-hush-token", at_least: critical}
"""


@pytest.fixture(scope="module")
def project(make: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Give a project in which nothing has run."""
    return make(tmp_path_factory.mktemp("alerts") / "project", simulation=None)


@pytest.fixture
def ask(project: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run ``kedro alerts`` in the project."""
    bootstrap_project(project.path)
    monkeypatch.chdir(project.path)
    return lambda *words: CliRunner(env={"COLUMNS": "200"}).invoke(cli, ["alerts", *words])


def test_what_is_open_is_listed(ask: Any, project: Any) -> None:
    """The newest report's open alerts are listed; before the first, one line says what to do."""
    before = ask("list")
    assert before.exit_code == 1
    assert "There are no alerts" in before.output
    assert "kedro run --pipeline monitoring" in before.output
    folder = project.path / "data/08_reporting/telco_churn/simulated/alerts"
    folder.mkdir(parents=True)
    report = {"open": [{"severity": "warning", "what": "age drifted"}]}
    (folder / "report.json").write_text(json.dumps(report), encoding="utf-8")
    assert json.loads(ask("list", "--json").stdout) == report["open"]


def test_channels_come_from_the_credentials_that_a_variable_names(
    ask: Any, project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the variable there is no channel; with it they are tried, and no address is shown."""
    assert "No channel is declared" in ask("test").output
    (project.path / "conf/local/credentials.yml").write_text(CHANNELS, encoding="utf-8")
    monkeypatch.setenv("FULLCIRCLE_ALERT_CHANNELS", "my_channels")
    tried = ask("test", "--json")
    assert tried.exit_code == 1
    [row] = json.loads(tried.stdout)
    assert row["channel"] == "team"
    assert "hush-hush-token" not in tried.output
    state = project.path / "data/08_reporting/telco_churn/simulated/alerts/state.json"
    fact = {"severity": "critical", "what": "w", "since": "s", "how_much": "h", "what_to_do": "d"}
    told = {"open": True, "announced": True, **fact}
    state.parent.mkdir(parents=True, exist_ok=True)
    state.write_text(json.dumps({"alerts": {"a": told}, "channels": []}), encoding="utf-8")
    assert "1 open alert is older than this channel" in ask("test").output
    monkeypatch.setenv("FULLCIRCLE_ALERT_CHANNELS", "nobodys")
    unknown = ask("test")
    assert unknown.exit_code == 1
    assert "Traceback" not in unknown.output
    assert "nobodys" in unknown.output
