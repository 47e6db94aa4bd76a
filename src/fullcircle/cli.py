"""The project's commands: Kedro's own, with errors in one line."""

import warnings
from typing import Any

import click
from kedro import KedroDeprecationWarning
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.cli.utils import CONTEXT_SETTINGS

from fullcircle.explain import explain_error

_TRACEBACK = "fullcircle.traceback"


def _note_traceback(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    ctx.meta[_TRACEBACK] = wanted


class OneLineErrors(click.Command):
    """A command that ends with one clear line where Kedro's own would end with a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; translate what it raises."""
        warnings.simplefilter("ignore", KedroDeprecationWarning)
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except KeyboardInterrupt:
            from fullcircle.hooks.tracking import close_runs

            close_runs("KILLED")
            raise
        except Exception as error:
            if ctx.meta.get(_TRACEBACK):
                raise
            raise click.ClickException(explain_error(error)) from error


@click.group(context_settings=CONTEXT_SETTINGS, name=__file__)
def cli() -> None:
    """Full Circle: the whole life of a tabular model."""


run = OneLineErrors(
    name="run",
    callback=kedro_run.callback,
    params=[
        *kedro_run.params,
        click.Option(
            ["--traceback"],
            is_flag=True,
            expose_value=False,
            callback=_note_traceback,
            help="Show the full traceback of an error instead of one line.",
        ),
    ],
    help="Run the whole circle, or the pipelines that you name.",
)
cli.add_command(run)
