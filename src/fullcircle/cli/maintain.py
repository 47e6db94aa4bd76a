"""``kedro maintain``: delete what nothing needs any more; shown first, done with --apply."""

from pathlib import Path
from typing import Any

import click

from fullcircle import console
from fullcircle.cli.command import Command, answer, json_option
from fullcircle.console import Rows, as_table, count

_UNITS = ("B", "KB", "MB", "GB", "TB")


@click.command(
    cls=Command,
    example=("kedro maintain", "kedro maintain tables --apply"),
    then="docs/storage.md says what grows, and what is kept",
)
@click.argument("areas", nargs=-1, type=click.Choice(["tables", "runs", "files"]))
@click.option("--apply", "wanted", is_flag=True, help="Do it; by default it is only shown.")
@click.option("--env", "-e", help="Environment: base, staging, production.")
@json_option
def maintain(areas: tuple[str, ...], wanted: bool, env: str | None, as_json: bool) -> None:
    """Clean up tables, runs and files of all problems, as conf/base/maintenance.yml says.

    What a champion, the version before it, or any version with an alias was made from is kept.
    """
    from contextlib import nullcontext
    from datetime import UTC, datetime

    from kedro.config import MissingConfigException

    from fullcircle.cli.project import open_project
    from fullcircle.maintenance.planning import plan_maintenance, without_runs
    from fullcircle.maintenance.settings import parse_settings
    from fullcircle.maintenance.steps import AREAS

    context = open_project(env=env)
    try:
        settings = parse_settings(context.config_loader["maintenance"])
    except MissingConfigException:
        settings = parse_settings({})
    project = Path(context.project_path)
    rows, freed = [], 0
    alone = without_runs(project, context.env, _describe_wait) if wanted else nullcontext()
    with alone:
        for step in plan_maintenance(
            project, context.env, settings, datetime.now(UTC), areas or AREAS
        ):
            if wanted:
                step.apply()
            freed += step.bytes
            rows.append({n: getattr(step, n) for n in ("area", "what", "where", "files", "bytes")})
    if as_json:
        answer({"applied": wanted, "bytes": freed, "steps": rows}, as_json=True, show=as_table)
        return
    _show(rows)
    done = f"{format_bytes(freed)} in {count(len(rows), 'step')}"
    then = "" if wanted or not rows else " --apply does it."
    click.echo(f"{'Freed' if wanted else 'Would free'} {done}.{then}")


def _describe_wait(holder: str) -> None:
    click.echo(f"Waiting for {holder}.", err=True)


def format_bytes(size: float) -> str:
    """Write a size in the unit that can be read: 3.1 GB."""
    for unit in _UNITS:
        if size < 1000 or unit == _UNITS[-1]:
            break
        size /= 1000
    return f"{size:,.0f} {unit}" if unit == "B" else f"{size:,.1f} {unit}"


def _show(rows: list[dict[str, Any]]) -> None:
    """Print what is done, each step's size in the unit that can be read."""
    if rows:
        shown = [
            {
                **{name: row[name] for name in ("area", "what", "where")},
                "files": f"{row['files']:,}",
                "size": format_bytes(row["bytes"]),
            }
            for row in rows
        ]
        console.show(Rows(shown, right=frozenset({"files", "size"})))
