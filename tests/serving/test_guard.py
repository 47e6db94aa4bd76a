"""Who may enter: nobody without a token once there are tokens, or learns what lies behind."""

import asyncio
import hmac
import json
import multiprocessing
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.serving.stage import FULL, Client, Stage, opened

from fullcircle.core.errors import ConfigurationError
from fullcircle.serving.http import HTTPError, read_all
from fullcircle.serving.limits import RateLimits
from fullcircle.serving.runtime_dir import read_json
from fullcircle.serving.sockets import is_loopback
from fullcircle.serving.tokens import (
    find_token,
    issue_token,
    list_tokens,
    read_tokens,
    revoke_token,
)

NOW = datetime.now(UTC)
JSON = {"content-type": "application/json"}
BODY = {"json": {"dataframe_records": [FULL]}}


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@pytest.fixture
def guarded(ready: Stage) -> Any:
    """An endpoint with tokens, and the tokens: to predict, to steer, and one whose time is over."""
    stage = ready
    tokens = {
        "predict": issue_token(stage.folder, "app", ["predict"], None, NOW)[1],
        "admin": issue_token(stage.folder, "ops", ["admin"], 30, NOW)[1],
        "expired": issue_token(stage.folder, "old", ["admin"], 1, NOW - timedelta(days=2))[1],
    }
    with opened(stage) as client:
        yield client, tokens, stage


@pytest.mark.usefixtures("everywhere")
def test_strangers_are_refused_alike_whatever_they_ask_for(guarded: Any) -> None:
    """Absent, wrong, expired and mangled tokens get the same 401, whether a thing exists or not."""
    client, tokens, _ = guarded
    identity = tokens["predict"].split("_")[1]
    headers: list[dict[str, Any]] = [
        {},
        bearer("x"),
        bearer("fc_00000000_" + "0" * 64),
        bearer(f"fc_{identity}_" + "0" * 64),
        bearer(tokens["expired"]),
        {"authorization": f"Basic {tokens['predict']}"},
        {"authorization": b"Bearer \xff\xfe"},
    ]
    answers = [
        client.ask(method, path, headers=header)
        for header in headers
        for method, path in (
            ("POST", "/invocations"),
            ("GET", "/version"),
            ("GET", "/metrics"),
            ("GET", "/no/such/thing"),
            ("DELETE", "/traffic"),
        )
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.json()["error"] for answer in answers}) == 1
    assert {answer.headers["www-authenticate"] for answer in answers} == {"Bearer"}


@pytest.mark.usefixtures("everywhere")
def test_a_weak_token_learns_nothing_of_what_it_may_not(guarded: Any) -> None:
    """A token to predict predicts; all else, there or not, is the same 403."""
    client, tokens, _ = guarded
    weak = bearer(tokens["predict"])
    assert client.ask("POST", "/invocations", headers=weak, **BODY).status_code == 200
    assert client.ask("GET", "/version", headers=weak).status_code == 200
    refused = [
        client.ask(method, path, headers=weak)
        for method, path in (
            ("GET", "/metrics"),
            ("GET", "/status"),
            ("PUT", "/traffic"),
            ("GET", "/nothing"),
        )
    ]
    assert {answer.status_code for answer in refused} == {403}
    assert len({answer.json()["error"] for answer in refused}) == 1


@pytest.mark.usefixtures("everywhere")
def test_an_admin_steers(guarded: Any) -> None:
    """A token to steer reads the metrics and moves the traffic, within what is a share."""
    client, tokens, stage = guarded
    strong = bearer(tokens["admin"])
    assert client.ask("GET", "/metrics", headers=strong).status_code == 200
    said = client.ask("PUT", "/traffic", headers=strong, json={"challenger": 0.2, "why": "try"})
    assert said.json()["challenger"] == 0.2
    assert read_json(stage.folder.traffic)["why"] == "try"
    for wrong in (b"{", b'{"challenger": 2}', b"[]", b'{"challenger": "a"}', b"{}", b"[" * 3000):
        answer = client.ask("PUT", "/traffic", headers=strong | JSON, content=wrong)
        assert answer.status_code == 400
        assert "between 0 and 1" in answer.json()["error"] or "0 to 1" in answer.json()["error"]
    assert client.ask("GET", "/traffic", headers=strong).json()["challenger"] == 0.2


