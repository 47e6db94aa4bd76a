"""The resolvers behind ``conf/base/globals.yml``: switches with a closed list of values."""

import os
import pkgutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from fullcircle import problems
from fullcircle.core.errors import ConfigurationError, name_missing


def list_problems() -> list[str]:
    """Name every problem of this project: one package in ``fullcircle.problems`` each."""
    return sorted(module.name for module in pkgutil.iter_modules(problems.__path__) if module.ispkg)


def read_switch(variable: str, default: str, allowed: Sequence[str]) -> str:
    """Read an environment variable that may take one of a few values.

    Raises:
        ConfigurationError: The variable holds a value that is not allowed.
    """
    value = os.environ.get(variable) or default
    if value not in allowed:
        raise ConfigurationError(
            f"{variable}={name_missing([value], allowed)} is not one of: {', '.join(allowed)}."
        )
    return value


def read_source(variable: str, problem: str) -> str:
    """Read where a problem's data come from: its simulator, if it has one, or real files.

    Raises:
        ConfigurationError: The variable names a source that the problem does not have.
    """
    sources = list_sources(problem)
    return read_switch(variable, sources[0], sources)


def list_sources(problem: str) -> list[str]:
    """Name a problem's sources of data, the default first."""
    simulated = any(
        (Path(folder) / problem / "simulator.py").is_file() for folder in problems.__path__
    )
    return ["simulated", "real"] if simulated else ["real"]


def read_variable(variable: str, default: str | None = None) -> str | None:
    """Read a free environment variable, or its default where it is unset or empty."""
    return os.environ.get(variable) or default


@contextmanager
def switched(**switches: str | None) -> Iterator[None]:
    """Set switches, as in the environment, for as long as the block lasts; None leaves one."""
    chosen = {name: value for name, value in switches.items() if value is not None}
    before = {name: os.environ.get(name) for name in chosen}
    os.environ.update(chosen)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
