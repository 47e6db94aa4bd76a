"""The endpoint on the project's champion, beside MLflow's own server and a bare echo, in one run.

Run in a project with a champion (kedro run), on a quiet machine:
    python tests/benchmarks/bench_endpoint.py [--seconds 5] [--connections 1 16 64 256]
        [--workers 2] [--picture endpoint.svg]

The echo is one worker of the same server that answers what it was sent. "Cached" is ours with
predictions kept by version and features, asked for the same row each time.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson

LOAD = Path(__file__).with_name("http_load.py")
ECHO = """
import orjson, sys, uvicorn
async def app(scope, receive, send):
    message = await receive()
    body = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
    answer = orjson.dumps(orjson.loads(body))
    headers = [(b"content-type", b"application/json"),
               (b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
uvicorn.run(app, port=int(sys.argv[1]), log_level="error", access_log=False, lifespan="off")
"""


def prepare(folder: Path, workers: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Set two endpoints up beside the project's own; gives their folders and rows to send."""
    from kedro.framework.startup import bootstrap_project

    from fullcircle.cli.project import open_project
    from fullcircle.serving.plan import read_plan
    from fullcircle.serving.runtime_dir import RuntimeDir, write_json
    from fullcircle.serving.setup import set_up

    bootstrap_project(Path.cwd())
    context = open_project()
    endpoints = {}
    for name, rows in (("ours", 0), ("cached", 10_000)):
        changes = {"port": 0, "workers": workers, "cache_rows": rows}
        plan = read_plan(set_up(context, changes, ()))
        plan["log"] = {table: str(folder / name / table) for table in plan["log"]}
        endpoints[name] = RuntimeDir(folder / name / "endpoint")
        write_json(endpoints[name].plan, plan)
    example = context.catalog.load("champion").example
    return endpoints, json.loads(example.to_json(orient="records"))


@contextmanager
def running(command: list[str], ready: Callable[[], bool], **environment: str) -> Iterator[None]:
    """Run a server for as long as the block lasts, from when it is ready."""
    process = subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        last = time.monotonic() + 180
        while not ready():
            if process.poll() is not None or time.monotonic() > last:
                raise SystemExit(f"no answer from {' '.join(command)}")
            time.sleep(0.2)
        yield
    finally:
        process.terminate()
        process.wait(60)


def answers(url: str) -> bool:
    """Whether an address answers with 200."""
    try:
        return httpx.get(url, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def ask(url: str, connections: int, seconds: float, body: Path) -> dict[str, float]:
    """Load an address from a process of its own."""
    found = subprocess.run(
        [sys.executable, str(LOAD), url, str(connections), str(seconds), str(body)],
        capture_output=True,
        check=True,
    )
    return dict(json.loads(found.stdout))


def find_address(endpoint: Any) -> str | None:
    """The endpoint's address, once it is known."""
    from fullcircle.serving.runtime_dir import read_json

    said = read_json(endpoint.status)
    return said["address"] if said else None


def main(
    seconds: float, connections: list[int], workers: int, picture: str | None, *, mlflow: bool
) -> None:
    """Start all, load them in turns, and print what was seen."""
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        folder = Path(place)
        endpoints, rows = prepare(folder, workers)
        body = folder / "body.json"
        body.write_text(json.dumps({"dataframe_records": rows[:1]}), encoding="utf-8")
        addresses = {}
        for name, endpoint in endpoints.items():
            began = time.perf_counter()
            stack.enter_context(serve(endpoint))
            print(f"{name} was ready after {time.perf_counter() - began:.1f} s")
            addresses[name] = f"{find_address(endpoint)}/invocations"
        echo = [sys.executable, "-c", ECHO, "8391"]
        stack.enter_context(running(echo, lambda: _is_open(8391)))
        addresses["echo"] = "http://127.0.0.1:8391/invocations"
        if mlflow:
            addresses["mlflow"] = stack.enter_context(serve_by_mlflow(endpoints["ours"]))
        found = {number: _compare(number, seconds, addresses, body) for number in connections}
        show_times(endpoints["ours"], rows[:1])
    if picture:
        draw(found, picture)


def serve(endpoint: Any) -> Any:
    """Serve an endpoint's folder until the block ends."""
    command = [sys.executable, "-m", "fullcircle.serving", str(endpoint.path)]
    return running(command, lambda: answers(f"{find_address(endpoint)}/ready"))


def draw(found: dict[int, dict[str, dict[str, float]]], picture: str) -> None:
    """Draw requests per second and latency by connections."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3), layout="constrained")
    rates, latencies = figure.subplots(1, 2)
    for name in next(iter(found.values())):
        rates.plot(list(found), [one[name]["rate"] for one in found.values()], "o-", label=name)
        for share, style in (("p50", "o-"), ("p99", "o:")):
            seen = [one[name][share] for one in found.values()]
            latencies.plot(list(found), seen, style, label=f"{name} {share}")
    rates.set(xlabel="connections", ylabel="requests/s", xscale="log", yscale="log")
    latencies.set(xlabel="connections", ylabel="milliseconds", xscale="log", yscale="log")
    for axes in (rates, latencies):
        axes.set_xticks(list(found), [str(number) for number in found])
        axes.legend(fontsize="x-small")
    figure.savefig(picture)


@contextmanager
def serve_by_mlflow(endpoint: Any) -> Iterator[str]:
    """Serve the champion by ``mlflow models serve`` with two workers."""
    from fullcircle.serving.runtime_dir import read_json

    plan = read_json(endpoint.plan)
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local"]
    command += ["-m", f"models:/{plan['model']}@champion", "-p", "8392", "-w", "2"]
    place = {"MLFLOW_TRACKING_URI": plan["tracking_uri"]}
    with running(command, lambda: answers("http://127.0.0.1:8392/ping"), **place):
        yield "http://127.0.0.1:8392/invocations"


def _is_open(port: int) -> bool:
    import socket

    with socket.socket() as door:
        return door.connect_ex(("127.0.0.1", port)) == 0


def _compare(
    number: int, seconds: float, addresses: dict[str, str], body: Path
) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for name, address in addresses.items():
        ask(address, number, min(seconds, 1), body)  # warm
        found[name] = ask(address, number, seconds, body)
    told = [
        f"{name} {one['rate']:,.0f}/s p50 {one['p50']:.2f} p95 {one['p95']:.2f} "
        f"p99 {one['p99']:.2f} ms" + (f" FAILED {one['failed']:.0f}" if one["failed"] else "")
        for name, one in found.items()
    ]
    ours = found["ours"]["rate"]
    ratios = [f"{ours / one['rate']:.2f} x {name}" for name, one in found.items() if name != "ours"]
    print(f"{number} connections: {'; '.join(told)}; ours is {', '.join(ratios)}", flush=True)
    return found


def show_times(endpoint: Any, rows: list[dict[str, Any]], together: int = 16) -> None:
    """Print where a request's time goes, of several that are scored together, without HTTP."""
    from fullcircle.serving.answers import describe_part, describe_parts
    from fullcircle.serving.bodies import BodyReader
    from fullcircle.serving.runtime_dir import read_json
    from fullcircle.serving.worker_state import WorkerState

    room = WorkerState(endpoint, read_json(endpoint.plan), 0)
    asyncio.run(room.load())
    content = orjson.dumps({"dataframe_records": rows})
    features = room.active_models.champion.model.features
    reader = BodyReader(features, room.active_models.columns | room.contract.columns)
    taken = dict.fromkeys(("read", "score", "answer", "tell the journal"), 0.0)
    for _ in range(200):
        began = time.perf_counter()
        bodies = [reader.read(content, "application/json") for _ in range(together)]
        read = time.perf_counter()
        found = room.scorer.score(bodies, ["x"] * together, room.active_models, room.declared)
        scored = time.perf_counter()
        for parts in found:
            orjson.dumps(describe_parts(parts, 1))
        answered = time.perf_counter()
        for parts in found:
            for part in parts:
                orjson.dumps(describe_part(part, "id", [], frozenset()), default=str)
        ended = time.perf_counter()
        steps = (read - began, scored - read, answered - scored, ended - answered)
        for name, step in zip(taken, steps, strict=True):
            taken[name] += step
    told = [f"{name} {1e6 * spent / 200 / together:.0f} µs" for name, spent in taken.items()]
    print(f"of a request among {together}: {', '.join(told)}; the rest is HTTP")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 16, 64, 256])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--without-mlflow", action="store_true")
    parser.add_argument("--picture", help="where to draw the curve")
    given = parser.parse_args()
    main(
        given.seconds,
        given.connections,
        given.workers,
        given.picture,
        mlflow=not given.without_mlflow,
    )
