"""``kedro problem``: bring your own data, look at problems, take one away."""

from typing import TYPE_CHECKING, Any

import click

from fullcircle.cli.command import Command, Commands, answer, json_option
from fullcircle.cli.reading_options import reading_options
from fullcircle.console import as_table

if TYPE_CHECKING:
    from fullcircle.ingestion import ReadOptions

yes_option = click.option("--yes", is_flag=True, help="Ask nothing.")
dry_option = click.option("--dry-run", is_flag=True, help="Show what would happen; change nothing.")
file_option = click.option(
    "--file",
    "address",
    required=True,
    help="CSV, JSON, Excel or Parquet (text also packed), a pattern of such files in quotes, the "
    "folder of a Delta table, or a database: postgresql://user@host/database.",
)


@click.group(
    cls=Commands,
    example="kedro problem new my_problem --file data.csv --target y",
    then="PROBLEM=my_problem kedro run",
)
def problem() -> None:
    """Bring your own data: from a file to a champion, in two commands."""


@problem.command(
    cls=Command,
    example=(
        "kedro problem new my_problem --file data.csv --target y",
        "kedro problem new my_problem --file data.csv --target y --time day --dry-run",
    ),
    then="kedro problem check my_problem",
)
@click.argument("name")
@file_option
@click.option("--target", required=True, help="Column to predict.")
@click.option("--time", help="Column that says when each row is predicted: rows divide by time.")
@click.option(
    "--key", "keys", multiple=True, help="Column that says what a row is about; again for more."
)
@click.option(
    "--no-key", is_flag=True, help="Each row is about something of its own, whatever repeats."
)
@click.option(
    "--states",
    type=click.Choice(["first", "all"]),
    help="Which rows of one key and time are kept, as in a change log: the first if not given.",
)
@click.option("--snapshot", is_flag=True, help="No column is the time, whatever it looks like.")
@click.option("--task", type=click.Choice(["binary", "multiclass", "regression"]))
@click.option("--positive", help="Of two classes, the one whose probability is wanted.")
@click.option(
    "--label-missing",
    multiple=True,
    help="Word of the target that means that it is not known; again for more. '' for none.",
)
@click.option(
    "--keep-spellings/--join-spellings",
    default=None,
    help="Whether Yes and yes are two classes of the target.",
)
@click.option(
    "--rare",
    type=click.Choice(["leave-out", "join"]),
    help="What becomes of classes with too few rows: their rows are rejected, or one class.",
)
@click.option(
    "--label-delay-days", type=float, help="Days after which a label is known; 1 if not given."
)
@click.option("--period-days", type=float, help="Length of the period that is scored.")
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), help="The first clock.")
@click.option(
    "--read",
    multiple=True,
    metavar="COLUMN=HOW",
    help="How a column is read: text, decimal-comma, decimal-point, ISO, excel, 'epoch ms', or a "
    "layout as %d/%m/%Y.",
)
@reading_options
@yes_option
@dry_option
def new(
    name: str,
    address: str,
    options: "ReadOptions",
    yes: bool,
    dry_run: bool,
    **problem_options: Any,
) -> None:
    """Look at a table, say what it holds, and write a problem for it.

    The table is copied below data/01_raw (or RAW_DIR), so that runs can be repeated whatever
    becomes of the source. To take in more rows later: kedro problem take.
    """
    from fullcircle.cli.asking import deciding
    from fullcircle.cli.problem.create import (
        draft_problem,
        keep_problem,
        write_page,
    )
    from fullcircle.cli.problem.messages import (
        resolve_options,
        shorten,
        show_draft,
    )
    from fullcircle.cli.schedule.declared_jobs import find_project
    from fullcircle.ingestion.inference import of_level

    root = find_project()
    settled = resolve_options(name, problem_options)
    with (
        deciding(yes=yes, dry_run=dry_run) as decider,
        draft_problem(root, address, settled, options, decider) as draft,
    ):
        show_draft(draft, texts=dry_run)
        page = shorten(write_page(root, draft), root)
        click.echo(f"\nThe first look as a page: {page}")
        if dry_run:
            click.echo("Nothing else was written.")
            return
        if not yes:
            click.confirm("Write this problem?", abort=True)
        placed = keep_problem(root, draft)
    click.echo(f"Taken in: {shorten(placed, root)}")
    for edit in of_level(draft.findings, "edit"):
        click.echo(f"Before the first run: {edit.do}.")
    click.echo(f"Next: kedro problem check {name}")
    click.echo(f"Then: PROBLEM={name} kedro run")


