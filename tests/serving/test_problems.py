"""Several problems behind one port: who is asked, who may ask, and what each keeps for itself."""

import asyncio
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.serving.stage import FULL, HTTP, Client, Stage, opened, served, wait_until
from tests.serving.test_access import FORGED, LOCAL

from fullcircle.core.errors import ConfigurationError
from fullcircle.serving.runtime_dir import read_json, write_json
from fullcircle.serving.sockets import bind_socket
from fullcircle.serving.supervisor import Supervisor
from fullcircle.serving.tokens import issue_token

NOW = datetime.now(UTC)
BODY = {"json": {"dataframe_records": [FULL]}}
ASKED = [
    ("POST", "/invocations"),
    ("GET", "/version"),
    ("GET", "/openapi.json"),
    ("GET", "/metrics"),
    ("GET", "/status"),
    ("GET", "/traffic"),
    ("PUT", "/traffic"),
    ("GET", "/nothing"),
]


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@pytest.fixture
def pair(house: Stage, tmp_path: Path) -> tuple[Stage, Stage]:
    """Two problems, each with a folder of its own."""
    return house.copy(tmp_path / "shop"), house.copy(tmp_path / "store", "store")


# One problem


def test_a_single_problem_is_answered_at_both_addresses(ready: Stage) -> None:
    """The root and the prefix are one endpoint, with one log; another name is 404."""
    with opened(ready) as client:
        paths = ("/invocations", "/problems/shop/invocations")
        answers = [client.ask("POST", path, **BODY).json() for path in paths]
        assert answers[0]["predictions"] == answers[1]["predictions"]
        assert client.ask("POST", "/problems/store/invocations", **BODY).status_code == 404
        for path, server in (("", "/"), ("/problems/shop", "/problems/shop")):
            described = client.ask("GET", f"{path}/openapi.json").json()
            assert described["servers"] == [{"url": server}]
    routes = [(row["route"], row["status"]) for row in ready.log("requests")]
    assert routes == [("/invocations", 200)] * 2


# Several


def test_each_problem_keeps_its_own_log(pair: tuple[Stage, Stage]) -> None:
    """An answer or a refusal of one problem is in its log, and in no other."""
    shop, store = pair
    with opened(shop, store) as client:
        ids = {
            name: [
                client.ask("POST", f"/problems/{name}/invocations", **BODY).json()["request_id"]
                for _ in range(count)
            ]
            for name, count in (("shop", 1), ("store", 2))
        }
        assert client.ask("POST", "/problems/store/invocations", json={}).status_code == 400
        assert client.ask("POST", "/invocations", **BODY).status_code == 404
    for stage in pair:
        logged = [row["request_id"] for row in stage.log("predictions")]
        assert logged == ids[stage.problem]
    assert [row["status"] for row in shop.log("requests")] == [200]
    assert [row["status"] for row in store.log("requests")] == [200, 200, 400]


@pytest.mark.parametrize(("method", "path"), ASKED)
def test_a_token_opens_its_own_problem_alone(
    pair: tuple[Stage, Stage], method: str, path: str
) -> None:
    """Whatever is asked, another problem's token gives the same 401 as none."""
    shop, store = pair
    _, ours = issue_token(shop.folder, "a", ["admin"], None, NOW)
    _, theirs = issue_token(store.folder, "b", ["admin"], None, NOW)
    with opened(shop, store) as client:

        def ask(token: str, name: str) -> Any:
            return client.ask(method, f"/problems/{name}{path}", headers=bearer(token))

        assert 401 not in (ask(ours, "shop").status_code, ask(theirs, "store").status_code)
        refused = [ask(ours, "store"), ask(theirs, "shop"), ask("x", "shop")]
        assert {one.status_code for one in refused} == {401}
        assert len({one.json()["error"] for one in refused}) == 1


@pytest.mark.parametrize(
    "path",
    [
        "/problems/shop/../store/version",
        "/problems/shop//problems/store/version",
        "/problems/shop/problems/store/version",
        "/problems//store/version",
        "//problems/store/version",
        "/problems/STORE/version",
        "/problems/store /version",
        "/problems/store",
        "/problems/",
        "/problems/./store/version",
        "/problems/store\x00/version",
    ],
)
def test_no_spelling_of_a_path_leads_past_the_guard(pair: tuple[Stage, Stage], path: str) -> None:
    """A path that names a problem in another way is answered by none, anyone who asks."""
    shop, store = pair
    _, ours = issue_token(shop.folder, "a", ["admin"], None, NOW)
    issue_token(store.folder, "b", ["admin"], None, NOW)
    scope = {
        "type": "http",
        "scheme": "http",
        "method": "GET",
        "path": path,
        "headers": [(b"authorization", f"Bearer {ours}".encode())],
    }
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    with opened(shop, store) as client:
        asyncio.run(client._app(scope, None, send))
    assert sent[0]["status"] in (401, 404)
    assert b"/problems/store/" not in sent[1]["body"].partition(b"There is: ")[2]


