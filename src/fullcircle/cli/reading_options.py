"""Options of every command that reads a table: what its file leaves open."""

import functools
from collections.abc import Callable
from typing import Any

import click

_SIGNS = {"tab": "\t", "blank": " ", "space": " ", "comma": ",", "semicolon": ";", "bar": "|"}


def reading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command, which takes them as ``options``."""

    @click.option(
        "--table", help="Table of a database, sheet of a workbook, file of an archive, key in JSON."
    )
    @click.option(
        "--no-header",
        is_flag=True,
        help="The first line holds data: columns are column_1, column_2, …",
    )
    @click.option("--separator", help="What stands between fields: a sign, or tab or blank.")
    @click.option("--encoding", help="Encoding of text, as utf-8 or cp1251.")
    @click.option("--skip-lines", type=click.IntRange(0), help="Lines of text before the header.")
    @functools.wraps(command)
    def wrapped(
        table: str | None,
        no_header: bool,
        separator: str | None,
        encoding: str | None,
        skip_lines: int | None,
        **others: Any,
    ) -> Any:
        from fullcircle.core.errors import ConfigurationError
        from fullcircle.ingestion import ReadOptions

        sign = _SIGNS.get(separator, separator) if separator else None
        if sign is not None and len(sign) != 1:
            raise ConfigurationError(
                f"--separator {separator!r} is no single sign. Give one, as ';', or tab or blank."
            )
        options = ReadOptions(
            table=table,
            header=False if no_header else None,
            separator=sign,
            encoding=encoding,
            skip_lines=skip_lines,
        )
        return command(options=options, **others)

    return wrapped
