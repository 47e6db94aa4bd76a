"""Commands of other packages, which say in one line what to install where those are absent."""

import functools
from collections.abc import Mapping
from copy import copy
from importlib.util import find_spec
from typing import Any

import click

_INSTALL = "pip install -e '.[{extra}]'"


def require_packages(command: click.Command, extra: str, modules: tuple[str, ...]) -> click.Command:
    """Return a command that ends with one line where a module that it needs is not installed.

    Args:
        command: A command, or a group of which each command needs the modules.
        extra: The extra of this project that brings them.
        modules: Their names.
    """
    checked = copy(command)
    if isinstance(checked, click.Group):
        commands = checked.commands.items()
        checked.commands = {n: require_packages(each, extra, modules) for n, each in commands}
        return checked
    called = command.callback

    @functools.wraps(called or require_packages)
    def callback(*args: Any, **kwargs: Any) -> Any:
        _refuse_absent(str(command.name), extra, modules)
        return called(*args, **kwargs) if called else None

    checked.callback = callback
    return checked


def stand_in(name: str, extra: str, module: str) -> click.Command:
    """Return a command in the place of one that a package would bring, if it were installed."""

    @click.command(
        name=name,
        help=f"Needs a package more: {_INSTALL.format(extra=extra)}.",
        context_settings={"ignore_unknown_options": True, "help_option_names": []},
    )
    @click.argument("words", nargs=-1, type=click.UNPROCESSED)
    def command(words: tuple[str, ...]) -> None:  # noqa: ARG001 - they are the package's
        _refuse_absent(name, extra, (module,))

    return command


def find_absent(wanted: Mapping[str, tuple[str, str]]) -> dict[str, click.Command]:
    """Return stand-ins for the commands whose package is not installed.

    Args:
        wanted: ``{command: (extra, module)}``.
    """
    return {
        name: stand_in(name, extra, module)
        for name, (extra, module) in wanted.items()
        if find_spec(module) is None
    }


def _refuse_absent(name: str, extra: str, modules: tuple[str, ...]) -> None:
    if absent := [module for module in modules if find_spec(module) is None]:
        raise click.ClickException(
            f"kedro {name} needs {' and '.join(absent)}: {_INSTALL.format(extra=extra)}."
        )
