"""``kedro schedule``: the jobs that run by the clock, listed, or written for a scheduler."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fullcircle.commands.one_line import Commands, OneLineErrors, answer, json_option
from fullcircle.terminal import as_table

if TYPE_CHECKING:
    from fullcircle.commands.schedule.jobs import Job

SCHEDULERS = ("cron", "systemd", "airflow", "databricks")

job_option = click.option(
    "--job", "names", multiple=True, help="This job only; give it again for more."
)
clock_option = click.option("--clock", help="A day as as_of in all jobs, instead of their own.")


@click.group(cls=Commands, example="kedro schedule list", then="kedro schedule write cron")
def schedule() -> None:
    """List the jobs of conf/base/schedules.yml, or write them for a scheduler."""


@schedule.command(
    name="list",
    cls=OneLineErrors,
    example="kedro schedule list --job daily_scoring",
    then="kedro schedule write systemd --output units",
)
@job_option
@clock_option
@json_option
def list_jobs(names: tuple[str, ...], clock: str | None, as_json: bool) -> None:
    """List the jobs: when each runs next, in UTC, and what."""
    from fullcircle.commands.schedule.jobs import find_project, read_jobs
    from fullcircle.commands.schedule.moments import find_next

    rows = [
        {
            "job": job.name,
            "cron": job.cron,
            "next": f"{find_next(job.cron):%Y-%m-%d %H:%M}",
            "runs": " ".join([*job.settings(), *job.arguments(job.pipelines)]),
        }
        for job in read_jobs(find_project(), names, clock)
    ]
    answer(rows, as_json=as_json, show=as_table)


@schedule.command(
    cls=OneLineErrors,
    example="kedro schedule write cron",
    then="docs/deployment.md says where the files go",
)
@click.argument("scheduler", type=click.Choice(SCHEDULERS))
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="Folder for the files; left out, they are printed.",
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    help="Where the jobs run, with conf in it; by default this project. Not for databricks.",
)
@click.option(
    "--program",
    help="What runs them, as a path to fullcircle where the wheel is installed; by default this "
    "Python. Not for databricks.",
)
@job_option
@clock_option
def write(
    scheduler: str,
    output: Path | None,
    folder: Path | None,
    program: str | None,
    names: tuple[str, ...],
    clock: str | None,
) -> None:
    """Write the jobs for cron, systemd, Airflow or Databricks."""
    from fullcircle.commands.schedule.files import Place, save_files, write_files
    from fullcircle.commands.schedule.jobs import find_project, read_jobs

    project = find_project()
    jobs = read_jobs(project, names, clock)
    chosen = jobs if names or scheduler != "databricks" else leave_commands_out(jobs)
    files = write_files(scheduler, chosen, Place.find(folder or project, program))
    if output is not None:
        save_files(output, files)
        click.echo("\n".join(str(output / name) for name in files))
    else:
        for name, text in files.items():
            click.echo(f"# {name}\n{text}" if len(files) > 1 else text, nl=False)
    if left_out := ", ".join(job.name for job in jobs if job not in chosen):
        click.echo(f"Left out, for on Databricks jobs run pipelines: {left_out}.", err=True)


def leave_commands_out(jobs: "tuple[Job, ...]") -> "tuple[Job, ...]":
    """Give the jobs that run pipelines; where there are none, all, so that it is refused."""
    return tuple(job for job in jobs if not job.command) or jobs
