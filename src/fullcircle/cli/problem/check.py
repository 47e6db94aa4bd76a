"""Examining a problem of the project: its catalog entries, then what they hold."""

from importlib import import_module
from typing import Any

import ibis.expr.types as ir

from fullcircle.cli.project import open_project
from fullcircle.core.contract import Clock, ProblemSpec
from fullcircle.core.errors import ConfigurationError, DataError, FullCircleError
from fullcircle.core.gate import GateSettings
from fullcircle.core.validation.row_validation import IntakeSettings
from fullcircle.ingestion.inference import Issue


def check_problem(name: str | None) -> list[Issue]:
    """Check a problem against its data.

    Args:
        name: The problem; None means the one that PROBLEM names.

    Raises:
        ConfigurationError: There is no such problem, or its contract is not valid.
    """
    from fullcircle.ingestion.inference.checks import ProblemCheck, examine
    from fullcircle.problems import load_problem

    catalog = open_project(problem=name).catalog
    problem = _read_spec(catalog)
    package = load_problem(problem.name)
    try:
        raw: ir.Table = catalog.load("raw")
        case = ProblemCheck(
            raw=raw,
            clean=package.clean,
            raw_columns=tuple(package.RAW_COLUMNS),
            problem=problem,
            as_of=Clock.model_validate(catalog.load("params:as_of")),
            gate=GateSettings.model_validate(catalog.load("params:gate")),
            intake=IntakeSettings.model_validate(catalog.load("params:intake")),
        )
        return examine(case, lambda events: _find_breach(events, problem.name))
    except Exception as error:
        if (cause := _find_cause(error)) is None:
            raise
        return [Issue("fault", "data", str(cause))]


def _read_spec(catalog: Any) -> ProblemSpec:
    from pydantic import ValidationError

    given = catalog.load("params:problem")
    if given is None:
        raise ConfigurationError(
            "The problem has no contract in conf/base/problems. Write parameters.yml there, or "
            "make the problem anew: kedro problem new"
        )
    try:
        return ProblemSpec.model_validate(given)
    except ValidationError as error:
        said = "; ".join(
            ": ".join([*map(str, e["loc"]), e["msg"].removeprefix("Value error, ")])
            for e in error.errors()
        )
        raise ConfigurationError(f"The contract is not valid. {said}.") from error


def _find_cause(error: BaseException | None) -> FullCircleError | None:
    while error is not None and not isinstance(error, FullCircleError):
        error = error.__cause__
    return error


def _find_breach(events: ir.Table, name: str) -> str | None:
    """Say how events break the data contract of their problem, or give None."""
    from fullcircle import problems
    from fullcircle.engines.contract_validator import ContractValidator

    path = f"{problems.__name__}.{name}.contract"
    import_module(path)
    try:
        ContractValidator(f"{path}.EVENTS").validate(events)
    except DataError as error:
        return str(error)
    return None
