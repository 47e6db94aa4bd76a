"""Who acts on the registry: what the server vouches for, and what is only claimed."""

import getpass
import os
import platform
from collections.abc import Mapping
from typing import Any

_ASK_SECONDS = 5.0


def name_actor() -> str:
    """Name who acts: the user of the tracking server, or of the machine."""
    return os.environ.get("MLFLOW_TRACKING_USERNAME") or _name_system_user()


def _name_system_user() -> str:
    """Name the system's user; by number where it has no name, as in many containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return f"uid {os.getuid()}" if hasattr(os, "getuid") else "unknown"


def identify_actor(name: str, tracking_uri: str) -> dict[str, Any]:
    """Say how an actor's name is known.

    Returns:
        ``how``: ``server`` where the tracking server knows the user by a password, else
        ``claimed``, for the name is then free text; and ``host`` and ``uid`` of the process, which
        the system vouches for.
    """
    how = "server" if _is_authenticated(name, tracking_uri) else "claimed"
    uid = os.getuid() if hasattr(os, "getuid") else None
    return {"how": how, "host": platform.node(), "uid": uid}


def _is_authenticated(name: str, tracking_uri: str) -> bool:
    """Ask MLflow's server for the user, which it answers to that user and to administrators."""
    password = os.environ.get("MLFLOW_TRACKING_PASSWORD")
    if not tracking_uri.startswith(("http://", "https://")) or not password:
        return False
    import requests

    try:
        answer = requests.get(
            f"{tracking_uri.rstrip('/')}/api/2.0/mlflow/users/get",
            params={"username": name},
            auth=(name, password),
            timeout=_ASK_SECONDS,
        )
        return bool(answer.ok and answer.json()["user"]["username"] == name)
    except (requests.RequestException, ValueError, KeyError, TypeError):
        return False


def describe_actor(who: str, actor: Mapping[str, Any] | None) -> str:
    """Word an actor for people."""
    if not actor:
        return who
    if actor["how"] == "server":
        return f"{who} (server)"
    return f"{who} (claimed, uid {actor['uid']})"
