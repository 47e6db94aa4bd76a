"""The commands that need no project, for ``kedro`` where there is none."""

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
        return super().get_command(ctx, cmd_name) if known else None


@click.group(name="fullcircle", cls=_Outside)
def commands() -> None:
    """Full Circle, for any table."""


commands.add_command(automl)
