"""What a metric may be asked to do: select models, choose a threshold, be a bar or a limit."""

from collections.abc import Iterable

from fullcircle.core.errors import name_missing
from fullcircle.core.metrics.registry import METRICS, list_metrics


def list_threshold_metrics() -> list[str]:
    """Name the metrics that a threshold may be chosen by."""
    return [name for name in list_metrics("binary") if _sets_threshold(name)]


def _sets_threshold(name: str) -> bool:
    metric = METRICS.get(name)
    return bool(metric and metric.decides and "binary" in metric.tasks and not metric.one_sided)


def raise_if_sets_no_threshold(name: str) -> None:
    """Refuse a metric by which no threshold can be chosen: recall would take every row.

    Raises:
        ValueError: Names those that can.
    """
    if not _sets_threshold(name):
        allowed = describe_metrics(list_threshold_metrics())
        raise ValueError(f"no threshold is chosen by {name!r}; these choose one: {allowed}")


def raise_if_cannot_select(name: str, task: str) -> None:
    """Refuse a primary metric that does not fit the task, or that one decision makes perfect.

    Raises:
        ValueError: Names those that may select.
    """
    metric = METRICS.get(name)
    allowed = describe_metrics(n for n in list_metrics(task) if not METRICS[n].one_sided)
    if metric is None or task not in metric.tasks:
        raise ValueError(f"primary_metric {name!r} is not one of: {allowed}")
    if metric.one_sided:
        raise ValueError(
            f"primary_metric {name!r} is perfect, or undefined, for the same decision on every "
            f"row: make it a bar (gate.minimum), and choose by one of: {allowed}"
        )


def raise_if_unknown(names: Iterable[str], what: str) -> None:
    """Refuse a name that is no metric.

    Args:
        names: What is to be metrics.
        what: The setting that names them.

    Raises:
        ValueError: Names each, the nearest metric and all that there are.
    """
    if unknown := name_missing([name for name in names if name not in METRICS], METRICS):
        known = describe_metrics(METRICS)
        raise ValueError(f"{what} names the metric {unknown}; known are {known}")


def describe_metrics(names: Iterable[str]) -> str:
    """List metrics for people, with what else may be said where they hold an F-score."""
    listed = list(names)
    more = " (or any F-beta, as f3)" if "f1" in listed else ""
    return f"{', '.join(listed)}{more}"
