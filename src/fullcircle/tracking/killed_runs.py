"""Runs whose process is gone: they say RUNNING until a later run says that they were killed."""

import hashlib
import logging
import os
import platform
import uuid
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import psutil

_logger = logging.getLogger(__name__)

HOST, SPACE, PID, STARTED = "process.host", "process.space", "process.pid", "process.started"
PROCESS_TAGS = (HOST, SPACE, PID, STARTED)
_END = "process.end"
# The system counts a process's start from its own, whose moment moves when the clock is set.
_CLOCK_SECONDS = 300.0


def describe_process() -> dict[str, str]:
    """Return the tags by which a run's process can be found, or found gone."""
    started = psutil.Process().create_time()
    return {
        HOST: platform.node(),
        SPACE: _name_space(),
        PID: str(os.getpid()),
        STARTED: f"{started:.0f}",
    }


@cache
def _name_space() -> str:
    """Name where process numbers mean the same: one machine, and one container on it.

    Machines may share a name, and a container may have that of its host.
    """
    found = []
    for read in (_read_machine, lambda: os.readlink("/proc/self/ns/pid")):
        try:
            found.append(read())
        except OSError:
            found.append("")
    return hashlib.sha256(" ".join(found).encode()).hexdigest()[:12]


def _read_machine() -> str:
    file = Path("/etc/machine-id")
    known = file.read_text(encoding="utf-8").strip() if file.exists() else ""
    return known or str(uuid.getnode())


def is_gone(tags: Mapping[str, str]) -> bool:
    """Tell whether a run's process was of this machine and is gone; False where that is unknown."""
    here = describe_process()
    if any(tags.get(name) != here[name] for name in (HOST, SPACE)):
        return False
    try:
        pid, started = int(tags[PID]), float(tags[STARTED])
        process = psutil.Process(pid)
        is_another = process.create_time() - started > _CLOCK_SECONDS
        return bool(is_another or process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
    except (KeyError, ValueError, OverflowError, psutil.Error):
        return False


def end_dead_runs(client: Any, experiment_id: str) -> list[str]:
    """Mark as KILLED what is still RUNNING though its process on this machine is gone.

    Args:
        client: MLflow's client.
        experiment_id: The experiment of the runs.

    Returns:
        The ids of the runs that were marked. A server that does not let this user change a run
        leaves it as it is.
    """
    from mlflow import MlflowException

    here = describe_process()[SPACE]
    where = f"attributes.status = 'RUNNING' AND tags.`{SPACE}` = '{here}'"
    ended = []
    for run in client.search_runs([experiment_id], where):
        if not is_gone(run.data.tags):
            continue
        try:
            client.set_tag(run.info.run_id, _END, "unknown: the process was found gone later")
            client.set_terminated(run.info.run_id, "KILLED")
        except MlflowException as error:
            _logger.warning("Run %s stays RUNNING: %s", run.info.run_id, error)
        else:
            ended.append(run.info.run_id)
    return ended
