"""What opens the endpoint: the socket's own address, files that break, and what browsers send."""

import asyncio
import itertools
import json
import multiprocessing
import os
import socket
import stat
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.serving.stage import FULL, Client, Stage, opened

from fullcircle.core.errors import ConfigurationError, StorageError
from fullcircle.serving.plan import hide_secret, read_plan, write_plan
from fullcircle.serving.runtime_dir import WatchedFile, read_json, write_json
from fullcircle.serving.sockets import inherit_socket, is_private
from fullcircle.serving.status import describe_access
from fullcircle.serving.tokens import issue_token, list_tokens, load_tokens, revoke_token

NOW = datetime.now(UTC)
BODY = {"json": {"dataframe_records": [FULL]}}
LOCAL = {"host": "localhost"}


# What the socket is bound to


@pytest.mark.parametrize(
    ("family", "address", "private"),
    [
        (socket.AF_INET, ("127.0.0.1", 0), True),
        (socket.AF_INET, ("127.8.9.1", 0), True),
        (socket.AF_INET, ("0.0.0.0", 0), False),  # noqa: S104 - bound, never listened at
        (socket.AF_INET6, ("::1", 0), True),
        (socket.AF_INET6, ("::", 0), False),
        (socket.AF_INET6, ("::ffff:127.0.0.1", 0), True),
        (socket.AF_UNIX, "door.sock", True),
    ],
)
def test_a_socket_is_private_by_what_it_is_bound_to(
    family: Any, address: Any, private: bool, tmp_path: Path
) -> None:
    """Loopback and UNIX sockets are this machine's alone; a socket for all addresses is not."""
    with socket.socket(family) as listener:
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind(str(tmp_path / address) if isinstance(address, str) else address)
        assert is_private(listener) is private


@pytest.mark.usefixtures("everywhere")
def test_without_tokens_a_network_socket_answers_nobody(ready: Stage) -> None:
    """Never a token, or the last one revoked: at a network's socket each request gets 401."""
    identity, token = issue_token(ready.folder, "app", ["admin"], None, NOW)
    with opened(ready, private=False) as client:
        bearer = {**LOCAL, "authorization": f"Bearer {token}"}
        assert client.ask("GET", "/version", headers=bearer).status_code == 200
        revoke_token(ready.folder, identity)
        client.reload()
        for headers in (LOCAL, bearer, {"host": "127.0.0.1:8080"}):
            for method, path in (("GET", "/version"), ("POST", "/invocations"), ("GET", "/x")):
                assert client.ask(method, path, headers=headers, **BODY).status_code == 401
        assert client.ask("GET", "/ping").status_code == 200
    with opened(ready) as client:
        assert client.ask("GET", "/version", headers=LOCAL).status_code == 200


@contextmanager
def handed(stage: Stage, listener: socket.socket) -> Any:
    """Serve at a socket that the system hands over, by the module that a unit runs."""
    listener.listen()
    wake = (
        "import os, sys\n"
        "os.dup2(int(sys.argv[1]), 3)\n"
        "os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()))\n"
        "os.execv(sys.executable, [sys.executable, '-m', 'fullcircle.serving', sys.argv[2]])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", wake, str(listener.fileno()), str(stage.folder.path)],
        pass_fds=[listener.fileno()],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=60)


def test_a_socket_that_was_handed_over_is_looked_at(ready: Stage) -> None:
    """A network's socket from the service manager gets 401 for all, a UNIX socket is answered."""
    name = str(ready.path / "door.sock")
    with socket.socket() as listener, socket.socket(socket.AF_UNIX) as local:
        listener.bind(("0.0.0.0", 0))  # noqa: S104 - what is attacked; nobody is let in
        local.bind(name)
        with handed(ready, listener), httpx.Client(timeout=60) as client:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            assert client.get(f"{url}/ping").status_code == 200
            refused = client.get(f"{url}/version", headers=LOCAL)
            assert refused.status_code == 401
        with handed(ready, local):
            transport = httpx.HTTPTransport(uds=name)
            with httpx.Client(
                transport=transport, base_url="http://localhost", timeout=60
            ) as client:
                assert client.post("/invocations", **BODY).status_code == 200
                assert read_json(ready.folder.status)["address"] == f"unix:{name}"


