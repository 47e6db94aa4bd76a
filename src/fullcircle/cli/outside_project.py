"""The commands that need no project, for ``kedro`` where there is none."""

import os
import shlex
import sys
from pathlib import Path

import click
from kedro.utils import find_kedro_project

from fullcircle.cli.automl import automl


class _Outside(click.Group):
    """Commands that hold back inside a project, which brings the same of its own."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands, outside a project."""
        return [] if find_kedro_project(Path.cwd()) else super().list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Give a command, outside a project."""
        known = cmd_name in self.list_commands(ctx)
        if known:
            _explain_logging()
        return super().get_command(ctx, cmd_name) if known else None


def _explain_logging() -> None:
    """Say how to keep standard output to the answer: Kedro has logged to it before we are asked."""
    if "--json" in sys.argv and "KEDRO_LOGGING_CONFIG" not in os.environ:
        words = ["fullcircle", *sys.argv[1:]]
        click.echo(
            "Outside a project, kedro begins standard output with a line of its own. For JSON "
            f"alone: {shlex.join(words)}",
            err=True,
        )


@click.group(name="fullcircle", cls=_Outside)
def commands() -> None:
    """Full Circle, for any table."""


commands.add_command(automl)
