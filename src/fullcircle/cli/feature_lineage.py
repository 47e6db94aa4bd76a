"""Where a model came from, and which models a feature went into."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from fullcircle.core.contract import FeatureLookup
from fullcircle.core.errors import DataError, name_missing
from fullcircle.datasets.delta_table_dataset import DeltaTableDataset
from fullcircle.tracking.registry.lookup import find_version
from fullcircle.tracking.registry.model_files import read_model

_DATA = "data."


def trace_model(uri: str, datasets: Mapping[str, Any]) -> dict[str, Any]:
    """Tell from which tables, versions, code and runs a model was made.

    The run that trained it recorded what it read; where an earlier run had made that, the table's
    own history names the run, and so on back to the raw data.

    Args:
        uri: ``models:/name@alias`` or ``models:/name/version``.
        datasets: Catalog entries by name.

    Raises:
        ModelError: There is no such model.
    """
    version = find_version(uri)
    model = read_model(version)
    runs = list(_trace_runs(str(version.run_id), datasets))
    read: dict[str, str] = {}
    for run in runs:
        read = {**_data_read(run), **read}
    return {
        "model": str(model),
        "candidate": model.candidate,
        "trained_on": model.trained_on,
        "feature_lookups": {
            lookup.table: list(lookup.renaming.values()) for lookup in model.lookups
        },
        "data_read": dict(sorted(read.items())),
        "git_commit": runs[0].data.tags.get("git_commit", "unknown"),
        "git_dirty": runs[0].data.tags.get("git_dirty", "unknown"),
        "runs": [{"run_id": run.info.run_id, "name": run.info.run_name} for run in runs],
    }


def _trace_runs(run_id: str, datasets: Mapping[str, Any]) -> Iterator[Any]:
    """Give the run, then each run that wrote something which it, or a run before it, read."""
    from mlflow import MlflowClient, MlflowException

    client, seen, waiting = MlflowClient(), set(), [run_id]
    while waiting:
        current = waiting.pop(0)
        if current in seen:
            continue
        seen.add(current)
        try:
            run = client.get_run(current)
        except MlflowException:  # a run that was deleted has nothing more to tell
            continue
        yield run
        for name, version in _data_read(run).items():
            dataset, delta = datasets.get(name), re.fullmatch(r"delta v(\d+)", version)
            if isinstance(dataset, DeltaTableDataset) and delta:
                waiting.extend(filter(None, [dataset.written_by(int(delta[1]))]))


def _data_read(run: Any) -> dict[str, str]:
    tags = run.data.tags.items()
    return {name.removeprefix(_DATA): text for name, text in tags if name.startswith(_DATA)}


def find_users(table: str, feature: str | None = None) -> list[dict[str, Any]]:
    """List the registered models that look up a table, or one of its columns.

    Args:
        table: Name of the feature table, without catalog and schema.
        feature: Column of the table; None lists the users of any.

    Returns:
        Model name, version, aliases and the columns used, newest first per model.
    """
    from mlflow import MlflowClient

    client = MlflowClient()
    users = []
    for registered in client.search_registered_models():
        versions = client.search_model_versions(f"name = '{registered.name}'")
        aliases = {str(number): alias for alias, number in registered.aliases.items()}
        for version in versions:
            columns = _columns_used(version, table)
            if columns and (feature is None or feature in columns):
                number = str(version.version)
                alias = aliases.get(number, "")
                users.append(
                    {"model": version.name, "version": number, "alias": alias, "columns": columns}
                )
    return users


def _columns_used(version: Any, table: str) -> list[str]:
    import mlflow

    info = mlflow.models.get_model_info(f"models:/{version.name}/{version.version}")
    lookups = [
        FeatureLookup.model_validate(lookup)
        for lookup in (info.metadata or {}).get("feature_lookups", [])
    ]
    return [column for lookup in lookups if lookup.table == table for column in lookup.renaming]


def require_table(tables: Mapping[str, Any], name: str) -> Any:
    """Give a declared feature table by its short or three-level name.

    Raises:
        DataError: There is none; offers the nearest.
    """
    short = name.rpartition(".")[2]
    if missing := name_missing([short], tables):
        raise DataError(f"There is no feature table {missing}; there are: {', '.join(tables)}.")
    return tables[short]
