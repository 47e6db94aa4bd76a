"""The commands: Kedro's own, with errors in one line, and ours, one group a module."""

from typing import Any


def __getattr__(name: str) -> Any:
    """Return what Kedro asks a project's ``cli`` module for, and load all commands only then."""
    if name in {"cli", "run"}:
        from fullcircle.cli import main

        return getattr(main, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
