"""``kedro schedule``: the jobs that run by the clock: listed, written for a scheduler, watched."""

from pathlib import Path
from typing import Any, Literal

import click

from fullcircle.cli.command import Command, Commands, answer, json_option
from fullcircle.console import as_table

SCHEDULERS = ("cron", "systemd", "airflow", "databricks")

job_option = click.option(
    "--job", "names", multiple=True, help="This job only; give it again for more."
)
clock_option = click.option("--clock", help="A day as as_of in all jobs, instead of their own.")


@click.group(cls=Commands, example="kedro schedule list", then="kedro schedule write cron")
def schedule() -> None:
    """List the jobs of conf/base/schedules.yml, write them for a scheduler, run and watch them."""


@schedule.command(
    name="list",
    cls=Command,
    example="kedro schedule list --job daily_scoring",
    then="kedro schedule write systemd --output units",
)
@job_option
@clock_option
@json_option
def list_jobs(names: tuple[str, ...], clock: str | None, as_json: bool) -> None:
    """List the jobs: when each runs next, in UTC, and what."""
    from fullcircle.cli.schedule.cron import find_next
    from fullcircle.cli.schedule.declared_jobs import find_project, read_jobs

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
    cls=Command,
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
@click.option("--mail-to", help="Where cron mails what a failed job printed. For cron alone.")
@job_option
@clock_option
def write(
    scheduler: str,
    output: Path | None,
    folder: Path | None,
    program: str | None,
    mail_to: str | None,
    names: tuple[str, ...],
    clock: str | None,
) -> None:
    """Write the jobs for cron, systemd, Airflow or Databricks."""
    if mail_to is not None and scheduler != "cron":
        raise click.UsageError("--mail-to belongs to cron.")
    from fullcircle.cli.schedule.declared_jobs import find_project, read_jobs
    from fullcircle.cli.schedule.scheduler_files import SchedulerTarget, save_files, write_files

    project = find_project()
    jobs = read_jobs(project, names, clock)
    place = SchedulerTarget.find(folder or project, program)
    files = write_files(scheduler, jobs, place, clock=clock, mail_to=mail_to)
    if output is not None:
        save_files(output, files)
        click.echo("\n".join(str(output / name) for name in files))
    else:
        for name, text in files.items():
            click.echo(f"# {name}\n{text}" if len(files) > 1 else text, nl=False)


@schedule.command(
    cls=Command,
    example="kedro schedule run daily_scoring",
    then="kedro schedule check",
)
@click.argument("job")
@clock_option
@click.option("--program", help="What runs it; by default this Python.")
@click.option("--quiet", is_flag=True, help="Show what it printed only if it failed.")
def run(job: str, clock: str | None, program: str | None, quiet: bool) -> None:
    """Run one job as a scheduler does: alone, with retries, noted, and told where it fails."""
    from fullcircle.cli.schedule.declared_jobs import find_project, read_jobs
    from fullcircle.cli.schedule.run_job import run_job
    from fullcircle.cli.schedule.scheduler_files import SchedulerTarget

    project = find_project()
    [declared] = read_jobs(project, [job], clock)
    try:
        status = run_job(
            declared, project, SchedulerTarget.find(project, program).program, quiet=quiet
        )
    finally:
        _watch(project)
    raise click.exceptions.Exit(status)


@schedule.command(
    cls=Command,
    example='kedro schedule report daily_scoring failed --why "out of memory"',
    then="kedro schedule check",
)
@click.argument("job")
@click.argument("state", type=click.Choice(["succeeded", "failed"]))
@click.option("--why", help="What a failed job said.")
@click.option("--exit-code", is_flag=True, help="End with 1 for a failed job.")
def report(
    job: str, state: Literal["succeeded", "failed"], why: str | None, exit_code: bool
) -> None:
    """Note how a job ended that a scheduler ran by itself, and tell the channels of a failure.

    Also for the endpoint's service, under the name in its unit: endpoint_PROBLEM.
    """
    from datetime import UTC, datetime

    from fullcircle.cli.schedule.declared_jobs import find_project, read_jobs
    from fullcircle.cli.schedule.job_alerts import Environment
    from fullcircle.cli.schedule.overdue import SERVICE_PREFIX

    project = find_project()
    if job.startswith(SERVICE_PREFIX):
        environment = Environment.find_for_service(project)
    else:
        [declared] = read_jobs(project, [job])
        environment = Environment.find(declared, project)
    reason = environment.conceal(" ".join((why or "").split())) or None
    environment.heartbeats.report(job, state, datetime.now(UTC), reason)
    _watch(project)
    raise click.exceptions.Exit(int(exit_code and state == "failed"))


@schedule.command(
    cls=Command,
    example=("kedro schedule check", "kedro schedule check --exit-code  # for a watcher elsewhere"),
    then="kedro schedule run JOB  # makes up for one",
)
@click.option("--exit-code", is_flag=True, help="End with 1 where something is wrong.")
@json_option
def check(exit_code: bool, as_json: bool) -> None:
    """Find jobs that failed, were killed, or are late, and tell the channels."""
    from fullcircle.cli.schedule.declared_jobs import find_project

    wrong = _watch(find_project())
    rows = [{name: each[name] for name in ("what", "since", "how_much")} for each in wrong]
    if wrong or as_json:
        answer(rows, as_json=as_json, show=as_table)
    else:
        click.echo("Every job ran in time.")
    raise click.exceptions.Exit(int(exit_code and bool(wrong)))


def _watch(project: Path) -> list[dict[str, Any]]:
    """Look at every declared job, so that each run notices another that did not come."""
    from datetime import UTC, datetime

    from fullcircle.cli.schedule.declared_jobs import read_jobs
    from fullcircle.cli.schedule.job_alerts import find_environments

    now = datetime.now(UTC)
    return [
        each
        for environment, jobs in find_environments(read_jobs(project), project)
        for each in environment.watch(jobs, now)
    ]
