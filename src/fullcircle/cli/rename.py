"""``kedro rename``: the package under a name of one's own."""

import click

from fullcircle.cli.command import Command, confirm


@click.command(
    cls=Command,
    example='kedro rename acme_models --title "Acme models"',
    then="pip install -e . && kedro run",
)
@click.argument("new")
@click.option("--title", help="The project's name for people; by default made of NEW.")
@click.option("--yes", is_flag=True, help="Ask nothing.")
def rename(new: str, title: str | None, yes: bool) -> None:
    """Rename the package: imports, configuration, tests, templates, entry points, folder.

    Environment variables that begin with the old name begin with the new one. Do it before the
    first run: models and tables that are registered keep the names they have.
    """
    from fullcircle.cli.package_rename import find_package, refuse_bad_name, rename_package, tidy
    from fullcircle.cli.schedule.declared_jobs import find_project
    from fullcircle.core.errors import ConfigurationError

    root = find_project()
    try:
        old = find_package(root)
        refuse_bad_name(root, new)
        if not yes:
            confirm(f"Rename the package {old} to {new}, here in {root}?")
        changed = rename_package(root, new, title)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
    click.echo(f"{len(changed)} files changed, src/{old} is src/{new}.")
    if not tidy(root, changed):
        click.echo(
            "Imports are not sorted anew, which nothing but a linter minds: "
            "pip install ruff && ruff check --select I --fix . && ruff format ."
        )
    click.echo("Next: pip install -e . && kedro run")
