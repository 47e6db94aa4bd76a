"""The Prometheus rules and the Grafana dashboard that ship, held against a real endpoint."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.serving.stage import FULL, HTTP, Stage, served, wait_until

from fullcircle.serving.traffic import set_traffic

FILES = Path(__file__).parents[2] / "deploy" / "monitoring"
_PROMETHEUS = {"up": {"job", "instance"}}  # what Prometheus adds itself
# Not exposed before a model has failed; test_traffic.py has one fail, and counts it by these.
_ONCE_A_MODEL_FAILED = {"fullcircle_model_failures_total": {"role", "version"}}
_TARGET = {"instance", "job"}  # labels that it adds to each series
_SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? \S+$")
_USED = re.compile(r"\b(up|fullcircle_\w+)(?:\{([^}]*)\})?")
_LABEL = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
_GROUPED = re.compile(r"\b(?:by|without|on)\s*\(([^)]*)\)")

promtool = pytest.mark.skipif(
    shutil.which("promtool") is None,
    reason="promtool is not installed: it comes with Debian's package prometheus",
)


def list_expressions() -> dict[str, str]:
    """Every PromQL expression that ships, by where it stands."""
    rules = yaml.safe_load((FILES / "alert_rules.yml").read_text("utf-8"))
    board = json.loads((FILES / "grafana-dashboard.json").read_text("utf-8"))
    found = {rule["alert"]: rule["expr"] for group in rules["groups"] for rule in group["rules"]}
    for panel in board["panels"]:
        for target in panel["targets"]:
            expression = target["expr"].replace("$__rate_interval", "5m").replace("$instance", ".*")
            found[f"{panel['title']}, {target['refId']}"] = expression
    return found


def read_labels(text: str) -> dict[str, set[str]]:
    """Labels by metric in what an endpoint exposes."""
    found: dict[str, set[str]] = {}
    for line in text.splitlines():
        if sample := _SAMPLE.match(line):
            labels = set(re.findall(r'(\w+)="', sample[2] or ""))
            found.setdefault(sample[1], set()).update(labels)
    return found


@pytest.fixture(scope="module")
def exposed(tmp_path_factory: pytest.TempPathFactory, database: Path) -> dict[str, set[str]]:
    """What a real endpoint with a canary exposes after answered and refused requests."""
    import mlflow

    path = tmp_path_factory.mktemp("prometheus")
    shutil.copy(database, path)
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{path}/mlflow.db")
    identity = mlflow.create_experiment("test", artifact_location=(path / "art").as_uri())
    mlflow.set_experiment(experiment_id=identity)
    try:
        stage = Stage(path)
        stage.crown()
        stage.register(candidate="xgboost")
        set_traffic(stage.folder, 0.5, "", "me")
        with served(stage) as (address, _):
            wait_until(lambda: HTTP.get(f"{address}/ready").status_code == 200)
            for number in range(40):
                rows = [{**FULL, "who": number}]
                HTTP.post(f"{address}/invocations", json={"dataframe_records": rows})
            HTTP.post(f"{address}/invocations", json={"nonsense": 1})
            return read_labels(HTTP.get(f"{address}/metrics").text)
    finally:
        mlflow.set_tracking_uri(before)


def test_each_metric_and_label_that_is_asked_for_is_exposed(exposed: dict[str, set[str]]) -> None:
    """No rule and no panel asks for a metric or a label that the endpoint does not expose."""
    known = {**_ONCE_A_MODEL_FAILED, **exposed, **_PROMETHEUS}
    for where, expression in list_expressions().items():
        used = _USED.findall(expression)
        assert used, where
        for name, selectors in used:
            assert name in known, f"{where}: {name}"
            asked = set(_LABEL.findall(selectors))
            assert asked <= set(known[name]) | _TARGET, f"{where}: {name}"
        grouped = {
            each.strip() for part in _GROUPED.findall(expression) for each in part.split(",")
        }
        labels = {label for name, _ in used for label in known[name]}
        assert grouped <= labels | _TARGET, where


def test_everything_that_is_exposed_is_watched(exposed: dict[str, set[str]]) -> None:
    """Each metric of the endpoint is drawn or alarmed on, the workers' memory among them."""
    text = " ".join(list_expressions().values())
    ours = {name for name in exposed if name.startswith("fullcircle_")}
    drawn = {name for name in ours if not name.endswith(("_sum", "_count", "_created"))}
    assert "fullcircle_worker_resident_bytes" in drawn
    assert {name for name in drawn if name not in text} == set()


def run_promtool(*words: str) -> Any:
    return subprocess.run(["promtool", *words], capture_output=True, text=True, check=False)


@promtool
def test_the_rules_are_read_and_fire_as_they_are_meant(tmp_path: Path) -> None:
    """Prometheus reads the files, and each alert fires on what it is for and on nothing else."""
    for words in (
        ("check", "config", str(FILES / "prometheus.yml")),
        ("test", "rules", str(FILES / "alert_rules_test.yml")),
    ):
        done = run_promtool(*words)
        assert done.returncode == 0, done.stdout + done.stderr
    tested = (FILES / "alert_rules_test.yml").read_text("utf-8")
    broken = tmp_path / "alert_rules_test.yml"
    broken.write_text(tested.replace("3000000000x60", "300000000x60"), encoding="utf-8")
    shutil.copy(FILES / "alert_rules.yml", tmp_path)
    assert run_promtool("test", "rules", str(broken)).returncode != 0


@promtool
def test_the_dashboards_expressions_are_promql(tmp_path: Path) -> None:
    """Each expression of a panel can be read by Prometheus."""
    rules = [
        {"record": f"panel:{number}", "expr": expression}
        for number, expression in enumerate(list_expressions().values())
    ]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "g", "rules": rules}]}), encoding="utf-8")
    done = run_promtool("check", "rules", str(file))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dashboard_shows_what_is_asked_of_it() -> None:
    """Latency at p50, p90 and p99, throughput, error rate and memory have a panel each."""
    board = json.loads((FILES / "grafana-dashboard.json").read_text("utf-8"))
    legends = {t["legendFormat"] for panel in board["panels"] for t in panel["targets"]}
    assert {"p50", "p90", "p99", "requests", "failed", "worker {{worker}}"} <= legends
    places = [(p["gridPos"]["x"], p["gridPos"]["y"]) for p in board["panels"]]
    assert len(set(places)) == len(places) == len({p["id"] for p in board["panels"]})
