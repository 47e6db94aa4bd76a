"""Running a scheduled job: once at a time, tried again, noted, and told where it fails."""

import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import IO

import click

from fullcircle.cli.schedule.job_alerts import Environment
from fullcircle.cli.schedule.jobs import TODAY, Job
from fullcircle.storage.locks import LockedError, hold_lock

ALREADY_RUNNING = 75  # EX_TEMPFAIL of sysexits.h
_USAGE_ERROR = 2
_STOPPED = 128 + signal.SIGTERM
_KEPT_LINES = 200
_REASON_LETTERS = 500


def run_job(job: Job, project: Path, program: Sequence[str], *, quiet: bool) -> int:
    """Run a job as declared, with retries, and note how it ended.

    Args:
        job: The job.
        project: Where it runs.
        program: The words before ``run``.
        quiet: Whether its output is shown only if it fails, for schedulers that mail all output.

    Returns:
        The exit status of its last attempt; 75 where it runs already.
    """
    environment = Environment.find(job, project)
    try:
        with hold_lock(environment.folder / f".{job.name}.lock", f"the job {job.name}"):
            return _run_alone(job, project, program, environment, quiet=quiet)
    except LockedError as holder:
        click.echo(f"Not started: {holder} still runs.", err=True)
        return ALREADY_RUNNING


def _run_alone(
    job: Job, project: Path, program: Sequence[str], environment: Environment, *, quiet: bool
) -> int:
    began = datetime.now(UTC)
    environment.heartbeats.begin(job.name, began)
    day = began.date().isoformat()  # a retry after midnight keeps the day of its run
    words = [word.replace(TODAY, day) for word in [*program, *job.arguments(job.pipelines)]]
    status, attempts, output = _attempt(job, project, words, quiet=quiet)
    now = datetime.now(UTC)
    if status == 0:
        environment.heartbeats.end(job.name, "succeeded", now, attempts=attempts)
    else:
        reason = environment.conceal(find_reason(output, status))[:_REASON_LETTERS]
        environment.heartbeats.end(job.name, "failed", now, attempts=attempts, reason=reason)
        if quiet:
            click.echo("".join(output), nl=False)
        click.echo(f"The job {job.name} failed: {reason}", err=True)
    return status


def _attempt(
    job: Job, project: Path, words: Sequence[str], *, quiet: bool
) -> tuple[int, int, list[str]]:
    """Run until it succeeds or no retry is left; a wrong command line is not tried again."""
    for attempt in range(1, job.retries + 2):
        if attempt > 1:
            wait_minutes = job.retry_minutes * 2 ** (attempt - 2)
            if not quiet:
                said = f"Retry {attempt - 1} of {job.retries} in {wait_minutes:g} minutes."
                click.echo(said, err=True)
            time.sleep(wait_minutes * 60)
        status, output = _run_once(job, project, words, quiet=quiet)
        if status in (0, _USAGE_ERROR, _STOPPED):
            break
    return status, attempt, output


def _run_once(
    job: Job, project: Path, words: Sequence[str], *, quiet: bool
) -> tuple[int, list[str]]:
    """Run once; return its status, and the last lines of what it printed."""
    kept: deque[str] = deque(maxlen=_KEPT_LINES)
    try:
        process = subprocess.Popen(  # noqa: S603 - the words are those of the declared job
            words,
            cwd=project,
            env={**os.environ, **job.variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
    except OSError as error:
        return 127, [f"{words[0]} cannot be started: {error.strerror}."]
    with process, _stopping(process):
        _follow(process.stdout, kept, quiet=quiet)
        status = process.wait()
    return (status if status >= 0 else 128 - status), list(kept)


def _follow(output: IO[str] | None, kept: deque[str], *, quiet: bool) -> None:
    for line in output or ():
        kept.append(line)
        if not quiet:
            sys.stdout.write(line)
            sys.stdout.flush()


@contextmanager
def _stopping(process: "subprocess.Popen[str]") -> Iterator[None]:
    """Pass a request to end on to the process, so that both end, and the end is noted."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        process.terminate()

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not in the main thread: nobody sends it a signal
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def find_reason(output: Sequence[str], status: int) -> str:
    """Return why a program failed: its last line of an error, else its last line."""
    lines = [" ".join(line.split()) for line in output if line.strip()]
    errors = [line for line in lines if line.startswith("Error: ")]
    if status > 128:
        return f"it was ended by signal {status - 128}"
    said = (errors or lines or ["it printed nothing"])[-1].removeprefix("Error: ")
    return f"{said} (exit status {status})"