@pytest.mark.parametrize("path", ["/x", "/problems/zzz/version", "/metrics", "/invocations"])
def test_strangers_learn_no_name(pair: tuple[Stage, Stage], path: str) -> None:
    """At a network's socket a path, there or not, is the same 401; no probe names a problem."""
    pair[1].folder.roles.unlink()
    with opened(*pair, private=False) as client:
        refused = client.ask("GET", path, headers=LOCAL)
        known = client.ask("GET", "/problems/shop/version", headers=LOCAL)
        assert (refused.status_code, known.status_code) == (401, 401)
        assert refused.json()["error"] == known.json()["error"]
        for probe in ("/ping", "/health", "/ready"):
            answer = client.ask("GET", probe)
            assert answer.status_code == (503 if probe == "/ready" else 200)
            assert "shop" not in answer.text
            assert "store" not in answer.text
        assert "1 of 2" in client.ask("GET", "/ready").json()["error"]


def test_an_unknown_problem_is_answered_with_those_of_the_caller(pair: tuple[Stage, Stage]) -> None:
    """404 names the problems that the caller may ask, and no other."""
    shop, store = pair
    with opened(shop, store) as client:
        said = client.ask("GET", "/problems/zzz/version")
        assert said.status_code == 404
        assert "/problems/shop/invocations" in said.json()["error"]
        assert "/problems/store/invocations" in said.json()["error"]
        tokens = {
            scope: issue_token(shop.folder, scope, [scope], None, NOW)[1]  # type: ignore[list-item]
            for scope in ("predict", "admin")
        }
        issue_token(store.folder, "b", ["predict"], None, NOW)
        client.reload("shop")
        client.reload("store")
        said = client.ask("GET", "/problems/zzz/version", headers=bearer(tokens["admin"]))
        assert said.status_code == 404
        assert "/problems/shop/invocations" in said.json()["error"]
        assert "store" not in said.json()["error"]
        weak = bearer(tokens["predict"])
        assert client.ask("POST", "/problems/zzz/invocations", headers=weak).status_code == 404
        assert client.ask("GET", "/metrics", headers=weak).status_code == 403
        assert client.ask("GET", "/problems/zzz/version").status_code == 401


@pytest.mark.parametrize("path", ["/problems/store/invocations", "/metrics", "/problems/zzz/x"])
@pytest.mark.parametrize(("headers", "status"), FORGED, ids=str)
def test_what_a_web_page_could_send_is_refused(
    couple: Client, headers: Any, status: int, path: str
) -> None:
    """Foreign hosts and origins, and headers with two values, are refused at every address."""
    given = headers if isinstance(headers, list) else list(headers.items())
    if not any(name == "content-type" for name, _ in given):
        given = [*given, ("content-type", "application/json")]
    assert couple.ask("POST", path, headers=given, content=b"{}").status_code == status


