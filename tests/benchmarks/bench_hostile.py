"""Good requests beside a hundred thousand hostile ones: all answered, how fast, at what memory.

Run in a project with a champion (kedro run), on a quiet machine:
    python tests/benchmarks/bench_hostile.py [--requests 100000] [--good 1000] [--workers 2]
        [--per-second 500] [--seed 1]

Attackers are a process of their own, on this machine alone. The exit code is 1 where a good request
was not answered, a worker died, memory grew by more than --growth-mb, or a hostile request was not
counted.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil
from bench_endpoint import find_address, prepare, serve
from hostile_requests import Customers, attack


def main(given: argparse.Namespace) -> int:
    """Serve, ask quietly, ask under attack, and print what was seen."""
    with tempfile.TemporaryDirectory() as place:
        endpoints, rows = prepare(Path(place), given.workers)
        endpoint = endpoints["ours"]
        with serve(endpoint):
            address = urlsplit(str(find_address(endpoint)))
            body = json.dumps({"dataframe_records": rows[:1]}).encode()
            where = (str(address.hostname), int(address.port or 0))
            attack_aside(where, given, given.requests // 20)  # warm, in every sense
            before = measure_workers(endpoint)
            quiet = ask(where, body, given.good, given.good * 0.01)
            began = time.perf_counter()
            attackers = start_attack(where, given, given.requests)
            seconds = given.requests / given.per_second
            busy = ask(where, body, given.good, 0.9 * seconds)
            out, _ = attackers.communicate()
            took = time.perf_counter() - began
            time.sleep(2)
            after = measure_workers(endpoint)
            alive = httpx.get(f"{find_address(endpoint)}/ready").status_code == 200
    answers = json.loads(out)
    good = report(quiet, busy, before, after, answers, took, given.growth_mb, alive=alive)
    if sum(answers.values()) != given.requests:
        print(f"only {sum(answers.values()):,} of {given.requests:,} hostile ones are counted")
    return int(not good or sum(answers.values()) != given.requests)


def ask(where: tuple[str, int], body: bytes, requests: int, seconds: float) -> Customers:
    """Send good requests, spread over some seconds."""
    customers = Customers(*where, body)
    together = 4
    asyncio.run(customers.ask(requests, together=together, pause=together * seconds / requests))
    return customers


def start_attack(
    where: tuple[str, int], given: argparse.Namespace, requests: int
) -> "subprocess.Popen[bytes]":
    """Start attackers in a process of their own."""
    words = [str(word) for word in (*where, requests, given.per_second, given.seed)]
    return subprocess.Popen([sys.executable, __file__, "--attack", *words], stdout=subprocess.PIPE)


def attack_aside(where: tuple[str, int], given: argparse.Namespace, requests: int) -> None:
    """Attack, and wait until it is over."""
    start_attack(where, given, requests).communicate()


def measure_workers(endpoint: Any) -> dict[int, float]:
    """Megabytes by worker's process."""
    from fullcircle.serving.runtime_dir import read_json

    pids = [int(worker["pid"]) for worker in read_json(endpoint.status)["workers"]]
    return {pid: psutil.Process(pid).memory_info().rss / 2**20 for pid in pids}


def report(
    quiet: Customers,
    busy: Customers,
    before: dict[int, float],
    after: dict[int, float],
    answers: dict[str, int],
    seconds: float,
    growth_mb: float,
    *,
    alive: bool,
) -> bool:
    """Print what was seen, and tell whether all is as it should be."""
    hostile = sum(answers.values())
    print(f"{hostile:,} hostile requests in {seconds:.0f} s, by status: {answers}")
    for name, one in (("quiet", quiet), ("attacked", busy)):
        print(
            f"{name}: {len(one.seconds)} good requests, {one.failed} failed, "
            f"p50 {one.percentile(0.5):.2f} p95 {one.percentile(0.95):.2f} "
            f"p99 {one.percentile(0.99):.2f} ms"
        )
    print(f"p99 attacked is {busy.percentile(0.99) / quiet.percentile(0.99):.1f} x quiet")
    grown = max((after.get(pid, 0) - mb for pid, mb in before.items()), default=0.0)
    print(f"memory by worker: {before} before, {after} after; grown by {grown:.0f} MB at most")
    good = not (quiet.failed or busy.failed) and before.keys() == after.keys() and alive
    return good and grown <= growth_mb


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--good", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--per-second", type=float, default=500)
    parser.add_argument("--growth-mb", type=float, default=64)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--attack", nargs=5, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.attack:
        host, port, number, rate, draw = arguments.attack
        sent = attack(
            host, int(port), int(number), together=50, per_second=float(rate), seed=int(draw)
        )
        print(json.dumps(asyncio.run(sent)))
        sys.exit(0)
    sys.exit(main(arguments))
