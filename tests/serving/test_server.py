"""The endpoint as it runs: processes, signals, moves of aliases, and a socket handed over."""

import asyncio
import itertools
import json
import os
import random
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from tests.serving.stage import FULL, HTTP, KEYED, NAME, Stage, served, wait_until

from fullcircle.serving.runtime_dir import read_json, write_json
from fullcircle.serving.status import is_running, read_workers
from fullcircle.serving.tokens import issue_token
from fullcircle.serving.traffic import set_traffic
from fullcircle.tracking.registry.lookup import list_aliases

BODY = {"dataframe_records": [FULL]}


def is_ready(address: str) -> bool:
    """Whether every worker that is asked can predict."""
    return all(HTTP.get(f"{address}/ready").status_code == 200 for _ in range(4))


def test_it_starts_without_a_model_and_takes_the_one_that_comes(stage: Stage) -> None:
    """Alive and not ready at first; ready by itself once a champion is crowned."""
    with served(stage) as (address, process):
        assert HTTP.get(f"{address}/health").json()["status"] == "ok"
        assert HTTP.get(f"{address}/ready").status_code == 503
        stage.crown()
        wait_until(lambda: is_ready(address))
        answer = HTTP.post(f"{address}/invocations", json=BODY)
        assert answer.json()["model_versions"] == ["1"]
        metrics = HTTP.get(f"{address}/metrics").text
        assert 'fullcircle_requests_total{route="/invocations",status="200"} 1.0' in metrics
        other = subprocess.run(
            [sys.executable, "-m", "fullcircle.serving", str(stage.folder.path)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert other.returncode == 1
        assert f"runs already, at {address}" in other.stderr
        assert is_running(stage.folder)
        process.terminate()
        assert process.wait(60) == 0
    assert not is_running(stage.folder)
    assert read_json(stage.folder.status)["state"] == "stopped"
    assert [row["request_id"] for row in stage.log("predictions")] == [answer.json()["request_id"]]


async def load(address: str, stop: asyncio.Event, wanted: dict[str, Any]) -> dict[str, Any]:
    """Ask from eight connections, each a hundred times a second at most; judge every answer."""
    seen: dict[str, Any] = {"ids": [], "wrong": [], "failed": [], "versions": Counter()}
    numbers = itertools.count()

    async def ask() -> None:
        limits = httpx.Limits(max_keepalive_connections=1)
        async with httpx.AsyncClient(base_url=address, limits=limits, timeout=30) as client:
            while not stop.is_set():
                who = next(numbers) % 12
                try:
                    body = {"dataframe_records": [{**KEYED, "who": who}]}
                    answer = await client.post("/invocations", json=body)
                except httpx.HTTPError as error:
                    seen["failed"].append(repr(error))
                    continue
                content = answer.json()
                if answer.status_code != 200:
                    seen["wrong"].append(content)
                    continue
                [version], [predicted] = content["model_versions"], content["predictions"]
                seen["ids"].append(content["request_id"])
                seen["versions"][version] += 1
                if abs(predicted[1] - wanted[version][who]) > 1e-9:
                    seen["wrong"].append(content)
                await asyncio.sleep(0.01)

    await asyncio.gather(*(ask() for _ in range(8)))
    return seen


def test_nothing_is_wrong_or_lost_under_load(stage: Stage) -> None:
    """Twenty moves, three kills and a log that breaks: no wrong answer, each once in the log.

    What fails are at most the requests that a killed worker held: eight connections, three kills.
    """
    stage.plan(workers=2, watch_seconds=0.1, log={"commit_seconds": 0.5, "segment_seconds": 0.2})
    stage.crown()
    second = stage.register(candidate="xgboost")
    wanted = {"1": expect(stage, "champion"), second: expect(stage, "challenger")}

    async def run(address: str) -> dict[str, Any]:
        stop = asyncio.Event()
        loading = asyncio.create_task(load(address, stop, wanted))
        rng = random.Random(7)  # noqa: S311 - a seed for a test
        for move in range(20):
            await asyncio.sleep(0.25)
            if move % 2:
                set_traffic(stage.folder, rng.choice([0.0, 0.3, 1.0]), "", "test")
            else:
                await asyncio.to_thread(trade_places, stage)
            if move in (5, 10, 15):
                workers = read_json(stage.folder.status)["workers"]
                alive = [worker["pid"] for worker in workers if worker["pid"]]
                os.kill(rng.choice(alive), signal.SIGKILL)
            if move == 8:
                hide = stage.path / "requests.hidden"
                await asyncio.to_thread(break_log, stage, hide)
            if move == 12:
                await asyncio.to_thread(mend_log, stage, hide)
        await asyncio.sleep(1)
        stop.set()
        return await loading

    with served(stage) as (address, process):
        wait_until(lambda: is_ready(address))
        seen = asyncio.run(run(address))
        process.terminate()
        assert process.wait(60) == 0
    assert seen["wrong"] == []
    assert len(seen["failed"]) <= 3 * 8
    assert set(seen["versions"]) == {"1", second}
    before = 2 * 12  # rows that were asked for in this process
    logged = Counter((row["request_id"], row["row"]) for row in stage.log("predictions"))
    assert {(name, 0) for name in seen["ids"]} <= set(logged)
    assert set(logged.values()) == {1}
    # Written down before it was answered: what a killed worker held may be in the log beside.
    assert len(logged) - before - len(seen["ids"]) <= 3 * 8


def expect(stage: Stage, role: str) -> list[float]:
    """What a role's model says of each customer, asked in this process."""
    from tests.serving.stage import opened

    stage.fetch()
    set_traffic(stage.folder, float(role == "challenger"), "", "test")
    with opened(stage) as client:
        rows = [{**KEYED, "who": who} for who in range(12)]
        return [predicted[1] for predicted in client.predict(*rows)["predictions"]]


def trade_places(stage: Stage) -> None:
    """Crown anyone who is not champion now."""
    champion = list_aliases(NAME)["champion"]
    other = "2" if champion == "1" else "1"
    stage.crown(other)
    stage.registry.move_alias("challenger", champion)


def break_log(stage: Stage, hide: Path) -> None:
    """Put a file where the log's table is."""
    table = stage.path / "requests"
    if table.exists():
        table.rename(hide)
    table.write_text("no table", encoding="utf-8")


def mend_log(stage: Stage, hide: Path) -> None:
    """Put the table back."""
    table = stage.path / "requests"
    table.unlink(missing_ok=True)
    if hide.exists():
        hide.rename(table)


def test_canary_that_fails_falls_back(stage: Stage) -> None:
    """A challenger that is too slow by its limits loses its share, and the record says why."""
    stage.plan(fallback={"min_requests": 20, "max_p95_ms": 0.0001, "window_seconds": 30})
    stage.crown()
    stage.register(candidate="xgboost")
    set_traffic(stage.folder, 0.9, "a canary", "me")
    with served(stage) as (address, _):
        wait_until(lambda: is_ready(address))
        rows = [{**FULL, "who": who} for who in range(40)]

        def fallen() -> bool:
            for row in rows:
                HTTP.post(f"{address}/invocations", json={"dataframe_records": [row]})
            return bool(read_json(stage.folder.traffic)["who"] == "fall-back")

        wait_until(fallen)
        said = read_json(stage.folder.traffic)
        assert said["challenger"] == 0.0
        assert "came within" in said["why"]

        def champions_alone() -> bool:
            answers = [
                HTTP.post(f"{address}/invocations", json={"dataframe_records": [row]}).json()
                for row in rows
            ]
            return {role for answer in answers for role in answer["roles"]} == {"champion"}

        wait_until(champions_alone)


def test_tls_and_tokens_on_the_wire(stage: Stage) -> None:
    """With certificate and token the endpoint speaks TLS alone, and says so to browsers."""
    openssl = shutil.which("openssl") or pytest.skip("openssl is not installed")
    certificate, key = stage.path / "tls.crt", stage.path / "tls.key"
    subprocess.run(
        [
            *(openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    stage.crown()
    plan = read_json(stage.folder.plan)
    write_json(stage.folder.plan, {**plan, "tls": [str(certificate), str(key)]})
    token = issue_token(stage.folder, "app", ["predict"], None, datetime.now(UTC))[1]
    trusted = ssl.create_default_context(cafile=str(certificate))
    process = subprocess.Popen([sys.executable, "-m", "fullcircle.serving", str(stage.folder.path)])
    try:
        said = wait_until(lambda: (read_json(stage.folder.status) or {}).get("address"))
        assert said.startswith("https://")
        with httpx.Client(base_url=said, verify=trusted) as client:

            def ready() -> bool:
                try:
                    return client.get("/ready").status_code == 200
                except httpx.HTTPError:
                    return False

            wait_until(ready)
            assert client.post("/invocations", json=BODY).status_code == 401
            bearer = {"authorization": f"Bearer {token}"}
            answer = client.post("/invocations", json=BODY, headers=bearer)
            assert answer.status_code == 200
            assert "max-age" in answer.headers["strict-transport-security"]
        with pytest.raises(httpx.HTTPError):
            HTTP.get(said.replace("https", "http") + "/ping")
    finally:
        process.terminate()
        process.wait(60)


def test_it_starts_at_the_first_request(stage: Stage) -> None:
    """Handed a listening socket, it answers the request that woke it, and ends when idle."""
    stage.plan(idle_minutes=0.05)
    stage.crown()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with httpx.Client(base_url=f"http://localhost:{port}", timeout=90) as client:
            wake = (
                "import os, sys\n"
                "os.dup2(int(sys.argv[1]), 3)\n"
                "os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()))\n"
                "words = [sys.executable, '-m', 'fullcircle.serving', sys.argv[2]]\n"
                "os.execv(sys.executable, words)"
            )
            process = subprocess.Popen(
                [sys.executable, "-c", wake, str(listener.fileno()), str(stage.folder.path)],
                pass_fds=[listener.fileno()],
            )
            assert client.get("/ping").status_code == 200
            wait_until(lambda: client.get("/ready").status_code == 200)
            answer = client.post("/invocations", json=BODY)
            assert answer.status_code == 200
        assert process.wait(60) == 0
    assert len(stage.log("predictions")) == 1


def test_worker_ends_when_its_supervisor_is_gone(stage: Stage) -> None:
    """After kill -9 of the supervisor no worker stays, and the next one collects the journal."""
    stage.crown()
    with served(stage) as (address, process):
        wait_until(lambda: is_ready(address))
        answer = HTTP.post(f"{address}/invocations", json=BODY).json()
        [worker] = wait_until(lambda: read_workers(stage.folder))
        process.kill()
        process.wait()
        wait_until(lambda: not Path(f"/proc/{worker['pid']}").exists())
    assert [row["request_id"] for row in stage.log("predictions")] == [answer["request_id"]]


def test_no_plan_is_one_line(tmp_path: Path) -> None:
    """A folder that was never set up is refused with the command that sets it up."""
    found = subprocess.run(
        [sys.executable, "-m", "fullcircle.serving", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 1
    assert found.stderr.strip().endswith("Do so once: kedro serve.")
    assert "Traceback" not in found.stderr


def test_port_that_is_taken_is_one_line(stage: Stage) -> None:
    """A port that somebody else listens at is named, with what to do."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        stage.plan(port=listener.getsockname()[1])
        found = subprocess.run(
            [sys.executable, "-m", "fullcircle.serving", str(stage.folder.path)],
            capture_output=True,
            text=True,
            check=False,
        )
    assert found.returncode == 1
    assert "--port" in found.stderr
    assert json.dumps("Traceback") not in found.stderr


def test_good_requests_are_answered_beside_hostile_ones(stage: Stage) -> None:
    """Beside 1,500 hostile requests of all kinds each good one is answered; no worker dies."""
    from tests.benchmarks.hostile_requests import Customers, attack

    stage.plan(workers=2)
    stage.crown()
    with served(stage) as (address, process):
        wait_until(lambda: is_ready(address))
        workers = [worker["pid"] for worker in read_json(stage.folder.status)["workers"]]
        host, port = address.removeprefix("http://").split(":")
        customers = Customers(host, int(port), json.dumps(BODY).encode())

        def attack_all(requests: int) -> Any:
            return attack(host, int(port), requests, together=40, per_second=1e6, seed=7)

        async def both() -> Any:
            good = customers.ask(100, together=2, pause=0.02)
            return await asyncio.gather(attack_all(1200), good)

        asyncio.run(attack_all(300))
        before = [psutil.Process(pid).memory_info().rss / 2**20 for pid in workers]
        answers, _ = asyncio.run(both())
        after = [psutil.Process(pid).memory_info().rss / 2**20 for pid in workers]
        assert customers.failed == 0
        assert answers[400] > 100
        assert not any(500 <= status != 503 for status in answers)
        assert [worker["deaths"] for worker in read_json(stage.folder.status)["workers"]] == [0, 0]
        assert max(b - a for a, b in zip(before, after, strict=True)) < 100
        assert process.poll() is None


def test_nobody_is_kept_waiting_at_the_end(stage: Stage) -> None:
    """With connections open and busy, SIGTERM ends all in order: later ones are refused at once."""
    stage.crown()

    async def end(address: str, process: Any) -> list[str]:
        async with httpx.AsyncClient(base_url=address, timeout=60) as client:
            seen: list[str] = []

            async def ask() -> None:
                while True:
                    try:
                        answer = await client.post("/invocations", json=BODY)
                        seen.append(str(answer.status_code))
                    except httpx.ConnectError:
                        return
                    except httpx.HTTPError as error:
                        seen.append(type(error).__name__)

            asking = [asyncio.create_task(ask()) for _ in range(8)]
            idle = await asyncio.open_connection(*address.removeprefix("http://").split(":"))
            while len(seen) < 100:
                await asyncio.sleep(0.01)
            process.terminate()
            await asyncio.gather(*asking)
            idle[1].close()
            return seen

    with served(stage) as (address, process):
        wait_until(lambda: is_ready(address))
        seen = asyncio.run(end(address, process))
        assert process.wait(60) == 0
    assert set(seen) <= {"200", "ReadError", "RemoteProtocolError"}  # a race of keep-alive
    assert len([one for one in seen if one != "200"]) <= 8
    # Written down before it was answered: what was on its way may be in the log beside.
    assert 0 <= len(stage.log("predictions")) - seen.count("200") <= 8