def test_sockets_that_cannot_be_meant_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two sockets from the service manager are one too many, and the refusal says so."""
    monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
    monkeypatch.setenv("LISTEN_FDS", "2")
    with pytest.raises(ConfigurationError, match="one ListenStream="):
        inherit_socket()


@pytest.mark.parametrize(
    ("host", "said"),
    [("127.0.0.1", "every process of this machine"), ("0.0.0.0", "every request gets 401")],  # noqa: S104
)
def test_a_revocation_says_what_follows(stage: Stage, host: str, said: str) -> None:
    """After the last token is gone, one line says who is answered from now on."""
    stage.plan(host=host)
    first, _ = issue_token(stage.folder, "a", ["predict"], None, NOW)
    second, _ = issue_token(stage.folder, "b", ["predict"], None, NOW)
    revoke_token(stage.folder, first)
    assert describe_access(stage.folder) == "1 valid token remains."
    revoke_token(stage.folder, second)
    assert said in describe_access(stage.folder)


# Files that break

BROKEN = [
    b"",
    b"{",
    b"[1]",
    b"3",
    b'"x"',
    b'{"a": 1}',
    b'{"a": {"name": "x"}}',
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"challenger": "x"}',
    b'{"challenger": {"a": []}}',
    b'{"roles": [1], "versions": 3}',
    b'{"roles": {"champion": "9"}, "versions": {}}',
    b'{"roles": {"champion": []}, "versions": {}}',
    b"null",
]


def follow(client: Client) -> None:
    """Let the worker look at its files as its watch does."""
    client._runner.run(client.endpoint.state._look())


def test_whatever_a_file_holds_the_watch_goes_on(ready: Stage) -> None:
    """With any of its files broken, a worker answers on, says so, and takes up what is fixed."""
    folder = ready.folder
    with opened(ready) as client:
        for content, path in itertools.product(
            BROKEN, (folder.traffic, folder.roles, folder.status)
        ):
            whole = path.read_bytes() if path.exists() else None
            path.write_bytes(content)
            follow(client)
            assert client.predict(FULL)["decisions"]
            if path == folder.roles:
                health = client.ask("GET", "/health").json()
                assert (health["status"], health["files"]) == ("degraded", "broken")
            path.unlink()
            follow(client)
            if whole is not None:
                path.write_bytes(whole)
            follow(client)
            assert client.ask("GET", "/health").json()["status"] == "ok"
            assert client.predict(FULL)["decisions"]


@pytest.mark.usefixtures("everywhere")
@pytest.mark.parametrize("private", [True, False])
def test_broken_tokens_let_nobody_in(ready: Stage, private: bool) -> None:
    """Whatever stands in the tokens' file instead of tokens, valid ones and none get 401."""
    folder = ready.folder
    identity, token = issue_token(folder, "app", ["predict"], None, NOW)
    bearer = {"authorization": f"Bearer {token}"}
    whole = folder.tokens.read_bytes()
    with opened(ready, private=private) as client:
        for content in BROKEN:
            assert client.ask("GET", "/version", headers=bearer).status_code == 200
            folder.tokens.write_bytes(content)
            follow(client)
            for headers in (LOCAL, bearer):
                assert client.ask("GET", "/version", headers=headers).status_code == 401
            assert client.ask("GET", "/health").json()["files"] == "broken"
            folder.tokens.write_bytes(whole)
            follow(client)
        revoke_token(folder, identity)
        follow(client)
        wanted = 200 if private else 401
        assert client.ask("GET", "/version", headers=bearer).status_code == wanted


def test_a_worker_starts_with_every_file_broken(ready: Stage) -> None:
    """Broken files at the start let nobody in, and do not end the worker."""
    for path in (ready.folder.traffic, ready.folder.tokens, ready.folder.roles):
        path.write_bytes(b"{")
    with opened(ready) as client:
        assert client.ask("GET", "/version", headers=LOCAL).status_code == 401
        assert client.ask("GET", "/health").json()["files"] == "broken"
    assert len(read_json(ready.folder.workers / "0.json")["troubles"]) == 3
    with pytest.raises(StorageError):
        list_tokens(ready.folder)


def test_the_fetcher_mends_the_roles(ready: Stage) -> None:
    """A broken roles file is written anew by the supervisor's next look at the registry."""
    ready.folder.roles.write_bytes(b"{")
    ready.fetch()
    assert read_json(ready.folder.roles)["roles"]["champion"] == "1"


