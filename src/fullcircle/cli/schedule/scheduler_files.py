"""The files of each scheduler, made whole before the first is written."""

import os
import re
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fullcircle.cli.schedule.cron import as_calendar
from fullcircle.cli.schedule.databricks import write_bundle
from fullcircle.cli.schedule.jobs import TODAY, Job
from fullcircle.core.errors import ConfigurationError, StorageError

_INSTANCE = "JOB"  # letters that no quoting changes
_AIRFLOW_TODAY = "{{ dag_run.run_after | ds }}"


@dataclass(frozen=True)
class SchedulerTarget:
    """Where jobs run, and by which program.

    Attributes:
        folder: The working directory, with ``conf`` in it.
        program: The words before ``run``.
        given: Whether the program is another than this Python.
    """

    folder: Path
    program: tuple[str, ...]
    given: bool = False

    @classmethod
    def find(cls, folder: Path, program: str | None) -> "SchedulerTarget":
        """Make the folder absolute; cron knows no PATH, so the default program names its Python.

        Raises:
            ConfigurationError: The program is empty, or a name would break the line.
        """
        # Without pyproject.toml, Kedro finds no project, and the wheel's own entry point runs it.
        module = "kedro" if (folder / "pyproject.toml").is_file() else "fullcircle"
        words = (sys.executable, "-m", module) if program is None else tuple(shlex.split(program))
        if not words:
            raise ConfigurationError("--program is empty: leave it out, or say fullcircle.")
        place = cls(folder.resolve(), words, given=program is not None)
        if any(not letter.isprintable() for letter in f"{place.folder}{' '.join(words)}"):
            raise ConfigurationError("--folder and --program may not break the line.")
        return place


def write_files(
    scheduler: str,
    jobs: Sequence[Job],
    place: SchedulerTarget,
    *,
    clock: str | None = None,
    mail_to: str | None = None,
) -> dict[str, str]:
    """Give the text of each file that a scheduler takes, by its name.

    Args:
        scheduler: ``cron``, ``systemd``, ``airflow`` or ``databricks``.
        jobs: The jobs.
        place: Where they run.
        clock: A day as ``as_of`` instead of the jobs' own.
        mail_to: Where cron mails what a failed job printed.

    Raises:
        ConfigurationError: A job is more than the scheduler can do.
    """
    writers: dict[str, Callable[[], dict[str, str]]] = {
        "cron": lambda: _write_crontab(jobs, place, clock, mail_to),
        "systemd": lambda: _write_units(jobs, place, clock),
        "airflow": lambda: _write_dags(jobs, place),
        "databricks": lambda: write_bundle(jobs),
    }
    return writers[scheduler]()


def save_files(folder: Path, files: dict[str, str]) -> None:
    """Write files into a folder, each beside its place first, so that none is ever half written.

    Raises:
        StorageError: The folder cannot be written to.
    """
    parts = {folder / name: folder / f"{name}.part" for name in files}
    try:
        for (path, part), text in zip(parts.items(), files.values(), strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(text, encoding="utf-8")
        for path, part in parts.items():
            os.replace(part, path)
    except OSError as error:
        for part in parts.values():
            if part.is_file():
                part.unlink()
        raise StorageError(f"{folder} cannot be written to: {error.strerror}.") from error


def _write_crontab(
    jobs: Sequence[Job], place: SchedulerTarget, clock: str | None, mail_to: str | None
) -> dict[str, str]:
    if mail_to is not None and not re.fullmatch(r"[\w.+@,-]+", mail_to):
        raise ConfigurationError(f"--mail-to {mail_to!r} is no address: write team@example.com.")
    # In a crontab a bare % ends the line.
    lines = [(job.cron, _as_line(job, place, clock, "--quiet").replace("%", r"\%")) for job in jobs]
    return {"fullcircle.crontab": _fill("crontab.jinja", lines=lines, mail_to=mail_to)}


def _write_units(jobs: Sequence[Job], place: SchedulerTarget, clock: str | None) -> dict[str, str]:
    """Write a service and a timer per job, and the service that tells of those that failed."""
    files = write_failure_unit(place)
    for job in jobs:
        name = f"fullcircle-{job.name.replace('_', '-')}"
        line = _for_systemd(_as_line(job, place, clock))
        files[f"{name}.service"] = _fill("service.jinja", job=job, line=line)
        files[f"{name}.timer"] = _fill("timer.jinja", job=job, calendar=as_calendar(job.cron))
    return files


def write_failure_unit(place: SchedulerTarget, user: str | None = None) -> dict[str, str]:
    """Return the template of a service that tells the channels which other one failed.

    Args:
        place: Where it runs.
        user: Who runs it, where the system's own systemd does, as root otherwise.
    """
    report = [*place.program, "schedule", "report", _INSTANCE, "failed"]
    # systemd puts the job's name in the place of %i, which is no % to be doubled.
    line = _for_systemd(_in_folder(report, place)).replace(_INSTANCE, "%i")
    return {"fullcircle-failed@.service": _fill("failed.service.jinja", line=line, user=user)}


def _write_dags(jobs: Sequence[Job], place: SchedulerTarget) -> dict[str, str]:
    """Write one Python file with a DAG per job and a task per pipeline."""
    dags = [
        {
            "job": job,
            "tasks": [
                (name, _in_shell([*place.program, *words], _AIRFLOW_TODAY))
                for name, words in [*job.steps(), _report_success(job)]
            ],
        }
        for job in jobs
    ]
    facts = {"folder": str(place.folder), "program": list(place.program)}
    return {"fullcircle_jobs.py": _fill("dags.py.jinja", dags=dags, **facts)}


def _report_success(job: Job) -> tuple[str, list[str]]:
    return "report_success", ["schedule", "report", job.name, "succeeded"]


def _as_line(job: Job, place: SchedulerTarget, clock: str | None, *options: str) -> str:
    """Give the line of shell that runs a job: alone, with retries, and told where it fails."""
    fixed = ["--clock", clock] if clock is not None and job.pipelines else []
    called = ["--program", shlex.join(place.program)] if place.given else []
    words = [*place.program, "schedule", "run", job.name, *fixed, *called, *options]
    return _in_folder(words, place)


def _in_folder(words: Sequence[str], place: SchedulerTarget) -> str:
    return f"cd {shlex.quote(str(place.folder))} && exec {shlex.join(words)}"


def _in_shell(words: Sequence[str], today: str) -> str:
    """Quote words for a shell, with a scheduler's own words for the day of the run."""
    return " ".join(
        today.join(shlex.quote(part) if part else "" for part in word.split(TODAY))
        if TODAY in word
        else shlex.quote(word)
        for word in words
    )


def _for_systemd(text: str) -> str:
    r"""Quote a line for ``ExecStart``, which reads \, ", % and $ as its own."""
    for letter, doubled in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%"), ("$", "$$")):
        text = text.replace(letter, doubled)
    return f'"{text}"'


def _fill(template: str, **values: Any) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("fullcircle.cli.schedule"),
        autoescape=False,  # noqa: S701 - crontabs, units and Python are no HTML
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["repr"] = repr
    return environment.get_template(template).render(**values)