@pytest.mark.usefixtures("everywhere")
def test_probes_need_no_token(guarded: Any) -> None:
    """Those who watch over the process may ask whether it lives and is ready, and no more."""
    client, _, _ = guarded
    codes = [client.ask("GET", path).status_code for path in ("/ping", "/health", "/ready")]
    assert codes == [200] * 3


@pytest.mark.usefixtures("everywhere")
def test_tokens_change_without_a_restart(guarded: Any) -> None:
    """A token made while the endpoint runs is let in, one taken back is not."""
    client, tokens, stage = guarded
    identity, fresh = issue_token(stage.folder, "new", ["predict"], None, NOW)
    client.reload()
    assert client.ask("GET", "/version", headers=bearer(fresh)).status_code == 200
    assert revoke_token(stage.folder, identity).name == "new"
    client.reload()
    assert client.ask("GET", "/version", headers=bearer(fresh)).status_code == 401
    assert client.ask("GET", "/version", headers=bearer(tokens["predict"])).status_code == 200
    with pytest.raises(ConfigurationError, match=r"There are: .* \(app\)"):
        revoke_token(stage.folder, "nobody")


def test_no_secret_is_kept(stage: Stage) -> None:
    """The file of tokens holds hashes, is its owner's alone, and the list tells no hash either."""
    _, token = issue_token(stage.folder, "app", ["predict"], None, NOW)
    kept = stage.folder.tokens.read_text("utf-8")
    assert token.rpartition("_")[2] not in kept
    assert stat.S_IMODE(stage.folder.tokens.stat().st_mode) == 0o600
    assert "digest" not in json.dumps(list_tokens(stage.folder))


