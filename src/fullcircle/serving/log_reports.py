"""The endpoint's log, read for people: an A/B comparison, and what predictions cost."""

from datetime import datetime
from typing import Any

import ibis

from fullcircle.core.errors import DataError
from fullcircle.core.service import MachineHours, ServiceSettings, measure_costs
from fullcircle.serving.comparison import COLUMNS, ComparedAnswers, compare_log
from fullcircle.serving.runtime_dir import read_json
from fullcircle.serving.setup import find_folder
from fullcircle.serving.traffic import read_traffic
from fullcircle.storage.delta_tables import is_delta


def gather_evidence(
    context: Any, *, margin: float, confidence: float, metric: str | None = None
) -> ComparedAnswers:
    """Compare champion and challenger by the project's log and labels.

    Args:
        context: The project's context.
        margin: A difference below this share of the champion's loss does not matter.
        confidence: Of the interval, at all looks together.
        metric: By what they are compared; None takes the loss of the task.

    Raises:
        ConfigurationError: The metric is no mean over rows of the task.
        DataError: There is no log yet, or nothing in it to compare.
    """
    catalog = context.catalog
    problem = catalog.load("params:problem")
    log = _read_log(catalog, "endpoint_predictions").select(*COLUMNS).to_pandas()
    if not catalog.exists("labels"):
        raise DataError("There are no labels yet: kedro run --pipeline data_processing.")
    labels = catalog.load("labels")
    if problem.label_time:
        as_of = catalog.load("params:as_of").moment
        labels = labels.filter(labels[problem.label_time] <= ibis.literal(as_of))
    truth = labels.select(
        row_id=labels[problem.row_id].cast("string"), label=labels[problem.label].cast("float64")
    ).to_pandas()
    share = read_traffic(read_json(find_folder(context).traffic)).challenger
    dealt = share if 0 < share < 1 else None
    return compare_log(
        log,
        truth,
        problem.task,
        share=dealt,
        margin=margin,
        confidence=confidence,
        metric=metric,
    )


def count_costs(context: Any, by: str, change_at: datetime | None) -> list[dict[str, Any]]:
    """Say what the endpoint costs by the declared price of an hour of the machine.

    Args:
        context: The project's context.
        by: ``day``, ``hour`` (of the day) or ``change`` (before and after it).
        change_at: The moment of the change; None takes ``service.change_at``.

    Returns:
        A row each: requests, predictions, processor time, hours up, utilisation and money.

    Raises:
        DataError: There is no log yet, or no moment of a change was named.
    """
    settings: ServiceSettings = context.catalog.load("params:service")
    log = _read_log(context.catalog, "endpoint_requests")
    moment = change_at or (settings.change_at.moment if settings.change_at else None)
    uptime = MachineHours.read(read_json(find_folder(context).uptime))
    found = measure_costs(log, uptime, settings, moment)
    if found is None:
        raise DataError("The endpoint has answered nothing yet. Start it: kedro serve.")
    if by == "day":
        return found.by_day
    if by == "hour":
        return found.by_hour_of_day
    if found.change is None:
        raise DataError("Name the change: --change 2025-04-01T12:00, or service.change_at.")
    return [{"when": when, **found.change[when]} for when in ("before", "after")]


def _read_log(catalog: Any, name: str) -> Any:
    dataset = catalog.get(name)
    if not is_delta(dataset.path):
        raise DataError("The endpoint has answered nothing yet. Start it: kedro serve.")
    return dataset.load()
