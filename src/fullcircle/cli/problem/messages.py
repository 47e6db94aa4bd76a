"""Telling a person what was found, and what would be written."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from pydantic import ValidationError

from fullcircle.console import as_table, show
from fullcircle.core.errors import ConfigurationError
from fullcircle.ingestion.inference import ProblemOptions, of_level

if TYPE_CHECKING:
    from fullcircle.cli.problem.create import Draft

_MOST_ROWS = 40


def _part_reading(text: str) -> tuple[str, str]:
    """Part a column from how it is read; names may hold the sign themselves."""
    column, sign, how = text.rpartition("=")
    if not (sign and column and how):
        raise ConfigurationError(
            f"--read {text!r} is not valid. Say COLUMN=HOW, as 'day=%d/%m/%Y' or 'price=text'."
        )
    return column, how


def resolve_options(name: str, given: dict[str, Any]) -> ProblemOptions:
    """Gather what the user said; a snapshot without a clock is taken today.

    Raises:
        ConfigurationError: An option is not valid.
    """
    as_of = given.pop("as_of", None)
    given["read"] = dict(_part_reading(each) for each in given.pop("read", ()))
    keys = tuple(given.pop("keys", ()))
    settled = {**given, "keys": keys, "as_of": as_of and as_of.date()}
    settled["rare"] = (given.get("rare") or "").replace("-", "_") or None
    settled["label_missing"] = tuple(given.get("label_missing") or ()) or None
    try:
        return ProblemOptions(name=name, today=datetime.now(UTC).date(), **settled)
    except ValidationError as error:
        said = [f"--{str(e['loc'][0]).replace('_', '-')}: {e['msg']}" for e in error.errors()]
        raise ConfigurationError(f"An option is not valid. {'; '.join(said)}.") from error


def shorten(path: Path, root: Path) -> str:
    """Give a path as seen from the project, or whole where it lies elsewhere."""
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()


def show_draft(draft: "Draft", *, texts: bool) -> None:
    """Print what was found and which files a problem needs; on request their texts too."""
    columns = len(draft.copied.columns)
    click.echo(f"{draft.source}: {draft.copied.rows:,} rows, {columns:,} columns")
    ordered = of_level(draft.findings, "assumed") + of_level(draft.findings, "danger", "edit")
    show(as_table([finding.as_row() for finding in ordered[:_MOST_ROWS]]))
    if len(ordered) > _MOST_ROWS:
        click.echo(f"… and {len(ordered) - _MOST_ROWS} more")
    click.echo("\nTo be written:")
    for path, text in draft.files.items():
        click.echo(f"  {path.as_posix()}")
        if texts:
            click.echo(text)
