"""Turning whatever a run raises into one line that says what to do."""

import re
from collections.abc import Iterator

from kedro.validation.exceptions import ParameterValidationError

from fullcircle.core.errors import FullCircleError


def explain_error(error: BaseException) -> str:
    """Find the cause that means most to a user and say it in one line."""
    chain = list(_causes(error))
    for cause in chain:
        if isinstance(cause, FullCircleError):
            return str(cause)
        if isinstance(cause, ParameterValidationError):
            return f"A parameter cannot be meant. {'; '.join(_describe_parameters(str(cause)))}."
    for cause in reversed(chain):
        if type(cause).__module__.startswith(("sqlite3", "sqlalchemy")):
            return (
                f"The tracking database cannot be used: {_first_line(cause)}. "
                "If mlflow.db at the project's root is damaged, move it away to start afresh."
            )
        if isinstance(cause, PermissionError):
            return f"Permission denied: {cause.filename or _first_line(cause)}."
    return f"{type(error).__name__}: {_first_line(error)} (--traceback shows where)"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _describe_parameters(text: str) -> Iterator[str]:
    """Shorten Kedro's report of pydantic's report: name, what is wrong, what was given."""
    parameter = place = ""
    for line in text.splitlines()[1:]:
        if named := re.match(r"- Parameter '([^']+)'", line):
            parameter, place = named[1], ""
        elif line.startswith("    For further"):
            continue
        elif line.startswith("  "):
            said = re.sub(r" \[type=\w+, input_value=(.*), input_type=\w+\]$", r", given \1", line)
            yield f"{parameter}{place}: {said.strip().removeprefix('Value error, ')}"
        elif line:
            place = f".{line}"


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
