"""``kedro relocate``: a project that was moved or copied means its own folder again."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from fullcircle.cli.command import Command, answer, json_option


@click.command(cls=Command, example="kedro relocate", then="kedro run")
@click.option(
    "--from",
    "former",
    type=click.Path(path_type=Path),
    help="The folder where the project was, where it is not recognised.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be rewritten, and rewrite nothing.")
@json_option
def relocate(former: Path | None, dry_run: bool, as_json: bool) -> None:
    """Rewrite the addresses of a project that was moved or copied to another folder.

    MLflow's database names the folder of each run's files by its absolute path. Every sqlite
    database of the environments is rewritten, whole or not at all, and kept as it was beside it.
    """
    from dataclasses import asdict

    done = list(_relocate_all(former, dry_run=dry_run))
    facts = [asdict(each) for each in done]
    answer(facts, as_json=as_json, show=lambda _: _describe(done, dry_run))


def _relocate_all(former: Path | None, *, dry_run: bool) -> Iterator[Any]:
    from fullcircle.cli.schedule.declared_jobs import find_project
    from fullcircle.tracking.registry.relocation import find_displacement, relocate

    project = find_project().resolve()
    for database, artifacts in _list_databases(project).items():
        found = find_displacement(database, project, artifacts)
        meant = former.absolute() if former else found.former if found else None
        if meant is not None and database.is_file() and database.is_relative_to(project):
            yield relocate(database, meant, project, dry_run=dry_run)


def _list_databases(project: Path) -> dict[Path, str]:
    """Give the sqlite databases of all environments, each with its folder of artifacts."""
    from kedro.config import OmegaConfigLoader
    from kedro.framework.project import settings

    from fullcircle.hooks.addresses import find_database

    conf = project / settings.CONF_SOURCE
    found: dict[Path, str] = {}
    names = {"local", *(path.name for path in conf.iterdir() if path.is_dir())} - {"base"}
    for env in sorted(names):
        loader = OmegaConfigLoader(str(conf), env, **settings.CONFIG_LOADER_ARGS)
        places = loader["globals"]
        if database := find_database(places["tracking_uri"], project):
            found[database] = str(places["artifacts"])
    return found


def _describe(done: list[Any], dry_run: bool) -> Any:
    from rich.text import Text

    if not done:
        return Text("Nothing to do: no database names another folder.")
    would = "would be " if dry_run else ""
    lines = []
    for each in done:
        changed = ", ".join(f"{number} in {table}" for table, number in each.changed.items())
        lines.append(f"{each.database.name}: from {each.former} to {each.folder}")
        lines.append(f"  addresses {would}rewritten: {changed or 'none'}")
        lines += [f"  missing: {path}. Copy it here, too." for path in each.missing]
        if each.backup:
            lines.append(f"  as it was: {each.backup.name}")
    return Text("\n".join(lines))
