"""The documented clients, and the documented commands, against the real endpoint."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result
from tests.serving.stage import HTTP, wait_until

from fullcircle.serving.runtime_dir import RuntimeDir, read_json

DOCS = Path(__file__).parents[2] / "docs" / "endpoint.md"
DOCUMENTED = "http://127.0.0.1:8080"


def documented(language: str, heading: str) -> str:
    """Give the first code block of a language below a heading or a line of the page."""
    text = DOCS.read_text("utf-8").partition(f"\n{heading}\n")[2]
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)[0]


@pytest.fixture(scope="module")
def address(circle: Any) -> Iterator[str]:
    """The endpoint of a turned circle, started by the documented commands."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    kedro = [sys.executable, "-m", "kedro"]
    publish = subprocess.run(
        [*kedro, "features", "publish"],
        cwd=circle.path,
        env=environment,
        capture_output=True,
        check=False,
    )
    assert publish.returncode == 0, publish.stderr
    process = subprocess.Popen(
        [*kedro, "serve", "--port", "0", "--workers", "1"],
        cwd=circle.path,
        env=environment,
        stdout=subprocess.PIPE,
    )
    folder = RuntimeDir(
        circle.path / "data" / "07_model_output" / "telco_churn" / "simulated" / "endpoint"
    )
    try:
        said = wait_until(lambda: (read_json(folder.status) or {}).get("address"), 120)
        wait_until(lambda: is_ready(said), 120)
        yield said
    finally:
        process.terminate()
        out, _ = process.communicate(timeout=60)
    assert b"Every answer is in the log" in out


def is_ready(address: str) -> bool:
    try:
        return HTTP.get(f"{address}/ready").status_code == 200
    except httpx.HTTPError:
        return False


def test_curl(address: str) -> None:
    """The documented curl is answered: keys and what is known now are enough."""
    shutil.which("curl") or pytest.skip("curl is not installed")
    command = documented("bash", "curl:").replace(DOCUMENTED, address)
    found = subprocess.run(["bash", "-c", command], capture_output=True, check=True)
    answer = json.loads(found.stdout)
    assert set(answer) == set(json.loads(documented("json", "The answer:")))
    [[stays, leaves]] = answer["predictions"]
    assert stays + leaves == pytest.approx(1)


def test_python(address: str) -> None:
    """The documented Python, which sends the description's own example, is answered."""
    program = documented("python", "Python:").replace(DOCUMENTED, address)
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert len(json.loads(found.stdout)) == 1


def test_javascript(address: str) -> None:
    """The documented JavaScript is answered."""
    node = shutil.which("node") or pytest.skip("Node.js is not installed")
    program = documented("javascript", "JavaScript:").replace(DOCUMENTED, address)
    found = subprocess.run(
        [node, "--input-type=module", "-e", program], capture_output=True, check=True
    )
    assert b"[" in found.stdout


def test_java(address: str, tmp_path: Path) -> None:
    """The documented Java compiles, asks, and prints the answer."""
    java = shutil.which("java") or pytest.skip("Java is not installed")
    called = "Java, 11 or later; save it as `Predict.java` and call `java Predict.java`:"
    program = documented("java", called).replace(DOCUMENTED, address)
    (tmp_path / "Predict.java").write_text(program, encoding="utf-8")
    found = subprocess.run(
        [java, "Predict.java"], cwd=tmp_path, capture_output=True, check=False, text=True
    )
    assert found.returncode == 0, found.stderr
    assert set(json.loads(found.stdout)) == set(json.loads(documented("json", "The answer:")))


def test_the_documented_customer_is_in_the_tables(circle: Any) -> None:
    """The customer of the page's requests is one of the simulated ones, as the page says of it."""
    page = DOCS.read_text("utf-8")
    [named] = set(re.findall(r"customer_id\W+(\d{4}-\d{4}-\d{6})", page))
    events = circle.catalog().load("events").execute()
    [row] = events.loc[events["customer_id"] == named].to_dict("records")
    assert f"{row['reviewed_at']:%Y-%m-%d}" == "2025-03-01"
    assert re.search(r"reviewed on (\S+),", page)[1] == "2025-03-01"


def test_commands_steer_what_runs(address: str, circle: Any) -> None:
    """Traffic, tokens, status, costs and units: the documented commands reach the endpoint."""
    from fullcircle.cli.endpoint import endpoint

    def ask(*words: str) -> Result:
        before = Path.cwd()
        os.chdir(circle.path)
        try:
            return CliRunner().invoke(endpoint, list(words))
        finally:
            os.chdir(before)

    def run(*words: str) -> str:
        found = ask(*words)
        assert found.exit_code == 0, found.output
        return found.output

    def read_costs() -> Any:
        found = ask("costs", "--json")  # refused as long as the journal holds no answer
        return json.loads(found.output) if found.exit_code == 0 else None

    assert (
        json.loads(run("traffic", "--challenger", "0.2", "--why", "try", "--json"))["why"] == "try"
    )
    wait_until(lambda: HTTP.get(f"{address}/traffic").json()["challenger"] == 0.2)
    assert json.loads(run("status", "--json"))["state"] == "serving"
    token = run("token", "create", "--name", "shop", "--days", "90").splitlines()[0]
    wait_until(lambda: HTTP.get(f"{address}/version").status_code == 401)
    bearer = {"authorization": f"Bearer {token}"}
    assert HTTP.get(f"{address}/version", headers=bearer).status_code == 200
    [kept] = json.loads(run("token", "list", "--json"))
    assert kept["name"] == "shop"
    run("token", "revoke", kept["id"])
    wait_until(lambda: HTTP.get(f"{address}/version").status_code == 200)
    example = HTTP.get(f"{address}/openapi.json").json()["paths"]["/invocations"]["post"]
    body = example["requestBody"]["content"]["application/json"]["example"]
    assert HTTP.post(f"{address}/invocations", json=body).status_code == 200
    [day] = wait_until(read_costs, 90)
    assert day["predictions"] >= 1
    assert day["up_hours"] > 0
    assert day["cost"] is None  # no price is declared
    assert len(json.loads(run("costs", "--by", "hour", "--json"))) == 24
    sides = json.loads(run("costs", "--change", "2025-04-01T12:00", "--json"))
    assert [(each["when"], each["predictions"] > 0) for each in sides] == [
        ("before", False),
        ("after", True),
    ]
    units = run("unit", "--user", "shop")
    assert "ListenStream=127.0.0.1:" in units
    assert '"-m" "fullcircle.serving"' in units


def test_mistakes_are_one_line(circle: Any, tmp_path: Path) -> None:
    """A wrong share, an open address without a token, half a TLS: one line, nothing begun."""
    from fullcircle.cli.endpoint import endpoint
    from fullcircle.cli.serve import serve

    before = Path.cwd()
    os.chdir(circle.path)
    try:
        tries = [
            (endpoint, ["traffic", "--challenger", "2"], "from 0 to 1"),
            (serve, ["--source", "real", "--host", "192.0.2.1"], "kedro endpoint token create"),
            (serve, ["--problem", "diabetes", "--problem", "diabetes"], "each --problem once"),
            (serve, ["--certificate", "x.pem"], "--certificate and --key together"),
            (
                serve,
                ["--source", "real", "--certificate", "x.pem", "--key", "y.pem"],
                "no TLS file x.pem",
            ),
            (endpoint, ["token", "revoke", "nobody"], "no token 'nobody'"),
        ]
        for command, words, said in tries:
            found = CliRunner().invoke(command, words)
            assert found.exit_code in (1, 2), found.output
            assert said in found.output
            assert "Traceback" not in found.output
    finally:
        os.chdir(before)


def test_the_plans_of_several_problems_are_their_own(circle: Any, address: str) -> None:
    """Two problems set up by one command have the plans that each has alone, in its folder."""
    from fullcircle.cli.serve import serve

    def set_up(*problems: str) -> list[dict[str, Any]]:
        words = [word for name in problems for word in ("--problem", name)]
        found = CliRunner().invoke(serve, [*words, "--set-up-only", "--port", "0"])
        assert found.exit_code == 0, found.output
        folders = found.output.split()[-len(problems) :]
        return [read_json(Path(folder) / "plan.json") for folder in folders]

    before = Path.cwd()
    os.chdir(circle.path)
    try:
        alone = [set_up(name)[0] for name in ("diabetes", "nyc_taxi")]
        both = set_up("diabetes", "nyc_taxi")
        refused = CliRunner().invoke(serve, ["--problem", "diabetes", "--problem", "telco_churn"])
    finally:
        os.chdir(before)
    assert both == alone
    assert [plan["contract"]["name"] for plan in both] == ["diabetes", "nyc_taxi"]
    assert refused.exit_code == 1
    assert f"runs already, at {address}" in refused.output
