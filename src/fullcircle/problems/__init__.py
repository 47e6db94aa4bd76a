"""Problems: one package each, the only code that a user must write.

A problem is a package with four names:

- ``RAW_COLUMNS``: columns that its raw data must have;
- ``clean(raw)``: raw rows in, typed rows out, each with a reason where it must be set aside;
- ``features(events)``: the feature tables, by name, computed from clean events;
- ``contract.EVENTS``: the pandera schema that clean events keep.
"""

from importlib import import_module
from typing import Protocol

import ibis.expr.types as ir

from fullcircle.core.errors import ConfigurationError


class Problem(Protocol):
    """What shared code asks of a problem's package."""

    RAW_COLUMNS: tuple[str, ...]

    def clean(self, raw: ir.Table) -> ir.Table:
        """Type and judge raw rows (see fullcircle.core.validation.row_validation)."""
        ...

    def features(self, events: ir.Table) -> dict[str, ir.Table]:
        """Compute the feature tables from clean events."""
        ...


def load_problem(name: str) -> Problem:
    """Import a problem's package by name.

    Raises:
        ConfigurationError: There is no such package.
    """
    try:
        return import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"{__name__}.{name}":
            raise
        raise ConfigurationError(f"There is no package fullcircle.problems.{name}.") from error
