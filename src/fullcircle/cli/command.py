"""Commands whose errors are one line, and whose answers are for people or for machines."""

import json
import sys
import warnings
from collections.abc import Callable
from typing import Any, NoReturn

import click
from kedro import KedroDeprecationWarning

from fullcircle import console
from fullcircle.error_messages import explain_error

_TRACEBACK = "fullcircle.traceback"
_INTERRUPTED = 130  # 128 and the number of SIGINT, as shells count


def _note_traceback(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    ctx.meta[_TRACEBACK] = wanted


def traceback_option() -> click.Option:
    """Make the option that asks for the full traceback."""
    return click.Option(
        ["--traceback"],
        is_flag=True,
        expose_value=False,
        callback=_note_traceback,
        help="Show the full traceback of an error instead of one line.",
    )


class HelpCommand(click.Command):
    """A command whose help ends with an example and with what usually comes next.

    Args:
        example: A line to be copied, or several.
        then: What usually comes next.
    """

    def __init__(
        self, *args: Any, example: str | tuple[str, ...] = (), then: str = "", **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.example = (example,) if isinstance(example, str) else example
        self.then = then
        # Lists of commands cut what they shorten themselves, and wrap what they are given.
        self.short_help = self.short_help or (self.help or "").partition(".\n")[0].rstrip(".")

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the example and what comes next, lines as they are."""
        super().format_epilog(ctx, formatter)
        for title, lines in (("Example", self.example), ("Next", (self.then,))):
            if any(lines):
                with formatter.section(title):
                    formatter.write("".join(f"  {line}\n" for line in lines))


def confirm(question: str) -> None:
    """Ask a person whether to go on.

    Raises:
        UsageError: There is no terminal to ask at; names the option that answers.
        Abort: The answer is no.
    """
    if not sys.stdin.isatty():
        raise click.UsageError(f"{question} There is no terminal to ask at: answer with --yes.")
    click.confirm(question, abort=True)


class Commands(HelpCommand, click.Group):
    """A group of commands."""


class Command(HelpCommand):
    """A command that ends with one clear line where Kedro's own would end with a traceback."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params = [*self.params, traceback_option()]
        for option in self.params:
            if isinstance(option, click.Option) and option.show_default is None:
                option.show_default = option.default not in ("", None)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; translate what it raises."""
        warnings.simplefilter("ignore", KedroDeprecationWarning)
        console.forgive_encoding()
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except KeyboardInterrupt as interrupt:
            _end_interrupted(interrupt)
        except Exception as error:
            from fullcircle.hooks.tracking import was_interrupted

            if was_interrupted(error):
                _end_interrupted(error)
            if ctx.meta.get(_TRACEBACK):
                raise
            raise click.ClickException(explain_error(error)) from error


def _end_interrupted(error: BaseException) -> NoReturn:
    """Close what is open, say so in one line, and end with the status a shell expects of Ctrl-C."""
    from fullcircle.hooks.progress import stop_bars
    from fullcircle.hooks.tracking import close_runs

    stop_bars()
    close_runs("KILLED")
    click.echo("Interrupted. What was finished before stays.", err=True)
    raise click.exceptions.Exit(_INTERRUPTED) from error


json_option = click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for machines.")


def answer(facts: Any, *, as_json: bool, show: Callable[[Any], Any]) -> None:
    """Print facts as JSON, or as ``show`` sets them for a person."""
    if as_json:
        click.echo(json.dumps(facts, indent=1, default=str))
        return
    console.show(show(facts))
