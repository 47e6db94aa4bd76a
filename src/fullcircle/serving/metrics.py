"""Counters of the endpoint, for Prometheus, added up over all workers."""

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from fullcircle.serving.memory import count_resident_bytes
from fullcircle.serving.runtime_dir import OWNER_ONLY, allocate, make_private_dir

_PROBLEM = "problem"
_FILE_BYTES = 2**18  # for some thousand counters of a process
_LATENCIES = (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """What workers count, of one problem.

    prometheus_client keeps one set of files a process. So problems that share processes share the
    files, and a label tells their counters apart; ``show`` takes it off again.

    Attributes:
        requests: Requests by problem, route and status.
        memory: Resident bytes by worker.
        count_request: Gives the counter of requests by route and status.
        count_rows: Of rows by role and version.
        count_failures: Of requests that a role's model failed, by role and version.
        count_gaps: Of rows whose features were missing or stale, by table and kind.
        time_role: Of seconds from request to answer, by role.
    """

    def __init__(self, folder: Path, problem: str) -> None:
        """Begin to count.

        Args:
            folder: Where all workers of an endpoint keep their counters.
            problem: What is counted for; empty for what belongs to none.
        """
        make_private_dir(folder)
        _reserve_files(folder)
        # prometheus_client reads it once, at its first import.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        own = CollectorRegistry()

        def counter(name: str, text: str, *labels: str) -> Any:
            return Counter(f"fullcircle_{name}", text, [_PROBLEM, *labels], registry=own)

        def find(family: Any) -> Any:
            # Finding a counter by its labels takes longer than counting.
            return lru_cache(partial(family.labels, problem))

        self._folder, self._problem = folder, problem
        self.requests = counter("requests", "Requests by route and status.", "route", "status")
        rows = counter("rows", "Rows by role and model version.", "role", "version")
        failures = counter("model_failures", "Requests that a model failed.", "role", "version")
        gaps = counter(
            "feature_gaps", "Rows whose features the online store did not give.", "table", "kind"
        )
        latency = Histogram(
            "fullcircle_latency_seconds",
            "Seconds from request to answer.",
            [_PROBLEM, "role"],
            buckets=_LATENCIES,
            registry=own,
        )
        waiting_lines = Gauge(
            "fullcircle_log_waiting_lines",
            "Answers that are kept in memory because the disk refused them.",
            [_PROBLEM],
            multiprocess_mode="sum",
            registry=own,
        )
        lost_lines = Gauge(
            "fullcircle_log_lost_lines",
            "Answers that no log will hold: the disk refused them for too long.",
            [_PROBLEM],
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
        self.count_request, self.count_rows = find(self.requests), find(rows)
        self.count_failures, self.count_gaps = find(failures), find(gaps)
        self.time_role = find(latency)
        self._waiting_lines, self._lost_lines = (
            waiting_lines.labels(problem),
            lost_lines.labels(problem),
        )

    def count_waiting_lines(self, waiting: int, lost: int) -> None:
        """Take note of how many answers wait for the log, and how many no log will hold."""
        self._waiting_lines.set(waiting)
        self._lost_lines.set(lost)

    def set_memory(self, worker: int) -> None:
        """Take note of the memory that this process holds, as the worker of this number."""
        self.memory.labels(str(worker)).set(count_resident_bytes())

    def show(self) -> tuple[bytes, str]:
        """Return the problem's counters, all workers', as Prometheus reads them, and their type."""
        return self._render(partial(_leave_label, problem=self._problem))

    def show_all(self, problems: Collection[str]) -> tuple[bytes, str]:
        """Return the counters of several problems, and what belongs to none, by a label."""
        return self._render(partial(_select, problems={*problems, ""}))

    def _render(self, choose: Callable[[Any], Any]) -> tuple[bytes, str]:
        from prometheus_client import CONTENT_TYPE_LATEST, generate_latest, multiprocess

        collect: Any = multiprocess.MultiProcessCollector
        families = collect(None, path=str(self._folder)).collect()
        return generate_latest(_Chosen(families, choose)), CONTENT_TYPE_LATEST


class _Chosen:
    """A registry of those samples that are chosen, each as it is chosen to be."""

    def __init__(self, families: Iterable[Any], choose: Callable[[Any], Any]) -> None:
        self._families, self._choose = families, choose

    def collect(self) -> Iterator[Any]:
        for family in self._families:
            chosen = (self._choose(sample) for sample in family.samples)
            family.samples = [sample for sample in chosen if sample is not None]
            if family.samples:
                yield family


def _leave_label(sample: Any, problem: str) -> Any:
    """Return a sample of this problem, or of none, without the label; None for another's."""
    if sample.labels.get(_PROBLEM, problem) != problem:
        return None
    return sample._replace(labels={n: v for n, v in sample.labels.items() if n != _PROBLEM})


def _select(sample: Any, problems: Collection[str]) -> Any:
    return sample if sample.labels.get(_PROBLEM, "") in problems else None


def _reserve_files(folder: Path) -> None:
    """Give this process's counters their room: a mapped page without any would end the process."""
    for kind in ("counter", "histogram", "gauge_sum", "gauge_mostrecent"):
        handle = os.open(folder / f"{kind}_{os.getpid()}.db", os.O_RDWR | os.O_CREAT, OWNER_ONLY)
        try:
            allocate(handle, _FILE_BYTES)
        finally:
            os.close(handle)
