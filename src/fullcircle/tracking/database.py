"""The tracking database in a file: who writes at the same time waits for the other."""

from functools import cache
from typing import Any

LOCK_SECONDS = 60  # sqlite's own patience of 5 s ends while another run logs a model


@cache
def wait_for_locks() -> None:
    """Let every connection to an sqlite file, MLflow's among them, wait for a lock that is held."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    event.listen(Engine, "connect", _wait_longer)


def _wait_longer(connection: Any, record: Any) -> None:
    del record
    if type(connection).__module__.startswith("sqlite3"):
        connection.execute(f"PRAGMA busy_timeout = {LOCK_SECONDS * 1000}")
