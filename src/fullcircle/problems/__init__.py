"""Problems: one package each, the only code that a user must write.

A problem is a package with four names:

- ``RAW_COLUMNS``: columns that its raw data must have;
- ``clean(raw)``: raw rows in, typed rows out, each with a reason where it must be set aside;
- ``features(events)``: the feature tables, by name, computed from clean events;
- ``contract.EVENTS``: the pandera schema that clean events keep.

A fifth, ``READING`` in the package or its ``cleaning``, declares how raw values are read. A model
carries it, so that stream and endpoint read a request's raw values as training did.
"""

from importlib import import_module
from typing import Any, Protocol

import ibis.expr.types as ir

from fullcircle.core.errors import ConfigurationError
from fullcircle.core.parsing.column_parser import ColumnParser
from fullcircle.core.parsing.raw_schema import RawSchema


class Problem(Protocol):
    """What shared code asks of a problem's package."""

    RAW_COLUMNS: tuple[str, ...]

    def clean(self, raw: ir.Table) -> ir.Table:
        """Type and judge raw rows (see fullcircle.core.validation.row_validation)."""
        ...

    def features(self, events: ir.Table) -> dict[str, ir.Table]:
        """Compute the feature tables from clean events."""
        ...


def find_reading(name: str) -> ColumnParser | None:
    """Return how a problem reads its source; None where its package does not declare it.

    It is ``READING`` in the package, or in its ``cleaning``.
    """
    try:
        package: Any = load_problem(name)
    except ConfigurationError:  # no project's problem: that of a search over a frame, for instance
        return None
    declared = getattr(package, "READING", None)
    declared = declared or getattr(getattr(package, "cleaning", None), "READING", None)
    return declared if isinstance(declared, ColumnParser) else None


def find_raw_schema(name: str) -> RawSchema | None:
    """Return the schema of a problem's raw columns; None where nobody declared it."""
    reading = find_reading(name)
    return None if reading is None else reading.schema()


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