def test_a_file_that_cannot_be_opened_is_tried_again(tmp_path: Path) -> None:
    """A folder in the file's place is trouble for as long as it stands there, and no longer."""
    path = tmp_path / "x.json"
    path.mkdir()
    watched = WatchedFile(path, lambda found: found, lambda: "broken")
    assert (watched.value, watched.trouble is None) == ("broken", False)
    assert not watched.changed()
    path.rmdir()
    write_json(path, 3)
    assert watched.changed()
    assert (watched.value, watched.trouble) == (3, None)


def _make_tokens(folder: Any, number: int) -> None:
    for place in range(10):
        identity, _ = issue_token(folder, f"{number}-{place}", ["predict"], None, NOW)
        if place % 2:
            revoke_token(folder, identity)


def test_tokens_made_at_once_are_all_kept(stage: Stage) -> None:
    """Four processes that make and revoke tokens at the same time lose none of each other's."""
    context = multiprocessing.get_context("fork")
    makers = [context.Process(target=_make_tokens, args=(stage.folder, n)) for n in range(4)]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join(60)
    names = {token.name for token in load_tokens(stage.folder).values()}
    assert names == {f"{n}-{place}" for n, place in itertools.product(range(4), range(0, 10, 2))}


# What browsers send

FORGED: list[tuple[dict[str, str] | list[tuple[str, str]], int]] = [
    ({"host": "localhost:evil.com"}, 400),
    ({"host": "localhost:80:80"}, 400),
    ({"host": "localhost@evil.com"}, 400),
    ({"host": "localhost, evil.com"}, 400),
    ({"host": "localhost."}, 403),
    ({"host": "127.0.0.1.evil.com"}, 403),
    ({"host": "evil.com"}, 403),
    ([("host", "localhost"), ("host", "evil.com")], 400),
    ([("host", "localhost"), ("host", "localhost")], 400),
    ({"host": "localhost", "origin": "http://evil.com"}, 403),
    ({"host": "localhost", "origin": "null"}, 403),
    ({"host": "localhost", "origin": "http://localhost:3000"}, 403),
    ({"host": "localhost", "sec-fetch-site": "cross-site"}, 403),
    ([("host", "localhost"), ("content-type", "text/csv"), ("content-type", "a/b")], 400),
]


@pytest.mark.parametrize("prefix", ["", "/problems/shop"])
@pytest.mark.parametrize(("headers", "status"), FORGED, ids=str)
def test_what_a_web_page_could_send_is_refused(
    client: Client, headers: Any, status: int, prefix: str
) -> None:
    """Foreign hosts and origins, and headers with two values, are refused before the body."""
    given = headers if isinstance(headers, list) else list(headers.items())
    if not any(name == "content-type" for name, _ in given):
        given = [*given, ("content-type", "application/json")]
    body = json.dumps(BODY["json"]).encode()
    answer = client.ask("POST", f"{prefix}/invocations", headers=given, content=body)
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize(
    "kind",
    [
        None,
        "",
        "text/plain",
        "multipart/form-data",
        "application/x-www-form-urlencoded",
        "application/json, text/plain",
    ],
)
def test_what_a_form_can_send_is_refused(client: Client, kind: str | None) -> None:
    """A body of a type that a page may send unasked, or of none, is refused with what to send."""
    headers = {} if kind is None else {"content-type": kind}
    body = json.dumps(BODY["json"]).encode()
    answer = client.ask("POST", "/invocations", content=body, headers=headers)
    assert answer.status_code == 415
    assert "Content-Type: application/json or text/csv" in answer.json()["error"]


@pytest.mark.usefixtures("everywhere")
def test_pages_that_are_named_may_ask(ready: Stage) -> None:
    """An origin of the settings is let through; its token is asked for all the same."""
    ready.plan(allowed_origins=["https://shop.example"])
    with opened(ready) as client:
        allowed = {**LOCAL, "origin": "https://shop.example"}
        assert client.ask("POST", "/invocations", headers=allowed, **BODY).status_code == 200
        issue_token(ready.folder, "app", ["predict"], None, NOW)
        client.reload()
        assert client.ask("POST", "/invocations", headers=allowed, **BODY).status_code == 401


