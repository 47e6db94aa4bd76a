"""Jobs that failed, died, or did not run by their deadline."""

from datetime import UTC, datetime

from fullcircle.cli.schedule.cron import find_previous
from fullcircle.cli.schedule.heartbeats import Heartbeat
from fullcircle.cli.schedule.jobs import Job
from fullcircle.console import count
from fullcircle.core.alerts import Condition

SOURCE = "jobs"
SERVICE_PREFIX = "endpoint_"  # of services that systemd keeps, which have no moment and no deadline


def find_due(job: Job, heartbeat: Heartbeat, now: datetime) -> datetime | None:
    """Return the newest moment whose deadline has passed; None where it was not watched yet."""
    due = find_previous(job.cron, now - job.deadline)
    return due if due >= heartbeat.watched_since else None


def find_condition(job: Job, heartbeat: Heartbeat, now: datetime) -> Condition | None:
    """Return what is wrong with a job, if anything is."""
    due = find_due(job, heartbeat, now)
    if heartbeat.state == "running" and heartbeat.process and heartbeat.process.is_gone():
        what, how_much = "was killed", f"its run of {_say(heartbeat.begun_at)} ended without a word"
    elif heartbeat.state == "failed":
        tries = count(heartbeat.attempts, "attempt")
        what = "failed"
        how_much = f"{_say(heartbeat.ended_at)}, {tries}: {heartbeat.reason or 'no reason given'}"
    elif due is not None and (heartbeat.succeeded_at is None or heartbeat.succeeded_at < due):
        what, how_much = "is late", _describe_delay(job, heartbeat, due)
    else:
        return None
    to_do = f"look at its log, then run it by hand: kedro schedule run {job.name}"
    return Condition(f"{SOURCE}:{job.name}", "critical", f"{job.name} {what}", how_much, to_do)


def find_service_condition(heartbeat: Heartbeat) -> Condition | None:
    """Return that a service failed, until somebody reports that it runs again."""
    if heartbeat.state != "failed":
        return None
    name = heartbeat.job
    how_much = f"{_say(heartbeat.ended_at)}: {heartbeat.reason or 'systemd gave up starting it'}"
    to_do = (
        "look at its journal (journalctl), start it, then say so: "
        f"kedro schedule report {name} succeeded"
    )
    return Condition(f"{SOURCE}:{name}", "critical", f"{name} failed", how_much, to_do)


def _describe_delay(job: Job, heartbeat: Heartbeat, due: datetime) -> str:
    last = _say(heartbeat.succeeded_at) if heartbeat.succeeded_at else "never"
    still = f", still running since {_say(heartbeat.begun_at)}"
    return (
        f"due {_say(due)}, no success within {count(round(job.deadline_minutes), 'minute')}; "
        f"last success: {last}{still if heartbeat.state == 'running' else ''}"
    )


def _say(moment: datetime | None) -> str:
    return "never" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
