"""Turning whatever a run raises into one line that says what to do."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from kedro.validation.exceptions import ParameterValidationError

from fullcircle.core.errors import FullCircleError, name_missing

_POSIX_MODULES = {"fcntl", "resource", "pwd", "grp", "termios"}


def explain_error(error: BaseException) -> str:
    """Find the cause that means most to a user and say it in one line."""
    chain = list(_causes(error))
    for cause in chain:
        if isinstance(cause, FullCircleError):
            return str(cause)
        if isinstance(cause, ParameterValidationError):
            named = " ".join(str(cause).partition("\n")[2].split())
            return f"A parameter is not valid. {named}"
    for cause in reversed(chain):
        if type(cause).__module__.startswith(("sqlite3", "sqlalchemy")):
            return _explain_database(cause)
        if said := next(filter(None, (explain(cause) for explain in _EXPLANATIONS)), None):
            return said
        if isinstance(cause, PermissionError):
            return f"Permission denied: {cause.filename or _first_line(cause)}."
    return f"{type(error).__name__}: {_first_line(error)} (--traceback shows where)"


def _explain_database(error: BaseException) -> str:
    """Tell a database that is busy, full or read-only from one that is damaged.

    Only what is damaged may be moved away: the registry of all models lies in it.
    """
    said = str(error)
    if re.search(r"\blocked\b", said):
        return (
            "The tracking database is busy: another program has been writing to it for too long. "
            "Nothing is damaged. Run again when it is done, or use a tracking server, which many "
            "can write to at once (docs/team-server.md)."
        )
    if re.search(r"\b(disk|full)\b|disk I/O error", said):
        return (
            "The tracking database cannot be written: its disk is full, or fails. Nothing is "
            "damaged. Free some space (kedro maintain shows what may go), then run again."
        )
    if "readonly" in said or "read-only" in said:
        return "The tracking database is read-only: give its file and folder write permission."
    return (
        f"The tracking database cannot be used: {_first_line(error)}. If its file at the "
        "project's root (mlflow.db; in other environments mlflow-staging.db, "
        "mlflow-production.db) is damaged, keep a copy, and move it away to start afresh."
    )


def _explain_server(error: BaseException) -> str | None:
    """Say what a tracking server refused; None where the error is none of a server's."""
    code = getattr(error, "error_code", None)
    if code == "UNAUTHENTICATED":
        return (
            "The tracking server does not know this user and password. Set "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or give them in "
            "conf/local/credentials.yml."
        )
    if code == "PERMISSION_DENIED":
        user = os.environ.get("MLFLOW_TRACKING_USERNAME", "without a name")
        return (
            f"The tracking server says that the user {user!r} may not do this. Ask its "
            "administrator for the permission, as docs/team-server.md shows."
        )
    if type(error).__module__.startswith("requests."):
        return (
            "The tracking server, or the store of its artifacts, stopped answering. What was "
            "saved before stays; run again when it is back."
        )
    return None


def _explain_spark(error: BaseException) -> str | None:
    """Say that Spark has died; None where the error is none of that kind."""
    if type(error).__name__ != "Py4JNetworkError":
        return None
    return (
        "Spark stopped answering; its memory may have run out. Raise spark.driver.memory in "
        "spark.yml. What was saved before stays."
    )


def _explain_environment(error: BaseException) -> str | None:
    """Name the environments where one was asked for that has no folder; else None."""
    missing = re.search(r"does not exist or is not a valid directory: (.+)$", str(error))
    if missing is None:
        return None
    folder = Path(missing[1])
    known = sorted(path.name for path in folder.parent.glob("*/") if path.is_dir())
    wrong = name_missing([folder.name], known)
    return f"There is no environment {wrong}. There are: {', '.join(known)}."


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _explain_platform(error: BaseException) -> str | None:
    """Say where a command runs that needs what Windows lacks; else None."""
    if not isinstance(error, ModuleNotFoundError) or error.name not in _POSIX_MODULES:
        return None
    return (
        "This command needs Linux or macOS. On Windows, use the Windows Subsystem for Linux, or "
        "the container (docs/deployment.md)."
    )


def _explain_full_disk(error: BaseException) -> str | None:
    """Say that a disk is full, and which; else None."""
    from fullcircle.storage.disk import describe_full_disk, is_full, name_written

    return describe_full_disk(name_written(error)) if is_full(error) else None


_EXPLANATIONS = (
    _explain_full_disk,
    _explain_server,
    _explain_spark,
    _explain_environment,
    _explain_platform,
)
