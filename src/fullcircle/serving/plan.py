"""What supervisor and workers must know, written once at the start; its secrets lie apart."""

from typing import Any
from urllib.parse import urlsplit

from fullcircle.core.errors import ConfigurationError
from fullcircle.serving.runtime_dir import RuntimeDir, read_json, write_json

_ADDRESSES = ("tracking_uri", "online_store")


def write_plan(folder: RuntimeDir, plan: dict[str, Any]) -> None:
    """Write a plan without secrets, and beside it the addresses that hold one.

    Raises:
        StorageError: The folder cannot be written to.
    """
    shown = {name: hide_secret(plan[name]) for name in _ADDRESSES}
    secrets = {name: plan[name] for name in _ADDRESSES if plan[name] != shown[name]}
    write_json(folder.secrets, secrets)
    write_json(folder.plan, {**plan, **shown})


def read_plan(folder: RuntimeDir) -> dict[str, Any]:
    """Read a plan with its secrets.

    Raises:
        ConfigurationError: The folder holds no plan.
        StorageError: A file cannot be read.
    """
    plan = read_json(folder.plan)
    if plan is None:
        raise ConfigurationError(f"{folder.path} was never set up. Do so once: kedro serve.")
    return {**plan, **(read_json(folder.secrets) or {})}


def hide_secret(address: str) -> str:
    """Return an address without user, password and query; a path stays as it is."""
    parts = urlsplit(address)
    if not parts.scheme or not ("@" in parts.netloc or parts.query):
        return address
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()