@pytest.fixture(scope="module")
def couple(house: Stage, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Two problems in this process, which the tests leave as they are."""
    path = tmp_path_factory.mktemp("couple")
    pair = house.copy(path / "shop"), house.copy(path / "store", "store")
    with opened(*pair) as client:
        yield client


def test_ready_says_which_problem_is_not(pair: tuple[Stage, Stage]) -> None:
    """Without one champion the other is answered; the root is not ready, and says who is not."""
    shop, store = pair
    store.folder.roles.unlink()
    with opened(shop, store) as client:
        answer = client.ask("GET", "/ready")
        assert answer.status_code == 503
        problems = answer.json()["problems"]
        assert problems["shop"] == {"ready": True}
        assert "There is no champion yet" in problems["store"]["error"]
        codes = {
            name: client.ask("GET", f"/problems/{name}/ready").status_code for name in problems
        }
        assert codes == {"shop": 200, "store": 503}
        assert client.ask("POST", "/problems/shop/invocations", **BODY).status_code == 200
        assert client.ask("POST", "/problems/store/invocations", **BODY).status_code == 503
        write_json(store.folder.roles, read_json(shop.folder.roles))
        client.reload("store")
        assert client.ask("GET", "/ready").json()["ready"]


def test_what_happens_to_one_disturbs_no_other(pair: tuple[Stage, Stage]) -> None:
    """Broken files, a moved share and reloaded models of one leave the other as it was."""
    shop, store = pair
    with opened(shop, store) as client:
        rooms = {name: endpoint.state for name, endpoint in client.endpoints.items()}
        before = rooms["shop"].active_models
        said = client.ask(
            "PUT", "/problems/store/traffic", json={"challenger": 0.5, "why": "x"}, headers=LOCAL
        )
        assert said.status_code == 403  # without a token nobody steers
        for path in (store.folder.tokens, store.folder.roles, store.folder.traffic):
            path.write_bytes(b"{")
        client.follow("store")
        client.follow("shop")
        assert client.ask("GET", "/problems/store/version").status_code == 401
        assert client.ask("POST", "/problems/shop/invocations", **BODY).status_code == 200
        assert client.ask("GET", "/problems/shop/health").json()["status"] == "ok"
        assert client.ask("GET", "/problems/store/health").json()["status"] == "degraded"
        assert client.ask("GET", "/health").json()["files"] == "broken"
        store.folder.tokens.unlink()
        write_json(store.folder.roles, {"roles": {}, "versions": {}})
        client.follow("store")
        assert rooms["store"].active_models.champion is not before.champion
        assert rooms["shop"].active_models is before


# As they run


def read_requests(text: str) -> dict[tuple[str, ...], float]:
    """Give the requests that a page of metrics counts, by its labels' values."""
    return {
        tuple(sample.labels[name] for name in sorted(sample.labels)): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "fullcircle_requests_total"
    }


def test_two_problems_run_in_one_group(house: Stage, tmp_path: Path) -> None:
    """One supervisor and one port for both; each has its status, its counters and its log."""
    shop, store = house.copy(tmp_path / "shop"), house.copy(tmp_path / "store", "store")
    with served(shop, store) as (address, process):
        root = address.removesuffix("/problems/shop")
        wait_until(lambda: HTTP.get(f"{root}/ready").status_code == 200)
        said = [read_json(stage.folder.status) for stage in (shop, store)]
        assert [one["address"] for one in said] == [
            f"{root}/problems/{name}" for name in ("shop", "store")
        ]
        assert [one["beside"] for one in said] == [["store"], ["shop"]]
        assert said[0]["pid"] == said[1]["pid"] == process.pid
        assert said[0]["workers"] == said[1]["workers"]
        asked = [HTTP.post(f"{one['address']}/invocations", **BODY) for one in [*said, said[1]]]
        assert [answer.status_code for answer in asked] == [200] * 3
        HTTP.get(f"{root}/nothing")
        requests = read_requests(HTTP.get(f"{root}/metrics").text)
        assert requests == {
            ("shop", "/invocations", "200"): 1,
            ("store", "/invocations", "200"): 2,
            ("", "other", "404"): 1,
        } | {key: n for key, n in requests.items() if key[1] == "/ready"}
        own = read_requests(HTTP.get(f"{said[1]['address']}/metrics").text)
        assert own[("/invocations", "200")] == 2
        other = subprocess.run(
            [sys.executable, "-m", "fullcircle.serving", str(store.folder.path)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert "runs already" in other.stderr
        process.terminate()
        assert process.wait(60) == 0
    last = (shop.path / "serve.log").read_text("utf-8")
    for stage, count in ((shop, 1), (store, 2)):
        assert f"{stage.problem}: Stopped. Every answer is in the log." in last
        assert len(stage.table("predictions").load().to_pyarrow()) == count
        assert read_json(stage.folder.uptime)["spans"]


def test_problems_that_cannot_share_are_refused(pair: tuple[Stage, Stage]) -> None:
    """One problem twice, or two with different registries, is one line before anything begins."""
    shop, store = pair
    with bind_socket("127.0.0.1", 0) as listener:
        with pytest.raises(ConfigurationError, match="shop was given twice"):
            Supervisor([shop.folder, shop.folder], listener)
        plan = read_json(store.folder.plan)
        write_json(store.folder.plan, {**plan, "tracking_uri": "http://127.0.0.1:1"})
        with pytest.raises(ConfigurationError, match="different tracking servers"):
            Supervisor([shop.folder, store.folder], listener)


@pytest.mark.parametrize(("rests", "wanted"), [([True, True], True), ([True, False], False)])
def test_a_group_rests_once_all_do(
    pair: tuple[Stage, Stage], rests: list[bool], wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An endpoint ends for want of requests only where no problem was asked."""
    for stage in pair:
        stage.plan(idle_minutes=1)
    with bind_socket("127.0.0.1", 0) as listener:
        supervisor = Supervisor([stage.folder for stage in pair], listener)
        for problem, idle in zip(supervisor.problems, rests, strict=True):
            monkeypatch.setattr(problem, "count_idle_seconds", lambda idle=idle: 61 * idle)
        assert supervisor._idle() is wanted
