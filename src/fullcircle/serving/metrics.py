"""Counters of the endpoint, for Prometheus, added up over all workers."""

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

from fullcircle.serving.folder import OWNER_ONLY, allocate, make_private_dir
from fullcircle.serving.memory import count_resident_bytes

_FILE_BYTES = 2**18  # for some thousand counters of a process
_LATENCIES = (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """What workers count.

    Attributes:
        requests: Requests by route and status.
        rows: Rows by role and version.
        failures: Requests that a role's model failed, by role and version.
        gaps: Rows whose features were missing or stale, by table.
        latency: Seconds from request to answer, by role.
        waiting_lines: Answers that wait for the log, by worker; it outlives the worker.
        lost_lines: Answers that no log will hold.
        memory: Resident bytes by worker.
    """

    def __init__(self, folder: Path) -> None:
        """Begin to count.

        Args:
            folder: Where all workers of an endpoint keep their counters.
        """
        make_private_dir(folder)
        _reserve_files(folder)
        # prometheus_client reads it once, at its first import.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        own = CollectorRegistry()

        def counter(name: str, text: str, *labels: str) -> Any:
            return Counter(f"fullcircle_{name}", text, labels, registry=own)

        self._folder = folder
        self.requests = counter("requests", "Requests by route and status.", "route", "status")
        self.rows = counter("rows", "Rows by role and model version.", "role", "version")
        self.failures = counter(
            "model_failures", "Requests that a model failed.", "role", "version"
        )
        self.gaps = counter(
            "feature_gaps", "Rows whose features the online store did not give.", "table", "kind"
        )
        self.latency = Histogram(
            "fullcircle_latency_seconds",
            "Seconds from request to answer.",
            ["role"],
            buckets=_LATENCIES,
            registry=own,
        )
        self.waiting_lines = Gauge(
            "fullcircle_log_waiting_lines",
            "Answers that are kept in memory because the disk refused them.",
            multiprocess_mode="sum",
            registry=own,
        )
        self.lost_lines = Gauge(
            "fullcircle_log_lost_lines",
            "Answers that no log will hold: the disk refused them for too long.",
            multiprocess_mode="sum",
            registry=own,
        )
        self.memory = Gauge(
            "fullcircle_worker_resident_bytes",
            "Memory that a worker holds.",
            ["worker"],
            multiprocess_mode="mostrecent",  # a worker that was started again takes its number over
            registry=own,
        )
        # Finding a counter by its labels takes longer than counting.
        self.count_request = lru_cache(self.requests.labels)
        self.count_rows = lru_cache(self.rows.labels)
        self.time_role = lru_cache(self.latency.labels)

    def note_lines(self, waiting: int, lost: int) -> None:
        """Take note of how many answers wait for the log, and how many no log will hold."""
        self.waiting_lines.set(waiting)
        self.lost_lines.set(lost)

    def note_memory(self, worker: int) -> None:
        """Take note of the memory that this process holds, as the worker of this number."""
        self.memory.labels(str(worker)).set(count_resident_bytes())

    def show(self) -> tuple[bytes, str]:
        """Give all workers' counters as Prometheus reads them, and their content type."""
        from prometheus_client import (
            CONTENT_TYPE_LATEST,
            CollectorRegistry,
            generate_latest,
            multiprocess,
        )

        registry = CollectorRegistry()
        collect: Any = multiprocess.MultiProcessCollector
        collect(registry, path=str(self._folder))
        return generate_latest(registry), CONTENT_TYPE_LATEST


def _reserve_files(folder: Path) -> None:
    """Give this process's counters their room: a mapped page without any would end the process."""
    for kind in ("counter", "histogram", "gauge_sum", "gauge_mostrecent"):
        handle = os.open(folder / f"{kind}_{os.getpid()}.db", os.O_RDWR | os.O_CREAT, OWNER_ONLY)
        try:
            allocate(handle, _FILE_BYTES)
        finally:
            os.close(handle)
