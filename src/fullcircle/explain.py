"""Turning whatever a run raises into one line that says what to do."""

from collections.abc import Iterator

from pydantic import ValidationError

from fullcircle.core.errors import FullCircleError


def explain_error(error: BaseException) -> str:
    """Find the cause that means most to a user and say it in one line."""
    chain = list(_causes(error))
    for cause in chain:
        if isinstance(cause, FullCircleError):
            return str(cause)
    for cause in chain:
        if isinstance(cause, ValidationError):
            return f"{cause.title} is not valid: {'; '.join(_describe(cause))}."
    for cause in chain:
        if type(cause).__module__.startswith(("sqlite3", "sqlalchemy")):
            return (
                f"The tracking database cannot be used: {_first_line(cause)}. "
                "If mlflow.db at the project's root is damaged, move it away to start afresh."
            )
    for cause in chain:
        if isinstance(cause, PermissionError):
            return f"Permission denied: {cause.filename or _first_line(cause)}."
    return f"{type(error).__name__}: {_first_line(error)}"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _describe(error: ValidationError) -> Iterator[str]:
    for problem in error.errors():
        place = ".".join(str(part) for part in problem["loc"])
        given = "" if problem["type"] == "missing" else f", given {problem['input']!r}"
        yield f"{place + ': ' if place else ''}{problem['msg']}{given}"


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
