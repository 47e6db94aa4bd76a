"""An endpoint as the project declares it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from fullcircle.core.errors import ConfigurationError
from fullcircle.serving.plan import write_plan
from fullcircle.serving.runtime_dir import RuntimeDir
from fullcircle.serving.settings import ServingSettings
from fullcircle.serving.sockets import is_loopback
from fullcircle.serving.tokens import load_tokens
from fullcircle.tracking.registry.declared_types import list_declared

_TABLES = ("endpoint_requests", "endpoint_predictions")


def find_folder(context: Any) -> RuntimeDir:
    """Find the folder of a project's endpoint: it lies beside the log."""
    path = Path(context.catalog.get(_TABLES[0]).path).parent / "endpoint"
    return RuntimeDir(path if path.is_absolute() else Path(context.project_path) / path)


def set_up(context: Any, changes: dict[str, Any], tls: Sequence[Path]) -> RuntimeDir:
    """Write down what supervisor and workers must know.

    Args:
        context: The project's context, its tracking set up.
        changes: Settings other than ``parameters_serving.yml`` has them.
        tls: Certificate and key files; empty for none.

    Raises:
        ConfigurationError: A setting is not valid, or the address would let anyone in.
    """
    folder = find_folder(context)
    settings = _read_settings({**context.params.get("serving", {}), **changes})
    if not is_loopback(settings.host) and not load_tokens(folder):
        raise ConfigurationError(
            f"{settings.host} is reached from other machines, and no token was made. Make one "
            "first: kedro endpoint token create --name NAME."
        )
    for path in tls:
        if not path.is_file():
            raise ConfigurationError(f"There is no TLS file {path}.")
    write_plan(folder, _describe(context, settings, tls))
    return folder


def _read_settings(given: dict[str, Any]) -> ServingSettings:
    try:
        return ServingSettings.model_validate(given)
    except ValidationError as error:
        said = "; ".join(
            f"serving.{'.'.join(map(str, one['loc']))}: {one['msg']}, given {one['input']!r}"
            for one in error.errors()
        )
        raise ConfigurationError(f"A parameter is not valid. {said}.") from error


def _describe(context: Any, settings: ServingSettings, tls: Sequence[Path]) -> dict[str, Any]:
    problem = context.catalog.load("params:problem")
    tables = context.catalog.get("feature_tables").tables
    requests, predictions = (context.catalog.get(name).path for name in _TABLES)
    return {
        "contract": {
            "name": problem.name,
            "row_id": problem.row_id,
            "entity_keys": problem.entity_keys,
            "event_time": problem.event_time,
            "private": problem.private_columns,
            "max_unreadable_share": (
                settings.max_unreadable_share
                if settings.max_unreadable_share is not None
                else context.catalog.load("params:intake").max_unreadable_share
            ),
        },
        "settings": settings.model_dump(mode="json"),
        "model": context.catalog.get("champion").model_name,
        "tracking_uri": context.mlflow.server.mlflow_tracking_uri,
        "online_store": _anchor_store(context),
        "tables": {name: table.declared.model_dump(mode="json") for name, table in tables.items()},
        "log": {
            "requests": str(Path(context.project_path) / requests),
            "predictions": str(Path(context.project_path) / predictions),
        },
        "tls": [str(path.resolve()) for path in tls],
        "trusted_types": list_declared(),
    }


def _anchor_store(context: Any) -> str:
    address = str(context.config_loader["globals"]["online_store"])
    if "://" in address:
        return address
    return str(Path(context.project_path) / address)