@problem.command(
    cls=Command,
    example="kedro problem take my_problem --file more.csv",
    then="kedro problem check my_problem",
)
@click.argument("name")
@file_option
@click.option("--again", is_flag=True, help="Take rows that were taken in before.")
@reading_options
@yes_option
def take(name: str, address: str, again: bool, options: "ReadOptions", yes: bool) -> None:
    """Take more rows into a problem, behind those that it has."""
    from fullcircle.cli.asking import deciding
    from fullcircle.cli.problem.create import append_table
    from fullcircle.cli.problem.messages import shorten
    from fullcircle.cli.schedule.declared_jobs import find_project

    root = find_project()
    with deciding(yes=yes) as decider:
        placed, findings = append_table(root, name, address, options, decider, again=again)
    answer([each.as_row() for each in findings], as_json=False, show=as_table)
    click.echo(f"Taken in: {shorten(placed, root)}")
    click.echo(f"Next: kedro problem check {name}")


@problem.command(
    cls=Command,
    example=(
        "kedro problem fetch telco_churn",
        "kedro problem fetch telco_churn --yes",
        "kedro problem fetch nyc_taxi --month 2025-04 --yes",
        "kedro problem fetch diabetes --from path/to/mirror --yes",
    ),
    then="PROBLEM=telco_churn DATA_SOURCE=real kedro run",
)
@click.argument("name")
@click.option(
    "--month", "months", multiple=True, help="Of a file a month: 2025-04; again for more."
)
@click.option(
    "--from", "mirror", help="Folder or address that holds the files, instead of the publisher's."
)
@click.option("--new-edition", is_flag=True, help="Take a file whose digest is not the known one.")
@click.option("--yes", is_flag=True, help="Fetch what is absent; without it nothing is fetched.")
@click.option("--env", "-e", help="Environment whose RAW_DIR is filled.")
@json_option
def fetch(
    name: str,
    months: tuple[str, ...],
    mirror: str | None,
    new_edition: bool,
    yes: bool,
    env: str | None,
    as_json: bool,
) -> None:
    """Show where a publisher's files are to be had, and with --yes bring them to RAW_DIR.

    Each file is written whole, and only if its size and digest are the known ones. HTTPS_PROXY and
    NO_PROXY hold.
    """
    from fullcircle.cli.problem.fetch import download_all, list_wanted
    from fullcircle.cli.schedule.declared_jobs import find_project
    from fullcircle.configuration.loader import open_configuration

    root = find_project()
    folder = root / str(open_configuration(root, env)["globals"]["raw_dir"])
    wanted = list_wanted(name, folder, months)
    rows = download_all(wanted, mirror, new_edition=new_edition) if yes else []
    answer(rows or [each.as_row() for each in wanted], as_json=as_json, show=as_table)
    if not yes and not as_json:
        absent = sum(each.state == "absent" for each in wanted)
        click.echo(f"{absent} absent, nothing was fetched." + (" Fetch: add --yes." * bool(absent)))


@problem.command(
    name="list",
    cls=Command,
    example="kedro problem list",
    then="PROBLEM=my_problem kedro run",
)
@json_option
def list_problems(as_json: bool) -> None:
    """List the problems of this project: what each predicts, and from which sources."""
    from fullcircle.cli.problem.list_problems import describe_problems
    from fullcircle.cli.schedule.declared_jobs import find_project

    answer(describe_problems(find_project()), as_json=as_json, show=as_table)


@problem.command(
    cls=Command, example="kedro problem check my_problem", then="PROBLEM=my_problem kedro run"
)
@click.argument("name", required=False)
@json_option
def check(name: str | None, as_json: bool) -> None:
    """Examine a problem before a run: its contract against its data.

    NAME is that of PROBLEM if left out. The exit code is 1 if a run cannot end well.
    """
    from fullcircle.cli.problem.check import check_problem
    from fullcircle.ingestion.inference import of_level

    findings = check_problem(name)
    rows = [finding.as_row() for finding in findings]
    answer(rows, as_json=as_json, show=as_table)
    faulty = of_level(findings, "fault", "edit")
    if not as_json:
        again = f"fix that, then kedro problem check{f' {name}' if name else ''}"
        click.echo(f"Next: {again if faulty else f'{_switch(name)}kedro run'}")
    if faulty:
        raise click.exceptions.Exit(1)


def _switch(name: str | None) -> str:
    return f"PROBLEM={name} " if name else ""


@problem.command(
    cls=Command,
    example="kedro problem remove my_problem --data --dry-run",
    then="kedro problem list",
)
@click.argument("name")
@click.option("--data", is_flag=True, help="Its data, tables and reports below data too.")
@yes_option
@dry_option
def remove(name: str, data: bool, yes: bool, dry_run: bool) -> None:
    """Take a problem away: its package, configuration and tests."""
    from fullcircle.cli.problem.remove import plan_removal, remove_problem
    from fullcircle.cli.schedule.declared_jobs import find_project

    plan = plan_removal(find_project(), name, data=data)
    click.echo("\n".join(plan.tell()))
    if dry_run:
        click.echo("Nothing was removed.")
        return
    if not yes:
        click.confirm(f"Remove the problem {name}?", abort=True)
    remove_problem(plan)
    click.echo(f"Removed: {name}")
