"""Commands whose errors are one line, and whose answers are for people or for machines."""

import json
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn

import click
from kedro import KedroDeprecationWarning

from fullcircle.explain import explain_error

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


class OneLineErrors(click.Command):
    """A command that ends with one clear line where Kedro's own would end with a traceback."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params = [*self.params, traceback_option()]

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; translate what it raises."""
        warnings.simplefilter("ignore", KedroDeprecationWarning)
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
    from rich.console import Console

    Console().print(show(facts))


def as_table(rows: Iterable[Mapping[str, Any]]) -> Any:
    """Set rows with the same names as a table."""
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    listed = list(rows)
    for name in listed[0] if listed else ["nothing"]:
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in listed:
        table.add_row(*(_as_text(value) for value in row.values()))
    return table


def as_facts(facts: Mapping[str, Any]) -> Any:
    """Set names and values, one a line."""
    return as_table_without_head([(name, value) for name, value in facts.items()])


def as_table_without_head(pairs: Iterable[tuple[str, Any]]) -> Any:
    """Set pairs in two columns."""
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in pairs:
        table.add_row(name.replace("_", " "), _as_text(value))
    return table


def _as_text(value: Any) -> str:
    if isinstance(value, dict):
        return "\n".join(f"{name}: {_as_text(inner)}" for name, inner in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_as_text(item) for item in value)
    return "" if value is None else str(value)
