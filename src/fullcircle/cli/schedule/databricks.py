"""A Databricks asset bundle: the wheel, its conf, and the jobs with a task per pipeline."""

from collections.abc import Sequence
from typing import Any

from fullcircle.cli.schedule.cron import as_quartz
from fullcircle.cli.schedule.jobs import TODAY, Job

_HEAD = """\
# Written by `kedro schedule write databricks`; conf/base/schedules.yml is where to change it.
"""
_TODAY = "{{job.start_time.iso_date}}"
_CLUSTER = "scheduled"

# What the deployer says: databricks bundle deploy --var data_dir=...
_VARIABLES: dict[str, dict[str, str]] = {
    "data_dir": {"description": "Folder of the tables and reports (FULLCIRCLE_DATA_DIR)."},
    "raw_dir": {"description": "Folder of the raw files (RAW_DIR)."},
    "tracking_uri": {"description": "Address of the MLflow server (MLFLOW_TRACKING_URI)."},
    "secret_scope": {
        "description": "Scope with the secrets tracking_username and tracking_password.",
        "default": "fullcircle",
    },
    "spark_version": {
        "description": "Databricks Runtime with Python 3.11 to 3.13.",
        "default": "16.4.x-scala2.12",
    },
    "node_type_id": {"description": "Kind of machine; one runs the whole job."},
    "alert_email": {"description": "Who is mailed of a job that failed, or takes too long."},
}

# Environment variables of the cluster. Secrets are references, which the platform fills in.
_ADDRESSES = {
    "FULLCIRCLE_DATA_DIR": "${var.data_dir}",
    "RAW_DIR": "${var.raw_dir}",
    "MLFLOW_TRACKING_URI": "${var.tracking_uri}",
    "MLFLOW_TRACKING_USERNAME": "{{secrets/${var.secret_scope}/tracking_username}}",
    "MLFLOW_TRACKING_PASSWORD": "{{secrets/${var.secret_scope}/tracking_password}}",
}


def write_bundle(jobs: Sequence[Job]) -> dict[str, str]:
    """Give ``databricks.yml`` and the jobs' file, for a bundle at the project's root.

    Raises:
        ConfigurationError: A job comes at moments that Quartz cannot name.
    """
    import yaml

    described = {f"fullcircle_{job.name}": _describe_job(job) for job in jobs}
    files = {
        "databricks.yml": _describe_bundle(),
        "resources/fullcircle_jobs.yml": {"resources": {"jobs": described}},
    }
    return {
        name: _HEAD + yaml.safe_dump(facts, sort_keys=False, width=100)
        for name, facts in files.items()
    }


def _describe_bundle() -> dict[str, Any]:
    return {
        "bundle": {"name": "fullcircle"},
        "include": ["resources/*.yml"],
        "artifacts": {"fullcircle": {"type": "whl", "path": ".", "build": "kedro package"}},
        "variables": _VARIABLES,
        "targets": {
            "development": {"mode": "development", "default": True},
            "production": {
                "mode": "production",
                "workspace": {
                    "root_path": "/Workspace/Users/${workspace.current_user.userName}/.bundle/"
                    "${bundle.name}/${bundle.target}"
                },
            },
        },
    }


def _describe_job(job: Job) -> dict[str, Any]:
    return {
        "name": f"fullcircle {job.name}",
        "max_concurrent_runs": 1,
        "email_notifications": {
            "on_failure": ["${var.alert_email}"],
            "on_duration_warning_threshold_exceeded": ["${var.alert_email}"],
        },
        "health": {
            "rules": [
                {
                    "metric": "RUN_DURATION_SECONDS",
                    "op": "GREATER_THAN",
                    "value": round(job.deadline.total_seconds()),
                }
            ]
        },
        "schedule": {
            "quartz_cron_expression": as_quartz(job.cron),
            "timezone_id": "UTC",
            "pause_status": "UNPAUSED",
        },
        "job_clusters": [{"job_cluster_key": _CLUSTER, "new_cluster": _describe_cluster(job)}],
        "tasks": _describe_tasks(job),
    }


def _describe_cluster(job: Job) -> dict[str, Any]:
    """Describe one machine: DuckDB uses its cores, and Spark none but the driver."""
    return {
        "spark_version": "${var.spark_version}",
        "node_type_id": "${var.node_type_id}",
        "num_workers": 0,
        "data_security_mode": "SINGLE_USER",
        "spark_conf": {
            "spark.databricks.cluster.profile": "singleNode",
            "spark.master": "local[*]",
        },
        "custom_tags": {"ResourceClass": "SingleNode"},
        "spark_env_vars": {**job.variables, **_ADDRESSES},
    }


def _describe_tasks(job: Job) -> list[dict[str, Any]]:
    """Describe a task per pipeline, each after the one before, and the two that tell how it went.

    The task that tells of a failure fails as well: a run counts as what its last tasks came to.
    """
    retries = {
        "max_retries": job.retries,
        "min_retry_interval_millis": round(job.retry_minutes * 60_000),
    }
    tasks: list[dict[str, Any]] = []
    for name, words in job.steps():
        before = [tasks[-1]["task_key"]] if tasks else []
        tasks.append({**_describe_task(name, words, before), **retries})
    names = [task["task_key"] for task in tasks]
    report = ["schedule", "report", job.name]
    succeeded = _describe_task("report_success", [*report, "succeeded"], names[-1:])
    failed = _describe_task("report_failure", [*report, "failed", "--exit-code"], names)
    return [*tasks, succeeded, {**failed, "run_if": "AT_LEAST_ONE_FAILED"}]


def _describe_task(name: str, words: list[str], before: list[str]) -> dict[str, Any]:
    parameters = [word.replace(TODAY, _TODAY) for word in words]
    task: dict[str, Any] = {
        "task_key": name,
        "job_cluster_key": _CLUSTER,
        "python_wheel_task": {
            "package_name": "fullcircle",
            "entry_point": "fullcircle",
            "parameters": ["--folder", "${workspace.file_path}", *parameters],
        },
        "libraries": [
            {"requirements": "${workspace.file_path}/requirements.lock"},
            {"whl": "../dist/*.whl"},
        ],
    }
    if before:
        task["depends_on"] = [{"task_key": each} for each in before]
    return task
