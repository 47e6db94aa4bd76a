"""Finding a version by what people call it."""

import re
from typing import Any

from fullcircle.core.errors import ModelError, name_missing

_URI = re.compile(r"models:/([^@/]+)(?:@([^/]+)|/(\d+)|/(latest))")
_LATEST = "latest"
_SHORT = re.compile(r"(?:([\w.-]+)[@/])?(?:v?(\d+)|([\w-]+))")


def find_version(uri: str) -> Any:
    """Find the registered version that an address of MLflow names.

    Args:
        uri: ``models:/name@alias``, ``models:/name/version`` or ``models:/name/latest``.

    Raises:
        ModelError: The address has another form, or names nothing.
    """
    form = _URI.fullmatch(uri)
    if form is None:
        raise ModelError(
            f"{uri!r} is none of models:/name@alias, models:/name/version and models:/name/latest."
        )
    name, alias, number, latest = form.groups()
    if latest:
        version = next(iter(list_versions(name)), None)
    else:
        version = find_by_alias(name, alias) if alias else find_by_number(name, number)
    if version is None:
        raise ModelError(f"The registry has no {uri}.")
    return version


def find_named(address: str, model: str) -> Any:
    """Find a version by ``champion``, ``latest``, ``5``, ``v5``, or an address with its name.

    Args:
        address: An alias or a version, alone, or behind the model's name and ``@`` or ``/``, with
            or without ``models:/`` before it.
        model: Three-level name that is meant where the address holds none.

    Raises:
        ModelError: The address is not valid or names nothing; offers what there is.
    """
    if address.startswith("models:/"):
        return find_version(address)
    form = _SHORT.fullmatch(address)
    if form is None:
        raise ModelError(f"{address!r} is neither an alias nor a version of {model}.")
    named, number, alias = form.groups()
    if named not in (None, model):
        raise ModelError(f"{named!r} is not the model that is meant here: {model}.")
    if alias == _LATEST:
        version = next(iter(list_versions(model)), None)
    else:
        version = find_by_number(model, number) if number else find_by_alias(model, alias)
    if version is None:
        raise ModelError(_offer(address, model))
    return version


def _offer(address: str, model: str) -> str:
    registered = find_model(model)
    if registered is None:
        return f"The registry has no {model} yet. Train one first: kedro run."
    aliases = ", ".join(f"{a} (v{v})" for a, v in sorted(registered.aliases.items())) or "none"
    near = name_missing([address], registered.aliases) or repr(address)
    return f"{model} has no version {near}. Its aliases: {aliases}."


def find_by_alias(model: str, alias: str) -> Any:
    """Find the version that an alias names; None where there is none."""
    from mlflow import MlflowClient

    return _or_none(lambda: MlflowClient().get_model_version_by_alias(model, alias))


def find_by_number(model: str, number: str) -> Any:
    """Find a version by its number; None where there is none."""
    from mlflow import MlflowClient

    return _or_none(lambda: MlflowClient().get_model_version(model, number))


def find_model(model: str) -> Any:
    """Find a registered model, its aliases with it; None where there is none."""
    from mlflow import MlflowClient

    return _or_none(lambda: MlflowClient().get_registered_model(model))


def list_aliases(model: str) -> dict[str, str]:
    """Give the version that each alias names now."""
    registered = find_model(model)
    return {a: str(v) for a, v in registered.aliases.items()} if registered else {}


def list_versions(model: str) -> list[Any]:
    """Give every version of a model, newest first."""
    from mlflow import MlflowClient

    client, found = MlflowClient(), []
    token: str | None = ""
    while token is not None:
        page = client.search_model_versions(f"name = '{model}'", page_token=token or None)
        found += page
        token = page.token or None
    return sorted(found, key=lambda version: -int(version.version))


def _or_none(ask: Any) -> Any:
    from mlflow import MlflowException

    try:
        return ask()
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise
