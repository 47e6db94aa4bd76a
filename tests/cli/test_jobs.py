"""Scheduled jobs that fail, are killed, or do not come: noted, tried again, told, and over."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from tests.datasets.test_alerts import Receiver

from fullcircle.cli.schedule import schedule
from fullcircle.cli.schedule.cron import find_previous, read_cron
from fullcircle.cli.schedule.heartbeats import Heartbeat, HeartbeatStore, RunningProcess
from fullcircle.cli.schedule.jobs import Job
from fullcircle.cli.schedule.overdue import find_condition

SECRET = "hunter2-hunter2"  # noqa: S105 - made up
JOBS = """
nightly:
  cron: "0 4 1 1 *"
  command: features publish
  retries: 2
  retry_minutes: 0.0005
"""
# Fails so often as a file says, and prints what a traceback or an address could give away.
PROGRAM = """#!/bin/sh
echo called >> calls
[ "$(wc -l < calls)" -gt "$(cat failures)" ] && exit 0
echo "working on it"
echo "Error: postgresql://user:{secret}@db refused {secret}." >&2
exit 1
"""
NOW = datetime(2025, 6, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def project(new_project: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give a project around the working directory with one job, whose program fails on demand."""
    made = new_project(simulation=None)
    monkeypatch.chdir(made.path)
    (made.path / "conf/base/schedules.yml").write_text(JOBS, encoding="utf-8")
    write_program(made.path, PROGRAM.format(secret=SECRET))
    return made


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Give a receiver of HTTP that listens."""
    found = Receiver()
    thread = Thread(target=found.server.serve_forever, daemon=True)
    thread.start()
    yield found
    found.server.shutdown()
    found.server.server_close()
    thread.join()


def write_program(folder: Path, text: str) -> None:
    program = folder / "program"
    program.write_text(text, encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


def declare_channel(project: Any, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"team_channels: {{team: '{address}'}}\ndatabase: {{password: {SECRET}}}\n"
    (project.path / "conf/local/credentials.yml").write_text(text, encoding="utf-8")
    monkeypatch.setenv("FULLCIRCLE_ALERT_CHANNELS", "team_channels")


def run_job(failures: int, *options: str) -> Result:
    Path("failures").write_text(str(failures), encoding="utf-8")
    Path("calls").unlink(missing_ok=True)
    words = ["run", "nightly", "--program", "./program", *options]
    return CliRunner().invoke(schedule, words)


def folder() -> Path:
    return Path("data/08_reporting/jobs")


def told() -> list[dict[str, Any]]:
    path = folder() / "alerts/alerts.jsonl"
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_failed_job_tells_channel_and_file_once_and_again_when_over(
    project: Any, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that fails for good reaches a real receiver and the file, and so does its recovery."""
    declare_channel(project, receiver.address, monkeypatch)
    receiver.refuse = 1  # the channel itself is tried again
    failed = run_job(9)
    assert failed.exit_code == 1
    assert len(Path("calls").read_text("utf-8").splitlines()) == 3
    assert failed.output.count("Retry") == 2
    assert "in 0.0005 minutes" in failed.output
    assert "in 0.001 minutes" in failed.output
    [body] = receiver.bodies
    assert "nightly failed" in body["title"]
    assert "3 attempts" in body["message"]
    CliRunner().invoke(schedule, ["check"])
    assert len(receiver.bodies) == 1
    assert run_job(0).exit_code == 0
    assert [(line["state"], line["what"]) for line in told()] == [
        ("new", "nightly failed"),
        ("over", "nightly failed"),
    ]
    assert len(receiver.bodies) == 2
    assert run_job(9).exit_code == 1
    assert told()[-1]["state"] == "new"