def test_every_refusal_costs_one_comparison(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Known or unknown, right or wrong: one hash and one comparison in constant time each."""
    _, token = issue_token(stage.folder, "app", ["predict"], None, NOW)
    tokens = read_tokens(read_json(stage.folder.tokens))
    made: list[tuple[int, int]] = []
    honest = hmac.compare_digest
    monkeypatch.setattr(
        "fullcircle.serving.tokens.hmac.compare_digest",
        lambda a, b: made.append((len(a), len(b))) or honest(a, b),
    )
    identity = token.split("_")[1]
    for header in (
        b"",
        b"Bearer x",
        f"Bearer fc_{identity}_0".encode(),
        f"Bearer {token}".encode(),
    ):
        found = find_token(tokens, header, NOW)
        assert (found is not None) == header.endswith(token.encode())
    assert made == [(64, 64)] * 4


def test_without_tokens_this_machines_name_alone_is_answered(client: Client) -> None:
    """A page that was lured to the loopback address by another name is refused."""
    answer = client.ask("GET", "/version", headers={"host": "evil.example"})
    assert answer.status_code == 403
    assert client.ask("GET", "/version", headers={"host": "127.0.0.1:8080"}).status_code == 200
    refused = client.ask("PUT", "/traffic", json={"challenger": 1})
    assert refused.status_code == 403
    assert "kedro endpoint token create" in refused.json()["error"]


@pytest.mark.parametrize(
    ("host", "own"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("192.0.2.1", False), ("a.b", False)],
)
def test_loopback_is_known(host: str, own: bool) -> None:
    """Addresses of this machine alone are told from all others."""
    assert is_loopback(host) is own


def test_bodies_are_bounded(stage: Stage) -> None:
    """More bytes or rows than are taken are refused, whether their number is declared or not."""
    stage.crown()
    stage.fetch()
    stage.plan(max_body_mb=0.001, max_rows=2)
    with opened(stage) as client:
        large = client.ask("POST", "/invocations", content=b"x" * 5000, headers=JSON)
        assert (large.status_code, "0.00" in large.text) == (413, True)

        async def pieces() -> Any:
            for _ in range(50):
                yield b"x" * 100

        assert client.ask("POST", "/invocations", content=pieces(), headers=JSON).status_code == 413
        assert "3 rows; at most 2" in client.refuse(FULL, FULL, FULL)


def test_answers_carry_what_keeps_them_safe(client: Client) -> None:
    """Every answer, refusals too, says that it is data for nobody's cache."""
    for path in ("/ping", "/version", "/nothing"):
        headers = client.ask("GET", path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert len(headers["x-request-id"]) == 32
        assert "server" not in headers


def test_no_traceback_leaves(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails inside is a 500 with a request id and nothing of where or why."""
    stage.crown()
    stage.fetch()
    with opened(stage) as client:
        loaded = client.endpoint.state.active_models.champion

        def fail(*_: Any) -> None:
            raise RuntimeError("secret place")

        monkeypatch.setattr(loaded.predictor, "predict_values", fail)
        answer = client.ask("POST", "/invocations", **BODY)
        assert answer.status_code == 500
        assert set(answer.json()) == {"error", "request_id"}
        assert "secret" not in answer.text
    [row] = [row for row in stage.log("requests") if row["status"] == 500]
    assert row["request_id"] == answer.json()["request_id"]


def test_private_columns_reach_no_log_and_no_message(tracked: Path) -> None:
    """Values of columns that the contract calls private are neither logged nor quoted."""
    stage = Stage(tracked, private=["who", "shape", "id"])
    stage.crown()
    stage.fetch()
    with opened(stage) as client:
        client.predict({**FULL, "shape": "SECRET-1", "who": 7, "id": "SECRET-2"})
        said = client.refuse({**FULL, "shape": {"x": "SECRET-3"}})
        assert "SECRET" not in said
        assert "shape is no plain value" in said
    segments = "".join(path.read_text("utf-8") for path in stage.folder.journal.glob("*"))
    assert "SECRET" not in segments
    [row] = stage.log("predictions")
    assert (row["row_id"], row["entity"]) == (None, None)
    assert json.loads(row["features"]).keys() == {"size", "colour", "visits"}


def _take(path: str, results: Any, tries: int) -> None:
    limits = RateLimits(Path(path), 0.001, 10)
    results.put(sum(limits.take("one") == 0 for _ in range(tries)))


def test_processes_share_a_limit(tmp_path: Path) -> None:
    """Two processes that take at the same time get, together, no more than the limit."""
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    takers = [
        context.Process(target=_take, args=(str(tmp_path / "limits"), results, 500))
        for _ in range(2)
    ]
    for taker in takers:
        taker.start()
    taken = [results.get(timeout=60) for _ in takers]
    for taker in takers:
        taker.join()
    assert sum(taken) == 10


def test_too_many_requests_wait(stage: Stage) -> None:
    """Above the limit, requests are refused with the seconds to wait, each client by itself."""
    stage.crown()
    stage.fetch()
    tokens = [issue_token(stage.folder, name, ["predict"], None, NOW)[1] for name in "ab"]
    stage.plan(requests_per_second=0.001, burst=3)
    with opened(stage) as client:
        codes = [
            [client.ask("GET", "/version", headers=bearer(token)).status_code for _ in range(4)]
            for token in tokens
        ]
        assert codes == [[200, 200, 200, 429]] * 2
        late = client.ask("GET", "/version", headers=bearer(tokens[0]))
        assert int(late.headers["retry-after"]) > 100
        assert client.ask("GET", "/ready").status_code == 200


def test_a_body_that_never_comes_is_not_waited_for() -> None:
    """A request whose headers promise a body that does not arrive ends with 408."""

    async def silence() -> dict[str, Any]:
        await asyncio.sleep(60)
        return {}

    reading = read_all({"headers": []}, silence, 100, 0.05)
    with pytest.raises(HTTPError) as refusal:
        asyncio.run(reading)
    assert refusal.value.status == 408
