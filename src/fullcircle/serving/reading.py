"""The endpoint's log, read for people: an A/B comparison, and what predictions cost."""

from typing import Any

import ibis

from fullcircle.core.errors import DataError
from fullcircle.datasets.delta_table_dataset import is_delta
from fullcircle.serving.comparing import COLUMNS, Evidence, compare_log
from fullcircle.serving.folder import read_json
from fullcircle.serving.opening import find_folder
from fullcircle.serving.traffic import read_traffic

_HOUR_MS = 3_600_000


def gather_evidence(
    context: Any, *, margin: float, confidence: float, metric: str | None = None
) -> Evidence:
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


def count_costs(context: Any) -> list[dict[str, Any]]:
    """Say per day what predictions cost by the declared price of an hour of the machine.

    Returns:
        Per day: requests, predictions, seconds of the processor, its milliseconds and the money
        per thousand predictions.

    Raises:
        DataError: There is no log yet.
    """
    settings = context.params.get("serving", {})
    price, currency = float(settings.get("price_per_hour", 0)), settings.get("currency", "")
    log = _read_log(context.catalog, "endpoint_requests")
    served = log.filter(log.status == 200)
    days = (
        served.group_by("date")
        .aggregate(requests=served.count(), rows=served["rows"].sum(), ms=served.cpu_ms.sum())
        .order_by("date")
        .to_pyarrow()
        .to_pylist()
    )
    found = []
    for day in days:
        thousands = max(day["rows"], 1) / 1000
        money = day["ms"] / _HOUR_MS * price / thousands
        found.append(
            {
                "date": str(day["date"]),
                "requests": day["requests"],
                "predictions": day["rows"],
                "cpu_seconds": round(day["ms"] / 1000, 3),
                "cpu_ms_per_thousand": round(day["ms"] / thousands, 1),
                "cost_per_thousand": f"{money:.3g} {currency}",
            }
        )
    return found


def _read_log(catalog: Any, name: str) -> Any:
    dataset = catalog.get(name)
    if not is_delta(dataset.path):
        raise DataError("The endpoint has answered nothing yet. Start it: kedro serve.")
    return dataset.load()
