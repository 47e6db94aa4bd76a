"""Finding runs in MLflow: which are the best, and which models came of them."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from fullcircle.core.errors import ConfigurationError, FullCircleError, ModelError, name_missing
from fullcircle.core.metrics import METRICS

# What may stand before a metric's name: the rows by which it was measured.
_MEASURED_ON = re.compile(r"(cv_|(train|selection|gate|production)\.)")
_LARGEST = 1.79e308  # MLflow stores infinity as the largest number of its kind
_PAGE = 1000


def rank_runs(
    experiment: str,
    metric: str,
    *,
    data_source: str,
    direction: str | None = None,
    all_runs: bool = False,
    limit: int = 10,
) -> list[dict[str, Any]]:
    """Rank the runs of an experiment by a metric, best first; of equals the newest leads.

    Args:
        experiment: Name of the MLflow experiment.
        metric: Name of any metric that runs have logged.
        data_source: Rank the runs on this source of data; scores on another say nothing of it.
        direction: ``max`` or ``min``, whichever is best; None takes the metric's own.
        all_runs: Rank the trials of searches, and runs that did not finish, as well.
        limit: Most runs to give.

    Returns:
        One row per run: what it is, when it began, the metric's value, the model registered from
        it with version and aliases, and its note. A value that is not finite is not ranked.

    Raises:
        ModelError: There are no runs yet, or none whose value is finite.
        ConfigurationError: No run has such a metric, or its direction is not known.
    """
    from mlflow import MlflowClient

    client = MlflowClient()
    where = ["tags.data_source = '{}'".format(data_source.replace("'", ""))]
    if not all_runs:
        where += ["tags.trial IS NULL", "attributes.status = 'FINISHED'"]
    found = client.get_experiment_by_name(experiment)
    search = {
        "experiment_ids": [found.experiment_id] if found else [],
        "filter_string": " AND ".join(where),
    }
    direction = direction or find_direction(metric)
    ranked = list(islice(_rank(client, search, metric, direction), limit)) if direction else []
    if not ranked:
        names = {name for run in _pages(client, search) for name in run.data.metrics}
        raise _explain_nothing(metric, names, f"{experiment} on {data_source} data")
    return [_describe_run(client, run, metric) for run in ranked]


def find_direction(metric: str) -> str | None:
    """Tell whether the largest or the smallest value of a metric is best; None where unknown."""
    known = METRICS.get(_MEASURED_ON.sub("", metric, count=1))
    if known is None:
        return None
    return "max" if known.greater_is_better else "min"


def _rank(client: Any, search: dict[str, Any], metric: str, direction: str) -> Iterator[Any]:
    """Give the runs with a finite value, best first; MLflow puts the others last or beyond."""
    if not re.fullmatch(r"[\w .:/-]+", metric):  # no run can have logged such a name
        return
    order = "DESC" if direction == "max" else "ASC"
    by = [f"metrics.`{metric}` {order}", "attributes.start_time DESC"]
    for run in _pages(client, {**search, "order_by": by}):
        if metric not in run.data.metrics:
            return
        if abs(run.data.metrics[metric]) < _LARGEST:  # false for NaN too
            yield run


def _pages(client: Any, search: dict[str, Any]) -> Iterator[Any]:
    """Give every run that a search finds, page by page."""
    token: str | None = ""
    while token is not None:
        page = client.search_runs(**search, max_results=_PAGE, page_token=token or None)
        yield from page
        token = page.token or None


def _explain_nothing(metric: str, names: set[str], where: str) -> FullCircleError:
    """Say why a search came back empty, given the names of all metrics that were logged."""
    if not names:
        return ModelError(f"There are no finished runs of {where} yet. Make one first: kedro run.")
    if missing := name_missing([metric], names):
        scores = ", ".join(sorted(names & set(METRICS))) or "none"
        return ConfigurationError(
            f"No run of {where} has a metric {missing}. Their scores: {scores}. "
            "--all-runs searches trials and unfinished runs too."
        )
    if find_direction(metric):
        return ModelError(f"No run of {where} has a finite {metric}.")
    return ConfigurationError(
        f"Whether more or less of {metric} is better is not known; say --direction max or min."
    )


def _describe_run(client: Any, run: Any, metric: str) -> dict[str, Any]:
    tags, whole = run.data.tags, _find_whole(client, run)
    return {
        "run_id": run.info.run_id,
        "run_name": run.info.run_name,
        "whole_run_id": whole.info.run_id,
        "whole_run_name": whole.info.run_name,
        "started_at": datetime.fromtimestamp(run.info.start_time / 1000, UTC).isoformat(),
        "status": run.info.status,
        "as_of": tags.get("as_of"),
        "candidate": tags.get("candidate"),
        "metric": metric,
        "value": run.data.metrics[metric],
        **_find_model(client, run, whole),
        "note": tags.get("note"),
    }


def _find_whole(client: Any, run: Any) -> Any:
    """Find the run of Kedro that a candidate or trial is a part of; it may be gone."""
    from mlflow import MlflowException

    while parent := run.data.tags.get("mlflow.parentRunId"):
        try:
            run = client.get_run(parent)
        except MlflowException:
            break
    return run


def _find_model(client: Any, run: Any, whole: Any) -> dict[str, Any]:
    """Find the newest version registered from a run, or for its candidate by the whole run."""
    tags = run.data.tags
    found = client.search_model_versions(f"run_id = '{whole.info.run_id}'")
    own = [v for v in found if tags.get("candidate") in (None, v.tags.get("candidate"))]
    if "trial" in tags or not own:
        return {"model": None, "version": None, "aliases": []}
    newest = max(own, key=lambda version: int(version.version))
    aliases = client.get_registered_model(newest.name).aliases
    return {
        "model": newest.name,
        "version": str(newest.version),
        "aliases": sorted(a for a, number in aliases.items() if str(number) == str(newest.version)),
    }