def test_no_secret_is_told(
    project: Any, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a job printed last reaches files and channels without its passwords."""
    declare_channel(project, receiver.address, monkeypatch)
    output = run_job(9, "--quiet").output
    kept = [path.read_text("utf-8") for path in folder().rglob("*") if path.is_file()]
    assert SECRET in output  # what the job itself printed is the scheduler's log
    assert SECRET not in output.rpartition("The job")[2]
    assert all(SECRET not in text for text in [*kept, json.dumps(receiver.bodies)])
    assert "refused …" in receiver.bodies[0]["message"]


def test_retry_that_succeeds_tells_nobody(project: Any) -> None:
    """A job that succeeds at its second attempt is a success, and quiet is quiet."""
    result = run_job(1, "--quiet")
    assert result.exit_code == 0
    assert "working on it" not in result.output
    assert not (folder() / "alerts/alerts.jsonl").read_text("utf-8")
    line = json.loads((folder() / "runs.jsonl").read_text("utf-8"))
    assert (line["state"], line["attempts"]) == ("succeeded", 2)


def test_job_that_did_not_come_is_told_by_the_check(project: Any) -> None:
    """A deadline that passed without a success is an alert, and an exit status where asked for."""
    store = HeartbeatStore(folder())
    text = JOBS.replace("0 4 1 1 *", "0 * * * *").replace(
        "retries", "deadline_minutes: 5\n  retries"
    )
    Path("conf/base/schedules.yml").write_text(text, encoding="utf-8")
    fresh = CliRunner().invoke(schedule, ["check", "--exit-code"])
    assert (fresh.exit_code, "in time" in fresh.output) == (0, True)
    heartbeat = store.read("nightly", NOW)
    longer = heartbeat.model_copy(
        update={"watched_since": heartbeat.watched_since - timedelta(hours=3)}
    )
    store._write(longer)
    late = CliRunner().invoke(schedule, ["check", "--exit-code", "--json"])
    assert late.exit_code == 1
    assert [row["what"] for row in json.loads(late.stdout)] == ["nightly is late"]
    assert CliRunner().invoke(schedule, ["check"]).exit_code == 0
    assert [line["what"] for line in told()] == ["nightly is late"]


def test_other_schedulers_report(project: Any) -> None:
    """What Airflow or Databricks say of a job is noted and told as what the wrapper saw."""
    assert CliRunner().invoke(schedule, ["report", "nightly", "succeeded"]).exit_code == 0
    words = ["report", "nightly", "failed", "--why", "task scoring", "--exit-code"]
    assert CliRunner().invoke(schedule, words).exit_code == 1
    assert "task scoring" in told()[-1]["how_much"]
    # systemd only knows that it failed: what is known already is kept.
    CliRunner().invoke(schedule, ["report", "nightly", "failed"])
    assert HeartbeatStore(folder()).read("nightly", NOW).reason == "task scoring"


def test_failed_service_stays_open_until_it_is_reported_to_run(project: Any) -> None:
    """What the endpoint's unit reports is told, seen by each check, and over when a person says."""
    CliRunner().invoke(schedule, ["report", "endpoint_shop", "failed"])
    assert [line["what"] for line in told()] == ["endpoint_shop failed"]
    checked = json.loads(CliRunner().invoke(schedule, ["check", "--json"]).stdout)
    assert [row["what"] for row in checked] == ["endpoint_shop failed"]
    assert "systemd gave up starting it" in checked[0]["how_much"]
    CliRunner().invoke(schedule, ["report", "endpoint_shop", "succeeded"])
    assert json.loads(CliRunner().invoke(schedule, ["check", "--json"]).stdout) == []
    unknown = CliRunner().invoke(schedule, ["report", "endpoints", "failed"])
    assert "There is no job" in unknown.output


def test_killed_wrapper_is_noticed_and_blocks_nothing(project: Any) -> None:
    """After kill -9 of a running job, a check says that it was killed, and the next run starts."""
    write_program(project.path, "#!/bin/sh\necho $$ > pid; exec sleep 60\n")
    words = [sys.executable, "-m", "kedro", "schedule", "run", "nightly", "--program", "./program"]
    job = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not Path("pid").is_file() or not Path("pid").read_text("utf-8"):
            assert job.poll() is None
            time.sleep(0.05)
        second = run_job(0)
        assert second.exit_code == 75
        assert f"the job nightly (process {job.pid}" in second.output
        job.kill()
        job.wait()
    finally:
        os.kill(int(Path("pid").read_text("utf-8")), signal.SIGKILL)
    checked = CliRunner().invoke(schedule, ["check", "--json"])
    assert [row["what"] for row in json.loads(checked.stdout)] == ["nightly was killed"]
    write_program(project.path, PROGRAM.format(secret=SECRET))
    assert run_job(0).exit_code == 0


def heartbeat(**facts: Any) -> Heartbeat:
    return Heartbeat(job="a", watched_since=NOW - timedelta(days=30), **facts)


def job(**facts: Any) -> Job:
    return Job(**{"name": "a", "cron": "0 4 * * *", "pipelines": ["scoring"], **facts})


DUE = NOW.replace(hour=4)


@pytest.mark.parametrize(
    ("known", "what"),
    [
        ({}, "a is late"),
        ({"succeeded_at": DUE}, None),
        ({"succeeded_at": DUE - timedelta(minutes=1)}, "a is late"),
        ({"succeeded_at": DUE, "state": "failed", "reason": "no"}, "a failed"),
        ({"watched": DUE + timedelta(minutes=1)}, None),
        ({"state": "running", "begun_at": DUE}, "a is late"),
    ],
)
def test_what_is_wrong_with_a_job(known: dict[str, Any], what: str | None) -> None:
    """A job is late if its last due moment was watched and no success began since."""
    watched = known.pop("watched", None)
    found = heartbeat(**known)
    if watched:
        found = found.model_copy(update={"watched_since": watched})
    condition = find_condition(job(), found, NOW)
    assert (condition.what if condition else None) == what


@given(st.integers(0, 40 * 24 * 60), st.sampled_from(["0 4 * * *", "*/15 * * * *", "0 1 * * SUN"]))
def test_previous_moment_is_the_last_one(minutes: int, cron: str) -> None:
    """The previous moment is named by the expression, and no later one is."""
    until = NOW + timedelta(minutes=minutes, seconds=30)
    found = find_previous(cron, until)
    moments = read_cron(cron)

    def named(at: datetime) -> bool:
        day = (at.weekday() + 1) % 7
        fields = ((at.minute, moments.minutes), (at.hour, moments.hours), (day, moments.weekdays))
        return all(allowed is None or value in allowed for value, allowed in fields)

    assert found <= until
    assert named(found)
    later = (found + timedelta(minutes=k) for k in range(1, int((until - found).seconds / 60) + 1))
    assert not any(named(at) for at in later)


def test_process_is_recognised() -> None:
    """A running process is there, one that ended is gone; of other machines nothing is known."""
    current = RunningProcess.current()
    assert not current.is_gone()
    assert current.model_copy(update={"started": current.started - 60}).is_gone()
    assert not current.model_copy(update={"host": "elsewhere", "started": 0.0}).is_gone()


def test_damaged_heartbeat_is_no_success(tmp_path: Path) -> None:
    """A heartbeat that cannot be read counts as a job that never ran."""
    (tmp_path / "a.json").write_text("{torn", encoding="utf-8")
    condition = find_condition(job(), HeartbeatStore(tmp_path).read("a", NOW), NOW)
    assert condition is not None
    assert condition.what == "a is late"
