"""CPU and memory of a run as curves in MLflow, sampled while it lasts."""

from typing import Any

import psutil
from mlflow.environment_variables import MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING
from mlflow.system_metrics.metrics.base_metrics_monitor import BaseMetricsMonitor
from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

from fullcircle.core.errors import ConfigurationError

_LEAST_SECONDS = 1.0  # a sample takes milliseconds, and two requests to a server


class ProcessMonitor(BaseMetricsMonitor):
    """Measures this process alone, where MLflow's own monitors measure the whole machine."""

    def __init__(self) -> None:
        super().__init__()
        self._process = psutil.Process()
        self._process.cpu_percent()  # counts from here: without a beginning it answers 0

    def collect_metrics(self) -> None:
        """Take one sample."""
        memory_bytes = self._process.memory_info().rss
        self._metrics["process_memory_megabytes"].append(memory_bytes / 1e6)
        self._metrics["process_cpu_utilization_percentage"].append(self._process.cpu_percent())

    def aggregate_metrics(self) -> dict[str, float]:
        """Return the mean of the samples since the last answer."""
        return {name: round(sum(taken) / len(taken), 1) for name, taken in self._metrics.items()}


class ResourceSampler:
    """Samples what one run after another uses, in a thread that ends with each."""

    def __init__(self) -> None:
        self._monitor: SystemMetricsMonitor | None = None

    def start(self, run_id: str, seconds: float) -> None:
        """Begin to sample for a run.

        Args:
            run_id: The run that gets the curves.
            seconds: Time between two samples; 0 takes none. Nor are any taken where MLflow was
                told to take its own.
        """
        self.stop()  # Kedro tells no hook that the run before was interrupted
        if seconds == 0 or MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING.get():
            return
        self._monitor = SystemMetricsMonitor(run_id, sampling_interval=seconds)
        self._monitor.monitors.append(ProcessMonitor())
        self._monitor.start()

    def stop(self) -> None:
        """Write what was sampled, and wait until the thread has ended."""
        monitor, self._monitor = self._monitor, None
        if monitor is not None:
            monitor.finish()


def read_seconds(given: Any) -> float:
    """Return the seconds between two samples.

    Raises:
        ConfigurationError: They are no number, or too few.
    """
    try:
        seconds = float(given)
    except (TypeError, ValueError):
        seconds = -1.0
    if seconds != 0 and not _LEAST_SECONDS <= seconds < float("inf"):
        raise ConfigurationError(
            f"FULLCIRCLE_RESOURCE_SECONDS={given!r} is no number of seconds between samples of CPU "
            "and memory: write 10, at least 1, or 0 for none."
        )
    return seconds
