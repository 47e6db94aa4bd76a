"""A Databricks asset bundle: the wheel, its conf, and the jobs with a task per pipeline."""

from collections.abc import Sequence
from typing import Any

from fullcircle.commands.schedule.jobs import TODAY, Job
from fullcircle.commands.schedule.moments import as_quartz
from fullcircle.core.errors import ConfigurationError

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
        ConfigurationError: A job is a command, or comes at moments that Quartz cannot name.
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
    if job.command:
        raise ConfigurationError(
            f"Job {job.name!r} is a command; on Databricks jobs run pipelines. Choose others by "
            "--job."
        )
    return {
        "name": f"fullcircle {job.name}",
        "max_concurrent_runs": 1,
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
    """Describe a task per pipeline, each after the one before."""
    tasks: list[dict[str, Any]] = []
    for name, words in job.steps():
        run, *options = (word.replace(TODAY, _TODAY) for word in words)
        task = {
            "task_key": name,
            "job_cluster_key": _CLUSTER,
            "max_retries": 1,
            "python_wheel_task": {
                "package_name": "fullcircle",
                "entry_point": "fullcircle",
                "parameters": [run, "--conf-source", "${workspace.file_path}/conf", *options],
            },
            "libraries": [
                {"requirements": "${workspace.file_path}/requirements.lock"},
                {"whl": "../dist/*.whl"},
            ],
        }
        if tasks:
            task["depends_on"] = [{"task_key": tasks[-1]["task_key"]}]
        tasks.append(task)
    return tasks
