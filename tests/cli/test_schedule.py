"""``kedro schedule``: jobs by the clock, as each scheduler takes them."""

import configparser
import json
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest
import yaml
from click.testing import CliRunner, Result
from cronsim import CronSim
from tests.cli.fake_airflow import run_dag_file

from fullcircle.__main__ import main
from fullcircle.cli.schedule import schedule

SHIPPED = {
    "daily_scoring",
    "daily_monitoring",
    "daily_publishing",
    "daily_retraining",
    "hourly_check",
    "weekly_maintenance",
    "weekly_training",
}
CIRCLE = ["data_processing", "feature_store", "training", "registry"]
AWKWARD = """
awkward:
  cron: "*/30 * * * 1-5"
  pipelines: [data_processing, scoring]
  problem: telco_churn
  source: real
  clock: today
  params: {note: a.b/c:d+e, gate.min_rows: 500, training.refit: false}
upkeep:
  cron: "0 3 1 * *"
  command: features maintain --retention-days 14
  env: staging
"""
# Notes how it was called: where, with which words, and with which variables.
RECORDER = """#!/bin/sh
{ pwd; echo "$KEDRO_ENV|$PROBLEM|$DATA_SOURCE"; for word in "$@"; do echo "$word"; done; } > called
"""


@pytest.fixture
def project(new_project: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give a project around the working directory."""
    made = new_project()
    monkeypatch.chdir(made.path)
    return made


def declare(project: Any, text: str) -> None:
    (project.path / "conf" / "base" / "schedules.yml").write_text(text, encoding="utf-8")


def ask(*words: str) -> Result:
    return CliRunner().invoke(schedule, list(words))


def written(scheduler: str, folder: Path, *words: str) -> dict[str, str]:
    result = ask("write", scheduler, "--output", str(folder), *words)
    assert result.exit_code == 0, result.output
    files = [Path(line) for line in result.stdout.splitlines()]
    assert {p for p in folder.rglob("*") if p.is_file()} == set(files)
    return {str(path.relative_to(folder)): path.read_text("utf-8") for path in files}


def recorder(folder: Path) -> str:
    program = folder / "a program"
    program.write_text(RECORDER, encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return shlex.quote(str(program))


def call(line: str, folder: Path) -> list[str]:
    """Run a line of shell as a scheduler would, and give what the recorder noted."""
    (folder / "called").unlink(missing_ok=True)
    subprocess.run(["/bin/sh", "-n", "-c", line], check=True)
    bare = {"PATH": os.environ["PATH"]}
    subprocess.run(["/bin/sh", "-c", line], check=True, env=bare, cwd="/")
    return (folder / "called").read_text("utf-8").splitlines()


def expected_calls(folder: Path) -> dict[str, list[str]]:
    """Give what each job of ``AWKWARD`` must come to where a scheduler runs its pipelines."""
    today = datetime.now(UTC).date().isoformat()
    params = f"note=a.b/c:d+e,gate.min_rows=500,training.refit=false,as_of={today}"
    run = ["run", "--pipelines", "data_processing,scoring", "--params", params]
    upkeep = ["features", "maintain", "--retention-days", "14"]
    return {
        "awkward": [str(folder), "|telco_churn|real", *run],
        "upkeep": [str(folder), "staging||", *upkeep],
    }


def wrapped(job: str, folder: Path, program: str, *options: str) -> list[str]:
    """Give what a line of cron or systemd must come to: the job by its name, in its folder."""
    return [str(folder), "||", "schedule", "run", job, "--program", program, *options]


def test_shipped_jobs_are_listed_with_their_next_moment(project: Any) -> None:
    """The template ships scoring and monitoring by the day, and training up to the gate."""
    rows = {row["job"]: row for row in json.loads(ask("list", "--json").output)}
    assert set(rows) == SHIPPED
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M}"
    assert all(row["next"] >= now for row in rows.values())
    assert "since=last" in rows["daily_scoring"]["runs"]
    assert ",".join(CIRCLE) in rows["weekly_training"]["runs"]
    assert "daily_scoring" in ask("list").output


def test_crontab_holds_lines_that_cron_and_a_shell_read(project: Any) -> None:
    """Each line has five fields of a moment that comes, and a command that a shell parses."""
    (text,) = written("cron", project.path / "out").values()
    lines = [line for line in text.splitlines() if not re.match(r"#|\w+=", line)]
    assert len(lines) == len(SHIPPED)
    for line in lines:
        *moment, command = line.split(maxsplit=5)
        assert next(CronSim(" ".join(moment), datetime.now(UTC))) > datetime.now(UTC)
        assert re.search(r"(?<!\\)%", command) is None, "cron would end the line here"
        subprocess.run(["/bin/sh", "-n", "-c", command.replace(r"\%", "%")], check=True)
        assert re.search(rf"exec {sys.executable} -m kedro schedule run \w+ --quiet$", command)


def test_crontab_calls_what_was_declared(project: Any, tmp_path: Path) -> None:
    """Run by a shell, a line goes to the folder and gives words, variables and day as declared."""
    declare(project, AWKWARD)
    folder = tmp_path / "it's here, 100%"
    folder.mkdir()
    chosen = ["--folder", str(folder), "--program", recorder(tmp_path)]
    (text,) = written("cron", tmp_path / "out", *chosen).values()
    lines = text.splitlines()[-2:]
    for line, job in zip(lines, ("awkward", "upkeep"), strict=True):
        command = line.split(maxsplit=5)[5].replace(r"\%", "%")
        assert call(command, folder) == wrapped(job, folder, recorder(tmp_path), "--quiet")


def test_crontab_mails_to_whom_is_named(project: Any) -> None:
    """``--mail-to`` becomes MAILTO; what is no address is refused, and so it is for others."""
    assert (
        "\nMAILTO=team@example.com\n"
        in ask("write", "cron", "--mail-to", "team@example.com").output
    )
    assert "is no address" in ask("write", "cron", "--mail-to", "a b\nc").output
    assert "belongs to cron" in ask("write", "systemd", "--mail-to", "team@example.com").output


def unquote_systemd(text: str) -> str:
    """Read what follows ``ExecStart=/bin/sh -c`` as systemd.service(5) says."""
    quoted = re.fullmatch(r'/bin/sh -c "(.*)"', text)
    assert quoted is not None
    plain = re.sub(r"\\(.)", r"\1", quoted[1])
    assert re.sub(r"%%|\$\$", "", plain).count("%") == 0
    return plain.replace("%%", "%").replace("$$", "$")


def test_units_call_what_was_declared(project: Any, tmp_path: Path) -> None:
    """Each job has a service whose line does what was declared, and a timer that starts it."""
    declare(project, AWKWARD)
    folder = tmp_path / "it's here, 100%"
    folder.mkdir()
    chosen = ["--folder", str(folder), "--program", recorder(tmp_path)]
    files = written("systemd", tmp_path / "out", *chosen)
    assert len(files) == 5
    for job in ("awkward", "upkeep"):
        units = {}
        for kind in ("service", "timer"):
            units[kind] = configparser.ConfigParser(interpolation=None, strict=False)
            units[kind].optionxform = str  # type: ignore[assignment, method-assign]
            units[kind].read_string(files[f"fullcircle-{job}.{kind}"])
        assert units["service"]["Service"]["Type"] == "oneshot"
        line = unquote_systemd(units["service"]["Service"]["ExecStart"])
        assert call(line, folder) == wrapped(job, folder, recorder(tmp_path))
        assert units["service"]["Unit"]["OnFailure"] == f"fullcircle-failed@{job}.service"
        assert units["timer"]["Timer"]["OnCalendar"].endswith("UTC")
        assert units["timer"]["Install"]["WantedBy"] == "timers.target"


def test_unit_that_fails_starts_the_one_that_tells(project: Any, tmp_path: Path) -> None:
    """``OnFailure`` names a template whose line reports the failed job by its name."""
    declare(project, AWKWARD)
    files = written(
        "systemd", tmp_path / "out", "--folder", str(tmp_path), "--program", recorder(tmp_path)
    )
    unit = configparser.ConfigParser(interpolation=None)
    unit.read_string(files["fullcircle-failed@.service"])
    line = unit["Service"]["ExecStart"].replace("%i", "awkward")
    assert call(unquote_systemd(line), tmp_path)[2:] == ["schedule", "report", "awkward", "failed"]
    assert all(
        "EnvironmentFile=-%E/fullcircle/environment" in t
        for n, t in files.items()
        if n.endswith(".service")
    )


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is absent")
def test_systemd_finds_no_fault_with_the_units(project: Any, tmp_path: Path) -> None:
    """The check of systemd itself accepts every unit, and says nothing."""
    declare(project, AWKWARD)
    files = written("systemd", tmp_path / "out")
    # Instances of the template are verified where a job names them.
    units = [str(tmp_path / "out" / name) for name in files if "@" not in name]
    units.append(str(tmp_path / "out" / "fullcircle-failed@awkward.service"))
    done = subprocess.run(
        ["systemd-analyze", "verify", *units], check=False, capture_output=True, text=True
    )
    ours = [line for line in done.stderr.splitlines() if "fullcircle" in line]
    assert (done.returncode, ours) == (0, [])


def test_dags_run_pipelines_one_after_the_other(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each job is a DAG at its moment, with a task per pipeline that waits for the one before."""
    (text,) = written("airflow", project.path / "out").values()
    dags = run_dag_file(text, monkeypatch)
    assert set(dags) == {f"fullcircle_{name}" for name in SHIPPED}
    training = dags["fullcircle_weekly_training"]
    assert list(training.tasks) == [*CIRCLE, "report_success"]
    followers = [task.after for task in training.tasks.values()]
    assert followers == [["feature_store"], ["training"], ["registry"], ["report_success"], []]
    retry = training.settings["default_args"]
    assert (retry["retries"], retry["retry_exponential_backoff"]) == (2, True)
    assert training.settings["schedule"] == "0 1 * * SUN"
    assert training.settings["start_date"].utcoffset().total_seconds() == 0
    assert (training.settings["catchup"], training.settings["max_active_runs"]) == (False, 1)


def test_dag_tasks_call_what_was_declared(
    project: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rendered and run by a shell, a task gives words, variables and day as declared."""
    from jinja2 import Environment

    declare(project, AWKWARD)
    folder = tmp_path / "it's here, 100%"
    folder.mkdir()
    chosen = ["--folder", str(folder), "--program", recorder(tmp_path)]
    (text,) = written("airflow", tmp_path / "out", *chosen).values()
    dags = run_dag_file(text, monkeypatch)
    engine = Environment(autoescape=False)  # noqa: S701 - as Airflow renders
    engine.filters["ds"] = lambda moment: moment.strftime("%Y-%m-%d")
    for job, wanted in expected_calls(folder).items():
        task = list(dags[f"fullcircle_{job}"].tasks.values())[-2].settings
        now = {"run_after": datetime.now(UTC)}
        line = engine.from_string(task["bash_command"]).render(dag_run=now)
        line = " ".join(["env", *(f"{k}={v}" for k, v in task["env"].items()), line])
        called = call(f"cd {shlex.quote(task['cwd'])} && {line}", folder)
        assert called == [word.replace("data_processing,scoring", "scoring") for word in wanted]


def test_dag_task_that_fails_for_good_is_reported(
    project: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The callback of a failed task calls the project's own program with job, task and error."""
    declare(project, AWKWARD)
    chosen = ["--folder", str(tmp_path), "--program", recorder(tmp_path)]
    (text,) = written("airflow", tmp_path / "out", *chosen).values()
    dag = run_dag_file(text, monkeypatch)["fullcircle_awkward"]
    task = SimpleNamespace(dag_id="fullcircle_awkward", task_id="scoring")
    dag.settings["default_args"]["on_failure_callback"](
        {"task_instance": task, "exception": OSError("status 1; $(touch owned)")}
    )
    called = (tmp_path / "called").read_text("utf-8").splitlines()[2:]
    why = "task scoring: status 1; $(touch owned)"
    assert called == ["schedule", "report", "awkward", "failed", "--why", why]
    assert not (tmp_path / "owned").exists()


def test_kedro_airflow_draws_a_pipeline_node_by_node(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plugin makes a DAG of one pipeline's nodes; those that share memory share a task."""
    plugin = pytest.importorskip("kedro_airflow.plugin")
    from kedro.framework.startup import bootstrap_project

    words = ["create", "--pipelines", "training", "--group-by", "memory", "--target-dir", "dags"]
    result = CliRunner().invoke(plugin.airflow_commands, words, obj=bootstrap_project(project.path))
    assert result.exit_code == 0, result.output
    (file,) = (project.path / "dags").iterdir()
    ((_, dag),) = run_dag_file(file.read_text("utf-8"), monkeypatch).items()
    (together,) = [name for name in dag.tasks if "choose-winner" in name]
    assert "make-challenger" in together
    assert together in dag.tasks["training-search-candidates"].after


def test_bundle_is_what_databricks_documents(project: Any) -> None:
    """Both files hold the fields that Databricks documents, and no other."""
    schema = yaml.safe_load((Path(__file__).parent / "bundle_schema.yml").read_text("utf-8"))
    files = written("databricks", project.path / "out")
    facts = {name: yaml.safe_load(text) for name, text in files.items()}
    bundle = facts.pop("databricks.yml")
    jsonschema.validate(bundle, {**schema, "$ref": "#/$defs/bundle"})
    ((name, resources),) = facts.items()
    assert Path(name).match(bundle["include"][0])
    jobs = resources["resources"]["jobs"]
    assert set(jobs) == {f"fullcircle_{job}" for job in SHIPPED}
    for job in jobs.values():
        jsonschema.validate(job, {**schema, "$ref": "#/$defs/job"})
    said = set(re.findall(r"\$\{var\.(\w+)\}", "".join(files.values())))
    assert said == set(bundle["variables"])


def test_bundle_runs_the_wheel_pipeline_by_pipeline(project: Any) -> None:
    """A job is the wheel's entry point, a task per pipeline, at the same moment in Quartz."""
    files = written("databricks", project.path / "out")
    jobs = yaml.safe_load(files["resources/fullcircle_jobs.yml"])["resources"]["jobs"]
    training = jobs["fullcircle_weekly_training"]
    assert training["schedule"]["quartz_cron_expression"] == "0 0 1 ? * SUN"
    told = ["report_success", "report_failure"]
    assert [task["task_key"] for task in training["tasks"]] == [*CIRCLE, *told]
    before = [[d["task_key"] for d in task.get("depends_on", [])] for task in training["tasks"]]
    assert before == [[], *([name] for name in CIRCLE), CIRCLE]
    assert training["tasks"][-1]["run_if"] == "AT_LEAST_ONE_FAILED"
    assert training["email_notifications"]["on_failure"] == ["${var.alert_email}"]
    words = jobs["fullcircle_daily_scoring"]["tasks"][2]["python_wheel_task"]["parameters"]
    assert words[-1] == "since=last,as_of={{job.start_time.iso_date}}"
    scripts = (Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8")
    assert 'fullcircle = "fullcircle.__main__:main"' in scripts
    variables = training["job_clusters"][0]["new_cluster"]["spark_env_vars"]
    assert variables["KEDRO_ENV"] == "production"
    assert variables["MLFLOW_TRACKING_PASSWORD"].startswith("{{secrets/")


def test_one_clock_and_one_job_may_be_chosen(project: Any) -> None:
    """``--job`` leaves the others out, and ``--clock`` fixes the day, to try a job on old data."""
    result = ask("write", "cron", "--job", "daily_scoring", "--clock", "2025-04-01")
    (line,) = result.output.splitlines()[-1:]
    assert line.endswith("schedule run daily_scoring --clock 2025-04-01 --quiet")
    assert "weekly_training" not in result.output


def test_units_are_printed_one_below_the_other(project: Any) -> None:
    """Without a folder, several files are printed, each below its name."""
    result = ask("write", "systemd", "--job", "daily_scoring")
    named = re.findall(r"^# (fullcircle-.+)$", result.output, re.MULTILINE)
    assert named == [
        "fullcircle-failed@.service",
        "fullcircle-daily-scoring.service",
        "fullcircle-daily-scoring.timer",
    ]


def test_wheel_without_a_project_calls_itself(
    project: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where no pyproject.toml lies, the package lists and writes the jobs, and they call it."""
    (project.path / "pyproject.toml").unlink()
    monkeypatch.setattr(sys, "ps1", "", raising=False)
    main("schedule", "write", "cron")
    assert f"{sys.executable} -m fullcircle schedule run" in capsys.readouterr().out


JOB = 'a:\n  cron: "0 4 * * *"\n  '
BAD = {
    'a: {cron: "0 25 * * *", pipelines: [scoring]}': "Bad hour",
    JOB + "pipelines: [scorign]": "no pipeline 'scorign' (nearest: 'scoring')",
    JOB + "pipelines: [scoring]\n  env: prod": "There is no environment 'prod'",
    JOB
    + "pipelines: [scoring]\n  problem: telco": "PROBLEM='telco' (nearest: 'telco_churn') is not",
    JOB + "pipelines: [scoring]\n  source: reel": "DATA_SOURCE='reel' (nearest: 'real')",
    JOB + "pipelines: [scoring]\n  engine: spak": "ENGINE='spak'",
    JOB + "pipelines: [scoring]\n  when: now": "no field is called 'when'",
    JOB + "pipelines: [scoring]\n  params: {note: a b}": "params.note='a b' may hold only",
    JOB + 'pipelines: [scoring]\n  params: {"a;b": 1}': "params.a;b='a;b' may hold only",
    JOB + "pipelines: [scoring]\n  params: {as_of: 2025-01-01}": "give as_of as the job's clock",
    JOB + "pipelines: [scoring]\n  clock: tomorrow": "'tomorrow' is neither today nor a day",
    JOB + "env: staging": "give either pipelines or a command",
    JOB + "command: fetures maintain": "no command 'fetures' (nearest: 'features')",
    JOB + "command: features mantain": "no command 'mantain' (nearest: 'maintain')",
    JOB + "command: features maintain\n  clock: today": "clock and params belong to pipelines",
    'a b: {cron: "0 4 * * *", pipelines: [scoring]}': "name='a b' may hold only letters",
    "a: scoring": "give cron, and pipelines or a command",
    JOB + "pipelines: [scoring]\n  params: {sinse: last}": "no 'sinse' (nearest: 'since')",
    "a: [": "conf/base/schedules.yml, line 3, near 'a'",
}


@pytest.mark.parametrize("text", BAD)
def test_wrong_job_is_said_in_one_line(project: Any, text: str) -> None:
    """A job that cannot run is refused in one line that says why, and no other is written."""
    declare(project, f"fine: {{cron: '0 1 * * *', pipelines: [scoring]}}\n{text}\n")
    result = ask("write", "systemd", "--output", "out")
    assert result.exit_code != 0
    assert len(result.output.strip().splitlines()) == 1, result.output
    assert BAD[text] in result.output
    assert not Path("out").exists()


def test_absent_jobs_are_said(project: Any) -> None:
    """A job that is not declared is answered with those that are; no file, with where it goes."""
    assert "no job 'daily'" in ask("list", "--job", "daily").output
    declare(project, "")
    assert "declares no job" in ask("list").output
    Path("conf/base/schedules.yml").unlink()
    assert "No schedules.yml lies in" in ask("list").output


def test_databricks_runs_a_command(project: Any) -> None:
    """A command is a task of the wheel, in the folder that holds conf."""
    declare(project, AWKWARD)
    files = written("databricks", project.path / "out", "--job", "upkeep")
    [job] = yaml.safe_load(files["resources/fullcircle_jobs.yml"])["resources"]["jobs"].values()
    words = job["tasks"][0]["python_wheel_task"]["parameters"]
    folder = ["--folder", "${workspace.file_path}"]
    assert words == [*folder, "features", "maintain", "--retention-days", "14"]


def test_folder_that_cannot_be_written_keeps_its_files(project: Any) -> None:
    """Where a file cannot take its place, one line says so, and no part of another is left."""
    Path("out/databricks.yml").mkdir(parents=True)
    result = ask("write", "databricks", "--output", "out")
    assert result.exit_code != 0
    assert len(result.output.strip().splitlines()) == 1, result.output
    assert [p for p in Path("out").rglob("*") if p.is_file()] == []


def test_endpoint_reads_the_environment_of_the_jobs(project: Any, tmp_path: Path) -> None:
    """The endpoint's unit has the same EnvironmentFile as those of the scheduled jobs."""
    from fullcircle.cli.endpoint.units import render_units

    settings = {"host": "127.0.0.1", "port": 8080}
    units = render_units({"shop": tmp_path}, settings, project.path)
    endpoint = units["fullcircle-shop.service"]
    jobs = written("systemd", tmp_path / "out")["fullcircle-daily-scoring.service"]
    lines = [re.findall(r"^EnvironmentFile=.*$", text, re.MULTILINE) for text in (endpoint, jobs)]
    assert lines[0] == lines[1] != []