def test_a_websocket_is_closed() -> None:
    """Whatever server runs the application, a websocket is closed before anything is looked at."""
    from fullcircle.serving.app import Endpoint

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    endpoint: Any = object.__new__(Endpoint)
    asyncio.run(endpoint({"type": "websocket", "path": "/"}, None, send))
    assert [message["type"] for message in sent] == ["websocket.close"]


# Strangers and the log


def count_refused(client: Client) -> float:
    """How many requests got 401 so far."""
    [family] = client.endpoint.metrics.requests.collect()
    return sum(
        sample.value
        for sample in family.samples
        if sample.name.endswith("_total") and sample.labels["status"] == "401"
    )


@pytest.mark.usefixtures("everywhere")
def test_strangers_fill_no_log(ready: Stage) -> None:
    """A thousand refusals of unknown callers are counted, and leave the journal as it was."""
    _, token = issue_token(ready.folder, "app", ["predict"], None, NOW)
    with opened(ready) as client:
        client.ask("GET", "/version")
        before = count_refused(client)
        strange = [
            ("GET", "/version", {"headers": {"authorization": f"Bearer {n}"}}) for n in range(1000)
        ]
        assert {answer.status_code for answer in client.ask_all(strange)} == {401}
        assert not list(ready.folder.journal.glob("*"))
        assert count_refused(client) - before == 1000
        bearer = {"authorization": f"Bearer {token}"}
        assert client.ask("POST", "/invocations", headers=bearer, json={}).status_code == 400
    assert [row["status"] for row in ready.log("requests")] == [400]


@pytest.mark.usefixtures("everywhere")
def test_guesses_count_on_their_address(ready: Stage) -> None:
    """The limit of an address holds before a token is looked at, for right and wrong ones."""
    _, token = issue_token(ready.folder, "app", ["predict"], None, NOW)
    ready.plan(address_requests_per_second=0.001, burst=5)
    with opened(ready) as client:
        guess = {"authorization": "Bearer fc_0_0"}
        codes = [client.ask("GET", "/version", headers=guess).status_code for _ in range(7)]
        assert codes == [401] * 5 + [429] * 2
        right = {"authorization": f"Bearer {token}"}
        assert client.ask("GET", "/version", headers=right).status_code == 429
        assert client.ask("GET", "/ping").status_code == 200
    assert ready.log("requests") == []


# Secrets


def test_what_the_endpoint_writes_is_its_owners_alone(ready: Stage) -> None:
    """Every file is 0600 and every folder 0700, and the plan holds no password."""
    plan = {
        **read_json(ready.folder.plan),
        "tracking_uri": "https://me:PASSWORD@mlflow.example/x",
        "online_store": "redis://:PASSWORD@store.example:6379/0?password=PASSWORD",
    }
    write_plan(ready.folder, plan)
    assert read_plan(ready.folder) == plan
    assert "PASSWORD" not in ready.folder.plan.read_text("utf-8")
    assert read_json(ready.folder.plan)["tracking_uri"] == "https://mlflow.example/x"
    ready.plan(requests_per_second=10)
    issue_token(ready.folder, "app", ["predict"], None, NOW)
    revoke_token(ready.folder, *load_tokens(ready.folder))
    with opened(ready) as client:
        client.predict(FULL)
    paths = [ready.folder.path, *ready.folder.path.rglob("*")]
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in paths}
    assert {name for name, mode in modes.items() if mode & 0o077} == set()


@pytest.mark.parametrize(
    "address",
    ["/a/b@c?d.db", "sqlite:////a/x@y.db", "data/online.db", "redis://h:1/0", "https://h/x"],
)
def test_an_address_without_a_secret_stays_as_it_is(address: str) -> None:
    """Paths and addresses that hold no password are written as they are."""
    assert hide_secret(address) == address


def test_the_description_holds_no_private_value(house: Stage, ready: Stage) -> None:
    """The example of /openapi.json leaves private columns blank, and can be sent as it is."""
    ready.private = ["shape", "colour"]
    ready.plan()
    with opened(ready) as client:
        described = client.ask("GET", "/openapi.json").json()["paths"]["/invocations"]["post"]
        example = described["requestBody"]["content"]["application/json"]["example"]
        [record] = example["dataframe_records"]
        assert (record["shape"], record["colour"]) == (None, None)
        assert record["size"] is not None
        assert client.ask("POST", "/invocations", json=example).status_code == 200
