"""Counters of the endpoint, for Prometheus, added up over all workers."""

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

from fullcircle.serving.folder import make_private_dir

_LATENCIES = (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """What workers count.

    Attributes:
        requests: Requests by route and status.
        rows: Rows by role and version.
        failures: Requests that a role's model failed, by role and version.
        latency: Seconds from request to answer, by role.
    """

    def __init__(self, folder: Path) -> None:
        """Begin to count.

        Args:
            folder: Where all workers of an endpoint keep their counters.
        """
        make_private_dir(folder)
        # prometheus_client reads it once, at its first import.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
        from prometheus_client import CollectorRegistry, Counter, Histogram

        own = CollectorRegistry()

        def counter(name: str, text: str, *labels: str) -> Any:
            return Counter(f"fullcircle_{name}", text, labels, registry=own)

        self._folder = folder
        self.requests = counter("requests", "Requests by route and status.", "route", "status")
        self.rows = counter("rows", "Rows by role and model version.", "role", "version")
        self.failures = counter(
            "model_failures", "Requests that a model failed.", "role", "version"
        )
        self.latency = Histogram(
            "fullcircle_latency_seconds",
            "Seconds from request to answer.",
            ["role"],
            buckets=_LATENCIES,
            registry=own,
        )
        # Finding a counter by its labels takes longer than counting.
        self.count_request = lru_cache(self.requests.labels)
        self.count_rows = lru_cache(self.rows.labels)
        self.time_role = lru_cache(self.latency.labels)

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
