"""Where the time of a run goes."""

import time
from typing import Any

import psutil
from kedro.framework.hooks import hook_impl
from kedro.pipeline.node import Node

_FITTING = ("search_candidates", "fit_finalists", "choose_winner", "make_challenger")


class RunTimer:
    """Measures wall time: start-up, each node, and the whole run.

    Start-up is counted from the process's own start for its first run, and from the creation of
    the context for each later one (in a notebook, say).
    """

    def __init__(self) -> None:
        self._process_start: float | None = psutil.Process().create_time()
        self._context_created = time.time()
        self._run_started = time.time()
        self._node_started: dict[str, float] = {}
        self.node_seconds: dict[str, float] = {}

    @hook_impl(tryfirst=True)
    def after_context_created(self) -> None:
        """Note when the context was created."""
        self._context_created = time.time()

    @hook_impl(trylast=True)
    def before_pipeline_run(self) -> None:
        """Note when the first node may start."""
        self._run_started = time.time()
        self._node_started, self.node_seconds = {}, {}

    @hook_impl(trylast=True)
    def before_node_run(self, node: Node) -> None:
        """Note when a node starts."""
        self._node_started[name_without_namespace(node)] = time.time()

    @hook_impl(tryfirst=True)
    def after_node_run(self, node: Node) -> None:
        """Note how long a node took."""
        self.node_seconds[name_without_namespace(node)] = (
            time.time() - self._node_started[name_without_namespace(node)]
        )

    def measure_phases(self) -> dict[str, float]:
        """Split the seconds up to now into start-up, fitting, other nodes, and input and output."""
        begun = self._process_start or self._context_created
        self._process_start = None
        nodes = sum(self.node_seconds.values())
        fitting = sum(self.node_seconds.get(name, 0.0) for name in _FITTING)
        now = time.time()
        return {
            "total": now - begun,
            "start_up": self._run_started - begun,
            "fitting": fitting,
            "other_nodes": nodes - fitting,
            "loading_and_saving": now - self._run_started - nodes,
        }


def describe_seconds(seconds: dict[str, float]) -> str:
    """Say where the time went, in one line."""
    parts: dict[str, Any] = {k.replace("_", " "): f"{v:.1f} s" for k, v in seconds.items()}
    total = parts.pop("total")
    return f"{total}: " + ", ".join(f"{name} {value}" for name, value in parts.items())


def name_without_namespace(node: Node) -> str:
    """Return a node's name without the pipeline that Kedro puts before it."""
    return str(node.name).removeprefix(f"{node.namespace}.")
